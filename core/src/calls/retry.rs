//! Calls that are sent again after a response: the provider has no free thread, and another one may.
use super::Calls;
use super::forward::Sending;
use super::shares::Counted;
use crate::Env;
use crate::connections::Connections;
use crate::directory::{Change, Cluster, ClusterId, EndpointId};
use crate::error::ErrorKind;
use crate::exchange::{Exchange, State};
use crate::message::Message;
use crate::slots::CallKey;
use std::collections::HashMap;

/// The bytes of requests that a worker keeps to send them again. Beyond that calls are not tried again.
const KEPT_MAX: usize = 64 << 20;
/// The time over which retries are compared with calls, in milliseconds.
const WINDOW_MS: u64 = 1000;
/// One call in so many may be tried again in a window, and a few in any case.
const ONE_IN: u32 = 5;
const ALWAYS: u32 = 3;

/// What a worker keeps and counts for retries.
#[derive(Default)]
pub(super) struct Retries {
    /// The bytes of the requests that are kept.
    kept: usize,
    windows: HashMap<ClusterId, Window>,
}

/// The retries of a cluster in the last second.
#[derive(Default)]
struct Window {
    since_ms: u64,
    /// The number of calls to the cluster when the window began.
    calls: u32,
    retries: u32,
}

impl Retries {
    /// Keeps a request that was sent, if there is room.
    #[cold]
    pub(super) fn keep(&mut self, ex: &mut Exchange, sending: &Sending<'_>) {
        let len = sending.msg.bytes.len();
        if self.kept + len > KEPT_MAX {
            ex.may_retry = false;
            return;
        }
        self.kept += len;
        ex.held = Some(sending.msg.hold(sending.edits.cloned().unwrap_or_default()));
    }

    /// Forgets the request of a call that is over, or that is sent again.
    pub(super) fn drop_kept(&mut self, ex: &Exchange) {
        if ex.may_retry {
            self.kept -= ex.held.as_ref().map_or(0, |held| held.bytes.len());
        }
    }

    /// Forgets what was counted for removed clusters.
    pub(super) fn apply(&mut self, change: &Change) {
        for (id, _) in change.clusters.iter().filter(|(_, cluster)| cluster.is_none()) {
            self.windows.remove(id);
        }
    }

    /// Counts a retry, unless there were too many of them. `calls` is the number of calls to the cluster so far.
    fn take(&mut self, cluster: ClusterId, calls: u32, now_ms: u64) -> bool {
        let window = self.windows.entry(cluster).or_default();
        if now_ms.saturating_sub(window.since_ms) >= WINDOW_MS {
            *window = Window {
                since_ms: now_ms,
                calls,
                retries: 0,
            };
        }
        let allowed = ALWAYS + calls.wrapping_sub(window.calls) / ONE_IN;
        let may = window.retries < allowed;
        window.retries += u32::from(may);
        may
    }
}

impl Calls {
    /// Sends a call to another endpoint if its rule says so after this response. Returns whether it did.
    #[cold]
    pub(super) fn retry<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey, msg: &Message<'_>) -> bool {
        let Some(ex) = self.table.get(key).filter(|ex| ex.may_retry) else {
            return false;
        };
        let has_time = ex.deadline_ms > w.now_ms;
        let kind = msg.meta.reader.outcome(msg).err().map(|error| error.kind);
        if ex.held.is_none()
            || !has_time
            || ex.attempts >= ex.max_attempts
            || kind != Some(ErrorKind::Overload)
        {
            return false;
        }
        let (Some(id), tried) = (ex.target.cluster, ex.up.endpoint) else {
            return false;
        };
        let subset = ex.plan.route.targets[usize::from(ex.target.index)].subset;
        let cluster = self.directory.cluster(id);
        if !cluster.is_some_and(|cluster| self.has_other(cluster, subset, tried, w.now_ms)) {
            return false;
        }
        if !self.retries.take(id, self.endpoints.cluster_calls(id), w.now_ms) {
            return false;
        }
        let Some(ex) = self.table.get_mut(key) else {
            return false;
        };
        self.retries.drop_kept(ex);
        let (counted, conn, series) = (Counted::of(ex), ex.up.conn, ex.series);
        ex.state = State::Waiting;
        w.release(conn);
        self.endpoints.ended(tried);
        self.gave_up_upstream(w, counted);
        self.metrics.retried(series);
        self.send_elsewhere(w, key, tried);
        true
    }

    /// Whether a subset has another endpoint that is well.
    fn has_other(&self, cluster: &Cluster, subset: u16, tried: EndpointId, now_ms: u64) -> bool {
        let set = cluster.subsets.get(usize::from(subset));
        let is_well = |id: EndpointId| self.endpoints.get(id).is_some_and(|e| !e.is_avoided(now_ms));
        set.is_some_and(|set| {
            set.endpoints
                .iter()
                .any(|e| e.endpoint != tried && is_well(e.endpoint))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_call_in_five_is_tried_again_and_a_few_in_any_case() {
        let mut retries = Retries::default();
        let cluster = ClusterId(1);
        let taken = |retries: &mut Retries, calls, now_ms| {
            (0..1000).filter(|_| retries.take(cluster, calls, now_ms)).count()
        };
        assert_eq!(taken(&mut retries, 7, 5000), 3, "a quiet second");
        assert_eq!(taken(&mut retries, 107, 5500), 20, "100 calls later");
        assert_eq!(taken(&mut retries, 107, 6000), 3, "the next second");
        assert_eq!(taken(&mut retries, u32::MAX, 7000), 3);
        assert_eq!(taken(&mut retries, 49, 7100), 10, "the number of calls wraps");
    }
}
