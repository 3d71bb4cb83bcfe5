//! The proxy itself, without any wire format: connections (`wires`), exchanges (`calls`) and the turn
//! (`worker`).
//!
//! The path of a call is the reading order: a [`session`] decodes it, filters and [`snapshot`] routes decide,
//! [`endpoints`] pick a host and lease a connection, another session encodes it, and back.
#![forbid(unsafe_code)]

pub mod bridge;
pub mod buf;
pub mod call;
// pub mod config;
mod error;
pub mod framed;
pub mod message;
pub mod session;
pub mod slots;
pub mod wheel;

pub use error::{CallError, ErrorKind};
pub use rialto_values as values;
