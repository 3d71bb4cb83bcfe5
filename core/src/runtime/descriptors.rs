//! How the descriptors of the process are shared out. Each connection takes one. When callers took the last one, no
//! provider could be dialled, no probe answered and no file read, so the acceptor leaves some for these.
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

    /// Keeps as many back as the connections of the workers to all endpoints may need, but never more than half.
    pub(super) fn keep_for(&self, upstream_connections: usize, workers: usize) {
        let kept = OWN.saturating_add(upstream_connections.saturating_mul(workers));
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
    #[test]
    fn what_providers_may_need_is_kept_from_callers() {
        let all = Descriptors::new(10_000);
        all.keep_for(10 * 4, 2);
        assert_eq!(all.callers(), 10_000 - OWN - 10 * 4 * 2);
    }

    #[test]
    fn callers_have_at_least_half_of_them() {
        for limit in [0, 1, 64, 256] {
            let all = Descriptors::new(limit);
            all.keep_for(100_000 * 4, 64);
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
