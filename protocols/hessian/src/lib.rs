//! Converts Hessian 2 between bytes and neutral tokens, without Java objects, in both grammars that are in
//! use.
//!
//! There are two grammars of Hessian 2: the *final* one of the specification (Dubbo's hessian-lite, SOFA's
//! hessian 4.x) and the *draft* that SOFA's hessian 3.x still writes ([`Grammar`]). Each library also has its
//! own spelling of some JDK classes ([`Library`]).
//!
//! - [`Reader`] reads values of one stream without copying. It can skip values while keeping the stream's
//!   tables, which routing on the attachments of a Dubbo call needs.
//! - [`Copier`] turns any number of values of one stream into one stream of neutral
//!   [`Token`](rialto_values::Token)s, with references renumbered.
//! - [`Writer`] is a [`Sink`](rialto_values::Sink) for such tokens, and has methods for the fixed parts of a
//!   message.
//! - [`Plain`] walks the values that need no tables, which is all that most calls contain.
//! - [`throwable`] makes exceptions safe for peers of another protocol.
//!
//! Everything is bounded by [`Limits`](rialto_values::Limits); nothing recurses, panics or trusts a count.
//!
//! ```
//! use rialto_hessian::{Copier, Library, Reader, ReadTables, WriteTables, Writer};
//!
//! // {"a": 1} as Dubbo writes it ...
//! let (mut tables, mut out, mut shapes) = (ReadTables::default(), Vec::new(), WriteTables::default());
//! let mut reader = Reader::new(b"H\x01a\x91Z", Library::Lite, &mut tables);
//! // ... becomes what SOFA reads.
//! let mut writer = Writer::new(&mut out, Library::Sofa3, &mut shapes);
//! Copier::default().copy(&mut reader, &mut writer)?;
//! assert_eq!(out, b"M\x01a\x91z");
//! # Ok::<(), rialto_values::ValueError>(())
//! ```
#![forbid(unsafe_code)]

mod chars;
mod copier;
mod cursor;
mod first_byte;
mod grammar;
mod names;
mod plain;
mod reader;
mod tables;
pub mod throwable;
mod writer;

pub use chars::Chars;
pub use copier::Copier;
pub use grammar::{Grammar, Library};
pub use plain::Plain;
pub use reader::{Kind, List, Mark, Reader};
pub use tables::ReadTables;
pub use writer::{WriteTables, Writer, raw};
