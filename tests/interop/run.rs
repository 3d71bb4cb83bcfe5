//! The whole command: prepare, start, run pairs side by side, judge, and report.
use super::baseline::Baseline;
use super::cell::Cell;
use super::document::Document;
use super::expected::Expected;
use super::judge::{self, Run};
use super::node::{self, NodeRuns};
use super::options::{Options, say};
use super::peers::{Peers, Provider};
use super::plan::{Pair, Side, pairs};
use super::proxy::Proxy;
use super::reload::{self, Reloads};
use super::summary;
use anyhow::{Context, ensure};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The filter name of the reloads under load.
const RELOAD: &str = "reload";
/// The most consumers at once. Each is a JVM that warms up, and responses have deadlines.
const AT_ONCE: usize = 2;
/// The time for responses that come after their consumers' timeouts.
const LATE: Duration = Duration::from_secs(20);

/// What the threads that run consumers share.
struct Stage<'a> {
    peers: &'a Peers,
    /// The listener's port for each provider.
    ports: BTreeMap<Side, u16>,
    options: &'a Options,
    dir: &'a Path,
}

/// Runs what was requested; returns whether everything is as expected.
pub(crate) fn run(options: &Options) -> anyhow::Result<bool> {
    let all = pairs();
    let wanted: Vec<Pair> = all.iter().filter(|p| options.wants(&p.name())).cloned().collect();
    let loaded = options.wants(RELOAD).then(|| reload::loaded(&all)).transpose()?;
    let with_node = options.wants(node::NAME);
    ensure!(
        !wanted.is_empty() || loaded.is_some() || with_node,
        "no pair is called so; --list tells the names"
    );
    if options.list {
        wanted.iter().for_each(|p| say(&p.name()));
        return Ok(true);
    }
    let begin = Instant::now();
    let node = with_node.then(node::NodePeer::prepare).transpose()?;
    let (known, expected) = (Baseline::read()?, Expected::read()?);
    let peers = Peers::prepare()?;
    let dir = fresh_directory("interop")?;
    let node = node.map(|node| NodeRuns::run(&node, &peers, &dir)).transpose()?;
    if wanted.is_empty() && loaded.is_none() {
        let wrong = node.iter().flat_map(NodeRuns::failures).collect::<Vec<_>>();
        wrong.iter().for_each(|line| say(line));
        return Ok(wrong.is_empty());
    }
    let providers = start_providers(&peers, wanted.iter().chain(loaded.into_iter().flatten()), &dir)?;
    let ports: Vec<_> = providers
        .iter()
        .map(|(side, p)| (side.clone(), p.ready.port))
        .collect();
    let mut proxy = Proxy::start(&ports, &dir)?;
    let stage = Stage {
        peers: &peers,
        ports: proxy.ports(&ports)?,
        options,
        dir: &dir,
    };
    let seen = stage.run_all(&wanted)?;
    let mut wrong: Vec<String> = node.iter().flat_map(NodeRuns::failures).collect();
    let reloads = loaded
        .map(|loaded| Reloads::run(&peers, &mut proxy, loaded, &dir))
        .transpose()?;
    wrong.extend(reloads.iter().flat_map(Reloads::failures));
    wrong.extend(proxy.await_quiet(LATE).err().map(|e| format!("{e:#}")));
    wrong.extend(
        proxy
            .stop()?
            .into_iter()
            .map(|c| format!("rialto complained: {c}")),
    );

    let judge = |(pair, cells): (Pair, Vec<Cell>)| {
        Run::judge(&pair, cells, options.cases.is_none(), &known, &expected)
    };
    let runs = seen.into_iter().map(judge).collect::<anyhow::Result<Vec<_>>>()?;
    if options.is_whole() {
        wrong.extend(judge::idle_rules(&runs, &expected));
    }
    let failed = summary::print(&runs, &expected, &wrong);
    say(&format!(
        "{} s; what was said is in {}",
        begin.elapsed().as_secs(),
        dir.display()
    ));
    let mut good = failed == 0;
    if !good && options.update_docs {
        say("docs/interop.md is left as it is: it tells of runs without failures only");
    } else if options.update_docs || options.check {
        let versions = versions(&providers);
        let java = peers.java_version()?;
        let document = Document {
            runs: &runs,
            expected: &expected,
            reloads: reloads.as_ref(),
            node: node.as_ref(),
            versions: &versions,
            java: &java,
        };
        good &= document.write_or_check(options)?;
    }
    Ok(good)
}

/// The directory for the logs of this run; those of the last run are removed.
pub(crate) fn fresh_directory(name: &str) -> anyhow::Result<PathBuf> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if dir.exists() {
        std::fs::remove_dir_all(&dir)?;
    }
    std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
    Ok(dir)
}

/// Starts all providers of the pairs, each once and all at the same time.
fn start_providers<'p>(
    peers: &Peers,
    pairs: impl Iterator<Item = &'p Pair>,
    dir: &Path,
) -> anyhow::Result<BTreeMap<Side, Provider>> {
    let mut starting = BTreeMap::new();
    for side in pairs.map(|p| &p.provider) {
        if !starting.contains_key(side) {
            let log = dir.join(format!("provider-{}.log", side.name()));
            starting.insert(side.clone(), peers.provide(side.peer, side.options(), &log)?);
        }
    }
    say(&format!("starting {} providers", starting.len()));
    starting
        .into_iter()
        .map(|(side, s)| Ok((side, s.ready()?)))
        .collect()
}

/// The frameworks with the versions that their providers report.
fn versions(providers: &BTreeMap<Side, Provider>) -> Vec<(String, String)> {
    let mut all: Vec<_> = providers
        .iter()
        .map(|(side, p)| (side.peer.to_owned(), p.ready.framework_version.clone()))
        .collect();
    all.dedup();
    all
}

/// Pairs to be run, and the providers in use.
struct Queue {
    waiting: Vec<Pair>,
    busy: HashSet<Side>,
    done: Vec<(Pair, Vec<Cell>)>,
    failed: Option<anyhow::Error>,
}

impl Stage<'_> {
    /// Runs the pairs, some at once, but never two with one provider, because it could not tell whose
    /// argument it received.
    fn run_all(&self, pairs: &[Pair]) -> anyhow::Result<Vec<(Pair, Vec<Cell>)>> {
        let waiting = pairs.iter().rev().cloned().collect();
        let queue = Mutex::new(Queue {
            waiting,
            busy: HashSet::new(),
            done: vec![],
            failed: None,
        });
        let changed = Condvar::new();
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    while let Some(pair) = take(&queue, &changed) {
                        let seen = self.run_one(&pair);
                        let mut queue = lock(&queue);
                        queue.busy.remove(&pair.provider);
                        match seen {
                            Ok(cells) => queue.done.push((pair, cells)),
                            Err(e) => queue.failed = Some(e.context(pair.name())),
                        }
                        changed.notify_all();
                    }
                });
            }
        });
        let Queue { mut done, failed, .. } = queue.into_inner().unwrap_or_else(PoisonError::into_inner);
        match failed {
            Some(e) => Err(e),
            None => {
                done.sort_by_key(|(pair, _)| pairs.iter().position(|p| p == pair));
                Ok(done)
            }
        }
    }

    fn run_one(&self, pair: &Pair) -> anyhow::Result<Vec<Cell>> {
        let begin = Instant::now();
        let mut options = pair.consumer.options().to_vec();
        if let Some(cases) = self.options.cases.as_deref().or(pair.cases()) {
            options.extend(["--zoo", cases]);
        }
        let name = pair.name().replace(" -> ", "--");
        let log = self.dir.join(format!("{name}.log"));
        let cells = self
            .peers
            .consume(pair.consumer.peer, self.ports[&pair.provider], &options, &log)?;
        std::fs::write(
            self.dir.join(format!("{name}.json")),
            serde_json::to_string_pretty(&cells)?,
        )?;
        let good = cells
            .iter()
            .filter(|c| c.outcome == super::cell::Outcome::Ok)
            .count();
        let time = begin.elapsed().as_secs_f32();
        say(&format!(
            "{}: {good} of {} cases work ({time:.1} s)",
            pair.name(),
            cells.len()
        ));
        Ok(cells)
    }
}

/// The next pair whose provider is free; `None` if nothing is left.
fn take(queue: &Mutex<Queue>, changed: &Condvar) -> Option<Pair> {
    let mut queue = lock(queue);
    loop {
        if queue.waiting.is_empty() || queue.failed.is_some() {
            return None;
        }
        if let Some(at) = queue
            .waiting
            .iter()
            .rposition(|p| !queue.busy.contains(&p.provider))
        {
            let pair = queue.waiting.remove(at);
            queue.busy.insert(pair.provider.clone());
            return Some(pair);
        }
        queue = changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Locks the queue. A panic of another thread cannot have left it half changed.
fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}
