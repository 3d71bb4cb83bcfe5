//! Everything that knows the bytes of protocols: frame codecs and message readers, protocol detection, and
//! the set of all protocols that a worker uses. No protocol imports another; calls cross between them as
//! neutral calls.
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
pub use set::{All, AnySession};
