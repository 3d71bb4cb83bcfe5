//! Two providers and Rialto between them, in this process and on loopback ports.
use crate::config;
use crate::control::Embedded;
use anyhow::anyhow;
use rialto_core::message::ProtoId;
use rialto_core::session::Protocols;
use rialto_protocols::{All, BOLT, DUBBO};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// What Dubbo downstreams say as version of the demo's service, by custom; SOFARPC always says `1.0`.
pub(super) const DUBBO_VERSION: &str = "1.0.0";
/// See [`DUBBO_VERSION`].
pub(super) const SOFA_VERSION: &str = "1.0";

/// The port of the admin page if nobody else has it. Not the usual one, which is for what people try beside the demo.
const ADMIN_PORT: u16 = 19901;

/// Names of the listeners.
pub(super) const DUBBO_CALLERS: &str = "dubbo-callers";
/// See [`DUBBO_CALLERS`].
pub(super) const SOFA_CALLERS: &str = "sofa-callers";

/// Where the providers are, and what Rialto is told.
pub(super) struct Plan {
    pub(super) service: &'static str,
    pub(super) dubbo: SocketAddr,
    pub(super) sofa: SocketAddr,
    pub(super) admin: SocketAddr,
}

impl Plan {
    /// Rialto's configuration.
    pub(super) fn yaml(&self) -> String {
        let Plan {
            service,
            dubbo,
            sofa,
            admin,
        } = self;
        format!(
            "\
admin: {{ address: {admin} }}
log: {{ level: error }}
listeners:
  - {{ name: {DUBBO_CALLERS}, address: 127.0.0.1:0, protocol: dubbo, routes: [to-sofa] }}
  - {{ name: {SOFA_CALLERS}, address: 127.0.0.1:0, protocol: bolt, routes: [to-dubbo] }}
routes:
  - name: to-sofa
    match: {{ service: {service} }}
    to: [{{ cluster: sofa }}]
    bridge: {{ versions: [{{ from: {DUBBO_VERSION}, to: \"{SOFA_VERSION}\" }}] }}
  - name: to-dubbo
    match: {{ service: {service} }}
    to: [{{ cluster: dubbo }}]
    bridge: {{ versions: [{{ from: \"{SOFA_VERSION}\", to: {DUBBO_VERSION} }}] }}
clusters:
  - {{ name: sofa, protocol: bolt, endpoints: [{{ address: {sofa} }}] }}
  - {{ name: dubbo, protocol: dubbo, endpoints: [{{ address: {dubbo} }}] }}
"
        )
    }

    /// Starts Rialto.
    pub(super) fn start(&self) -> anyhow::Result<Embedded> {
        let loaded =
            config::load_str("the demo's configuration", &self.yaml()).map_err(|r| anyhow!("{r}"))?;
        Embedded::start(loaded)
    }
}

/// The address asked for, or the usual one if it is free, or any.
pub(super) fn admin_address(asked: Option<SocketAddr>) -> SocketAddr {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, ADMIN_PORT));
    asked.unwrap_or_else(|| match TcpListener::bind(usual) {
        Ok(_) => usual,
        Err(_) => (Ipv4Addr::LOCALHOST, 0).into(),
    })
}

/// A protocol's name, as people know it.
pub(super) fn name(proto: ProtoId) -> &'static str {
    match proto {
        DUBBO => "dubbo",
        BOLT => "sofa",
        other => All::dialect(other).map_or("unknown", |d| d.name()),
    }
}
