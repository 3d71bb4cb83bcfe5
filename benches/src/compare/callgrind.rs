//! User instructions of a worker per call, from memory to memory: `rialto-count` runs under valgrind twice
//! with different lengths, and the difference is divided by the difference in calls. Every run gives the same
//! figure, so it can be a gate.

use std::collections::HashSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde::Serialize;

use super::configs::{self, Sites};
use super::find;
use super::lab::Lab;
use super::options::Options;
use super::output::Output;
use super::table::{Table, figure};
use super::variant::{Proxy, Variant};

/// The loads that are counted: one with much to batch, two with little.
pub(super) const LOADS: [&str; 3] = ["8x32", "8x1", "64x1"];
/// Calls of the shorter run. Start-up and the first calls are in both runs and cancel out.
const SHORT: u64 = 5_000;
const LONG: u64 = 25_000;
/// The counted function: a turn of the worker with everything that it calls.
const COUNTED: &str = "rialto_core::worker::Worker<*>::turn";
/// The excluded functions: the links, which stand for the kernel.
const LINKS: &str = "<rialto_count::link::Link as ";
/// Makes copies count as vector instructions. Beyond a length, the C library would copy with one instruction
/// that valgrind counts once per byte.
const TUNABLES: &str = "glibc.cpu.x86_rep_movsb_threshold=0x10000000";

#[derive(Debug, Serialize)]
struct Count {
    section: &'static str,
    variant: &'static str,
    load: &'static str,
    instructions_per_call: f64,
}

/// What all counts of a comparison share.
pub(super) struct Counter<'a> {
    valgrind: PathBuf,
    program: PathBuf,
    lab: &'a Lab,
    argument_len: usize,
}

/// Counts the chosen variants of Rialto and applies the gates.
pub(super) fn measure(lab: &Lab, options: &Options, output: &mut Output) -> anyhow::Result<()> {
    let counter = Counter::new(lab, options)?;
    let legend = "User instructions of a worker per call (valgrind, from memory to memory); limit: the gate that was asked for.";
    let mut table = Table::new(
        "Instructions",
        legend,
        &["variant", "load", "instructions", "limit"],
    );
    for variant in options.variants.iter().filter(|variant| variant.is_rialto()) {
        for load in LOADS {
            let count = match counter.per_call(variant, load) {
                Ok(count) => count,
                Err(error) => {
                    output.failure(format!("{} under {load}: {error:#}", variant.name));
                    continue;
                }
            };
            output.record(&Count {
                section: "callgrind",
                variant: variant.name,
                load,
                instructions_per_call: count,
            })?;
            let limit = limit(options, variant, load);
            table.row(vec![
                variant.name.into(),
                load.into(),
                figure(Some(count)),
                figure(limit),
            ]);
            if let Some(limit) = limit.filter(|&limit| count > limit) {
                output.failure(format!(
                    "{} takes {count:.0} instructions per call at {load}, limit {limit}",
                    variant.name
                ));
            }
        }
    }
    output.table(&table)
}

/// The gate for a variant. Gates apply only to calls without an access log.
fn limit(options: &Options, variant: &Variant, load: &str) -> Option<f64> {
    if variant.proxy != (Proxy::Rialto { access_log: false }) {
        return None;
    }
    let bridged = variant.client != variant.server;
    let gate = options
        .gates
        .iter()
        .find(|gate| gate.bridged == bridged && gate.load == load);
    gate.map(|gate| gate.most)
}

impl<'a> Counter<'a> {
    pub(super) fn new(lab: &'a Lab, options: &Options) -> anyhow::Result<Self> {
        Ok(Self {
            valgrind: find::on_path("valgrind")
                .context("valgrind is missing: install the Debian package `valgrind`")?,
            program: find::built("rialto-count")?,
            lab,
            argument_len: options.argument_len,
        })
    }
}

impl Counter<'_> {
    fn per_call(&self, variant: &Variant, load: &str) -> anyhow::Result<f64> {
        self.per_call_at(variant, load, &[])
    }

    /// The instructions per call with a configuration that these flags of `rialto-count` grow.
    pub(super) fn per_call_at(&self, variant: &Variant, load: &str, size: &[String]) -> anyhow::Result<f64> {
        let config = self.write_config(variant)?;
        let short = self.total(&config, variant, load, SHORT, size)?;
        let long = self.total(&config, variant, load, LONG, size)?;
        ensure!(
            0 < short && short < long,
            "{long} instructions for {LONG} calls, {short} for {SHORT}: the counts make no sense"
        );
        Ok((long - short) as f64 / (LONG - SHORT) as f64)
    }

    /// Writes the configuration of a variant, and returns its path.
    pub(super) fn write_config(&self, variant: &Variant) -> anyhow::Result<PathBuf> {
        let config = self.lab.file(&format!("{}.yaml", variant.name));
        fs::write(&config, self.config(variant))
            .with_context(|| format!("cannot write {}", config.display()))?;
        Ok(config)
    }

    /// The program that counts.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    /// The configuration that the proxy itself would get. Nothing listens on these addresses.
    fn config(&self, variant: &Variant) -> String {
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let sites = Sites {
            listen: address(1),
            admin: address(2),
            upstream: address(3),
        };
        let access_log = self.lab.file(&format!("{}.access.log", variant.name));
        let is_logged = variant.proxy == Proxy::Rialto { access_log: true };
        configs::rialto(sites, variant.server, 1, is_logged.then_some(&access_log))
    }

    /// The instructions of all turns of a run.
    fn total(
        &self,
        config: &Path,
        variant: &Variant,
        load: &str,
        calls: u64,
        size: &[String],
    ) -> anyhow::Result<u64> {
        let counts = self.lab.file("callgrind.out");
        // The stack begins after the environment, and its start changes the count by a few instructions.
        let output = Command::new(&self.valgrind)
            .env_clear()
            .env("GLIBC_TUNABLES", TUNABLES)
            .args(["--tool=callgrind", "--collect-atstart=no"])
            .arg(format!("--toggle-collect={COUNTED}"))
            .arg(format!("--callgrind-out-file={}", counts.display()))
            .arg(&self.program)
            .arg("--config")
            .arg(config)
            .args(["--client", &variant.client.to_string(), "--load", load])
            .args(["--calls", &calls.to_string()])
            .args(["--argument", &self.argument_len.to_string()])
            .args(size)
            .output()
            .context("cannot run valgrind")?;
        ensure!(
            output.status.success(),
            "{} under valgrind: {}\n{}",
            self.program.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let text =
            fs::read_to_string(&counts).with_context(|| format!("cannot read {}", counts.display()))?;
        without_links(&text).with_context(|| format!("{} is odd", counts.display()))
    }
}

/// The sum of a callgrind file without the calls to functions of a link. (Switching collection off for them
/// would not exclude everything that they call.)
fn without_links(text: &str) -> anyhow::Result<u64> {
    let number = |words: Option<&str>| -> anyhow::Result<u64> {
        let word = words.and_then(|words| words.split_whitespace().last());
        Ok(word.context("a number is missing")?.parse()?)
    };
    let summary = text.lines().find_map(|line| {
        line.strip_prefix("summary:")
            .or_else(|| line.strip_prefix("totals:"))
    });
    let mut total = number(summary)?;
    // Functions are named `(NUMBER) NAME` at their first occurrence, `(NUMBER)` later.
    let mut links = HashSet::new();
    let mut is_link = false;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some((kind, function)) = line.split_once("fn=") {
            let (id, name) = function.split_once(' ').unwrap_or((function, ""));
            if name.starts_with(LINKS) {
                links.insert(id);
            }
            is_link = kind == "c" && links.contains(id);
        } else if line.starts_with("calls=") {
            // The next line gives the position of the call and its cost.
            let taken = number(lines.next())?;
            if is_link {
                total -= taken;
            }
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_of_links_is_excluded_wherever_they_are_called() {
        let text = "events: Ir\nfn=(1) turn\n7 100\n\
                    cfn=(2) <rialto_count::link::Link as Transport>::read\ncalls=3 40\n8 1000\n\
                    cfn=(3) copy\ncalls=1 9\n+1 20\n\
                    fn=(3)\n9 20\ncfn=(2)\ncalls=1 40\n* 300\n\
                    fn=(2)\n40 1300\n\ntotals: 1420\n";
        assert_eq!(without_links(text).unwrap(), 120);
        assert!(without_links("fn=(1) turn\n7 100\n").is_err());
    }
}
