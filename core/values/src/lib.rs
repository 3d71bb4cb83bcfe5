//! The neutral values in which every protocol's arguments and results meet: a stream of tokens.
//!
//! A reader of some serialization turns bytes into [`Token`]s, a writer of another turns tokens into bytes,
//! and neither knows the other. Nothing here builds a tree: a token borrows from the received bytes, and a
//! container is a begin token, its elements, and [`Token::End`].
//!
//! The value model is that of Java's RPC world (Hessian, JSONB, JSON, later protobuf), because that is what
//! the bridged peers mean: `int` and `long` differ, lists, maps and objects carry class names, object graphs
//! share and cycle.
//!
//! # Numbering
//!
//! Containers (list, map, object) are numbered from 0 in the order in which their begin tokens are emitted
//! into one stream. [`Token::Ref`] names such a number and always points backwards. A writer whose wire
//! format numbers values differently keeps the mapping itself.
//!
//! # Names
//!
//! Class names are written as `java.lang.Class.getName()` gives them (`com.acme.Order`,
//! `com.acme.Order$Line`); array types of lists as the Hessian writers spell them (`[int`, `[string`,
//! `[com.acme.Order`, `[[int`). Classes that a serialization library substitutes for JDK ones (handles)
//! appear under their neutral spelling, see [`handle`].
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
    /// A 64-bit integer, also when its value would fit 32 bits: readers without an expected type tell them
    /// apart.
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
        /// Collection class or array type; `None` for a plain list.
        class: Option<&'a str>,
        /// How many elements follow, if the source's header said so **and was checked**; writers that need a
        /// count in front still verify it at the end.
        len: Option<u32>,
    },
    /// A map: keys and values alternate, then [`Token::End`].
    Map {
        /// Map class (or the class of the bean that the map stands for); `None` for a plain map.
        class: Option<&'a str>,
    },
    /// An object: one value for each field of its class, in that order, then [`Token::End`].
    Object(&'a Class),
    /// The container with this number, again.
    Ref(u32),
    /// Closes the innermost open container.
    End,
}

/// Takes a stream of tokens.
pub trait Sink {
    /// Takes the next token.
    ///
    /// # Errors
    /// What this sink cannot express or will not take any more of; the stream is then abandoned.
    fn token(&mut self, token: Token<'_>) -> Result<(), ValueError>;
}

/// Bounds on what one stream of values may make its reader do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Containers open at once.
    pub depth: u32,
    /// Tokens emitted in all, which also bounds the expansion of shared values that have to be copied.
    pub tokens: u32,
    /// Entries of each of a stream's tables (values, classes, types).
    pub table: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            depth: 1024,
            tokens: 4_000_000,
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
