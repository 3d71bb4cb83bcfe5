//! Runs the sources of endpoints, and keeps the last list of each cluster.
use crate::config;
use crate::state::{List, Lists};
use rialto_config::Cluster;
use rialto_discovery::{
    FileList, Protection, Source, Standing, State, Updates, Watches, protect, source_for,
};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;

/// A new list of a cluster's endpoints.
pub(super) struct Update {
    cluster: String,
    generation: u64,
    state: State,
}

/// How long a configuration waits for the first lists of its clusters.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The sources of all clusters, in use and prepared.
pub(super) struct Sources {
    /// The folder that relative paths in the configuration start from.
    base: PathBuf,
    /// Clusters of the configuration in use.
    clusters: HashMap<String, Watched>,
    /// Clusters of the pending configuration that are new or have other sources.
    pending: HashMap<String, Watched>,
    /// How many of the pending clusters have no list yet.
    missing_lists: usize,
    updates: mpsc::Sender<Update>,
    generation: u64,
    lists: Arc<Lists>,
    /// The watches of endpoints files.
    watches: Watches,
}

struct Watched {
    config: Cluster,
    generation: u64,
    since: Instant,
    state: Option<State>,
    list: Arc<List>,
    /// Dropping it ends the task.
    _task: Task,
}

/// A task that ends when this is dropped.
pub(super) struct Task(AbortHandle);

impl Task {
    pub(super) fn new<T>(task: &JoinHandle<T>) -> Self {
        Task(task.abort_handle())
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Passes lists from one source to the control loop. Only the newest list is kept, so a busy source cannot fill
/// memory.
pub(super) struct Mailbox {
    latest: std::sync::Mutex<Option<State>>,
    bell: Notify,
    /// The cluster or service, for messages about its source.
    of: String,
    list: Arc<List>,
}

impl Updates for Mailbox {
    fn publish(&self, state: State) {
        *self.latest.lock().unwrap_or_else(|e| e.into_inner()) = Some(state);
        self.bell.notify_one();
    }

    fn fault(&self, text: String) {
        tracing::warn!("{}: {text}", self.of);
    }

    fn stands(&self, standing: Standing) {
        self.list.stands(standing);
    }
}

impl Mailbox {
    pub(super) fn new(of: String) -> Self {
        Mailbox {
            latest: std::sync::Mutex::new(None),
            bell: Notify::new(),
            of,
            list: Arc::new(List::new()),
        }
    }

    /// Waits for the next state.
    pub(super) async fn next(&self) -> State {
        loop {
            self.bell.notified().await;
            let latest = self.latest.lock().unwrap_or_else(|e| e.into_inner()).take();
            if let Some(state) = latest {
                return state;
            }
        }
    }
}

impl Sources {
    pub(super) fn new(base: PathBuf, updates: mpsc::Sender<Update>) -> Self {
        Sources {
            base,
            clusters: HashMap::new(),
            pending: HashMap::new(),
            missing_lists: 0,
            updates,
            generation: 0,
            lists: Arc::default(),
            watches: Watches::default(),
        }
    }

    /// Whether the endpoint lists of the clusters in use are up to date.
    pub(super) fn lists(&self) -> Arc<Lists> {
        Arc::clone(&self.lists)
    }

    /// Starts the sources that these clusters need and the clusters in use do not have. Sources that were started for
    /// an earlier configuration which never took effect are kept if they fit, with the time that they have already
    /// waited.
    pub(super) fn prepare(&mut self, clusters: &[Cluster]) {
        let mut before = std::mem::take(&mut self.pending);
        for cluster in clusters {
            let has_sources = |w: &&Watched| same_sources(&w.config, cluster);
            if self.clusters.get(&cluster.name).filter(has_sources).is_some() {
                continue;
            }
            let begun = before.remove(&cluster.name).filter(|w| has_sources(&w));
            let watched = begun.unwrap_or_else(|| self.watch(cluster));
            self.pending.insert(cluster.name.clone(), watched);
        }
        self.missing_lists = self.pending.values().filter(|w| w.state.is_none()).count();
    }

    /// Until when it is worth waiting for the lists of prepared clusters; `None` if all have arrived or are overdue.
    pub(super) fn waits_until(&self) -> Option<Instant> {
        if self.missing_lists == 0 {
            return None;
        }
        let silent = self.pending.values().filter(|w| w.state.is_none());
        let ends = silent.map(|w| w.since + PATIENCE);
        ends.max().filter(|end| *end > Instant::now())
    }

    /// The names of prepared clusters without a list.
    pub(super) fn without_list(&self) -> Vec<&str> {
        let silent = self.pending.iter().filter(|(_, w)| w.state.is_none());
        let mut names: Vec<_> = silent.map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// Puts the prepared clusters in use, and ends the sources of clusters that are no longer configured. If a new
    /// source has no list yet, or an empty one, its cluster keeps the endpoints that it had before.
    pub(super) fn take_over(&mut self, clusters: &[Cluster]) {
        let names: HashSet<&str> = clusters.iter().map(|c| c.name.as_str()).collect();
        self.clusters.retain(|name, _| names.contains(name.as_str()));
        self.missing_lists = 0;
        for (name, mut watched) in std::mem::take(&mut self.pending) {
            let before = self.clusters.remove(&name).and_then(|w| w.state);
            if watched.state.as_ref().is_none_or(Vec::is_empty) && before.is_some() {
                watched.state = before;
            }
            if watched.state.is_none() {
                tracing::warn!(
                    "cluster {name}: its endpoints are not known yet; calls to it fail until they are"
                );
            }
            self.clusters.insert(name, watched);
        }
        let lists = self.clusters.iter();
        self.lists.replace(
            lists
                .map(|(name, w)| (name.clone(), Arc::clone(&w.list)))
                .collect(),
        );
    }

    fn watch(&mut self, cluster: &Cluster) -> Watched {
        self.generation += 1;
        let generation = self.generation;
        let mailbox = Arc::new(Mailbox::new(format!("cluster {}", cluster.name)));
        let list = Arc::clone(&mailbox.list);
        let mut rooted = cluster.clone();
        rooted.endpoints_file = rooted.endpoints_file.map(|file| self.base.join(file));
        let source = protect(
            source_for(&rooted, parse_endpoints, &self.watches),
            Protection::default(),
        );
        let watching = Box::new(source).watch(Arc::clone(&mailbox) as Arc<dyn Updates>);
        let (to, name) = (self.updates.clone(), cluster.name.clone());
        let forward = async move {
            loop {
                let update = Update {
                    cluster: name.clone(),
                    generation,
                    state: mailbox.next().await,
                };
                if to.send(update).await.is_err() {
                    return;
                }
            }
        };
        let task = tokio::spawn(async move {
            tokio::join!(watching, forward);
        });
        Watched {
            config: cluster.clone(),
            generation,
            since: Instant::now(),
            state: None,
            list,
            _task: Task::new(&task),
        }
    }

    /// Waits until every prepared cluster has a list, or [`PATIENCE`] is over.
    pub(super) async fn first_states(&mut self, inbox: &mut mpsc::Receiver<Update>) {
        let Some(end) = self.waits_until() else { return };
        while self.missing_lists > 0 {
            match tokio::time::timeout_at(end, inbox.recv()).await {
                Ok(Some(update)) => {
                    self.accept(update);
                }
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Stores a new list. Returns the cluster's name if it is in use and its endpoints have changed.
    pub(super) fn accept(&mut self, update: Update) -> Option<String> {
        let is_its = |w: &&mut Watched| w.generation == update.generation;
        if let Some(watched) = self.pending.get_mut(&update.cluster).filter(is_its) {
            let is_first = watched.state.replace(update.state).is_none();
            self.missing_lists -= usize::from(is_first);
            return None;
        }
        let watched = self.clusters.get_mut(&update.cluster).filter(is_its)?;
        let is_news = watched.state.as_ref() != Some(&update.state);
        watched.state = Some(update.state);
        is_news.then_some(update.cluster)
    }

    /// The known endpoints of a cluster.
    pub(super) fn state(&self, cluster: &Cluster) -> State {
        self.state_of(&cluster.name)
    }

    /// The known endpoints of the cluster of this name.
    pub(super) fn state_of(&self, cluster: &str) -> State {
        let watched = self.clusters.get(cluster);
        watched.and_then(|w| w.state.clone()).unwrap_or_default()
    }
}

fn parse_endpoints(name: &str, text: &str) -> Result<FileList, String> {
    let endpoints = config::parse_as(name, text).map_err(|report| report.to_string())?;
    Ok(FileList {
        protocol: None,
        endpoints,
    })
}

fn same_sources(a: &Cluster, b: &Cluster) -> bool {
    a.endpoints == b.endpoints && a.endpoints_file == b.endpoints_file
}
