//! The variants that are compared.

use anyhow::Context as _;

use crate::wire::Protocol::{self, Bolt, Dubbo};

/// What is between generator and backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proxy {
    /// Nothing.
    Direct,
    /// The plain relay, the yardstick.
    Relay,
    /// The proxy under test.
    Rialto {
        /// Whether it writes a line for each call to a file.
        access_log: bool,
    },
    /// Envoy's proxy for Dubbo2.
    EnvoyDubbo,
    /// Envoy as a relay.
    EnvoyTcp,
}

/// One variant to measure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant {
    pub(super) name: &'static str,
    pub(super) proxy: Proxy,
    /// The generator's protocol.
    pub(super) client: Protocol,
    /// The backend's protocol.
    pub(super) server: Protocol,
    /// Whether its memory is measured; once for each program and protocol is enough.
    pub(super) memory: bool,
    /// Whether one worker is compared with two.
    pub(super) workers: bool,
}

const QUIET: Proxy = Proxy::Rialto { access_log: false };
const LOGGING: Proxy = Proxy::Rialto { access_log: true };

/// All variants in the order of the tables. Each yardstick precedes what is measured against it.
pub(super) const ALL: [Variant; 13] = [
    plain("direct-bolt", Proxy::Direct, Bolt, Bolt),
    plain("direct-dubbo", Proxy::Direct, Dubbo, Dubbo),
    full("relay-bolt", Proxy::Relay, Bolt),
    plain("relay-dubbo", Proxy::Relay, Dubbo, Dubbo),
    full("rialto-bolt", QUIET, Bolt),
    full("rialto-dubbo", QUIET, Dubbo),
    plain("rialto-bolt-log", LOGGING, Bolt, Bolt),
    plain("rialto-dubbo-log", LOGGING, Dubbo, Dubbo),
    plain("rialto-bolt-to-dubbo", QUIET, Bolt, Dubbo),
    plain("rialto-dubbo-to-bolt", QUIET, Dubbo, Bolt),
    Variant {
        memory: true,
        ..plain("envoy-dubbo", Proxy::EnvoyDubbo, Dubbo, Dubbo)
    },
    Variant {
        memory: true,
        ..plain("envoy-tcp-dubbo", Proxy::EnvoyTcp, Dubbo, Dubbo)
    },
    plain("envoy-tcp-bolt", Proxy::EnvoyTcp, Bolt, Bolt),
];

const fn plain(name: &'static str, proxy: Proxy, client: Protocol, server: Protocol) -> Variant {
    Variant {
        name,
        proxy,
        client,
        server,
        memory: false,
        workers: false,
    }
}

const fn full(name: &'static str, proxy: Proxy, protocol: Protocol) -> Variant {
    Variant {
        memory: true,
        workers: true,
        ..plain(name, proxy, protocol, protocol)
    }
}

/// The variant called `name`.
pub(super) fn named(name: &str) -> anyhow::Result<Variant> {
    let found = ALL.iter().find(|variant| variant.name == name).copied();
    found.with_context(|| {
        let names: Vec<&str> = ALL.iter().map(|variant| variant.name).collect();
        format!("no variant `{name}`; there are {}", names.join(", "))
    })
}

impl Variant {
    /// Whether it is the yardstick for calls in `client`'s protocol.
    pub(super) fn is_yardstick_for(&self, client: Protocol) -> bool {
        self.proxy == Proxy::Relay && self.client == client
    }

    /// Whether figures of other proxies for calls in `client`'s protocol are multiples of this variant's.
    pub(super) fn is_subject_for(&self, client: Protocol) -> bool {
        self.proxy == QUIET && self.client == client && self.server == client
    }

    pub(super) fn is_rialto(&self) -> bool {
        matches!(self.proxy, Proxy::Rialto { .. })
    }

    pub(super) fn is_envoy(&self) -> bool {
        matches!(self.proxy, Proxy::EnvoyDubbo | Proxy::EnvoyTcp)
    }

    /// Open files that an idle connection costs the proxy: a relay of bytes has an upstream connection for
    /// each.
    pub(super) fn files_per_connection(&self) -> usize {
        if matches!(self.proxy, Proxy::Relay | Proxy::EnvoyTcp) {
            2
        } else {
            1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variant_has_its_yardstick_before_it() {
        for (index, variant) in ALL
            .iter()
            .enumerate()
            .filter(|(_, variant)| variant.proxy != Proxy::Direct)
        {
            let before = &ALL[..=index];
            assert!(
                before.iter().any(|other| other.is_yardstick_for(variant.client)),
                "{}",
                variant.name
            );
            assert!(
                ALL.iter().any(|other| other.is_subject_for(variant.client)),
                "{}",
                variant.name
            );
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        assert_eq!(named("envoy-dubbo").unwrap().proxy, Proxy::EnvoyDubbo);
        let error = named("nginx").unwrap_err().to_string();
        assert!(
            error.contains("no variant `nginx`") && error.contains("relay-bolt"),
            "{error}"
        );
    }
}
