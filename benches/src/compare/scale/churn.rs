//! A thousand files of endpoints that change every second: what a change costs a real process, and how fast
//! its readiness probe answers meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::Serialize;

use super::super::lab::{Lab, Running, is_ready};
use super::super::options::Options;
use super::super::output::Output;
use super::super::table::{Table, figure};
use super::site::{Cpu, Kind, Site, Size};
use super::{Sizes, cells};
use crate::process::complain;
use crate::scale::Spread;
use crate::wire::Protocol;

const PER_SECOND: u32 = 1_000;
/// The time between two probes.
const PROBE: Duration = Duration::from_millis(5);
/// Every file is also read without a notification, in this interval; see `discovery/src/file.rs`.
const IDLE: Duration = Duration::from_secs(10);
/// The control thread is done when it has used less than a quarter of a CPU for this long.
const CALM: Duration = Duration::from_millis(400);
const CALM_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Serialize)]
struct Churn {
    section: &'static str,
    services: usize,
    written: usize,
    applied: u64,
    /// Of the probes, in milliseconds.
    ready_ms: Spread,
    control_us_per_change: f64,
    worker_us_per_change: f64,
    /// The time after the last change until the control thread was calm.
    behind_seconds: f64,
    /// Milliseconds of CPU time per second without changes.
    idle_ms_per_second: f64,
}

pub(super) fn measure(
    lab: &Lab,
    options: &Options,
    sizes: &Sizes,
    output: &mut Output,
) -> anyhow::Result<()> {
    let legend = "1,000 files of endpoints are replaced every second, one after the other, each with \
                  another endpoint. applied: changes that workers got; changes of one file within 150 ms \
                  become one. ready: of /healthz/ready meanwhile, in milliseconds. control, worker: CPU \
                  microseconds per applied change beyond those of an idle process; control is all threads \
                  but workers and admin. behind: from the last change until the control thread was calm. \
                  idle: CPU time without changes, per second.";
    let heads = [
        "services",
        "written",
        "applied",
        "ready p50 ms",
        "p99",
        "max",
        "control us",
        "worker us",
        "behind s",
        "idle ms/s",
    ];
    let mut table = Table::new("Changes of files", legend, &heads);
    for &services in sizes.services {
        complain(format_args!("scale: changes of files, {services} services"));
        let idle = if options.small { IDLE / 10 } else { IDLE };
        let churn = churn(lab, services, sizes.churn_seconds, idle)?;
        let mut row = vec![
            services.to_string(),
            churn.written.to_string(),
            churn.applied.to_string(),
        ];
        row.extend(cells(&churn.ready_ms));
        row.extend(
            [
                churn.control_us_per_change,
                churn.worker_us_per_change,
                churn.behind_seconds,
                churn.idle_ms_per_second,
            ]
            .map(|value| figure(Some(value))),
        );
        table.row(row);
        output.record(&churn)?;
    }
    output.table(&table)
}

fn churn(lab: &Lab, services: usize, seconds: u64, idle: Duration) -> anyhow::Result<Churn> {
    let size = Size {
        kind: Kind::ServicesInFiles,
        count: services,
    };
    let backend = lab.backend(&lab.anywhere())?;
    let site = Site::prepare(lab, size, backend.address, Protocol::Dubbo)?;
    let (proxy, _) = site.start(lab)?;
    wait_until_calm(&proxy)?;
    let before = Cpu::of(&proxy)?;
    thread::sleep(idle);
    let idle_cpu = Cpu::of(&proxy)?.since(before);

    let before = Cpu::of(&proxy)?;
    let began = Instant::now();
    let done = AtomicBool::new(false);
    let written = seconds as usize * PER_SECOND as usize;
    let ready_ms = thread::scope(|scope| -> anyhow::Result<Spread> {
        let probes = scope.spawn(|| probe(&site, &done));
        let outcome = write_all(&site, services, written);
        done.store(true, Ordering::Relaxed);
        let probes = probes.join();
        outcome?;
        probes.map_err(|_| anyhow::anyhow!("the probing thread panicked"))?
    })?;
    let behind = wait_until_calm(&proxy)?;
    let took = began.elapsed().as_secs_f64();
    let used = Cpu::of(&proxy)?.since(before);
    let applied = site.changes_made()?;
    ensure!(applied > 0, "no change was noticed");
    let share = took / idle.as_secs_f64();
    let per_change =
        |used: u64, idle: u64| (used as f64 - idle as f64 * share).max(0.0) / 1e3 / applied as f64;
    Ok(Churn {
        section: "scale-churn",
        services,
        written,
        applied,
        ready_ms,
        control_us_per_change: per_change(used.control, idle_cpu.control),
        worker_us_per_change: per_change(used.workers, idle_cpu.workers),
        behind_seconds: behind.as_secs_f64(),
        idle_ms_per_second: (idle_cpu.control + idle_cpu.workers) as f64 / 1e6 / idle.as_secs_f64(),
    })
}

/// Replaces files evenly over time.
fn write_all(site: &Site, services: usize, number: usize) -> anyhow::Result<()> {
    let began = Instant::now();
    for change in 0..number {
        let due = Duration::from_secs(1) / PER_SECOND * change as u32;
        thread::sleep(due.saturating_sub(began.elapsed()));
        site.write_endpoints(change % services, change + 1)?;
    }
    Ok(())
}

/// Asks whether the proxy is ready, again and again. Returns how long it took to answer, in milliseconds.
fn probe(site: &Site, done: &AtomicBool) -> anyhow::Result<Spread> {
    let mut times = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let asked = Instant::now();
        ensure!(is_ready(site.admin()), "it is not ready any more");
        times.push(asked.elapsed().as_secs_f64() * 1e3);
        thread::sleep(PROBE);
    }
    Ok(Spread::of(times))
}

/// Waits until the control thread has little to do. Returns how long it was busy before.
pub(super) fn wait_until_calm(proxy: &Running) -> anyhow::Result<Duration> {
    let began = Instant::now();
    loop {
        let (busy, before) = (began.elapsed(), Cpu::of(proxy)?);
        thread::sleep(CALM);
        let used = Cpu::of(proxy)?.since(before);
        if Duration::from_nanos(used.control.max(used.workers)) < CALM / 4 || busy > CALM_TIMEOUT {
            return Ok(busy);
        }
    }
}
