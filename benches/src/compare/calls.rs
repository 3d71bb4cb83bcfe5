//! CPU time per call and latency, for every variant under every load.

use serde::Serialize;

use super::lab::{Lab, Placement};
use super::options::Options;
use super::output::Output;
use super::table::{Table, figure};
use super::variant::{Proxy, Variant};
use crate::loadgen::{self, Load, Report};
use crate::process::{complain, resident_bytes};
use crate::stats::quantile;

/// The largest share of a run in which a CPU may be taken away; beyond it the run is repeated.
const MAX_LOST: f64 = 0.10;
/// The most runs of one variant in one round, until one is undisturbed.
const ATTEMPTS: usize = 3;
/// The smallest share of an open loop's calls that must get a response within the run.
const KEEPS_UP: f64 = 0.95;
const HEADS: [&str; 13] = [
    "variant",
    "calls/s",
    "proxy us",
    "x relay",
    "range",
    "goal",
    "x rialto",
    "backend us",
    "p50 us",
    "p99 us",
    "p99.9 us",
    "RSS MB",
    "runs",
];
const LEGEND: &str = "proxy us: CPU time of the proxy per call, median 50 ms window, median of the rounds. x relay: \
    that as a multiple of the plain relay's in the same round, median and range; goal: what x relay should not \
    exceed. x rialto: as a multiple of Rialto's with the same client. Latency: median of the rounds, from the due time \
    in open loops; behind: runs in which the rate was not kept up.";

/// One run, as written to the results file.
#[derive(Debug, Serialize)]
pub(super) struct Run {
    section: &'static str,
    round: usize,
    attempt: usize,
    pub(super) variant: &'static str,
    pub(super) workers: usize,
    /// False if the machine was too disturbed.
    pub(super) kept: bool,
    resident_bytes: Option<u64>,
    #[serde(flatten)]
    pub(super) report: Report,
}

/// What to run, apart from the variant.
#[derive(Debug)]
pub(super) struct Setting<'a> {
    pub(super) section: &'static str,
    pub(super) round: usize,
    pub(super) load: Load,
    pub(super) workers: usize,
    pub(super) placement: &'a Placement,
}

/// Measures all chosen variants under all chosen loads.
pub(super) fn measure(lab: &Lab, options: &Options, output: &mut Output) -> anyhow::Result<()> {
    let variants: Vec<Variant> = options
        .variants
        .iter()
        .filter(|variant| lab.has(variant))
        .copied()
        .collect();
    let placement = lab.apart();
    let mut runs = Vec::new();
    for round in 0..options.rounds {
        complain(format_args!("calls: round {} of {}", round + 1, options.rounds));
        for &load in &options.loads {
            let setting = Setting {
                section: "calls",
                round,
                load,
                workers: 1,
                placement: &placement,
            };
            for variant in &variants {
                runs.extend(undisturbed(lab, options, variant, &setting, output)?);
            }
        }
    }
    for &load in &options.loads {
        output.table(&tabulate(load, &variants, &runs))?;
    }
    Ok(())
}

/// Repeats a run until it is undisturbed; `None` if it failed.
pub(super) fn undisturbed(
    lab: &Lab,
    options: &Options,
    variant: &Variant,
    setting: &Setting<'_>,
    output: &mut Output,
) -> anyhow::Result<Option<Run>> {
    for attempt in 0..ATTEMPTS {
        let run = match run(lab, options, variant, setting, attempt) {
            Ok(run) => run,
            Err(error) => {
                output.failure(format!("{} under {}: {error:#}", variant.name, setting.load));
                return Ok(None);
            }
        };
        output.record(&run)?;
        if run.kept {
            return Ok(Some(run));
        }
    }
    complain(format_args!(
        "{} under {}: left out of round {}, the machine was disturbed {ATTEMPTS} times",
        variant.name,
        setting.load,
        setting.round + 1
    ));
    Ok(None)
}

fn run(
    lab: &Lab,
    options: &Options,
    variant: &Variant,
    setting: &Setting<'_>,
    attempt: usize,
) -> anyhow::Result<Run> {
    let placement = setting.placement;
    let backend = lab.backend(placement)?;
    let proxy = lab.proxy(variant, backend.address, setting.workers, placement)?;
    // Without a proxy, the generator gets the proxy's CPU.
    let generator = match proxy {
        Some(_) => placement.clone(),
        None => Placement {
            load: placement.proxy.clone(),
            ..placement.clone()
        },
    };
    let mut processes = vec![("backend".to_owned(), backend.pid())];
    processes.extend(proxy.as_ref().map(|proxy| ("proxy".to_owned(), proxy.pid())));
    let report = lab.load(
        &loadgen::Options {
            target: proxy.as_ref().map_or(backend.address, |proxy| proxy.address),
            protocol: variant.client,
            load: setting.load,
            argument_len: options.argument_len,
            warm: options.warm,
            measure: options.measure,
            calls: None,
            window: std::time::Duration::from_millis(50),
            processes,
            watched_cpus: lab.watched_cpus(placement),
        },
        &generator,
    )?;
    Ok(Run {
        section: setting.section,
        round: setting.round,
        attempt,
        variant: variant.name,
        workers: setting.workers,
        kept: report.lost_share <= MAX_LOST && !report.cpu_us.is_empty(),
        resident_bytes: proxy.map(|proxy| resident_bytes(proxy.pid())).transpose()?,
        report,
    })
}

impl Run {
    /// CPU microseconds of the proxy per call.
    pub(super) fn proxy_us(&self) -> Option<f64> {
        self.cpu_us("proxy")
    }

    /// Whether fewer calls got a response than an open loop sent.
    fn fell_behind(&self) -> bool {
        let rate = self.report.load.rate().map(|(rate, _)| f64::from(rate));
        rate.is_some_and(|rate| self.report.calls_per_second < KEEPS_UP * rate)
    }

    fn cpu_us(&self, process: &str) -> Option<f64> {
        self.report.cpu_us.get(process).map(|cpu| cpu.median)
    }
}

fn tabulate(load: Load, variants: &[Variant], runs: &[Run]) -> Table {
    let mut table = Table::new(format!("Calls, {load}"), LEGEND, &HEADS);
    let of = |variant: Option<&Variant>| -> Vec<&Run> {
        let name = variant.map_or("", |variant| variant.name);
        runs.iter()
            .filter(|run| run.report.load == load && run.variant == name)
            .collect()
    };
    for variant in variants {
        let own = of(Some(variant));
        let relay = of(variants
            .iter()
            .find(|other| other.is_yardstick_for(variant.client)));
        let rialto = of(variants.iter().find(|other| other.is_subject_for(variant.client)));
        let to_relay = ratios(&own, &relay);
        let median = |value: &dyn Fn(&Run) -> Option<f64>| figure(median_of(&own, value));
        let is_subject = variant.is_subject_for(variant.client);
        table.row(vec![
            variant.name.into(),
            median(&|run| Some(run.report.calls_per_second)),
            median(&Run::proxy_us),
            figure(quantile(&to_relay, 0.5)),
            range(&to_relay),
            figure(goal(load).filter(|_| is_subject)),
            figure(quantile(&ratios(&own, &rialto), 0.5)),
            median(&|run| run.cpu_us("backend")),
            median(&|run| Some(run.report.latency_us.p50)),
            median(&|run| Some(run.report.latency_us.p99)),
            median(&|run| Some(run.report.latency_us.p999)),
            match variant.proxy {
                Proxy::Direct => "-".into(),
                _ => median(&|run| run.resident_bytes.map(|bytes| bytes as f64 / 1e6)),
            },
            counted(&own),
        ]);
    }
    table
}

/// How many runs counted, and in how many of them the proxy fell behind the rate.
fn counted(runs: &[&Run]) -> String {
    match runs.iter().filter(|run| run.fell_behind()).count() {
        0 => runs.len().to_string(),
        behind => format!("{}, {behind} behind", runs.len()),
    }
}

/// The goal for the proxy's CPU time, as a multiple of the relay's: if there is anything to batch, batching
/// must make up for the work of decoding.
fn goal(load: Load) -> Option<f64> {
    match load.to_string().as_str() {
        "1x1" => Some(1.10),
        "8x1" => Some(0.95),
        "64x1" => Some(0.70),
        "8x32" => Some(1.35),
        "64x32" => Some(1.50),
        "64@20000" => Some(1.10),
        _ => None,
    }
}

/// The proxy's CPU time of each round as a multiple of the other's in the same round, sorted.
pub(super) fn ratios(own: &[&Run], other: &[&Run]) -> Vec<f64> {
    let mut ratios: Vec<f64> = own
        .iter()
        .filter_map(|run| {
            let beside = other.iter().find(|beside| beside.round == run.round)?;
            Some(run.proxy_us()? / beside.proxy_us()?)
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios
}

/// The median of `value` over the runs that have one.
pub(super) fn median_of(runs: &[&Run], value: &dyn Fn(&Run) -> Option<f64>) -> Option<f64> {
    let mut values: Vec<f64> = runs.iter().filter_map(|run| value(run)).collect();
    values.sort_by(f64::total_cmp);
    quantile(&values, 0.5)
}

/// The range of sorted values, from lowest to highest.
pub(super) fn range(sorted: &[f64]) -> String {
    match (sorted.first(), sorted.last()) {
        (Some(low), Some(high)) => format!("{low:.2}-{high:.2}"),
        _ => "-".into(),
    }
}
