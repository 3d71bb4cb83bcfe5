//! Runs the sources of endpoints and keeps what they last said.
use crate::config;
use rialto_core::config::{Cluster, Endpoint};
use rialto_core::discovery::{Source, State, Updates};
use rialto_discovery::{Protection, protect, source_for};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

/// What a source said.
pub(super) struct Update {
    cluster: String,
    generation: u64,
    state: State,
}

/// The sources of all clusters.
pub(super) struct Sources {
    /// Relative paths in the configuration begin here.
    base: PathBuf,
    clusters: HashMap<String, Watched>,
    updates: mpsc::Sender<Update>,
    generation: u64,
}

struct Watched {
    config: Cluster,
    generation: u64,
    state: Option<State>,
    task: AbortHandle,
}

/// Carries what one source says to the control loop: the newest state only.
struct Mailbox {
    latest: std::sync::Mutex<Option<State>>,
    bell: Notify,
    cluster: String,
}

impl Updates for Mailbox {
    fn publish(&self, state: State) {
        *self.latest.lock().unwrap_or_else(|e| e.into_inner()) = Some(state);
        self.bell.notify_one();
    }

    fn fault(&self, text: String) {
        tracing::warn!("cluster {}: {text}", self.cluster);
    }
}

impl Mailbox {
    /// Passes on what is published.
    async fn forward(self: Arc<Self>, generation: u64, to: mpsc::Sender<Update>) {
        loop {
            self.bell.notified().await;
            let latest = self.latest.lock().unwrap_or_else(|e| e.into_inner()).take();
            let Some(state) = latest else { continue };
            if to
                .send(Update {
                    cluster: self.cluster.clone(),
                    generation,
                    state,
                })
                .await
                .is_err()
            {
                return;
            }
        }
    }
}

impl Sources {
    pub(super) fn new(base: PathBuf, updates: mpsc::Sender<Update>) -> Self {
        Sources {
            base,
            clusters: HashMap::new(),
            updates,
            generation: 0,
        }
    }

    /// Watches these clusters: new and changed ones anew, the others as before.
    pub(super) fn follow(&mut self, clusters: &[Cluster]) {
        let names: HashSet<&str> = clusters.iter().map(|c| c.name.as_str()).collect();
        self.clusters.retain(|name, watched| {
            let stays = names.contains(name.as_str());
            if !stays {
                watched.task.abort();
            }
            stays
        });
        for cluster in clusters {
            let known = self.clusters.get(&cluster.name);
            if known.is_some_and(|w| same_sources(&w.config, cluster)) {
                continue;
            }
            // until the new source speaks, the last state of the old one holds
            let state = self.clusters.remove(&cluster.name).and_then(|w| {
                w.task.abort();
                w.state
            });
            let watched = self.watch(cluster, state);
            self.clusters.insert(cluster.name.clone(), watched);
        }
    }

    fn watch(&mut self, cluster: &Cluster, state: Option<State>) -> Watched {
        self.generation += 1;
        let generation = self.generation;
        let mailbox = Arc::new(Mailbox {
            latest: std::sync::Mutex::new(None),
            bell: Notify::new(),
            cluster: cluster.name.clone(),
        });
        let mut rooted = cluster.clone();
        rooted.endpoints_file = rooted.endpoints_file.map(|file| self.base.join(file));
        let source = protect(source_for(&rooted, parse_endpoints), Protection::default());
        let watching = Box::new(source).watch(Arc::clone(&mailbox) as Arc<dyn Updates>);
        let forward = mailbox.forward(generation, self.updates.clone());
        let task = tokio::spawn(async move {
            tokio::join!(watching, forward);
        });
        Watched {
            config: cluster.clone(),
            generation,
            state,
            task: task.abort_handle(),
        }
    }

    /// Waits until every cluster's source has spoken, but not for ever.
    pub(super) async fn first_states(&mut self, inbox: &mut mpsc::Receiver<Update>, limit: Duration) {
        let all = async {
            while self.clusters.values().any(|w| w.state.is_none()) {
                let Some(update) = inbox.recv().await else { return };
                self.accept(update);
            }
        };
        if tokio::time::timeout(limit, all).await.is_err() {
            for (name, _) in self.clusters.iter().filter(|(_, w)| w.state.is_none()) {
                tracing::warn!(
                    "cluster {name}: its endpoints are not known yet; calls to it fail until they are"
                );
            }
        }
    }

    /// Notes what a source said; true if it is news.
    pub(super) fn accept(&mut self, update: Update) -> bool {
        let Some(watched) = self.clusters.get_mut(&update.cluster) else {
            return false;
        };
        if watched.generation != update.generation || watched.state.as_ref() == Some(&update.state) {
            return false;
        }
        watched.state = Some(update.state);
        true
    }

    /// The endpoints of a cluster, as far as they are known.
    pub(super) fn state(&self, cluster: &Cluster) -> State {
        let watched = self.clusters.get(&cluster.name);
        watched.and_then(|w| w.state.clone()).unwrap_or_default()
    }
}

fn parse_endpoints(name: &str, text: &str) -> Result<Vec<Endpoint>, String> {
    config::parse_as(name, text).map_err(|report| report.to_string())
}

fn same_sources(a: &Cluster, b: &Cluster) -> bool {
    a.endpoints == b.endpoints && a.endpoints_file == b.endpoints_file
}
