//! The time from the start of the process until it is ready, and its memory then.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::super::lab::Lab;
use super::super::memory::{connect_and_call, settled_bytes};
use super::super::options::Options;
use super::super::output::Output;
use super::super::table::{Table, figure};
use super::site::{Cpu, Kind, Site, Size};
use super::{Sizes, mb};
use crate::process::complain;
use crate::stats::quantile;
use crate::wire::{Protocol, RequestTemplate};

#[derive(Debug, Serialize)]
struct Start {
    section: &'static str,
    #[serde(flatten)]
    size: Size,
    ready_seconds: f64,
    /// From the start of the process until a first call is answered. A worker is asked as soon as the process
    /// is ready, but may still be busy with its configuration.
    first_call_seconds: f64,
    resident_bytes: u64,
    worker_seconds: f64,
}

pub(super) fn measure(
    lab: &Lab,
    options: &Options,
    sizes: &Sizes,
    output: &mut Output,
) -> anyhow::Result<()> {
    let legend = "Medians. ready s: from exec until /healthz/ready says 200. call s: from exec until a \
                  call is answered. worker s: CPU time of the worker until then. RSS: of the process \
                  afterwards.";
    let heads = ["configuration", "ready s", "call s", "worker s", "RSS MB"];
    let mut table = Table::new("Start", legend, &heads);
    let of = |kind, counts: &'static [usize]| counts.iter().map(move |&count| Size { kind, count });
    let all = of(Kind::Services, sizes.services)
        .chain(of(Kind::ServicesInFiles, sizes.services))
        .chain(of(Kind::Routes, sizes.routes));
    for size in all {
        complain(format_args!(
            "scale: start with {} {}",
            size.count,
            size.kind.name()
        ));
        let mut starts = Vec::new();
        for _ in 0..sizes.starts {
            let start = start(lab, options, size)?;
            output.record(&start)?;
            starts.push(start);
        }
        let median = |value: fn(&Start) -> f64| {
            let mut values: Vec<f64> = starts.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            quantile(&values, 0.5)
        };
        table.row(vec![
            format!("{} {}", size.count, size.kind.name()),
            figure(median(|start| start.ready_seconds)),
            figure(median(|start| start.first_call_seconds)),
            figure(median(|start| start.worker_seconds)),
            median(|start| start.resident_bytes as f64).map_or_else(String::new, |bytes| mb(bytes as u64)),
        ]);
    }
    output.table(&table)
}

fn start(lab: &Lab, options: &Options, size: Size) -> anyhow::Result<Start> {
    let backend = lab.backend(&lab.anywhere())?;
    let site = Site::prepare(lab, size, backend.address, Protocol::Dubbo)?;
    let template = RequestTemplate::new(Protocol::Dubbo, options.argument_len)?;
    let (proxy, ready) = site.start(lab)?;
    let since = Instant::now();
    let _connection = connect_and_call(proxy.address, &template, 1)?;
    let first_call = ready + since.elapsed();
    Ok(Start {
        section: "scale-start",
        size,
        ready_seconds: ready.as_secs_f64(),
        first_call_seconds: first_call.as_secs_f64(),
        worker_seconds: Duration::from_nanos(Cpu::of(&proxy)?.workers).as_secs_f64(),
        resident_bytes: settled_bytes(&proxy)?,
    })
}
