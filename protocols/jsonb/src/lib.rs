//! JSONB, fastjson2's binary form of JSON with Java types, as Dubbo 2 uses it (serialization id 23).
//!
//! A body is a sequence of [documents](split_document). Each is one value with its own names and references.
//! A [`Reader`] turns a document into the neutral tokens of [`rialto_values`]; a [`Writer`] turns tokens into
//! documents that stock fastjson2 can read. The wire facts are in wire section 2.3.
//!
//! # What JSONB omits
//!
//! fastjson2 omits what the reader knows from its classes. Without the classes, such values are read as what
//! they look like:
//!
//! | written | read as |
//! |---|---|
//! | object in a field or list declared with exactly its class | map |
//! | enum constant in a field of the enum's type | int, its ordinal |
//! | `java.util.UUID` | binary data of 16 bytes |
//! | `Duration`, `Period`, `ZoneId`, `ZoneOffset`, `Locale`, `StringBuilder` | text |
//! | `OffsetDateTime`, `OffsetTime` | `ZonedDateTime` |
//! | `java.sql.Timestamp`, `Time` | `LocalDateTime`, text, in the writer's own time zone |
//! | `Optional` | its value, or null |
//!
//! [`Reader::copy_value_as`] reads them rightly if the declared class of the whole value is known; the last
//! two rows it refuses.
//!
//! # Example
//!
//! ```
//! use rialto_jsonb::{Numbering, Reader, Writer, split_document};
//! use rialto_values::{Limits, OwnedToken, Recorder, Sink, Token};
//!
//! let limits = Limits::default();
//! let mut writer = Writer::framed(Vec::new(), &limits);
//! for token in [Token::List { class: None, len: Some(2) }, Token::Int(1), Token::Null, Token::End] {
//!     writer.token(token)?;
//! }
//! let body = writer.finish()?;
//!
//! let mut reader = Reader::new(split_document(&mut &body[..])?, &limits)?;
//! let mut seen = Recorder::default();
//! reader.copy_value(&mut seen, &mut Numbering::new(&limits))?;
//! reader.finish()?;
//! assert_eq!(seen.tokens[1], OwnedToken::Int(1));
//! # Ok::<(), rialto_values::ValueError>(())
//! ```
#![forbid(unsafe_code)]

mod code;
mod copy;
mod emit;
mod frame;
mod handle;
mod index;
mod input;
mod names;
mod number;
mod output;
mod path;
mod reader;
mod scalar;
mod skip;
mod string;
mod symbol;
mod time;
mod writer;

pub use emit::Numbering;
pub use frame::{append_document, split_document};
pub use reader::{Name, Reader};
pub use writer::Writer;
