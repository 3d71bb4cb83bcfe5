//! Runs the turns of the worker between its peers.

use std::time::Instant;

use anyhow::ensure;
use rialto::control::{Compiler, World};
use rialto_benches::wire::RequestTemplate;
use rialto_config::{Config, LogOutput};
use rialto_core::Env;
use rialto_core::access_log::AccessLogBuffer;
use rialto_core::directory::ListenerId;
use rialto_core::transport::Address;
use rialto_core::worker::{Now, Worker};
use rialto_discovery::DiscoveredEndpoint;
use rialto_protocols::All;

use crate::link::{Dials, Link};
use crate::peers::{Client, serve};

/// The time that one call takes on the worker's clock. The deadlines of the first calls, 3 s away, pass
/// within the shorter of the two compared runs, so the cost of deadlines is part of the difference.
const CALL_US: u64 = 800;

/// A worker as in production, apart from its links.
pub(crate) struct InMemory;

impl Env for InMemory {
    type Protocols = All;
    type Reactor = Dials;
}

/// The worker, and its peers on both sides.
pub(crate) struct Lab {
    worker: Worker<InMemory>,
    dials: Dials,
    clients: Vec<Client>,
    hosts: Vec<Link>,
    template: RequestTemplate,
}

impl Lab {
    pub(crate) fn new(config: &Config, template: RequestTemplate) -> Self {
        let mut compiler = Compiler::default();
        let world = World {
            endpoints: &discovered_endpoints,
            workers: 1,
            now: Instant::now(),
            uses: &[],
        };
        let first = compiler.configure(config, &world);
        let dials = Dials::default();
        let mut worker = Worker::new(dials.clone(), &first, 1);
        if config.access_log.path != LogOutput::Off {
            worker.set_log(Some(AccessLogBuffer::new(config.access_log.sample)));
        }
        Self {
            worker,
            dials,
            clients: Vec::new(),
            hosts: Vec::new(),
            template,
        }
    }

    /// Makes `calls` calls over the connections, with `in_flight` at a time on each; returns the number of
    /// turns. In each turn every peer with new bytes is served.
    pub(crate) fn run(&mut self, connections: usize, in_flight: usize, calls: u64) -> anyhow::Result<u64> {
        for _ in 0..connections {
            let client = Client::new(in_flight);
            self.worker.accept(client.link.clone(), ListenerId(0), None);
            self.clients.push(client);
        }
        let mut nonces = 1..=calls;
        let (mut answered, mut turns) = (0, 0);
        let (mut ready, mut is_busy) = (Vec::new(), false);
        loop {
            for client in &mut self.clients {
                answered += client.advance(&self.template, &mut nonces)?;
            }
            if answered == calls {
                return Ok(turns);
            }
            self.hosts.extend(self.dials.take());
            self.hosts.iter().try_for_each(serve)?;
            ready.clear();
            let links = self.clients.iter().map(|client| &client.link);
            for link in links.chain(&self.hosts) {
                ensure!(
                    !link.is_closed(),
                    "a connection was closed after {answered} responses"
                );
                ready.extend(link.ready());
            }
            ensure!(
                is_busy || !ready.is_empty(),
                "nothing happens any more after {answered} responses of {calls}"
            );
            let us = answered * CALL_US;
            is_busy = self.worker.turn(&ready, Now { us });
            // The worker's cost ends where it hands the log over.
            drop(self.worker.take_log(0, false));
            turns += 1;
        }
    }
}

/// The endpoints that the configuration lists. Their addresses are never used.
pub(crate) fn discovered_endpoints(cluster: &rialto_config::Cluster) -> Vec<DiscoveredEndpoint> {
    let endpoints = cluster.endpoints.iter();
    endpoints.filter_map(discovered).collect()
}

fn discovered(endpoint: &rialto_config::Endpoint) -> Option<DiscoveredEndpoint> {
    let rialto_config::Address::Socket(address) = endpoint.address else {
        return None;
    };
    Some(DiscoveredEndpoint {
        address: Address::Tcp(address),
        name: address.to_string().into(),
        weight: endpoint.weight,
        metadata: endpoint.metadata.clone(),
        protocol: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_benches::wire::Protocol;

    fn turns(client: Protocol, server: Protocol) -> u64 {
        let text = format!(
            "listeners: [ {{ name: in, address: 127.0.0.1:1, routes: [all] }} ]\n\
             routes: [ {{ name: all, to: [ {{ cluster: backend }} ] }} ]\n\
             clusters: [ {{ name: backend, protocol: {server}, endpoints: [ {{ address: 127.0.0.1:2 }} ] }} ]\n"
        );
        let config = rialto::config::load_str("count.yaml", &text).unwrap().config;
        let mut lab = Lab::new(&config, RequestTemplate::new(client, 1024).unwrap());
        let turns = lab.run(3, 40, 1000).unwrap();
        assert_eq!((lab.worker.in_flight(), lab.worker.held_calls()), (0, 0));
        turns
    }

    #[test]
    fn every_call_gets_its_response_and_every_run_takes_the_same_turns() {
        for client in [Protocol::Bolt, Protocol::Dubbo] {
            for server in [Protocol::Bolt, Protocol::Dubbo] {
                let first = turns(client, server);
                assert!(
                    (10..100).contains(&first),
                    "{first} turns for 1000 calls, 120 at once"
                );
                assert_eq!(turns(client, server), first);
            }
        }
    }
}
