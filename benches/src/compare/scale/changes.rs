//! Changes of one endpoint in memory, without files and sockets: what `rialto-count changes` times.

use std::process::Command;

use anyhow::{Context as _, ensure};
use serde::Serialize;

use super::super::callgrind::Counter;
use super::super::lab::Lab;
use super::super::options::Options;
use super::super::output::Output;
use super::super::table::{Table, figure};
use super::super::variant;
use super::{Sizes, VARIANT, cells};
use crate::process::complain;
use crate::scale::ChangeCosts;

/// A minute of changes at this rate fills the tables of what was removed; see `src/control/compile/ids.rs`.
const MINUTE: u32 = 60;
/// The rate of many changes.
const MANY: u32 = 1_000;
/// The changes at the end that count. Those before fill tables.
const COUNTED: usize = 2_000;
/// The longest time in seconds for the changes of one line.
const LONGEST: u64 = 15;

#[derive(Debug, Serialize)]
struct Line {
    section: &'static str,
    services: usize,
    per_second: u32,
    #[serde(flatten)]
    costs: ChangeCosts,
}

pub(super) fn measure(
    lab: &Lab,
    options: &Options,
    sizes: &Sizes,
    output: &mut Output,
) -> anyhow::Result<()> {
    let legend = "Microseconds. Of the last changes, each of one endpoint in another cluster: compile is \
                  what the control thread does, apply what a worker pauses for. 1 and 1,000 changes a \
                  second on the control thread's clock: it remembers what was removed within a minute. \
                  Those of a minute, or as many as 15 s allow.";
    let heads = [
        "services, changes/s",
        "changes",
        "compile p50",
        "p99",
        "max",
        "apply p50",
        "p99",
        "max",
        "first compile ms",
        "first apply ms",
    ];
    let mut table = Table::new("Changes in memory", legend, &heads);
    let counter = Counter::new(lab, options)?;
    for &services in sizes.services {
        for (per_second, changes) in [
            (1, sizes.changes),
            (MANY, sizes.changes.max((MINUTE * MANY) as usize)),
        ] {
            let changes = if options.small { sizes.changes } else { changes };
            complain(format_args!(
                "scale: changes in memory, {services} services, {per_second}/s"
            ));
            let costs = run(&counter, services, per_second, changes)?;
            let ms = |us: f64| figure(Some(us / 1e3));
            let mut row = vec![format!("{services}, {per_second}/s"), costs.changes.to_string()];
            row.extend(cells(&costs.compile));
            row.extend(cells(&costs.apply));
            row.extend([ms(costs.first_compile_us), ms(costs.first_apply_us)]);
            table.row(row);
            output.record(&Line {
                section: "scale-changes",
                services,
                per_second,
                costs,
            })?;
        }
    }
    output.table(&table)
}

fn run(
    counter: &Counter<'_>,
    services: usize,
    per_second: u32,
    changes: usize,
) -> anyhow::Result<ChangeCosts> {
    let config = counter.write_config(&variant::named(VARIANT)?)?;
    let output = Command::new(counter.program())
        .arg("changes")
        .arg("--config")
        .arg(config)
        .arg(format!("--services={services}"))
        .arg(format!("--changes={changes}"))
        .arg(format!("--counted={COUNTED}"))
        .arg(format!("--per-second={per_second}"))
        .arg(format!("--longest={LONGEST}"))
        .output()
        .context("cannot run rialto-count")?;
    ensure!(
        output.status.success(),
        "rialto-count changes: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    serde_json::from_slice(&output.stdout).context("rialto-count's report is not readable")
}
