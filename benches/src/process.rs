//! Helpers for processes: clocks, memory, CPUs, scheduling, and messages to the process that started this
//! one.

use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;

use anyhow::Context as _;
use nix::time::ClockId;
use nix::unistd::Pid;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// Writes one line to standard error. A failure to write is ignored, because it cannot be reported.
pub fn complain(message: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// Prints the address that a listener got as one line on standard output, for the starting process.
pub fn announce(address: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{address}")?;
    out.flush()
}

/// Nanoseconds since an arbitrary start, the same in all processes.
#[inline]
pub fn now_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// The CPU clock of a process: what all its threads used, exact to the nanosecond even while they run.
#[derive(Clone, Copy, Debug)]
pub struct CpuClock(ClockId);

impl CpuClock {
    /// The clock of process `pid`.
    pub fn of_process(pid: u32) -> anyhow::Result<Self> {
        let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(pid as i32));
        Ok(Self(
            clock.with_context(|| format!("no CPU clock for process {pid}"))?,
        ))
    }

    /// The clock of the calling thread alone.
    pub fn of_this_thread() -> Self {
        Self(ClockId::CLOCK_THREAD_CPUTIME_ID)
    }

    /// Nanoseconds of CPU time used so far.
    pub fn read(self) -> anyhow::Result<u64> {
        let used = self.0.now().context("a measured process has ended")?;
        Ok(used.tv_sec() as u64 * 1_000_000_000 + used.tv_nsec() as u64)
    }
}

/// The resident memory of a process, in bytes.
pub fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let kib = status.lines().find_map(|line| {
        line.strip_prefix("VmRSS:")?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    });
    kib.map(|kib: u64| kib * 1024)
        .with_context(|| format!("{path} has no VmRSS"))
}

/// The CPU time of each thread of a process, in nanoseconds, with the thread's name. Threads that have ended
/// are missing.
pub fn threads_cpu_ns(pid: u32) -> anyhow::Result<Vec<(String, u64)>> {
    let path = format!("/proc/{pid}/task");
    let mut threads = Vec::new();
    for thread in fs::read_dir(&path).with_context(|| format!("cannot read {path}"))? {
        let thread = thread?.path();
        let text = |file: &str| fs::read_to_string(thread.join(file));
        let (Ok(name), Ok(times)) = (text("comm"), text("schedstat")) else {
            continue;
        };
        let used = times.split_whitespace().next().and_then(|time| time.parse().ok());
        threads.push((name.trim().to_owned(), used.context("schedstat is odd")?));
    }
    Ok(threads)
}

/// The CPUs that this thread may use.
pub fn allowed_cpus() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect())
}

/// Pins this thread, and whatever it starts from now on, to `cpus`.
pub fn pin_to(cpus: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for &cpu in cpus {
        set.set(cpu);
    }
    Ok(sched_setaffinity(None, &set)?)
}

/// Puts this thread, and whatever it starts from now on, under `SCHED_RR` at `priority`.
pub fn make_real_time(priority: u8) -> anyhow::Result<()> {
    let value = ThreadPriorityValue::try_from(priority).map_err(|error| anyhow::anyhow!("{error}"))?;
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Crossplatform(value), policy)
        .map_err(|error| anyhow::anyhow!("SCHED_RR priority {priority} refused: {error:?}"))
}

/// Raises this process's limit of open files towards `wanted`, as far as the hard limit allows; returns the
/// new limit.
pub fn allow_open_files(wanted: u64) -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = |to: Option<u64>, maximum| setrlimit(Resource::Nofile, Rlimit { current: to, maximum });
    let Some(current) = limit.current.filter(|&current| current < wanted) else {
        return Ok(wanted);
    };
    let within_hard = limit.maximum.map_or(wanted, |hard| hard.min(wanted)).max(current);
    // Raising the hard limit needs a privilege that even root may lack in a container.
    if limit.maximum.is_none_or(|hard| hard >= wanted) || raised(Some(wanted), Some(wanted)).is_err() {
        raised(Some(within_hard), limit.maximum)?;
        return Ok(within_hard);
    }
    Ok(wanted)
}
