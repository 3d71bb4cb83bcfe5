//! Measures what Rialto costs: CPU time per call, latency and memory, beside a plain TCP relay and other
//! proxies in one run. [`compare`] runs the measurement: it starts fresh processes of the [`backend`], the
//! [`relay`], the proxy under test and the [`loadgen`] for every figure.

pub mod backend;
pub mod compare;
pub mod flags;
pub mod loadgen;
pub mod net;
pub mod process;
pub mod relay;
pub mod scale;
pub mod stall;
pub mod stats;
pub mod wire;
