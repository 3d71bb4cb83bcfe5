//! The proxy itself, without any wire format: connections (`connections`), exchanges (`calls`) and the turn
//! (`worker`).
//!
//! The path of a call is the reading order: a [`session`] decodes it, filters and the routes of the [`directory`] decide,
//! [`endpoints`] pick a host and lease a connection, another session encodes it, and back.
//!
//! ```
//! use rialto_core::config::{Config, validate};
//!
//! let mut config = Config::default();
//! config.access_log.sample = 2.0;
//! let problems = validate(&config, &|_, _| None);
//! let text = problems.first().map(ToString::to_string).unwrap_or_default();
//! assert!(text.starts_with("error: access_log.sample: 2 is not a share from 0 to 1"), "{text}");
//! ```
#![forbid(unsafe_code)]

pub mod access_log;
pub mod bridge;
pub mod buf;
pub mod call;
pub mod calls;
pub mod config;
pub mod connections;
pub mod directory;
pub mod discovery;
pub mod endpoints;
mod error;
mod exchange;
pub mod filter;
pub mod framed;
pub mod hash;
pub mod message;
pub mod metrics;
pub mod peer_errors;
pub mod runtime;
pub mod session;
pub mod slots;
pub mod transport;
pub mod value_rules;
pub mod wheel;
pub mod worker;

pub use error::{CallError, ErrorKind, Limit};
pub use rialto_values as values;

/// What a worker is made of besides the core: the set of protocols and the way to sockets.
pub trait Env: Sized + 'static {
    /// The protocols.
    type Protocols: session::Protocols;
    /// The sockets.
    type Reactor: transport::Reactor;
}
