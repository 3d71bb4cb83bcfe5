//! Times changes of one endpoint: what the control thread does to compile them, and what a worker does to
//! apply them.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use rialto::control::{Compiler, World};
use rialto_benches::scale::{ChangeCosts, Spread};
use rialto_config::Config;
use rialto_core::directory::Use;
use rialto_core::transport::Address;
use rialto_core::worker::Worker;
use rialto_discovery::DiscoveredEndpoint;

use crate::lab::{InMemory, discovered_endpoints};
use crate::link::Dials;

/// How many changes are made, and how fast.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// The number of changes.
    pub(crate) changes: usize,
    /// The number of the last ones that count. The first ones fill tables.
    pub(crate) counted: usize,
    /// Changes per second on the clock of the control thread. It decides how many removed endpoints are
    /// remembered.
    pub(crate) per_second: u32,
    /// No more changes are made after this time.
    pub(crate) longest: Duration,
}

/// Gives one endpoint after the other another port, each in another cluster.
pub(crate) fn measure(config: &Config, plan: Plan) -> anyhow::Result<ChangeCosts> {
    let mut lists: Vec<(&str, Vec<DiscoveredEndpoint>)> = (config.clusters.iter())
        .map(|cluster| (cluster.name.as_str(), discovered_endpoints(cluster)))
        .collect();
    let mut now = Instant::now();
    let mut compiler = Compiler::default();
    let world = World {
        endpoints: &discovered_endpoints,
        workers: 1,
        now,
        uses: &[],
    };
    let began = Instant::now();
    let first = compiler.configure(config, &world);
    let first_compile_us = micros(began.elapsed());
    let began = Instant::now();
    let mut worker: Worker<InMemory> = Worker::new(Dials::default(), &first, 1);
    let first_apply_us = micros(began.elapsed());

    let (mut compile, mut apply) = (Vec::new(), Vec::new());
    let mut uses = vec![Use::default()];
    let none = |_: &rialto_config::Cluster| vec![];
    let (end, clusters) = (Instant::now() + plan.longest, lists.len());
    for change in 0..plan.changes {
        now += Duration::from_secs(1) / plan.per_second;
        // Neighbours in the list would be neighbours in memory. This step visits all clusters, far apart.
        let (name, list) = &mut lists[change * 7919 % clusters];
        change_one(list, change).with_context(|| format!("cluster {name}"))?;
        let found = list.clone();
        let world = World {
            endpoints: &none,
            workers: 1,
            now,
            uses: &uses,
        };
        let began = Instant::now();
        let change = compiler.set_endpoints(name, found, &world);
        compile.push(micros(began.elapsed()));
        let began = Instant::now();
        worker.apply(&change);
        apply.push(micros(began.elapsed()));
        // A worker tells twice a second what it still uses.
        if (compile.len() as u32).is_multiple_of((plan.per_second / 2).max(1)) {
            uses = vec![worker.uses()];
        }
        if Instant::now() > end {
            break;
        }
    }
    let counted = plan.counted.min(compile.len());
    let last = |all: Vec<f64>| Spread::of(all[all.len() - counted..].to_vec());
    Ok(ChangeCosts {
        changes: compile.len(),
        first_compile_us,
        first_apply_us,
        compile: last(compile),
        apply: last(apply),
    })
}

/// Moves one endpoint of the list to a port that it did not have before.
fn change_one(list: &mut [DiscoveredEndpoint], change: usize) -> anyhow::Result<()> {
    let length = list.len().max(1);
    let endpoint = list.get_mut(change % length).context("it has no endpoint")?;
    let Address::Tcp(address) = &mut endpoint.address else {
        anyhow::bail!("{} has no port", endpoint.address);
    };
    address.set_port(20_000 + (change % 40_000) as u16);
    endpoint.name = address.to_string().into();
    Ok(())
}

fn micros(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_compiled_and_applied() {
        let text = "listeners: [ { name: in, address: 127.0.0.1:1, routes: [all] } ]\n\
                    routes: [ { name: all, match: { service: s }, to: [ { cluster: backend } ] } ]\n\
                    clusters: [ { name: backend, protocol: bolt, endpoints: [ { address: 127.0.0.1:2 } ] } ]\n";
        let mut config = rialto::config::load_str("one.yaml", text).unwrap().config;
        crate::grow::to_services(&mut config, 20).unwrap();
        let plan = Plan {
            changes: 50,
            counted: 10,
            per_second: 1000,
            longest: Duration::from_secs(60),
        };
        let costs = measure(&config, plan).unwrap();
        assert_eq!(costs.changes, 50);
        assert!(
            costs.compile.median > 0.0 && costs.apply.p99 >= costs.apply.median,
            "{costs:?}"
        );
    }
}
