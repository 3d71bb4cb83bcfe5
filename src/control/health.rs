//! Health checks: heartbeats to the endpoints of the clusters that ask for them, and what follows from the outcomes.
//!
//! Nothing here waits or sends. The control plane asks what is due, has it sent over the workers' connections, and
//! reports how it ended.
use super::Compiler;
use rialto_config::HealthCheck;
use rialto_core::directory::{Change, EndpointId};
use rialto_core::heartbeat::{Heartbeat, HeartbeatOutcome, HeartbeatTicket};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// New endpoints are checked for the first time within this time.
const FIRST: Duration = Duration::from_millis(500);

/// The endpoints that are checked.
#[derive(Default)]
pub(super) struct Health {
    endpoints: BTreeMap<EndpointId, Checked>,
    /// The next heartbeat of each endpoint.
    due: BTreeSet<(Instant, EndpointId)>,
    /// Heartbeats without an outcome yet, with the endpoint and the version of the change that gave it its id.
    open: HashMap<HeartbeatTicket, (EndpointId, u64)>,
    last: u64,
}

struct Checked {
    /// The version of the change that gave the endpoint its id.
    since: u64,
    name: Arc<str>,
    cluster: Arc<str>,
    check: HealthCheck,
    next: Instant,
    is_sick: bool,
    /// The outcomes in a row that speak against the present state.
    contrary: u8,
}

/// An endpoint that has fallen sick or has recovered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Turned {
    pub(super) endpoint: EndpointId,
    pub(super) is_sick: bool,
}

impl Health {
    /// Takes over a change, which the compiler has made. Returns the endpoints that were sick and are not checked any
    /// more.
    pub(super) fn apply(&mut self, change: &Change, compiler: &Compiler, now: Instant) -> Vec<Turned> {
        let mut ids: BTreeSet<EndpointId> = change.endpoints.iter().map(|(id, _)| *id).collect();
        for cluster in change.clusters.iter().filter_map(|(_, cluster)| cluster.as_ref()) {
            ids.extend(cluster.endpoints.iter().copied());
        }
        ids.into_iter()
            .filter_map(|id| self.update(id, compiler, now))
            .collect()
    }

    fn update(&mut self, id: EndpointId, compiler: &Compiler, now: Instant) -> Option<Turned> {
        let directory = compiler.directory();
        let endpoint = directory.endpoint(id);
        let cluster = endpoint.and_then(|e| directory.cluster(e.cluster));
        let wanted = endpoint.zip(cluster).and_then(|(endpoint, cluster)| {
            let check = compiler.health_check(endpoint.cluster)?;
            Some((endpoint, cluster, check.clone()))
        });
        let Some((endpoint, cluster, check)) = wanted else {
            let old = self.endpoints.remove(&id)?;
            self.due.remove(&(old.next, id));
            // Workers may still know it if it comes back soon.
            return old.is_sick.then_some(Turned {
                endpoint: id,
                is_sick: false,
            });
        };
        match self.endpoints.get_mut(&id) {
            Some(checked) if checked.since == endpoint.since => checked.check = check,
            old => {
                if let Some(old) = old {
                    self.due.remove(&(old.next, id));
                }
                let next = now + FIRST.min(check.interval.duration()).mul_f64(fastrand::f64());
                self.due.insert((next, id));
                self.endpoints.insert(
                    id,
                    Checked {
                        since: endpoint.since,
                        name: Arc::clone(&endpoint.name),
                        cluster: Arc::clone(&cluster.name),
                        check,
                        next,
                        is_sick: false,
                        contrary: 0,
                    },
                );
            }
        }
        None
    }

    /// The time of the next heartbeat; `None` if no endpoint is checked.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The heartbeats to send now. The next one to an endpoint is not due before the time of this one is over.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Heartbeat> {
        let mut heartbeats = vec![];
        while let Some((at, id)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, id));
            let Some(checked) = self.endpoints.get_mut(&id) else {
                continue;
            };
            let jitter = 0.75 + 0.5 * fastrand::f64();
            let pause = checked.check.interval.duration().mul_f64(jitter);
            let timeout = checked.check.timeout.duration();
            checked.next = now + pause.max(timeout);
            self.due.insert((checked.next, id));
            self.last += 1;
            let ticket = HeartbeatTicket(self.last);
            self.open.insert(ticket, (id, checked.since));
            heartbeats.push(Heartbeat {
                ticket,
                endpoint: id,
                timeout_ms: u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX),
            });
        }
        heartbeats
    }

    /// Forgets a heartbeat that could not be sent.
    pub(super) fn unsent(&mut self, ticket: HeartbeatTicket) {
        self.open.remove(&ticket);
    }

    /// Takes the outcome of a heartbeat. Returns the endpoint if its state turns, which is also logged.
    pub(super) fn heard(&mut self, outcome: &HeartbeatOutcome) -> Option<Turned> {
        let (id, since) = self.open.remove(&outcome.ticket)?;
        // The id may belong to another endpoint by now.
        let checked = self.endpoints.get_mut(&id).filter(|e| e.since == since)?;
        let speaks_against = outcome.result.is_ok() == checked.is_sick;
        if !speaks_against {
            checked.contrary = 0;
            return None;
        }
        checked.contrary += 1;
        let enough = match checked.is_sick {
            true => checked.check.healthy_after,
            false => checked.check.unhealthy_after,
        };
        if checked.contrary < enough.get() {
            return None;
        }
        checked.contrary = 0;
        checked.is_sick = !checked.is_sick;
        let (name, cluster) = (&checked.name, &checked.cluster);
        match &outcome.result {
            Ok(_) => tracing::info!("endpoint {name} of cluster {cluster} responds to health checks again"),
            Err(error) => tracing::warn!(
                "endpoint {name} of cluster {cluster} failed {enough} health checks in a row and gets no calls while \
                 another endpoint can take them: {error}"
            ),
        }
        Some(Turned {
            endpoint: id,
            is_sick: checked.is_sick,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::World;
    use rialto_config::{Cluster, Config, Endpoint, Period, Protocol};
    use rialto_core::transport::Address;
    use rialto_core::{CallError, ErrorKind};
    use rialto_discovery::DiscoveredEndpoint;
    use std::time::Instant as Clock;

    /// Checks of one cluster, and the compiler of its directory.
    struct Site {
        health: Health,
        compiler: Compiler,
        config: Config,
    }

    fn found(endpoint: &Endpoint) -> DiscoveredEndpoint {
        let name = endpoint.address.to_string();
        DiscoveredEndpoint {
            address: Address::Tcp(name.parse().unwrap()),
            name: name.into(),
            weight: endpoint.weight,
            metadata: BTreeMap::new(),
            protocol: None,
        }
    }

    fn site(ports: &[u16]) -> Site {
        let mut cluster = Cluster::new("c", Protocol::Bolt);
        cluster.health_check = Some(HealthCheck {
            interval: Period::from_secs(10),
            ..HealthCheck::default()
        });
        cluster.endpoints = ports
            .iter()
            .map(|port| Endpoint {
                address: format!("127.0.0.1:{port}").parse().unwrap(),
                weight: 1,
                metadata: BTreeMap::new(),
            })
            .collect();
        let config = Config {
            clusters: vec![cluster],
            ..Config::default()
        };
        let (health, compiler) = (Health::default(), Compiler::default());
        Site {
            health,
            compiler,
            config,
        }
    }

    impl Site {
        fn configure(&mut self, now: Instant) -> Vec<Turned> {
            let found = |c: &Cluster| c.endpoints.iter().map(found).collect();
            let world = World {
                endpoints: &found,
                workers: 1,
                now: Clock::now(),
                uses: &[],
            };
            let change = self.compiler.configure(&self.config, &world);
            self.health.apply(&change, &self.compiler, now)
        }

        /// Lets the heartbeats that are due end like this.
        fn round(&mut self, now: Instant, responds: impl Fn(EndpointId) -> bool) -> Vec<Turned> {
            let end = |health: &mut Health, call: Heartbeat| {
                let result = match responds(call.endpoint) {
                    true => Ok(()),
                    false => Err(CallError::new(ErrorKind::Timeout, "it is silent")),
                };
                let outcome = HeartbeatOutcome {
                    ticket: call.ticket,
                    result,
                };
                health.heard(&outcome)
            };
            let calls = self.health.take_due(now);
            calls
                .into_iter()
                .filter_map(|c| end(&mut self.health, c))
                .collect()
        }
    }

    #[test]
    fn an_endpoint_turns_after_enough_outcomes_in_a_row() {
        let mut site = site(&[1, 2]);
        let mut now = Instant::now();
        assert_eq!(site.configure(now), []);
        let sick = |endpoint, is_sick| vec![Turned { endpoint, is_sick }];
        let (bad, mut rounds) = (EndpointId(0), vec![]);
        for responds in [false, true, false, false, false, true, true] {
            now += Duration::from_secs(13);
            rounds.push(site.round(now, |id| id != bad || responds));
        }
        let none = Vec::new;
        assert_eq!(
            rounds,
            [
                none(),
                none(),
                none(),
                sick(bad, true),
                none(),
                sick(bad, false),
                none()
            ]
        );
    }

    #[test]
    fn what_is_not_checked_any_more_is_not_sick() {
        let mut site = site(&[1, 2]);
        let mut now = Instant::now();
        site.configure(now);
        for _ in 0..2 {
            now += Duration::from_secs(13);
            site.round(now, |_| false);
        }
        // Neither an endpoint that is removed, which may come back, nor one whose cluster is not checked any more.
        let well = |id| {
            [Turned {
                endpoint: EndpointId(id),
                is_sick: false,
            }]
        };
        site.config.clusters[0].endpoints.remove(0);
        assert_eq!(site.configure(now), well(0));
        assert_eq!(site.health.endpoints.len(), 1);
        site.config.clusters[0].health_check = None;
        assert_eq!(site.configure(now), well(1));
        assert!(site.health.next().is_none());
        // A late outcome of an endpoint that is gone is dropped.
        let outcome = HeartbeatOutcome {
            ticket: HeartbeatTicket(1),
            result: Ok(()),
        };
        assert_eq!(site.health.heard(&outcome), None);
    }
}
