//! The neutral form of arguments and return values, through which all protocols exchange them: a stream of
//! tokens.
//!
//! A reader of one serialization turns bytes into [`Token`]s, a writer of another turns tokens into bytes,
//! and neither knows the other. No tree is built: a token borrows from the received bytes, and a container is
//! a begin token, its elements, and [`Token::End`].
//!
//! The values are those of Java's RPC frameworks (Hessian, JSONB, JSON, later protobuf), because the bridged
//! peers use them: `int` and `long` differ, lists, maps and objects have class names, and object graphs may
//! be shared or cyclic.
//!
//! # Numbering
//!
//! Containers (list, map, object) are numbered from 0 in the order in which their begin tokens are emitted
//! into one stream. [`Token::Ref`] gives such a number and always refers to an earlier container. A writer
//! whose wire format numbers values differently keeps its own mapping.
//!
//! # Names
//!
//! Class names are written as `java.lang.Class.getName()` returns them (`com.acme.Order`,
//! `com.acme.Order$Line`), array types of lists as the Hessian writers do (`[int`, `[string`,
//! `[com.acme.Order`, `[[int`). Classes that a serialization library substitutes for those of the JDK
//! (handles) have a neutral spelling, see [`handle`].
//!
//! # Example
//!
//! ```
//! use rialto_values::{Class, Recorder, Sink, Token};
//!
//! let order = Class::new("com.acme.Order", ["id"]);
//! let mut kept = Recorder::default();
//! for token in [Token::Object(&order), Token::Int(7), Token::End] {
//!     kept.token(token)?;
//! }
//! // a recorder stands for any writer
//! let mut again = Recorder::default();
//! kept.replay(&mut again)?;
//! assert_eq!(again.tokens, kept.tokens);
//! # Ok::<(), rialto_values::ValueError>(())
//! ```
#![forbid(unsafe_code)]

mod allowance;
mod class;
mod error;
pub mod handle;
mod recorder;
pub mod text;

pub use allowance::{Allowance, NAME_MAX, check_name};
pub use class::Class;
pub use error::{ErrorKind, ValueError};
pub use recorder::{OwnedToken, Recorder};
pub use text::Text;

/// One step of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Token<'a> {
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A 32-bit integer: Java's `byte`, `short` and `int`.
    Int(i32),
    /// A 64-bit integer, even if its value fits 32 bits, because readers without an expected type distinguish
    /// the two.
    Long(i64),
    /// Java's `double` and `float`.
    Double(f64),
    /// `java.util.Date`: milliseconds since the epoch, UTC.
    Date(i64),
    /// A string (or `char`).
    Text(Text<'a>),
    /// `byte[]`.
    Binary(&'a [u8]),
    /// A list, set or array: its elements follow, then [`Token::End`].
    List {
        /// The collection class or array type; `None` for a plain list.
        class: Option<&'a str>,
        /// The number of elements, if the source announced it **and it was checked**. Writers that need a
        /// count before the elements still verify it at the end.
        len: Option<u32>,
    },
    /// A map: keys and values alternate, then [`Token::End`].
    Map {
        /// The class of the map, or of the bean that the map stands for; `None` for a plain map.
        class: Option<&'a str>,
    },
    /// An object: one value for each field of its class, in that order, then [`Token::End`].
    Object(&'a Class),
    /// A reference to the container with this number.
    Ref(u32),
    /// Closes the innermost open container.
    End,
}

/// Receives a stream of tokens.
pub trait Sink {
    /// Receives the next token.
    ///
    /// # Errors
    /// The sink cannot express the token, or refuses more of them; the stream is then abandoned.
    fn token(&mut self, token: Token<'_>) -> Result<(), ValueError>;
}

/// Bounds the work that one stream of values can cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most containers that are open at once.
    pub depth: u32,
    /// The most tokens in total, which also bounds the copies of shared values. The default has room for a message of
    /// 8 MiB, the limit of stock Dubbo peers, that consists of values of one byte.
    pub tokens: u32,
    /// The most entries in each table of a stream (values, classes, types).
    pub table: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            depth: 1024,
            tokens: 9_000_000,
            table: 1_000_000,
        }
    }
}

impl Token<'_> {
    /// Whether this token opens a container.
    #[must_use]
    pub fn opens(&self) -> bool {
        matches!(self, Token::List { .. } | Token::Map { .. } | Token::Object(_))
    }
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn token(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        (**self).token(token)
    }
}
