//! From an address in the configuration to one that a socket can be bound to, for listeners and the admin pages.
use anyhow::Context;
use rialto_config::Address;
use rialto_core::transport;
use std::net::ToSocketAddrs;

/// The address to listen on; a name means the first address that the system finds for it.
pub(crate) fn resolve(address: &Address) -> anyhow::Result<transport::Address> {
    Ok(match address {
        Address::Socket(a) => transport::Address::Tcp(*a),
        Address::Unix(path) => transport::Address::Unix(path.as_path().into()),
        Address::Name { .. } => {
            let text = address.to_string();
            let found = text.to_socket_addrs()?.next();
            transport::Address::Tcp(found.with_context(|| format!("{text} has no address"))?)
        }
    })
}
