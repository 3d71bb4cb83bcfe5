//! Configurations for the proxies that need a file.

use std::net::SocketAddr;
use std::path::Path;

use crate::wire::{METHOD, Protocol, SERVICE};

/// The address where a proxy listens, and that of its upstream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sites {
    pub(super) listen: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) upstream: SocketAddr,
}

/// Rialto with one listener, one route by service, and one cluster with one endpoint.
pub(super) fn rialto(sites: Sites, server: Protocol, workers: usize, access_log: Option<&Path>) -> String {
    let Sites {
        listen,
        admin,
        upstream,
    } = sites;
    let access_log = access_log.map_or_else(String::new, |path| {
        format!(
            "access_log: {{ path: {:?}, format: text }}\n",
            path.display().to_string()
        )
    });
    format!(
        "\
admin: {{ address: {admin} }}
runtime: {{ workers: {workers} }}
{access_log}listeners:
- {{ name: in, address: {listen}, routes: [all] }}
routes:
- name: all
  match: {{ service: {SERVICE} }}
  to: [ {{ cluster: backend }} ]
  timeout: 5s
clusters:
- name: backend
  protocol: {server}
  endpoints: [ {{ address: {upstream} }} ]
"
    )
}

/// Envoy with its Dubbo proxy, routing by interface and method.
pub(super) fn envoy_dubbo(sites: Sites) -> String {
    let filter = format!(
        "      - name: envoy.filters.network.dubbo_proxy
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.network.dubbo_proxy.v3.DubboProxy
          stat_prefix: bench
          protocol_type: Dubbo
          serialization_type: Hessian2
          route_config:
          - name: all
            interface: {SERVICE}
            routes:
            - match: {{ method: {{ name: {{ exact: {METHOD} }} }} }}
              route: {{ cluster: backend }}
"
    );
    envoy(sites, &filter)
}

/// Envoy as a relay.
pub(super) fn envoy_tcp(sites: Sites) -> String {
    let filter = "      - name: envoy.filters.network.tcp_proxy
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: bench
          cluster: backend
";
    envoy(sites, filter)
}

/// Envoy with limits on connections and requests that are never reached: its Dubbo proxy uses one upstream
/// connection for each call in flight.
fn envoy(sites: Sites, filter: &str) -> String {
    let address = |address: SocketAddr| {
        format!(
            "{{ socket_address: {{ address: {}, port_value: {} }} }}",
            address.ip(),
            address.port()
        )
    };
    let Sites {
        listen,
        admin,
        upstream,
    } = sites;
    let (listen, admin, upstream) = (address(listen), address(admin), address(upstream));
    let limits = "{ max_connections: 100000, max_pending_requests: 100000, max_requests: 100000 }";
    format!(
        "\
admin: {{ address: {admin} }}
static_resources:
  listeners:
  - name: in
    address: {listen}
    filter_chains:
    - filters:
{filter}  clusters:
  - name: backend
    connect_timeout: 5s
    type: STATIC
    circuit_breakers: {{ thresholds: [ {limits} ] }}
    load_assignment:
      cluster_name: backend
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {upstream} }}
"
    )
}
