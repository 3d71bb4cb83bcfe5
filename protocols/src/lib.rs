//! Everything that knows the bytes of protocols: frame codecs and message readers, protocol detection, and
//! the set of all protocols that a worker uses. No protocol imports another; calls cross between them as
//! neutral calls.
//!
//! ```
//! use rialto_core::session::Detected;
//! use rialto_protocols::{DUBBO, detect};
//!
//! assert_eq!(detect(&[0xda]), Detected::More);
//! assert_eq!(detect(&[0xda, 0xbb, 0xc2]), Detected::Is(DUBBO));
//! ```
#![forbid(unsafe_code)]

pub mod bolt;
mod detect;
pub mod dubbo;
mod ids;
mod prepared;
mod scratch;
mod set;
mod text;

pub use detect::detect;
pub use ids::{BOLT, DUBBO};
pub use set::{All, AnySession, protocol_name};
