//! The proof at scale that a response meets its own call only: stock peers call each other through one Rialto, and
//! each response of each provider comes to it twice, at once or much later.
//!
//! All upstream connections of a worker share the ids of its calls, so there is one worker, which all calls meet.
pub(crate) mod doubles;
pub(crate) mod frames;
pub(crate) mod relay;
pub(crate) mod report;

use super::options::say;
use super::peers::{Flood, Peers, Provider};
use super::process::{Running, within};
use super::proxy::Proxy;
use super::run::fresh_directory;
use anyhow::{Context, bail, ensure};
use doubles::Shared;
use frames::Framing;
use relay::Relay;
use report::{Calls, Report, Row};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// The first argument of the command.
pub(crate) const NAME: &str = "doubled";

const HELP: &str = "\
Stock peers call each other while each response reaches Rialto twice; no call may get another's response.

    cargo xtask soak doubled [--calls N] [--update-docs]

--calls N        calls in all, 10000000 unless given
--update-docs    write what was seen to docs/soak.md

RIALTO_BIN       a rialto to use instead of the one built with the test
";

const CALLS: u64 = 10_000_000;
/// Calls of each pair by one consumer that has one call in flight at a time, and of which no response is withheld. If ids
/// are used again, they are here first.
const NARROW: u64 = 10_000;
/// Fewer calls in all would leave nothing for many at once.
const FEWEST: u64 = 5 * NARROW * PAIRS.len() as u64;
/// The most calls of a round. At its end all consumers are replaced, and abandon the calls that they have in flight.
const ROUND: u64 = 5_000_000;
/// Calls in flight of each consumer.
const WINDOW: u64 = 32;
/// After this time a call fails; withheld responses come later.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The fewest calls a second, beyond which a consumer is taken to hang.
const SLOWEST: u64 = 100;
const START: Duration = Duration::from_secs(120);
/// The time for the last doubles to be sent and for the last calls to end.
const LATE: Duration = Duration::from_secs(20);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Peers run for long here, so the better compiler pays. SOFARPC would write a line of a log for each call on both sides.
const JVM: [&str; 3] = [
    "-XX:TieredStopAtLevel=4",
    "-Xmx512m",
    "-Ddisable_middleware_digest_log=true",
];

const SOFA: &str = "sofa-5.13.2";
const DUBBO: [&str; 3] = ["dubbo-2.7.23", "dubbo-3.2.19", "dubbo-3.3.6"];

/// Consumers of one protocol and their provider.
pub(crate) struct Pair {
    pub(crate) name: &'static str,
    pub(crate) consumers: [&'static str; 3],
    pub(crate) provider: &'static str,
}

/// All pairs. What a call becomes on its way is not the same in any two of them.
pub(crate) const PAIRS: [Pair; 4] = [
    Pair {
        name: "dubbo-to-dubbo",
        consumers: DUBBO,
        provider: "dubbo-3.3.6",
    },
    Pair {
        name: "bolt-to-bolt",
        consumers: [SOFA; 3],
        provider: SOFA,
    },
    Pair {
        name: "dubbo-to-bolt",
        consumers: DUBBO,
        provider: SOFA,
    },
    Pair {
        name: "bolt-to-dubbo",
        consumers: [SOFA; 3],
        provider: "dubbo-3.2.19",
    },
];

impl Pair {
    fn framing(&self) -> Framing {
        match self.provider == SOFA {
            true => Framing::Bolt,
            false => Framing::Dubbo,
        }
    }
}

/// The command line.
#[derive(Debug)]
struct Options {
    calls: u64,
    update_docs: bool,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> anyhow::Result<Options> {
        let mut options = Options {
            calls: CALLS,
            update_docs: false,
        };
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--calls" => options.calls = args.next().context("--calls wants a number")?.parse()?,
                "--update-docs" => options.update_docs = true,
                "--help" | "-h" => bail!("{HELP}"),
                other => bail!("there is no option {other}\n\n{HELP}"),
            }
        }
        ensure!(
            options.calls >= FEWEST,
            "--calls wants at least {FEWEST}: fewer show nothing"
        );
        Ok(options)
    }
}

/// Runs the command; returns whether each call got its own response.
pub(crate) fn run(args: impl Iterator<Item = String>) -> anyhow::Result<bool> {
    let options = Options::parse(args)?;
    let peers = Peers::prepare()?.with_jvm(&JVM);
    let dir = fresh_directory(NAME)?;
    let shared = Arc::<Shared>::default();
    let providers = start_providers(&peers, &dir)?;
    let relays = PAIRS.iter().zip(&providers).map(|(pair, provider)| {
        Relay::start(provider.ready.port, pair.framing(), &shared).context("a relay cannot be started")
    });
    let relays = relays.collect::<anyhow::Result<Vec<_>>>()?;
    let proxy = Proxy::with(config(&relays), &dir)?;
    let stage = Stage {
        peers: &peers,
        proxy: &proxy,
        shared: &shared,
        dir: &dir,
    };
    let begin = Instant::now();
    let calls = stage.all_rounds(options.calls)?;
    let took = begin.elapsed();
    settle(&relays)?;
    let mut wrong: Vec<String> = relays.iter().flat_map(Relay::faults).collect();
    wrong.extend(proxy.await_quiet(LATE).err().map(|e| format!("{e:#}")));
    let version = proxy.version.clone();
    let late_responses = late_responses(&proxy.page("/metrics")?);
    wrong.extend(
        proxy
            .stop()?
            .into_iter()
            .map(|c| format!("rialto complained: {c}")),
    );
    let rows = PAIRS.iter().zip(calls).zip(&relays);
    let report = Report {
        rows: rows
            .map(|((pair, calls), relay)| Row::new(pair, calls, &relay.counts))
            .collect(),
        late_responses,
        took,
        version,
    };
    wrong.extend(report.complaints(options.calls));
    say(&report.text());
    say(&format!("what was said is in {}", dir.display()));
    wrong.iter().for_each(|line| say(&format!("WRONG: {line}")));
    if wrong.is_empty() && options.update_docs {
        report.write()?;
    }
    Ok(wrong.is_empty())
}

fn start_providers(peers: &Peers, dir: &Path) -> anyhow::Result<Vec<Provider>> {
    let starting = PAIRS.iter().map(|pair| {
        let log = dir.join(format!("provider-{}.log", pair.name));
        peers.provide(pair.provider, &[], &log)
    });
    let starting = starting.collect::<anyhow::Result<Vec<_>>>()?;
    starting.into_iter().map(|s| s.ready()).collect()
}

/// A listener, a route and a cluster for each pair.
fn config(relays: &[Relay]) -> Value {
    let each = |make: &dyn Fn(&Pair, u16) -> Value| -> Value {
        PAIRS
            .iter()
            .zip(relays)
            .map(|(pair, relay)| make(pair, relay.port))
            .collect()
    };
    let versions = |pair: &Pair| match pair.framing() {
        Framing::Bolt => json!([{ "from": "1.0.0", "to": "1.0" }]),
        Framing::Dubbo => json!([{ "from": "1.0", "to": "1.0.0" }]),
    };
    let protocol = |pair: &Pair| match pair.framing() {
        Framing::Bolt => "bolt",
        Framing::Dubbo => "dubbo",
    };
    json!({
        "admin": { "address": "127.0.0.1:0" },
        "log": { "level": "debug", "format": "json" },
        "runtime": { "workers": 1 },
        "listeners": each(&|pair, _| json!({ "name": pair.name, "address": "127.0.0.1:0", "routes": [pair.name] })),
        "routes": each(&|pair, _| json!({
            "name": pair.name, "to": [{ "cluster": pair.name }], "bridge": { "versions": versions(pair) },
        })),
        "clusters": each(&|pair, port| json!({
            "name": pair.name, "protocol": protocol(pair), "endpoints": [{ "address": format!("127.0.0.1:{port}") }],
        })),
    })
}

/// What the rounds share.
struct Stage<'a> {
    peers: &'a Peers,
    proxy: &'a Proxy,
    shared: &'a Shared,
    dir: &'a Path,
}

/// A consumer that makes calls of a pair.
struct Calling {
    pair: usize,
    calls: u64,
    running: Running,
}

impl Stage<'_> {
    /// Makes so many calls; returns what came of them by pair.
    fn all_rounds(&self, calls: u64) -> anyhow::Result<Vec<Calls>> {
        let mut sums = PAIRS.map(|_| Calls::default());
        for (at, pair) in PAIRS.iter().enumerate() {
            let one = self.consumer(at, pair.consumers[2], NARROW, 1, &format!("narrow-{}", pair.name))?;
            self.round(
                &format!("{}, one call at a time", pair.name),
                vec![one],
                &mut sums,
            )?;
        }
        self.shared.withholds.store(true, Relaxed);
        let mut left = calls - NARROW * PAIRS.len() as u64;
        let rounds = left.div_ceil(ROUND);
        for round in 0..rounds {
            let share = left / (rounds - round);
            left -= share;
            self.round(
                &format!("round {} of {rounds}", round + 1),
                self.crowd(round, share)?,
                &mut sums,
            )?;
        }
        Ok(sums.into())
    }

    /// All consumers of all pairs, which share so many calls.
    fn crowd(&self, round: u64, calls: u64) -> anyhow::Result<Vec<Calling>> {
        let all = PAIRS
            .iter()
            .enumerate()
            .flat_map(|(at, pair)| pair.consumers.iter().enumerate().map(move |c| (at, c)));
        let mut consumers: Vec<_> = all.collect();
        let mut left = calls;
        let mut started = vec![];
        while let Some((at, (number, peer))) = consumers.pop() {
            let share = left / (consumers.len() as u64 + 1);
            left -= share;
            let mark = format!("{}-{round}-{number}", PAIRS[at].name);
            started.push(self.consumer(at, peer, share, WINDOW, &mark)?);
        }
        Ok(started)
    }

    fn consumer(
        &self,
        pair: usize,
        peer: &str,
        calls: u64,
        window: u64,
        mark: &str,
    ) -> anyhow::Result<Calling> {
        let flood = Flood {
            mark,
            calls,
            window,
            timeout: TIMEOUT,
        };
        let port = self.proxy.port_of(PAIRS[pair].name)?;
        let log = self.dir.join(format!("{mark}.log"));
        let running = self.peers.flood(peer, port, &flood, &log)?;
        Ok(Calling { pair, calls, running })
    }

    /// Waits for the consumers and adds up what they tell.
    fn round(&self, name: &str, consumers: Vec<Calling>, sums: &mut [Calls]) -> anyhow::Result<()> {
        let begin = Instant::now();
        let mut calls = Calls::default();
        for consumer in consumers {
            let end = within(START + Duration::from_secs(consumer.calls / SLOWEST));
            let (lines, code) = consumer.running.rest(end)?;
            let pair = PAIRS[consumer.pair].name;
            let line = lines
                .last()
                .with_context(|| format!("a consumer of {pair} ended with {code:?}"))?;
            let seen: Calls = serde_json::from_str(line).with_context(|| line.clone())?;
            ensure!(
                seen.sent == consumer.calls,
                "a consumer of {pair} was to send {}: {line}",
                consumer.calls
            );
            calls.add(&seen);
            sums[consumer.pair].add(&seen);
        }
        say(&format!(
            "{name}: {} s, {}",
            begin.elapsed().as_secs(),
            calls.text()
        ));
        Ok(())
    }
}

/// Waits until each response was sent twice.
fn settle(relays: &[Relay]) -> anyhow::Result<()> {
    let end = within(LATE);
    let sum = |relay: &Relay| {
        let counts = &relay.counts;
        let sent: u64 = counts.doubles.iter().map(|n| n.load(Relaxed)).sum();
        (sent + counts.lost.load(Relaxed), counts.responses.load(Relaxed))
    };
    while let Some((sent, of)) = relays.iter().map(sum).find(|(sent, of)| sent != of) {
        ensure!(Instant::now() < end, "{sent} of {of} responses were doubled");
        std::thread::sleep(BETWEEN_LOOKS);
    }
    Ok(())
}

/// The number of responses for which Rialto found no call, by its own metrics.
fn late_responses(metrics: &str) -> u64 {
    let line = metrics
        .lines()
        .find(|l| l.starts_with("rialto_peer_errors_total") && l.contains("\"late_response\""));
    line.and_then(|l| l.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}
