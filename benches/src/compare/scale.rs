//! What size costs: how long a proxy with many services or routes takes to start, and what a change of one
//! endpoint and a call cost in it.

mod changes;
mod churn;
mod held;
mod instructions;
mod site;
mod start;

use super::lab::Lab;
use super::options::Options;
use super::output::Output;
use super::table::figure;
use crate::scale::Spread;

/// The variant whose protocol is measured. The costs of size do not depend on it.
const VARIANT: &str = "rialto-dubbo";

/// How large and how long everything is.
struct Sizes {
    /// Numbers of services, each with a cluster and a route.
    services: &'static [usize],
    /// Numbers of routes to a few clusters.
    routes: &'static [usize],
    /// How often a start is timed.
    starts: usize,
    /// Seconds of changes at 1,000 a second.
    churn_seconds: u64,
    /// Changes under calls in flight, and how many calls.
    held_changes: usize,
    held_calls: usize,
    /// Changes in memory, one a second.
    changes: usize,
}

const FULL: Sizes = Sizes {
    services: &[10, 1_000, 10_000],
    routes: &[10, 1_000, 100_000],
    starts: 3,
    churn_seconds: 5,
    held_changes: 200,
    held_calls: 100,
    changes: 10_000,
};

const SMALL: Sizes = Sizes {
    services: &[10, 100],
    routes: &[10, 100],
    starts: 1,
    churn_seconds: 1,
    held_changes: 10,
    held_calls: 5,
    changes: 200,
};

/// Measures everything. The parts do not depend on each other.
pub(super) fn measure(lab: &Lab, options: &Options, output: &mut Output) -> anyhow::Result<()> {
    let sizes = if options.small { &SMALL } else { &FULL };
    let parts: [(&str, Part); 5] = [
        ("start", start::measure),
        ("changes in memory", changes::measure),
        ("changes of files", churn::measure),
        ("changes under calls", held::measure),
        ("instructions", instructions::measure),
    ];
    for (name, part) in parts {
        if let Err(error) = part(lab, options, sizes, output) {
            output.failure(format!("scale, {name}: {error:#}"));
        }
    }
    Ok(())
}

type Part = fn(&Lab, &Options, &Sizes, &mut Output) -> anyhow::Result<()>;

/// Median, 99th percentile and maximum as cells of a table.
fn cells(spread: &Spread) -> [String; 3] {
    [spread.median, spread.p99, spread.max].map(|value| figure(Some(value)))
}

/// Megabytes as a cell of a table.
fn mb(bytes: u64) -> String {
    figure(Some(bytes as f64 / 1e6))
}
