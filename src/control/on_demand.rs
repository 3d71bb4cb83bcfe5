//! Services of registries, followed from their first call until they are called no more.
use super::sources::{Mailbox, Task};
use crate::config;
use rialto_config::{Cluster, Config, Protocol, ServiceFile, Timeout};
use rialto_core::asking::{Answer, Finding, ServiceName, Ticket, Wanted};
use rialto_core::directory::{ClusterId, Use};
use rialto_core::message::ProtoId;
use rialto_core::{CallError, ErrorKind};
use rialto_discovery::{
    DirectoryRegistry, DiscoveredEndpoint, Empty, FileList, Protection, Registry, Source, State, Updates,
    Watches, protect,
};
use rialto_protocols::BOLT;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// The most services that are followed at once.
const SERVICES_MAX: usize = 100_000;
/// The most services of which nothing is known yet, or that their registries do not have.
const UNKNOWN_MAX: usize = 1024;
/// The time for which these are remembered.
const UNKNOWN_KEPT: Duration = Duration::from_secs(10);
/// A list that becomes empty is believed after this time.
const EMPTY_HELD: Duration = Duration::from_secs(10);
/// A worker that has asked for a service.
pub(super) struct Asker {
    pub(super) worker: usize,
    pub(super) ticket: Ticket,
    pub(super) wanted: Wanted,
}

/// An answer and the worker that gets it.
pub(super) type Reply = (usize, Answer);

/// What a registry says about a service.
pub(super) struct News {
    service: ServiceName,
    generation: u64,
    state: State,
}

/// The registries of the configuration in use, and the services that are followed.
pub(super) struct OnDemand {
    registries: HashMap<String, Configured>,
    /// Services with endpoints.
    known: HashMap<ServiceName, Known>,
    /// Services of which nothing is known yet, or that their registries do not have.
    unknown: HashMap<ServiceName, Unknown>,
    generation: u64,
    news: mpsc::Sender<News>,
    watches: Watches,
}

struct Configured {
    config: rialto_config::Registry,
    registry: Arc<dyn Registry>,
}

/// A task that follows a service, and ends when this is dropped.
struct Following {
    generation: u64,
    _task: Task,
}

struct Known {
    following: Following,
    /// Its clusters: one for each protocol that its endpoints speak.
    clusters: BTreeMap<Protocol, ClusterId>,
    /// The time of the last call that was noticed, and the number of calls of all workers then.
    used: Instant,
    calls: u32,
}

struct Unknown {
    following: Following,
    since: Instant,
    /// The registry has said that it does not have the service.
    is_absent: bool,
    /// The questions that wait.
    askers: Vec<Asker>,
}

/// The endpoints that the clusters of a service are to have.
pub(super) struct Publication {
    pub(super) service: ServiceName,
    pub(super) clusters: Vec<(Cluster, State)>,
    /// Clusters that have no endpoints any more.
    pub(super) gone: Vec<ClusterId>,
}

impl OnDemand {
    pub(super) fn new(news: mpsc::Sender<News>) -> Self {
        OnDemand {
            registries: HashMap::new(),
            known: HashMap::new(),
            unknown: HashMap::new(),
            generation: 0,
            news,
            watches: Watches::default(),
        }
    }

    /// Takes over the registries of a configuration. Returns the clusters of those that are gone or different.
    /// Relative paths begin at `base`.
    pub(super) fn configure(&mut self, config: &Config, base: &Path) -> Vec<ClusterId> {
        let is_new =
            |r: &&rialto_config::Registry| self.registries.get(&r.name).is_none_or(|old| old.config != **r);
        let new: Vec<_> = config.registries.iter().filter(is_new).cloned().collect();
        let names: HashSet<&str> = config.registries.iter().map(|r| r.name.as_str()).collect();
        let goes = |name: &str| !names.contains(name) || new.iter().any(|r| r.name == name);
        self.registries.retain(|name, _| !goes(name));
        self.unknown.retain(|service, _| !goes(&service.registry));
        let gone = self.known.extract_if(|service, _| goes(&service.registry));
        let gone = gone.flat_map(|(_, known)| known.clusters.into_values()).collect();
        for config in new {
            let directory = base.join(&config.directory);
            let registry = Arc::new(DirectoryRegistry::new(
                directory,
                parse_service,
                self.watches.clone(),
            ));
            self.registries
                .insert(config.name.clone(), Configured { config, registry });
        }
        gone
    }

    /// Handles a question of a worker. Returns the answer, if there is one already.
    pub(super) fn asked(&mut self, asker: Asker) -> Option<Reply> {
        let service = &asker.wanted.service;
        if let Some(known) = self.known.get(service) {
            let cluster = known.cluster_for(asker.wanted.protocol);
            return Some(asker.reply(cluster.ok_or_else(|| absent(service))));
        }
        if let Some(unknown) = self.unknown.get_mut(service) {
            if unknown.is_absent {
                return Some(asker.reply(Err(absent(service))));
            }
            unknown.askers.push(asker);
            return None;
        }
        match self.follow(service) {
            Ok(following) => {
                let unknown = Unknown {
                    following,
                    since: Instant::now(),
                    is_absent: false,
                    askers: vec![],
                };
                let service = service.clone();
                self.unknown.entry(service).or_insert(unknown).askers.push(asker);
                None
            }
            Err(error) => Some(asker.reply(Err(error))),
        }
    }

    fn follow(&mut self, service: &ServiceName) -> Result<Following, CallError> {
        let name = &service.registry;
        let Some(configured) = self.registries.get(&**name) else {
            let text = format!("registry {name} was removed");
            return Err(CallError::new(ErrorKind::NoEndpoint, text));
        };
        if self.unknown.len() >= UNKNOWN_MAX {
            // Names that strangers invent must not keep real ones out.
            self.unknown.retain(|_, unknown| !unknown.is_absent);
        }
        if self.unknown.len() >= UNKNOWN_MAX || self.known.len() >= SERVICES_MAX {
            let text = format!("registry {name} is asked for too many services");
            return Err(CallError::new(ErrorKind::Overload, text));
        }
        let source = configured.registry.service(service).map_err(|why| {
            let text = format!("registry {name} has no such service: {why}");
            CallError::new(ErrorKind::NoService, text)
        })?;
        self.generation += 1;
        let generation = self.generation;
        let protection = Protection {
            empty: Empty::HoldFor(EMPTY_HELD),
            ..Protection::default()
        };
        let mailbox = Arc::new(Mailbox::new(format!("registry {name}: {service}")));
        let watching =
            Box::new(protect(vec![source], protection)).watch(Arc::clone(&mailbox) as Arc<dyn Updates>);
        let (service, to) = (service.clone(), self.news.clone());
        let forward = async move {
            loop {
                let news = News {
                    service: service.clone(),
                    generation,
                    state: mailbox.next().await,
                };
                if to.send(news).await.is_err() {
                    return;
                }
            }
        };
        let task = tokio::spawn(async move {
            tokio::join!(watching, forward);
        });
        Ok(Following {
            generation,
            _task: Task::new(&task),
        })
    }

    /// Handles what a registry says. Returns the answers to questions that waited for it, or what is to be
    /// published first.
    pub(super) fn heard(&mut self, news: News) -> (Vec<Reply>, Option<Publication>) {
        let News {
            service,
            generation,
            state,
        } = news;
        let clusters = by_protocol(&state);
        if let Some(unknown) = self.unknown.get_mut(&service) {
            if unknown.following.generation != generation {
                return (vec![], None);
            }
            if clusters.is_empty() {
                unknown.is_absent = true;
                let askers = std::mem::take(&mut unknown.askers).into_iter();
                return (
                    askers.map(|asker| asker.reply(Err(absent(&service)))).collect(),
                    None,
                );
            }
        } else {
            let known = self.known.get(&service);
            if known.is_none_or(|known| known.following.generation != generation) {
                return (vec![], None);
            }
        }
        let old = self.known.get(&service).map(|known| known.clusters.clone());
        let is_gone = |(protocol, _): &(Protocol, ClusterId)| clusters.iter().all(|(p, _)| p != protocol);
        let gone: Vec<_> = old
            .into_iter()
            .flatten()
            .filter(is_gone)
            .map(|(_, id)| id)
            .collect();
        if clusters.is_empty() {
            // The next call asks the registry again.
            self.known.remove(&service);
        }
        let health_check = (self.registries.get(&*service.registry))
            .and_then(|registry| registry.config.health_check.clone());
        let cluster = |(protocol, state): (Protocol, State)| {
            let name = format!("{}/{service}@{protocol}", service.registry);
            let mut cluster = Cluster::new(name, protocol);
            cluster.health_check.clone_from(&health_check);
            (cluster, state)
        };
        let publication = Publication {
            clusters: clusters.into_iter().map(cluster).collect(),
            service,
            gone,
        };
        (vec![], Some(publication))
    }

    /// Notes the clusters of a service after they were published. Returns the answers to questions that waited
    /// for it.
    pub(super) fn published(
        &mut self,
        service: &ServiceName,
        clusters: BTreeMap<Protocol, ClusterId>,
    ) -> Vec<Reply> {
        if let Some(known) = self.known.get_mut(service) {
            known.clusters = clusters;
            return vec![];
        }
        let Some(unknown) = self.unknown.remove(service) else {
            return vec![];
        };
        let known = Known {
            following: unknown.following,
            clusters,
            used: Instant::now(),
            calls: 0,
        };
        let reply = |asker: Asker| {
            let cluster = known.cluster_for(asker.wanted.protocol);
            asker.reply(cluster.ok_or_else(|| absent(service)))
        };
        let replies = unknown.askers.into_iter().map(reply).collect();
        self.known.insert(service.clone(), known);
        replies
    }

    /// Forgets services that are called no more, or that nothing is known of. Returns the clusters of the
    /// former, and answers to questions about the latter.
    pub(super) fn sweep(&mut self, uses: &[Use]) -> (Vec<ClusterId>, Vec<Reply>) {
        let now = Instant::now();
        let mut calls: HashMap<ClusterId, u32> = HashMap::new();
        for (cluster, count) in uses.iter().flat_map(|worker| &worker.calls) {
            let sum = calls.entry(*cluster).or_default();
            *sum = sum.wrapping_add(*count);
        }
        let registries = &self.registries;
        let idle = self.known.extract_if(|service, known| {
            let counts = known.clusters.values().filter_map(|id| calls.get(id));
            let count = counts.fold(0, |sum: u32, count| sum.wrapping_add(*count));
            if count != known.calls {
                (known.calls, known.used) = (count, now);
            }
            let timeout = registries.get(&*service.registry).map(|r| r.config.idle_timeout);
            let timeout = timeout.and_then(Timeout::duration);
            timeout.is_some_and(|timeout| now.duration_since(known.used) >= timeout)
        });
        let idle = idle.flat_map(|(_, known)| known.clusters.into_values()).collect();
        let over = self
            .unknown
            .extract_if(|_, unknown| now.duration_since(unknown.since) >= UNKNOWN_KEPT);
        let silent = |(service, unknown): (ServiceName, Unknown)| {
            let text = format!("registry {} has said nothing about {service}", service.registry);
            let error = CallError::new(ErrorKind::NoEndpoint, text);
            let reply = move |asker: Asker| asker.reply(Err(error.clone()));
            unknown.askers.into_iter().map(reply)
        };
        (idle, over.flat_map(silent).collect())
    }
}

impl Asker {
    fn reply(&self, result: Result<ClusterId, CallError>) -> Reply {
        let (ticket, result) = (self.ticket, result.map(Finding::Cluster));
        (self.worker, Answer { ticket, result })
    }
}

impl Known {
    /// The cluster for calls of a protocol: one that speaks it, or else any.
    fn cluster_for(&self, protocol: ProtoId) -> Option<ClusterId> {
        let own = if protocol == BOLT {
            Protocol::Bolt
        } else {
            Protocol::Dubbo
        };
        let found = self.clusters.get(&own).or_else(|| self.clusters.values().next());
        found.copied()
    }
}

fn absent(service: &ServiceName) -> CallError {
    let text = format!("registry {} has no service {service}", service.registry);
    CallError::new(ErrorKind::NoService, text)
}

/// The endpoints by their protocol. One without a protocol cannot be called.
fn by_protocol(state: &[DiscoveredEndpoint]) -> Vec<(Protocol, State)> {
    let of = |protocol: Protocol| {
        let speaks = |found: &&DiscoveredEndpoint| found.protocol == Some(protocol);
        (protocol, state.iter().filter(speaks).cloned().collect::<State>())
    };
    let all = [Protocol::Dubbo, Protocol::Bolt].map(of).into_iter();
    all.filter(|(_, endpoints)| !endpoints.is_empty()).collect()
}

fn parse_service(name: &str, text: &str) -> Result<FileList, String> {
    let file: ServiceFile = config::parse_as(name, text).map_err(|report| report.to_string())?;
    Ok(FileList {
        protocol: Some(file.protocol),
        endpoints: file.endpoints,
    })
}
