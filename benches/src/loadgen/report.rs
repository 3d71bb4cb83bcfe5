//! The results of a generator run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Load;
use crate::wire::Protocol;

/// The results of one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The requested load.
    pub load: Load,
    /// The generator's protocol.
    pub protocol: Protocol,
    /// The length of a request frame in bytes.
    pub request_bytes: usize,
    /// Responses to calls, warm-up and end included; each of them was checked.
    pub answered: u64,
    /// Responses among them that were an error, wrong, or belonged to no call.
    pub failed: u64,
    /// Calls of an open loop that were not sent because too many were in flight.
    pub dropped: u64,
    /// The first few errors.
    pub errors: Vec<String>,
    /// Calls with a response during the measurement.
    pub measured_calls: u64,
    /// Their rate.
    pub calls_per_second: f64,
    /// The number of windows in the measurement.
    pub windows: usize,
    /// Windows left out of `cpu_us` and `latency_us` because a CPU was taken away.
    pub windows_stalled: usize,
    /// The share of the measured time for which a CPU was taken away.
    pub lost_share: f64,
    /// CPU microseconds per call, by name of the process; `generator` is this program's sending thread.
    pub cpu_us: BTreeMap<String, CpuPerCall>,
    /// Latency in microseconds: from sending in a closed loop, from the due time in an open one.
    pub latency_us: Latency,
}

/// CPU microseconds per call over the windows of a run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct CpuPerCall {
    /// The value of the median window.
    pub median: f64,
    /// The value of the window at the lower quartile.
    pub lower_quartile: f64,
}

/// Percentiles in microseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Latency {
    /// Half of the calls were faster.
    pub p50: f64,
    /// 99 of 100 calls were faster.
    pub p99: f64,
    /// 999 of 1,000 calls were faster.
    pub p999: f64,
    /// The slowest call.
    pub max: f64,
}
