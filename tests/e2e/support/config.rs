//! Configurations, in JSON so that tests can change any value in them.
use super::{Dubbo, Json, json};
use rialto_core::framed::Codec;
use rialto_core::session::Protocols;
use rialto_protocols::All;
use std::net::{SocketAddr, TcpListener};

/// A protocol's name in configurations.
pub(crate) fn protocol<C: Codec>() -> &'static str {
    All::reader(C::PROTO).unwrap().name()
}

/// An address on which nothing listens.
pub(crate) fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A configuration for tests without calls, in which a cluster still needs an endpoint.
pub(crate) fn idle_config() -> Json {
    config::<Dubbo>(&[nobody()])
}

/// Endpoints at these addresses.
pub(crate) fn endpoints(all: &[SocketAddr]) -> Json {
    all.iter().map(|a| json!({"address": a.to_string()})).collect()
}

/// One listener `in` for any protocol, one route `all` for every call, and one cluster `up` of the codec's
/// protocol. One worker, so that counts are exact.
pub(crate) fn config<C: Codec>(all: &[SocketAddr]) -> Json {
    json!({
        "admin": {"address": "127.0.0.1:0"},
        "runtime": {"workers": 1},
        "listeners": [{"name": "in", "address": "127.0.0.1:0", "routes": ["all"]}],
        "routes": [{"name": "all", "to": [{"cluster": "up"}]}],
        "clusters": [{"name": "up", "protocol": protocol::<C>(), "endpoints": endpoints(all)}],
    })
}
