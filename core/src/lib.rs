//! The proxy itself, without any wire format: connections ([`connections`]), calls in progress ([`calls`]) and
//! the loop over events of one thread ([`worker`]).
//!
//! Read it along the path of a call: a [`session`] decodes the request, filters and the routes of the
//! [`directory`] choose a cluster, [`endpoints`] picks an endpoint and leases a connection, another session
//! encodes the request, and the response takes the same way back.
#![forbid(unsafe_code)]

pub mod access_log;
pub mod asking;
pub mod bridge;
pub mod buf;
pub mod call;
pub mod calls;
pub mod connections;
pub mod control_plane;
pub mod directory;
pub mod endpoints;
mod error;
mod exchange;
pub mod filter;
pub mod framed;
pub mod hash;
pub mod heartbeat;
pub mod message;
pub mod metrics;
pub mod peer_errors;
pub mod runtime;
pub mod session;
pub mod slots;
pub mod stream;
pub mod transport;
pub mod value_rules;
pub mod wheel;
pub mod worker;

pub use error::{CallError, ErrorKind, Limit};
pub use rialto_values as values;

/// The two choices that the core is generic over. The binary, the simulation and the benchmarks each make their
/// own.
pub trait Env: Sized + 'static {
    /// The set of protocols that connections can speak.
    type Protocols: session::Protocols;
    /// The source of transports: sockets in production, memory in tests.
    type Reactor: transport::Reactor;
}
