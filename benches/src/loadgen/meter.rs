//! Measures CPU clocks and latencies in short windows; windows in which the machine stalled are left out.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::Load;
use super::report::{CpuPerCall, Latency, Report};
use crate::process::CpuClock;
use crate::stall::StallWatch;
use crate::stats::quantile;
use crate::wire::Protocol;

/// The longest latency that is distinguished, in nanoseconds.
const MAX_LATENCY_NS: u64 = 60_000_000_000;
/// The share of a window that may be lost before it counts as stalled.
const MAX_LOST: f64 = 0.10;

#[derive(Debug)]
pub(super) struct Meter {
    clocks: Vec<(String, CpuClock)>,
    stalls: StallWatch,
    window_ns: u64,
    open: Option<Window>,
    /// Latencies of the open window.
    latencies: Histogram<u64>,
    /// Latencies of all windows without a stall.
    kept_latencies: Histogram<u64>,
    kept: Vec<Sample>,
    stalled: usize,
    lost_ns: u64,
    calls: u64,
    measured_ns: u64,
}

/// The values at the start of a window.
#[derive(Debug)]
struct Window {
    since_ns: u64,
    used_ns: Vec<u64>,
    lost_ns: u64,
}

/// CPU microseconds per call, one figure per clock.
#[derive(Debug)]
struct Sample(Vec<f64>);

impl Meter {
    pub(super) fn new(
        clocks: Vec<(String, CpuClock)>,
        stalls: StallWatch,
        window: Duration,
    ) -> anyhow::Result<Self> {
        let histogram = Histogram::new_with_max(MAX_LATENCY_NS, 3)?;
        Ok(Self {
            clocks,
            stalls,
            window_ns: window.as_nanos() as u64,
            open: None,
            latencies: histogram.clone(),
            kept_latencies: histogram,
            kept: Vec::new(),
            stalled: 0,
            lost_ns: 0,
            calls: 0,
            measured_ns: 0,
        })
    }

    /// Counts a correct response.
    #[inline]
    pub(super) fn count_response(&mut self, latency_ns: u64) {
        if self.open.is_some() {
            self.latencies.saturating_record(latency_ns);
        }
    }

    /// Opens the first window, or closes a full one and opens the next.
    pub(super) fn tick(&mut self, now: u64) -> anyhow::Result<()> {
        match &self.open {
            Some(window) if now - window.since_ns < self.window_ns => Ok(()),
            _ => self.turn_over(now, true),
        }
    }

    /// Closes the last window. It counts if it is long enough to be meaningful, or the only one.
    pub(super) fn stop(&mut self, now: u64) -> anyhow::Result<()> {
        if self.open.is_some() {
            self.turn_over(now, false)
        } else {
            Ok(())
        }
    }

    fn turn_over(&mut self, now: u64, again: bool) -> anyhow::Result<()> {
        let used_ns = self
            .clocks
            .iter()
            .map(|(_, clock)| clock.read())
            .collect::<anyhow::Result<Vec<_>>>()?;
        let lost_ns = self.stalls.lost_ns();
        let next = Window {
            since_ns: now,
            used_ns,
            lost_ns,
        };
        if let Some(window) = self.open.take() {
            let length = now - window.since_ns;
            if length * 2 >= self.window_ns || self.kept.is_empty() {
                self.close(&window, &next, length)?;
            }
        }
        self.latencies.reset();
        self.open = again.then_some(next);
        Ok(())
    }

    fn close(&mut self, window: &Window, next: &Window, length: u64) -> anyhow::Result<()> {
        let calls = self.latencies.len();
        let lost = next.lost_ns - window.lost_ns;
        self.calls += calls;
        self.lost_ns += lost;
        self.measured_ns += length;
        if lost as f64 > MAX_LOST * length as f64 {
            self.stalled += 1;
        } else if calls > 0 {
            let used = next
                .used_ns
                .iter()
                .zip(&window.used_ns)
                .map(|(next, before)| next - before);
            self.kept.push(Sample(
                used.map(|used| used as f64 / calls as f64 / 1e3).collect(),
            ));
            self.kept_latencies.add(&self.latencies)?;
        }
        Ok(())
    }

    pub(super) fn into_report(self, load: Load, protocol: Protocol) -> Report {
        let mut cpu_us = BTreeMap::new();
        for (index, (name, _)) in self.clocks.iter().enumerate() {
            let mut values: Vec<f64> = self.kept.iter().map(|sample| sample.0[index]).collect();
            values.sort_by(f64::total_cmp);
            if let (Some(median), Some(lower_quartile)) = (quantile(&values, 0.5), quantile(&values, 0.25)) {
                cpu_us.insert(
                    name.clone(),
                    CpuPerCall {
                        median,
                        lower_quartile,
                    },
                );
            }
        }
        let us = |quantile| self.kept_latencies.value_at_quantile(quantile) as f64 / 1e3;
        let measured_ns = self.measured_ns.max(1) as f64;
        Report {
            load,
            protocol,
            request_bytes: 0,
            answered: 0,
            failed: 0,
            dropped: 0,
            errors: Vec::new(),
            measured_calls: self.calls,
            calls_per_second: self.calls as f64 * 1e9 / measured_ns,
            windows: self.kept.len() + self.stalled,
            windows_stalled: self.stalled,
            lost_share: self.lost_ns as f64 / measured_ns,
            cpu_us,
            latency_us: Latency {
                p50: us(0.5),
                p99: us(0.99),
                p999: us(0.999),
                max: self.kept_latencies.max() as f64 / 1e3,
            },
        }
    }
}
