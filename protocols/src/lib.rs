//! Everything that knows bytes: frame codecs and dialects of the protocols, detection, and the set of all
//! protocols that a worker is made with. No protocol imports another; they meet in the neutral call.
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
