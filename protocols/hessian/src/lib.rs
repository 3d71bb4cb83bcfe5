//! Hessian 2 without objects: bytes to tokens, tokens to bytes, in both grammars that are in use.
//!
//! Two dialects of Hessian 2 live side by side: the *final* one of the specification (Dubbo's hessian-lite,
//! SOFA's hessian 4.x) and the *draft* that SOFA's hessian 3.x still writes ([`Grammar`]). On top of the
//! grammar each library has its own spelling of some JDK classes ([`Library`]).
//!
//! - [`Reader`] pulls values off one stream, zero-copy; it can step over values without emitting anything
//!   while keeping the stream's tables, which is what routing on a Dubbo call's attachments needs.
//! - [`Copier`] turns any number of values of one stream into one stream of neutral
//!   [`Token`](rialto_values::Token)s, with references renumbered.
//! - [`Writer`] is a [`Sink`](rialto_values::Sink) for such tokens and offers direct methods for the fixed
//!   parts of a message.
//! - [`Plain`] walks the values that need no tables, which is all that most calls hold.
//! - [`throwable`] makes exceptions safe to hand to a peer of another world.
//!
//! Everything is bounded by [`Limits`](rialto_values::Limits); nothing recurses, panics or believes a count.
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
