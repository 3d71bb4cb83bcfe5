//! The division of the process's descriptors. Each connection takes one. If downstream connections took all of
//! them, no provider could be dialed, no admin request served and no file read, so the acceptor leaves some for
//! these.
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Descriptors for the admin pages, files, name resolution and the threads themselves.
const OWN: usize = 128;

/// Raises the number of descriptors to the hard limit, and returns that limit.
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

/// The limit of descriptors, and the part of it for downstream connections.
pub(super) struct Descriptors {
    limit: usize,
    downstreams: AtomicUsize,
}

impl Descriptors {
    pub(super) fn new(limit: usize) -> Self {
        Descriptors {
            limit,
            downstreams: AtomicUsize::new(limit),
        }
    }

    /// Reserves as many descriptors as the workers' connections to all endpoints may need, but at most half.
    pub(super) fn keep_for(&self, upstream_connections: usize, workers: usize) {
        let kept = OWN.saturating_add(upstream_connections.saturating_mul(workers));
        let downstreams = self.limit - kept.min(self.limit / 2);
        self.downstreams.store(downstreams, Ordering::Relaxed);
    }

    /// The number of the first descriptor that is reserved. The system assigns the lowest free number, so a
    /// number from here on means that all descriptors below are taken.
    pub(super) fn downstreams(&self) -> usize {
        self.downstreams.load(Ordering::Relaxed)
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn descriptors_for_providers_are_reserved() {
        let all = Descriptors::new(10_000);
        all.keep_for(10 * 4, 2);
        assert_eq!(all.downstreams(), 10_000 - OWN - 10 * 4 * 2);
    }

    #[test]
    fn downstream_connections_get_at_least_half() {
        for limit in [0, 1, 64, 256] {
            let all = Descriptors::new(limit);
            all.keep_for(100_000 * 4, 64);
            assert_eq!(all.downstreams(), limit - limit / 2);
        }
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        raise_limit();
        let now = getrlimit(Resource::Nofile);
        assert_eq!(now.current, now.maximum);
    }
}
