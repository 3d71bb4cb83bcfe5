//! One worker against two: if workers share nothing, a call costs the same CPU time with either.

use super::calls::{Run, Setting, median_of, range, ratios, undisturbed};
use super::lab::Lab;
use super::options::Options;
use super::output::Output;
use super::table::{Table, figure};
use super::variant::Variant;
use crate::loadgen::Load;
use crate::process::complain;
use crate::stats::quantile;

/// The fewest connections that keep a second worker busy.
const MIN_CONNECTIONS: usize = 8;

/// Measures the chosen variants that take part, under the chosen loads that can keep two workers busy.
pub(super) fn measure(lab: &Lab, options: &Options, output: &mut Output) -> anyhow::Result<()> {
    let variants: Vec<&Variant> = options
        .variants
        .iter()
        .filter(|variant| variant.workers)
        .collect();
    let loads: Vec<Load> = options
        .loads
        .iter()
        .copied()
        .filter(|load| load.connections >= MIN_CONNECTIONS && load.in_flight().is_some())
        .collect();
    // Both get both CPUs, so that only the number of workers differs.
    let placement = lab.together();
    let mut runs = Vec::new();
    for round in 0..options.rounds {
        complain(format_args!("workers: round {} of {}", round + 1, options.rounds));
        for &load in &loads {
            for variant in &variants {
                for workers in [1, 2] {
                    let setting = Setting {
                        section: "workers",
                        round,
                        load,
                        workers,
                        placement: &placement,
                    };
                    runs.extend(undisturbed(lab, options, variant, &setting, output)?);
                }
            }
        }
    }
    output.table(&tabulate(&loads, &variants, &runs))
}

fn tabulate(loads: &[Load], variants: &[&Variant], runs: &[Run]) -> Table {
    let legend = "CPU microseconds of the proxy per call; proxy, generator and backend share two CPUs. Ratio: two \
                  workers to one in the same round, median and range.";
    let heads = [
        "variant, load",
        "one worker",
        "two workers",
        "ratio",
        "range",
        "runs",
    ];
    let mut table = Table::new("One worker and two", legend, &heads);
    for &load in loads {
        for variant in variants {
            let with = |workers: usize| -> Vec<&Run> {
                let fits = |run: &&Run| {
                    run.report.load == load && run.variant == variant.name && run.workers == workers
                };
                runs.iter().filter(fits).collect()
            };
            let (one, two) = (with(1), with(2));
            let ratios = ratios(&two, &one);
            table.row(vec![
                format!("{}, {load}", variant.name),
                figure(median_of(&one, &Run::proxy_us)),
                figure(median_of(&two, &Run::proxy_us)),
                figure(quantile(&ratios, 0.5)),
                range(&ratios),
                ratios.len().to_string(),
            ]);
        }
    }
    table
}
