//! The instructions of a call to the service in the middle, which should not depend on how many others there
//! are.

use serde::Serialize;

use super::super::callgrind::Counter;
use super::super::lab::Lab;
use super::super::options::Options;
use super::super::output::Output;
use super::super::table::{Table, figure};
use super::super::variant;
use super::{Sizes, VARIANT};
use crate::process::complain;

/// Turns of one call each: nothing is spread over the calls of a turn.
const LOAD: &str = "8x1";

#[derive(Debug, Serialize)]
struct Line {
    section: &'static str,
    size: String,
    instructions_per_call: f64,
}

pub(super) fn measure(
    lab: &Lab,
    options: &Options,
    sizes: &Sizes,
    output: &mut Output,
) -> anyhow::Result<()> {
    let legend = "User instructions of a worker per call at 8x1, as in the section for --callgrind, and as \
                  a multiple of those with the fewest services.";
    let mut table = Table::new(
        "Instructions by size",
        legend,
        &["configuration", "instructions", "ratio"],
    );
    let counter = Counter::new(lab, options)?;
    let variant = variant::named(VARIANT)?;
    let services = sizes.services.iter().map(|count| ("services", count));
    let routes = sizes.routes.iter().map(|count| ("routes", count));
    let mut least = None;
    for (kind, count) in services.chain(routes) {
        complain(format_args!("scale: instructions, {count} {kind}"));
        let flags = [format!("--{kind}={count}")];
        let instructions_per_call = counter.per_call_at(&variant, LOAD, &flags)?;
        let size = format!("{count} {kind}");
        let least = *least.get_or_insert(instructions_per_call);
        table.row(vec![
            size.clone(),
            figure(Some(instructions_per_call)),
            format!("{:.3}", instructions_per_call / least),
        ]);
        output.record(&Line {
            section: "scale-instructions",
            size,
            instructions_per_call,
        })?;
    }
    output.table(&table)
}
