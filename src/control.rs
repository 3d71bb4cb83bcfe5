//! The control plane: one thread that reads the configuration, follows the sources of endpoints, compiles changes,
//! sends them to the workers, handles signals and ends the process.
mod changes;
mod compile;
mod embed;
mod file;
mod health;
mod inbox;
mod listening;
mod on_demand;
mod reload;
mod signals;
mod sources;

pub use compile::{Compiler, World};
pub use embed::Embedded;

use crate::access_log::{self, Writer};
use crate::config::{self, Loaded};
use crate::state::{AccessLogSignals, Names, Shared};
use crate::{admin, logging};
use anyhow::{Context, anyhow};
use file::File;
use health::{Health, Turned};
use inbox::{Inbox, Senders};
use listening::Listening;
use on_demand::{Asker, News, OnDemand, Publication, Reply};
use reload::Pending;
use rialto_config::{Cluster, Config, LogOutput, Workers};
use rialto_core::CallError;
use rialto_core::asking::{Answer, Finding, Question, Subject};
use rialto_core::directory::{Change, ClusterId};
use rialto_core::runtime::{Layout, Runtime, raise_limit};
use rialto_protocols::All;
use signals::{EarlySignals, Request, Signals};
use sources::Sources;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

/// How often the configuration file is read. A change takes effect when it was read twice in a row.
const WATCH: Duration = Duration::from_millis(500);
/// How often services of registries are checked for calls.
const SWEEP: Duration = Duration::from_secs(1);
/// Threads that read endpoints files and look host names up. The default of 512 would be started at once where there
/// are many files; with fewer than these, host names that are looked up for long would keep files from being read.
const READERS: usize = 32;
/// How long no call must have been in flight before a draining process ends.
const QUIET: Duration = Duration::from_millis(300);

/// The state of the control thread.
struct Control {
    file: Option<File>,
    /// Whether an access log is written. This cannot change after the start.
    logs_calls: bool,
    config: Arc<Config>,
    /// A changed configuration that is not in use yet, because endpoints of its clusters are unknown.
    pending: Option<Pending>,
    compiler: Compiler,
    sources: Sources,
    on_demand: OnDemand,
    health: Health,
    /// Relative paths in the configuration begin here.
    base: PathBuf,
    listening: Listening,
    runtime: Arc<Runtime>,
    shared: Arc<Shared>,
    /// Dropping it stops the admin pages.
    _admin: Option<admin::Server>,
}

/// A process before it serves. It exists to catch `SIGHUP` and `SIGUSR1` from the first moment on, because they would
/// end the process otherwise.
pub struct Process {
    tokio: tokio::runtime::Runtime,
    early: EarlySignals,
}

impl Process {
    /// Starts to catch the signals. A process should do this first.
    ///
    /// # Errors
    /// The system refuses to create the event loop.
    pub fn new() -> anyhow::Result<Self> {
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(READERS)
            .build()?;
        let early = {
            let _entered = tokio.enter();
            EarlySignals::new()?
        };
        Ok(Process { tokio, early })
    }

    /// Serves a configuration until a signal ends the process. `path` is the file that the configuration was read
    /// from, which is watched for changes.
    ///
    /// # Errors
    /// The process cannot start. Once it serves, no error ends it.
    pub fn run(self, loaded: Loaded, path: Option<&Path>) -> anyhow::Result<()> {
        run_until(self, loaded, path, std::future::pending(), |_| {})
    }
}

/// Does the same as [`Process::run`], but also ends when `stop` completes. It calls `started` once it serves.
fn run_until(
    process: Process,
    loaded: Loaded,
    path: Option<&Path>,
    stop: impl Future<Output = ()>,
    started: impl FnOnce(&Shared),
) -> anyhow::Result<()> {
    let Process { tokio, early } = process;
    let level = logging::start(&loaded.config.log)?;
    let log = level.clone();
    let ended = tokio.block_on(async {
        let mut signals = Signals::new(early)?;
        let (mut inbox, senders) = Inbox::new();
        let mut control = tokio::select! {
            control = Control::start(loaded, path, level, senders, &mut inbox) => control?,
            () = signals.end() => {
                tracing::info!("the process was told to end before it was ready");
                return Ok(());
            }
        };
        started(&control.shared);
        tokio::select! {
            () = control.serve(&mut inbox, &mut signals) => {}
            () = stop => {}
        }
        control.drain(&mut signals).await;
        Ok(())
    });
    // a lookup of a host name may still run and take long, and is not waited for
    tokio.shutdown_background();
    log.flush();
    ended
}

impl Control {
    async fn start(
        loaded: Loaded,
        path: Option<&Path>,
        level: logging::Level,
        senders: Senders,
        inbox: &mut Inbox,
    ) -> anyhow::Result<Control> {
        let file = path.and_then(|path| File::new(path, &loaded));
        let config = Arc::new(loaded.config);
        if !loaded.warnings.is_empty() {
            tracing::warn!("the configuration has warnings:\n{}", loaded.warnings);
        }
        let base = path.and_then(Path::parent).unwrap_or(Path::new(".")).to_owned();
        let mut sources = Sources::new(base.clone(), senders.updates);
        sources.prepare(&config.clusters);
        sources.first_states(&mut inbox.updates).await;
        sources.take_over(&config.clusters);
        let mut on_demand = OnDemand::new(senders.news);
        on_demand.configure(&config, &base);

        let workers = match config.runtime.workers {
            Workers::Auto => std::thread::available_parallelism().map_or(1, usize::from),
            Workers::Count(n) => usize::from(n.get()),
        };
        let mut compiler = Compiler::default();
        let endpoints = |c: &Cluster| sources.state(c);
        let world = World {
            endpoints: &endpoints,
            workers,
            now: Instant::now(),
            uses: &[],
        };
        let first = compiler.configure(&config, &world);
        let names = Arc::new(Names::new(&first));
        let mut health = Health::default();
        // nothing was sick before
        let _ = health.apply(&first, &compiler, tokio::time::Instant::now());

        let signals = Arc::new(AccessLogSignals::default());
        let (log, batches) = sync_channel(access_log::QUEUE);
        let writer = Writer::open(&config.access_log, Arc::clone(&names), Arc::clone(&signals))
            .with_context(|| format!("access_log.path: {} cannot be opened", config.access_log.path))?;
        std::thread::Builder::new()
            .name("access-log".into())
            .spawn(move || writer.run(&batches))?;

        let mut listening = Listening::default();
        let plan = listening.plan(&config.listeners, &mut compiler)?;
        let layout = Layout {
            workers,
            pin: config.runtime.pin,
            descriptors: raise_limit(),
            log,
            control: senders.workers,
        };
        let runtime = Arc::new(Runtime::start::<All>(&layout, compiler.directory())?);
        drop(layout);
        warn_if_tight(&config, &runtime);
        let logs_calls = config.access_log.path != LogOutput::Off;
        if logs_calls {
            runtime.set_log(Some(config.access_log.sample));
        }
        let shared = Arc::new(Shared::new(
            Arc::clone(&runtime),
            compiler.directory().clone(),
            names,
            signals,
            level,
            sources.lists(),
            config::Dump::new(Arc::clone(&config), loaded.substitutions),
        ));
        let admin = if config.admin.enabled {
            let (server, bound) = admin::start(&config.admin, Arc::clone(&shared)).map_err(|e| {
                anyhow!(
                    "{e:#}; choose another admin.address, or see with `ss -ltnp` which process uses this one"
                )
            })?;
            shared.set_admin(bound);
            Some(server)
        } else {
            None
        };
        listening.open_added(plan, &runtime);
        shared.set_listening(listening.addresses());
        shared.set_ready(true);
        for (name, address) in listening.addresses() {
            tracing::info!("listener {name} on {address}");
        }
        tracing::info!(workers, "rialto {} is ready", crate::version::SHORT);
        Ok(Control {
            file,
            logs_calls,
            config,
            pending: None,
            compiler,
            sources,
            on_demand,
            health,
            base,
            listening,
            runtime,
            shared,
            _admin: admin,
        })
    }

    /// Handles changes of files and endpoints, questions of workers, and signals, until the process is told to end.
    async fn serve(&mut self, inbox: &mut Inbox, signals: &mut Signals) {
        let Inbox {
            updates,
            asked,
            news,
            outcomes,
        } = inbox;
        let mut watch = tokio::time::interval(WATCH);
        let mut sweep = tokio::time::interval(SWEEP);
        loop {
            let due = self.takes_over_at();
            tokio::select! {
                Some(update) = updates.recv() => {
                    let mut changed = BTreeSet::new();
                    changed.extend(self.sources.accept(update));
                    while let Ok(more) = updates.try_recv() {
                        changed.extend(self.sources.accept(more));
                    }
                    if !self.take_over_if_ready() {
                        changed.iter().for_each(|cluster| self.publish_endpoints(cluster));
                    }
                }
                Some((worker, question)) = asked.recv() => self.asked(worker, question),
                Some(news) = news.recv() => self.heard(news),
                Some(outcome) = outcomes.recv() => {
                    let turned = self.health.heard(&outcome);
                    self.tell_turned(turned);
                }
                () = at(self.health.next()) => self.check_health(),
                _ = sweep.tick() => self.sweep_services(),
                () = at(due) => self.take_over(),
                request = signals.next() => match request {
                    Request::End => return,
                    Request::Reload => {
                        if self.file.as_mut().is_none_or(File::look_now) {
                            self.reload();
                        }
                    }
                    Request::ReopenLogs => self.shared.reopen_logs(),
                },
                _ = watch.tick() => {
                    if self.file.as_mut().is_some_and(File::look) {
                        self.reload();
                    }
                }
            }
        }
    }

    /// Sends the configuration and the current endpoints of its clusters to the workers. Only parts that have changed
    /// are sent.
    fn publish(&mut self) {
        let uses = self.runtime.uses();
        let endpoints = |c: &Cluster| self.sources.state(c);
        let world = World {
            endpoints: &endpoints,
            workers: self.runtime.workers(),
            now: Instant::now(),
            uses: &uses,
        };
        let change = self.compiler.configure(&self.config, &world);
        self.send(change);
    }

    /// Sends the current endpoints of one cluster to the workers.
    fn publish_endpoints(&mut self, cluster: &str) {
        let found = self.sources.state_of(cluster);
        self.change(|compiler, world| ((), compiler.set_endpoints(cluster, found, world)));
    }

    /// Publishes what a registry says about a service, and answers the questions that waited for it.
    fn heard(&mut self, news: News) {
        let (replies, publication) = self.on_demand.heard(news);
        self.reply(replies);
        let Some(publication) = publication else { return };
        self.remove_services(&publication.gone);
        let Publication {
            service,
            clusters: found,
            ..
        } = publication;
        let mut clusters = BTreeMap::new();
        for (cluster, state) in found {
            let protocol = cluster.protocol;
            let id = self.change(|compiler, world| compiler.set_on_demand(cluster, state, world));
            clusters.insert(protocol, id);
        }
        let replies = self.on_demand.published(&service, clusters);
        self.reply(replies);
    }

    /// Forgets services that are called no more.
    fn sweep_services(&mut self) {
        let (idle, replies) = self.on_demand.sweep(&self.runtime.uses());
        self.remove_services(&idle);
        self.reply(replies);
    }

    fn remove_services(&mut self, clusters: &[ClusterId]) {
        if !clusters.is_empty() {
            self.change(|compiler, world| ((), compiler.remove_on_demand(clusters, world)));
        }
    }

    /// Handles a question of a worker.
    fn asked(&mut self, worker: usize, question: Question) {
        let ticket = question.ticket;
        match question.about {
            Subject::Service(wanted) => {
                let reply = self.on_demand.asked(Asker {
                    worker,
                    ticket,
                    wanted,
                });
                self.reply(reply);
            }
            Subject::Decision(inquiry) => {
                let runtime = Arc::clone(&self.runtime);
                let decided = move |result: Result<Box<[u8]>, CallError>| {
                    let result = result.map(Finding::Decision);
                    runtime.answer(worker, Answer { ticket, result });
                };
                inquiry.to.decide(inquiry.facts, Box::new(decided));
            }
        }
    }

    fn reply(&self, replies: impl IntoIterator<Item = Reply>) {
        for (worker, answer) in replies {
            self.runtime.answer(worker, answer);
        }
    }

    /// Makes a change that does not depend on the configuration, and sends it to the workers.
    fn change<T>(&mut self, make: impl FnOnce(&mut Compiler, &World<'_>) -> (T, Change)) -> T {
        let uses = self.runtime.uses();
        let none = |_: &Cluster| vec![];
        let world = World {
            endpoints: &none,
            workers: self.runtime.workers(),
            now: Instant::now(),
            uses: &uses,
        };
        let (made, change) = make(&mut self.compiler, &world);
        self.send(change);
        made
    }

    fn send(&mut self, change: Change) {
        if !change.is_empty() {
            let turned = self
                .health
                .apply(&change, &self.compiler, tokio::time::Instant::now());
            self.shared.published(&change);
            self.runtime.apply(change, self.compiler.directory());
            self.tell_turned(turned);
        }
    }

    /// Sends the heartbeats that are due.
    fn check_health(&mut self) {
        for heartbeat in self.health.take_due(tokio::time::Instant::now()) {
            if !self.runtime.heartbeat(heartbeat, self.compiler.directory()) {
                self.health.unsent(heartbeat.ticket);
            }
        }
    }

    fn tell_turned(&self, turned: impl IntoIterator<Item = Turned>) {
        for Turned { endpoint, is_sick } in turned {
            self.runtime.set_sick(endpoint, is_sick);
        }
    }

    /// Drains the process: stops accepting, announces the end to downstreams, and waits until calls in flight have
    /// ended. A second signal ends it at once.
    async fn drain(mut self, signals: &mut Signals) {
        let limit = self.config.runtime.drain_timeout.duration();
        tracing::info!("draining for {} s at most", limit.as_secs_f32());
        self.shared.set_ready(false);
        // before anything else, because a new process may bind the paths of Unix sockets during the drain, and its
        // files must not be removed
        self.listening.close();
        tokio::select! {
            () = signals.end() => {
                tracing::warn!("second signal: {} calls in flight are cut off", self.runtime.in_flight());
                self.shared.flush_log();
                std::process::exit(1);
            }
            () = quiet(&self.runtime) => tracing::info!("drained"),
            () = wind_down(&self.runtime, limit) => {
                tracing::warn!("the time for draining is over: {} calls were still in flight", self.runtime.in_flight());
            }
        }
    }
}

/// Closes the connections of downstreams in three steps. At first, downstreams are told that the process ends, and
/// those that understand this leave. After a third of the time, each connection is closed as soon as it has no call.
/// In the last third, new calls are refused, so that earlier ones can end in time. Only connections that are never
/// without a call see such errors.
async fn wind_down(runtime: &Runtime, limit: Duration) {
    runtime.announce_drain();
    tokio::time::sleep(limit / 3).await;
    runtime.part_from_downstreams();
    tokio::time::sleep(limit / 3).await;
    runtime.refuse_calls();
    tokio::time::sleep(limit / 3).await;
}

/// Completes at this time; never without a time.
async fn at(time: Option<tokio::time::Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Warns if connections run out of file descriptors before they reach their own limit.
fn warn_if_tight(config: &Config, runtime: &Runtime) {
    let most = config.runtime.max_connections.get() as usize;
    let (workers, room) = (runtime.workers(), runtime.room_for_downstreams());
    if most.saturating_mul(workers) > room {
        tracing::warn!(
            "the limit of open files has room for about {room} connections of downstreams, fewer than \
             runtime.max_connections allows ({most} for each of {workers} workers): raise the hard limit (ulimit -Hn, \
             LimitNOFILE) or lower max_connections"
        );
    }
}

/// Waits until no call was in flight for [`QUIET`], or no downstream is connected.
async fn quiet(runtime: &Runtime) {
    let step = Duration::from_millis(20);
    let mut still = Duration::ZERO;
    while still < QUIET {
        tokio::time::sleep(step).await;
        if runtime.in_flight() > 0 {
            still = Duration::ZERO;
        } else if runtime.downstreams() == 0 {
            return;
        } else {
            still += step;
        }
    }
}
