//! Configuration changes while calls are made; no call may fail.
use super::options::say;
use super::peers::Peers;
use super::plan::{Pair, Side};
use super::process::within;
use super::proxy::Proxy;
use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// How long the consumers call.
const LOAD: Duration = Duration::from_secs(30);
/// The additional time for them to start and end.
const SLACK: Duration = Duration::from_secs(60);
/// The number of changes meanwhile, besides an invalid one.
const CHANGES: usize = 4;

/// The results of the reloads.
pub(crate) struct Reloads {
    /// The number of changes that took effect.
    pub(crate) changes: usize,
    /// The counts of each consumer.
    pub(crate) loads: Vec<(String, Load)>,
}

/// The counts of a consumer.
#[derive(Debug, Deserialize)]
pub(crate) struct Load {
    calls: u64,
    failed: u64,
    errors: BTreeMap<String, u64>,
}

impl Reloads {
    /// Runs a bridged load in each direction and changes listeners, routes and clusters meanwhile.
    pub(crate) fn run(
        peers: &Peers,
        proxy: &mut Proxy,
        pairs: [&Pair; 2],
        dir: &Path,
    ) -> anyhow::Result<Reloads> {
        let called = pairs.map(|p| &p.provider);
        let mut running = vec![];
        for pair in pairs {
            let log = dir.join(format!("load-{}.log", pair.consumer.peer));
            let port = proxy.port(&pair.provider)?;
            running.push((
                pair,
                peers.load(pair.consumer.peer, port, LOAD.as_millis() as u64, &log)?,
            ));
        }
        proxy
            .await_calls(called, SLACK)
            .context("the loads did not begin")?;
        for change in 0..CHANGES {
            proxy.reload(|config| edit(config, change))?;
            proxy
                .await_calls(called, SLACK)
                .with_context(|| format!("after change {change}"))?;
        }
        proxy.reload_wrong()?;
        proxy.await_calls(called, SLACK).context("after a wrong change")?;
        let mut loads = vec![];
        for (pair, load) in running {
            let (lines, code) = load.rest(within(LOAD + SLACK))?;
            let line = lines
                .last()
                .with_context(|| format!("the load of {} ended with {code:?}", pair.name()))?;
            say(&format!("{} under {CHANGES} reloads: {line}", pair.name()));
            loads.push((
                pair.name(),
                serde_json::from_str(line).with_context(|| line.clone())?,
            ));
        }
        Ok(Reloads {
            changes: CHANGES,
            loads,
        })
    }

    /// Reasons why the reloads failed.
    pub(crate) fn failures(&self) -> Vec<String> {
        let wrong = |(name, load): &(String, Load)| {
            let Load {
                calls,
                failed,
                errors,
            } = load;
            (*failed > 0 || *calls == 0)
                .then(|| format!("{name} under reload: {failed} of {calls} calls failed: {errors:?}"))
        };
        self.loads.iter().filter_map(wrong).collect()
    }
}

/// A different edit each time: a new listener and route, another timeout, another balancing, and back again.
fn edit(config: &mut Value, change: usize) {
    match change {
        0 => {
            let route = json!({ "name": "extra", "match": { "service": "x.Y" }, "to": [config["routes"][0]["to"][0].clone()] });
            push(&mut config["routes"], route);
            push(
                &mut config["listeners"],
                json!({ "name": "extra", "address": "127.0.0.1:0", "routes": ["extra"] }),
            );
        }
        1 => each(&mut config["routes"], |route| route["timeout"] = json!("20s")),
        2 => each(&mut config["clusters"], |cluster| {
            cluster["balance"] = json!("least_request");
        }),
        _ => {
            for list in ["routes", "listeners"] {
                config[list].as_array_mut().map(Vec::pop);
            }
        }
    }
}

fn push(list: &mut Value, item: Value) {
    if let Some(items) = list.as_array_mut() {
        items.push(item);
    }
}

fn each(list: &mut Value, change: impl FnMut(&mut Value)) {
    list.as_array_mut().into_iter().flatten().for_each(change);
}

/// The pairs under load: a bridged one in each direction.
pub(crate) fn loaded(pairs: &[Pair]) -> anyhow::Result<[&Pair; 2]> {
    let one = |sofa: bool| {
        let stock = |s: &Side| s.options().is_empty();
        let fits = |p: &&Pair| {
            p.is_bridged() && p.consumer.is_sofa() == sofa && stock(&p.consumer) && stock(&p.provider)
        };
        pairs.iter().rev().find(fits)
    };
    let found = one(false).zip(one(true));
    ensure!(
        found.is_some(),
        "there is no bridged pair each way to reload under"
    );
    found.map(|(a, b)| [a, b]).context("pairs")
}
