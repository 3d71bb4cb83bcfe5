//! How the descriptors of the process are shared out. Each connection takes one. When callers took the last one, no
//! provider could be dialled, no probe answered and no file read, so the acceptor leaves some for these.
use crate::snapshot::Snapshot;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::atomic::{AtomicUsize, Ordering};

/// For the admin pages, for files, for host names that are looked up, and for the threads' own.
const OWN: usize = 128;

/// Lets the process open as many descriptors as its hard limit allows, and tells how many that are.
pub fn raise_limit() -> usize {
    let found = getrlimit(Resource::Nofile);
    if found.current != found.maximum {
        let raised = Rlimit {
            current: found.maximum,
            ..found
        };
        if let Err(e) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!("the limit of open files stays at its soft value: {e}");
        }
    }
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX))
}

/// The limit, and the part of it that is for callers.
pub(super) struct Descriptors {
    limit: usize,
    callers: AtomicUsize,
}

impl Descriptors {
    pub(super) fn new(limit: usize) -> Self {
        Descriptors {
            limit,
            callers: AtomicUsize::new(limit),
        }
    }

    /// Keeps as many back as the connections to all endpoints may need, but never more than half.
    pub(super) fn keep_for(&self, s: &Snapshot, workers: usize) {
        let of = |c: &crate::snapshot::Cluster| c.endpoints.len() * c.max_per_endpoint as usize;
        let upstream: usize = s.clusters.iter().flatten().map(of).sum();
        let kept = OWN.saturating_add(upstream.saturating_mul(workers));
        let callers = self.limit - kept.min(self.limit / 2);
        self.callers.store(callers, Ordering::Relaxed);
    }

    /// Descriptors below this number are for callers. The system gives out the lowest one that is free, so a higher
    /// one says that all of these are taken.
    pub(super) fn callers(&self) -> usize {
        self.callers.load(Ordering::Relaxed)
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Cluster, EndpointId};

    fn snapshot(endpoints: u32) -> Snapshot {
        let cluster = Cluster {
            name: "up".into(),
            protocol: crate::message::ProtoId(1),
            settings: crate::session::Settings::default(),
            endpoints: (0..endpoints).map(EndpointId).collect(),
            connect_ms: 0,
            idle_ms: 0,
            max_age_ms: 0,
            heartbeat_ms: 0,
            max_connections: 4,
            max_per_connection: 1,
            connections: crate::config::ConnectionScope::Shared,
            max_per_endpoint: 4,
            max_in_flight: 1,
            capacity: 1,
            downstream_share: 100,
        };
        Snapshot {
            clusters: vec![None, Some(cluster)],
            ..Snapshot::default()
        }
    }

    #[test]
    fn what_providers_may_need_is_kept_from_callers() {
        let all = Descriptors::new(10_000);
        all.keep_for(&snapshot(10), 2);
        assert_eq!(all.callers(), 10_000 - OWN - 10 * 4 * 2);
    }

    #[test]
    fn callers_have_at_least_half_of_them() {
        for limit in [0, 1, 64, 256] {
            let all = Descriptors::new(limit);
            all.keep_for(&snapshot(100_000), 64);
            assert_eq!(all.callers(), limit - limit / 2);
        }
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        raise_limit();
        let now = getrlimit(Resource::Nofile);
        assert_eq!(now.current, now.maximum);
    }
}
