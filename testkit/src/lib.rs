//! Peers for the demo and the tests: applications that call and providers that serve, on blocking sockets and over the
//! codecs of Rialto itself. What they send and receive are [`Request`] and [`Reply`], whatever the protocol.
//!
//! Peers that must be independent of our codecs, such as those of the benchmark and the Java ones, are not here.
#![forbid(unsafe_code)]
mod call;
mod client;
mod connection;
mod server;
mod values;

pub use call::{Answer, Reply, Request};
pub use client::Client;
pub use server::{Received, Responder, serve};
