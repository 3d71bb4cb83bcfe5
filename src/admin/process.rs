//! Metrics of the process from `/proc`, with the names that all Prometheus clients use.
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;
use std::fs::{read_dir, read_to_string};

/// The unit of times in `/proc`. It is the same on all architectures that we build for.
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads `/proc` at each scrape. Values that cannot be read are left out.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let stat = read_to_string("/proc/self/stat").unwrap_or_default();
        let status = read_to_string("/proc/self/status").unwrap_or_default();
        let limits = read_to_string("/proc/self/limits").unwrap_or_default();
        let boot = read_to_string("/proc/stat").ok().and_then(|s| boot_time(&s));
        let open = read_dir("/proc/self/fd").map(|fds| fds.count() as f64).ok();
        let times = Times::read(&stat);
        let started = times.as_ref().zip(boot).map(|(t, boot)| boot + t.start);
        if let Some(times) = &times {
            let help = "CPU time of all threads";
            let mut family = to.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?;
            ConstCounter::new(times.cpu).encode(family.encode_family(&[("", ""); 0])?)?;
        }
        for (name, help, value) in [
            ("process_open_fds", "Open descriptors", open),
            (
                "process_max_fds",
                "Limit of open file descriptors",
                max_fds(&limits),
            ),
            (
                "process_resident_memory_bytes",
                "Resident memory",
                bytes(&status, "VmRSS:"),
            ),
            (
                "process_virtual_memory_bytes",
                "Virtual memory",
                bytes(&status, "VmSize:"),
            ),
            (
                "process_start_time_seconds",
                "Start of the process, in seconds since the epoch",
                started,
            ),
        ] {
            let Some(value) = value else { continue };
            let mut family = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(family.encode_family(&[("", ""); 0])?)?;
        }
        Ok(())
    }
}

/// Times from `/proc/self/stat`, in seconds.
struct Times {
    cpu: f64,
    /// When the process started, counted from the start of the system.
    start: f64,
}

impl Times {
    fn read(stat: &str) -> Option<Times> {
        // the program's name may contain spaces and parentheses, so fields are counted behind the last one
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
        Some(Times {
            cpu: (ticks(11)? + ticks(12)?) / TICKS_PER_SECOND,
            start: ticks(19)? / TICKS_PER_SECOND,
        })
    }
}

fn boot_time(stat: &str) -> Option<f64> {
    stat.lines()
        .find_map(|l| l.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()
}

fn bytes(status: &str, key: &str) -> Option<f64> {
    let line = status.lines().find_map(|l| l.strip_prefix(key))?;
    let kilobytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024.0)
}

/// The soft limit of open files from `/proc/self/limits`; `None` if it is unlimited.
fn max_fds(limits: &str) -> Option<f64> {
    let line = limits.lines().find_map(|l| l.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_system_are_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 4 0 4200 1 1 1";
        let times = Times::read(stat).unwrap();
        assert_eq!((times.cpu, times.start), (2.0, 42.0));
        assert!(Times::read("7 (a) S 1").is_none());
        assert_eq!(boot_time("cpu 1\nbtime 1700000000\n"), Some(1_700_000_000.0));
        assert_eq!(bytes("Name:\tx\nVmRSS:\t   12 kB\n", "VmRSS:"), Some(12_288.0));
        let limits = "Max processes   1   1   processes\nMax open files            1024                 4096                 files\n";
        assert_eq!(max_fds(limits), Some(1024.0));
        assert_eq!(
            max_fds("Max open files            unlimited            unlimited            files\n"),
            None
        );
    }
}
