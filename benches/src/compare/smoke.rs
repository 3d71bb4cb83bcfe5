//! Checks that every variant responds correctly, without measuring.

use std::time::Duration;

use anyhow::ensure;

use super::lab::Lab;
use super::options::Options;
use super::output::Output;
use super::table::Table;
use super::variant::Variant;
use crate::loadgen;

const CALLS: u64 = 2_000;
const LOADS: [&str; 2] = ["4x8", "4@20000p"];

/// Runs each chosen variant briefly, in a closed and an open loop.
pub(super) fn check(lab: &Lab, options: &Options, output: &mut Output) -> anyhow::Result<()> {
    let legend = "Calls with a response, each with its own nonce and argument.";
    let mut table = Table::new("Smoke", legend, &["variant", "load", "right responses"]);
    for variant in options.variants.iter().filter(|variant| lab.has(variant)) {
        for load in LOADS {
            match answered(lab, options, variant, load) {
                Ok(right) => table.row(vec![variant.name.into(), load.into(), right.to_string()]),
                Err(error) => output.failure(format!("{} under {load}: {error:#}", variant.name)),
            }
        }
    }
    output.table(&table)
}

fn answered(lab: &Lab, options: &Options, variant: &Variant, load: &str) -> anyhow::Result<u64> {
    let placement = lab.anywhere();
    let backend = lab.backend(&placement)?;
    let proxy = lab.proxy(variant, backend.address, 1, &placement)?;
    let report = lab.load(
        &loadgen::Options {
            target: proxy.as_ref().map_or(backend.address, |proxy| proxy.address),
            protocol: variant.client,
            load: load.parse()?,
            argument_len: options.argument_len,
            warm: Duration::ZERO,
            measure: Duration::from_secs(20),
            calls: Some(CALLS),
            window: Duration::from_millis(50),
            processes: vec![],
            watched_cpus: vec![],
        },
        &placement,
    )?;
    let right = report.answered - report.failed;
    ensure!(
        right == CALLS && report.dropped == 0,
        "{right} right responses to {CALLS} calls, {} not sent because responses were missing",
        report.dropped
    );
    Ok(right)
}
