//! The addresses of the providers, and Rialto with a configuration for them.
use crate::config;
use crate::control::Embedded;
use anyhow::anyhow;
use rialto_core::message::ProtoId;
use rialto_core::session::Protocols;
use rialto_protocols::{All, BOLT, DUBBO};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// The version that Dubbo applications usually ask for.
pub(super) const DUBBO_VERSION: &str = "1.0.0";
/// The version that SOFARPC applications always ask for.
pub(super) const SOFA_VERSION: &str = "1.0";

/// The preferred port of the admin pages. It is not the usual one, which is left to what users try beside the demo.
const ADMIN_PORT: u16 = 19901;

/// The listener for Dubbo applications.
pub(super) const DUBBO_CALLERS: &str = "dubbo-callers";
/// The listener for SOFARPC applications.
pub(super) const SOFA_CALLERS: &str = "sofa-callers";

/// The service, and the addresses that Rialto's configuration needs.
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

/// The address for the admin pages: the requested one, or else the preferred port if it is free, or any port.
pub(super) fn admin_address(asked: Option<SocketAddr>) -> SocketAddr {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, ADMIN_PORT));
    asked.unwrap_or_else(|| match TcpListener::bind(usual) {
        Ok(_) => usual,
        Err(_) => (Ipv4Addr::LOCALHOST, 0).into(),
    })
}

/// The name of a protocol for users.
pub(super) fn name(proto: ProtoId) -> &'static str {
    match proto {
        DUBBO => "dubbo",
        BOLT => "sofa",
        other => All::reader(other).map_or("unknown", |r| r.name()),
    }
}
