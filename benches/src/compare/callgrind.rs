//! User instructions per relayed call, through real sockets: the totals of two runs of different length, their
//! difference divided by the difference in calls. Steady to half a percent even on a busy machine, so it can be a gate.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Serialize;

use super::find;
use super::lab::Lab;
use super::options::Options;
use super::output::Output;
use super::table::{Table, figure};
use super::variant::{Proxy, Variant};
use crate::loadgen;

/// The loads that are counted: one with much to batch, one with little.
const LOADS: [&str; 2] = ["8x32", "8x1"];
/// Calls of the shorter run; start-up, warm-up and shutdown are in both and cancel out.
const SHORT: u64 = 5_000;
const LONG: u64 = 25_000;
const RUN_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the proxy may take to end under valgrind.
const END_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, Serialize)]
struct Count {
    section: &'static str,
    variant: &'static str,
    load: &'static str,
    instructions_per_call: f64,
}

/// Counts the chosen variants that are this workspace's programs, and applies the gates to Rialto where it does not
/// translate.
pub(super) fn measure(lab: &Lab, options: &Options, output: &mut Output) -> anyhow::Result<()> {
    ensure!(
        find::on_path("valgrind").is_some(),
        "valgrind is missing: install the Debian package `valgrind`"
    );
    let legend = "User instructions of the proxy per call (valgrind, real sockets); limit: the gate that was asked for.";
    let mut table = Table::new(
        "Instructions",
        legend,
        &["variant", "load", "instructions", "limit"],
    );
    for variant in options
        .variants
        .iter()
        .filter(|variant| variant.is_rialto() || variant.proxy == Proxy::Relay)
    {
        for load in LOADS {
            let count = match per_call(lab, options, variant, load) {
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
            let gated = variant.is_subject_for(variant.client);
            let limit = options
                .max_instructions
                .iter()
                .find(|(gate, _)| gated && *gate == load)
                .map(|gate| gate.1);
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

fn per_call(lab: &Lab, options: &Options, variant: &Variant, load: &str) -> anyhow::Result<f64> {
    let short = total(lab, options, variant, load, SHORT)?;
    let long = total(lab, options, variant, load, LONG)?;
    ensure!(
        long > short,
        "{long} instructions for {LONG} calls, {short} for {SHORT}: the counts make no sense"
    );
    Ok((long - short) as f64 / (LONG - SHORT) as f64)
}

/// Instructions of a whole life of the proxy in which it relayed `calls`.
fn total(lab: &Lab, options: &Options, variant: &Variant, load: &str, calls: u64) -> anyhow::Result<u64> {
    let placement = lab.anywhere();
    let counts = lab.file("callgrind.out");
    let wrapper = [
        "valgrind".into(),
        "--tool=callgrind".into(),
        format!("--callgrind-out-file={}", counts.display()),
    ];
    let backend = lab.backend(&placement)?;
    let proxy = lab
        .proxy(variant, backend.address, 1, &placement, &wrapper)?
        .context("a variant without proxy")?;
    lab.load(
        &loadgen::Options {
            target: proxy.address,
            protocol: variant.client,
            load: load.parse()?,
            argument_len: options.argument_len,
            warm: Duration::ZERO,
            measure: RUN_TIMEOUT,
            calls: Some(calls),
            window: Duration::from_millis(50),
            processes: vec![],
            watched_cpus: vec![],
        },
        &placement,
    )?;
    proxy.terminate(END_TIMEOUT)?;
    let text = fs::read_to_string(&counts).with_context(|| format!("cannot read {}", counts.display()))?;
    let line = text.lines().find_map(|line| {
        line.strip_prefix("summary:")
            .or_else(|| line.strip_prefix("totals:"))
    });
    let line = line.with_context(|| format!("{} has no total", counts.display()))?;
    line.split_whitespace()
        .next()
        .unwrap_or_default()
        .parse()
        .with_context(|| format!("odd total `{line}`"))
}
