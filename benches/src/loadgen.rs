//! The load generator, with closed loops (connections x calls in flight) and open loops (calls per second,
//! evenly spaced or Poisson, with latency counted from the due time of a call). Every response is checked
//! against its own request.
//!
//! While it runs, it reads the CPU clocks of the processes that it is given in short windows, so a stall of
//! the machine spoils a window and not the whole run.

mod load;
mod meter;
mod pace;
mod report;
mod session;

pub use load::{Load, Pattern};
pub use report::{CpuPerCall, Latency, Report};

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::thread::set_current_timer_slack;

use crate::flags::Flags;
use crate::net::Poller;
use crate::process::{CpuClock, now_ns};
use crate::stall::StallWatch;
use crate::wire::{Protocol, RequestTemplate};
use meter::Meter;
use pace::Pace;
use session::{Received, Session};

/// A run without any response for this long is ended.
const PATIENCE_NS: u64 = 5_000_000_000;
/// The most calls in flight on one connection of an open loop; further due calls are dropped and counted.
const MAX_OPEN_IN_FLIGHT: usize = 1024;
/// The longest sleep while nothing is due.
const IDLE: Duration = Duration::from_millis(5);
/// The most error messages that are kept.
const MAX_ERRORS: usize = 3;

/// What to send, where, for how long, and which processes' CPU time to read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The proxy, or the backend itself.
    pub target: SocketAddr,
    /// The generator's protocol.
    pub protocol: Protocol,
    /// How calls are spread over connections and time.
    pub load: Load,
    /// The length of the string argument in characters.
    pub argument_len: usize,
    /// The time before the measurement starts.
    pub warm: Duration,
    /// The time of the measurement, unless `calls` ends it.
    pub measure: Duration,
    /// The total number of calls, warm-up included.
    pub calls: Option<u64>,
    /// The length of a window.
    pub window: Duration,
    /// Names and ids of the processes whose CPU time is read.
    pub processes: Vec<(String, u32)>,
    /// The CPUs that are watched for stalls.
    pub watched_cpus: Vec<usize>,
}

impl Options {
    /// Reads the program's flags.
    pub fn from_flags(flags: &mut Flags) -> anyhow::Result<Self> {
        let seconds = |value: Option<f64>, default: f64| {
            Duration::try_from_secs_f64(value.unwrap_or(default))
                .context("a time must be a positive number of seconds")
        };
        let process = |text: String| {
            let (name, pid) = text
                .split_once(':')
                .with_context(|| format!("`{text}` is not NAME:PID"))?;
            Ok((
                name.to_owned(),
                pid.parse().with_context(|| format!("`{text}` is not NAME:PID"))?,
            ))
        };
        Ok(Self {
            target: flags.required("--to")?,
            protocol: flags.required("--protocol")?,
            load: flags.required("--load")?,
            argument_len: flags.value("--argument")?.unwrap_or(1024),
            warm: seconds(flags.value("--warm")?, 0.3)?,
            measure: seconds(flags.value("--seconds")?, 1.0)?,
            calls: flags.value("--calls")?,
            window: seconds(flags.value("--window")?, 0.05)?,
            processes: flags
                .list::<String>("--processes")?
                .unwrap_or_default()
                .into_iter()
                .map(process)
                .collect::<anyhow::Result<_>>()?,
            watched_cpus: flags.list("--watch-cpus")?.unwrap_or_default(),
        })
    }

    /// The flags for these options.
    pub fn to_flags(&self) -> Vec<String> {
        let mut flags = vec![
            format!("--to={}", self.target),
            format!("--protocol={}", self.protocol),
            format!("--load={}", self.load),
            format!("--argument={}", self.argument_len),
            format!("--warm={}", self.warm.as_secs_f64()),
            format!("--seconds={}", self.measure.as_secs_f64()),
            format!("--window={}", self.window.as_secs_f64()),
        ];
        let join = |items: Vec<String>| items.join(",");
        flags.extend(self.calls.map(|calls| format!("--calls={calls}")));
        let processes = self
            .processes
            .iter()
            .map(|(name, pid)| format!("{name}:{pid}"))
            .collect();
        flags.push(format!("--processes={}", join(processes)));
        flags.push(format!(
            "--watch-cpus={}",
            join(self.watched_cpus.iter().map(usize::to_string).collect())
        ));
        flags
    }
}

/// Runs `loadgen`; prints the report as one JSON line and fails if a call failed.
#[expect(clippy::print_stdout, reason = "the report is this program's output")]
pub fn main(mut flags: Flags) -> anyhow::Result<()> {
    let options = Options::from_flags(&mut flags)?;
    flags.finish()?;
    let report = run(&options)?;
    println!("{}", serde_json::to_string(&report)?);
    anyhow::ensure!(
        report.failed == 0,
        "{} calls failed: {}",
        report.failed,
        report.errors.join("; ")
    );
    Ok(())
}

/// Runs the load and returns what was measured.
pub fn run(options: &Options) -> anyhow::Result<Report> {
    // This has no effect on real-time threads, whose timers are exact anyway.
    set_current_timer_slack(NonZeroU64::new(1_000))?;
    let mut generator = Generator::new(options)?;
    generator.run()?;
    Ok(generator.into_report(options))
}

struct Generator {
    template: RequestTemplate,
    sessions: Vec<Session>,
    poller: Poller,
    buffer: Vec<u8>,
    pace: Option<Pace>,
    next_session: usize,
    meter: Meter,
    /// When the measurement begins and ends, on the monotonic clock.
    measure_ns: (u64, u64),
    calls_left: u64,
    tally: Tally,
}

/// What happened to the calls so far.
#[derive(Debug, Default)]
struct Tally {
    issued: u64,
    answered: u64,
    failed: u64,
    dropped: u64,
    errors: Vec<String>,
    last_answer_ns: u64,
}

impl Tally {
    fn in_flight(&self) -> u64 {
        self.issued - self.answered
    }

    fn fail(&mut self, message: impl FnOnce() -> String) {
        self.failed += 1;
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(message());
        }
    }
}

impl Generator {
    fn new(options: &Options) -> anyhow::Result<Self> {
        let poller = Poller::new()?;
        let in_flight = options.load.in_flight().unwrap_or(MAX_OPEN_IN_FLIGHT);
        let mut sessions = Vec::with_capacity(options.load.connections);
        for index in 0..options.load.connections {
            let session = Session::connect(options.target, in_flight)
                .with_context(|| format!("cannot connect to {}, connection {index}", options.target))?;
            poller.add(session.stream(), index as u64)?;
            sessions.push(session);
        }
        let mut clocks = Vec::new();
        for (name, pid) in &options.processes {
            clocks.push((name.clone(), CpuClock::of_process(*pid)?));
        }
        clocks.push(("generator".into(), CpuClock::of_this_thread()));
        let stalls = StallWatch::start(&options.watched_cpus);
        let start = now_ns();
        let measure_from = start + options.warm.as_nanos() as u64;
        Ok(Self {
            template: RequestTemplate::new(options.protocol, options.argument_len)?,
            sessions,
            poller,
            buffer: Vec::new(),
            pace: options
                .load
                .rate()
                .map(|(rate, pattern)| Pace::new(start, rate, pattern)),
            next_session: 0,
            meter: Meter::new(clocks, stalls, options.window)?,
            measure_ns: (measure_from, measure_from + options.measure.as_nanos() as u64),
            calls_left: options.calls.unwrap_or(u64::MAX),
            tally: Tally {
                last_answer_ns: start,
                ..Tally::default()
            },
        })
    }

    /// Issues calls until the time or the number of calls is reached, then waits for those in flight.
    fn run(&mut self) -> anyhow::Result<()> {
        if self.pace.is_none() {
            self.fill()?;
        }
        loop {
            let now = now_ns();
            let (from, to) = self.measure_ns;
            if now >= to {
                self.calls_left = 0;
            }
            let drained = self.calls_left == 0 && self.tally.in_flight() == 0;
            // A run that ends by its number of calls is measured up to the last response.
            if now >= to || drained {
                self.meter.stop(now)?;
            } else if now >= from {
                self.meter.tick(now)?;
            }
            if drained {
                return Ok(());
            }
            self.check_patience(now)?;
            let sleep = if self.calls_left > 0 {
                self.issue_due(now)?
            } else {
                IDLE
            };
            self.poller.wait(Some(sleep))?;
            self.receive()?;
        }
    }

    fn check_patience(&self, now: u64) -> anyhow::Result<()> {
        let silent = now.saturating_sub(self.tally.last_answer_ns);
        if self.tally.in_flight() > 0 && silent > PATIENCE_NS {
            bail!(
                "no response for {} s: {} of {} calls have none",
                PATIENCE_NS / 1_000_000_000,
                self.tally.in_flight(),
                self.tally.issued
            );
        }
        Ok(())
    }

    /// Starts the first calls of every connection, for a closed loop.
    fn fill(&mut self) -> anyhow::Result<()> {
        for session in &mut self.sessions {
            while self.calls_left > 0 && session.issue(&self.template, self.tally.issued + 1, now_ns()) {
                self.tally.issued += 1;
                self.calls_left -= 1;
            }
            session.flush()?;
        }
        Ok(())
    }

    /// Sends what is due by `now`, for an open loop. Returns how long nothing more is due.
    fn issue_due(&mut self, now: u64) -> anyhow::Result<Duration> {
        let Some(pace) = &mut self.pace else {
            return Ok(IDLE);
        };
        let first = self.next_session;
        let mut touched = 0;
        while pace.due_ns() <= now && self.calls_left > 0 {
            let session = self.next_session;
            self.next_session = (session + 1) % self.sessions.len();
            touched += 1;
            if self.sessions[session].issue(&self.template, self.tally.issued + 1, pace.due_ns()) {
                // A pause of the generator must not count as silence of the proxy.
                if self.tally.in_flight() == 0 {
                    self.tally.last_answer_ns = now;
                }
                self.tally.issued += 1;
                self.calls_left -= 1;
            } else {
                self.tally.dropped += 1;
            }
            pace.advance();
        }
        for offset in 0..touched.min(self.sessions.len()) {
            let index = (first + offset) % self.sessions.len();
            self.sessions[index].flush()?;
        }
        Ok(Duration::from_nanos(pace.due_ns().saturating_sub(now_ns())).min(IDLE))
    }

    /// Receives responses; in a closed loop each makes room for the next call.
    fn receive(&mut self) -> anyhow::Result<()> {
        let Self {
            template,
            sessions,
            poller,
            buffer,
            pace,
            meter,
            calls_left,
            tally,
            ..
        } = self;
        for at in 0..poller.len() {
            let Some(ready) = poller.get(at) else { break };
            let index = ready.token as usize;
            let session = &mut sessions[index];
            let closed_loop = pace.is_none();
            let open = !ready.readable
                || session.receive(ready.ended, buffer, template, |session, now, answer| {
                    tally.last_answer_ns = now;
                    match answer {
                        Received::Good { latency_ns } => meter.count_response(latency_ns),
                        Received::Bad(error) => tally.fail(|| error.to_string()),
                        Received::Stray(id) => {
                            return tally
                                .fail(|| format!("a response with id {id}, which no call in flight has"));
                        }
                    }
                    tally.answered += 1;
                    if closed_loop && *calls_left > 0 && session.issue(template, tally.issued + 1, now) {
                        tally.issued += 1;
                        *calls_left -= 1;
                    }
                })?;
            if !open {
                bail!(
                    "connection {index} was closed by the other side, {} calls in flight",
                    tally.in_flight()
                );
            }
            session.flush()?;
        }
        Ok(())
    }

    fn into_report(self, options: &Options) -> Report {
        let tally = self.tally;
        Report {
            load: options.load,
            protocol: options.protocol,
            request_bytes: self.template.frame_len(),
            answered: tally.answered,
            failed: tally.failed,
            dropped: tally.dropped,
            errors: tally.errors,
            ..self.meter.into_report(options.load, options.protocol)
        }
    }
}

#[cfg(test)]
mod tests;
