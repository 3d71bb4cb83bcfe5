//! The turns of the worker between its peers.

use std::time::Instant;

use anyhow::ensure;
use rialto_benches::wire::RequestTemplate;
use rialto_core::Env;
use rialto_core::access_log::AccessLogBuffer;
use rialto_core::config::{self, Config, LogOutput};
use rialto_core::directory::{Compiler, ListenerId};
use rialto_core::discovery::DiscoveredEndpoint;
use rialto_core::transport::Address;
use rialto_core::worker::{Now, Worker};
use rialto_protocols::All;

use crate::link::{Dials, Link};
use crate::peers::{Caller, serve};

/// The time that a call takes of the worker's clock. The deadlines of the first calls, 3 s away, pass within the
/// shorter of the two runs that are compared, so that what deadlines cost is in the difference.
const CALL_US: u64 = 800;

/// A worker as it is in production, but for its links.
struct InMemory;

impl Env for InMemory {
    type Protocols = All;
    type Reactor = Dials;
}

/// The worker and both sides of it.
pub(crate) struct Lab {
    worker: Worker<InMemory>,
    dials: Dials,
    callers: Vec<Caller>,
    hosts: Vec<Link>,
    template: RequestTemplate,
}

impl Lab {
    pub(crate) fn new(config: &Config, template: RequestTemplate) -> Self {
        let mut compiler = Compiler::default();
        let world = rialto::control::world(&instances, 1, Instant::now(), &[]);
        let first = compiler.configure(config, &world);
        let dials = Dials::default();
        let mut worker = Worker::new(dials.clone(), &first, 1);
        if config.access_log.path != LogOutput::Off {
            worker.set_log(Some(AccessLogBuffer::new(config.access_log.sample)));
        }
        Self {
            worker,
            dials,
            callers: Vec::new(),
            hosts: Vec::new(),
            template,
        }
    }

    /// Makes so many calls over the connections, this many in flight on each; returns the number of turns. In a turn
    /// everybody who has said something is heard.
    pub(crate) fn run(&mut self, connections: usize, in_flight: usize, calls: u64) -> anyhow::Result<u64> {
        for _ in 0..connections {
            let caller = Caller::new(in_flight);
            self.worker.accept(caller.link.clone(), ListenerId(0), None);
            self.callers.push(caller);
        }
        let mut nonces = 1..=calls;
        let (mut answered, mut turns) = (0, 0);
        let (mut ready, mut is_busy) = (Vec::new(), false);
        loop {
            for caller in &mut self.callers {
                answered += caller.go_on(&self.template, &mut nonces)?;
            }
            if answered == calls {
                return Ok(turns);
            }
            self.hosts.extend(self.dials.take());
            self.hosts.iter().try_for_each(serve)?;
            ready.clear();
            let links = self.callers.iter().map(|caller| &caller.link);
            for link in links.chain(&self.hosts) {
                ensure!(
                    !link.is_closed(),
                    "a connection was closed after {answered} answers"
                );
                ready.extend(link.ready());
            }
            ensure!(
                is_busy || !ready.is_empty(),
                "nothing goes on after {answered} answers of {calls}"
            );
            let us = answered * CALL_US;
            is_busy = self.worker.turn(&ready, Now { us });
            // what becomes of it is not the worker's business
            drop(self.worker.take_log(0, false));
            turns += 1;
        }
    }
}

/// The endpoints that the configuration lists; where they really are is nobody's business here.
fn instances(cluster: &config::Cluster) -> Vec<DiscoveredEndpoint> {
    let endpoints = cluster.endpoints.iter();
    endpoints.filter_map(instance).collect()
}

fn instance(endpoint: &config::Endpoint) -> Option<DiscoveredEndpoint> {
    let config::Address::Socket(address) = endpoint.address else {
        return None;
    };
    Some(DiscoveredEndpoint {
        address: Address::Tcp(address),
        name: address.to_string().into(),
        weight: endpoint.weight,
        metadata: endpoint.metadata.clone(),
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
    fn every_call_is_answered_and_every_run_takes_the_same_turns() {
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
