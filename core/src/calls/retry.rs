//! Calls that are tried again at another endpoint although their bytes have left, where the route's rule allows it.
use super::Calls;
use super::forward::Sending;
use super::shares::Counted;
use crate::Env;
use crate::connections::Connections;
use crate::directory::{Change, Cluster, ClusterId, EndpointId, RetryOn};
use crate::error::ErrorKind;
use crate::exchange::{Asker, Exchange, State};
use crate::message::Message;
use crate::slots::CallKey;
use crate::stream::Body;
use std::collections::HashMap;
use std::rc::Rc;

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
    /// Whether no request is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.kept == 0
    }

    /// Keeps a request that was sent, if there is room. Otherwise the call is not tried again.
    fn keep(&mut self, ex: &mut Exchange, sending: &Sending<'_>) {
        let len = sending.msg.bytes.len();
        let is_whole = sending.msg.meta.body != Body::Follows;
        if is_whole && self.kept + len <= KEPT_MAX {
            self.kept += len;
            ex.held = Some(sending.msg.hold(sending.edits.cloned().unwrap_or_default()));
        }
    }

    /// Forgets the request of a call that is over, or that is sent again.
    pub(super) fn drop_kept(&mut self, ex: &Exchange) {
        self.kept -= ex.held.as_ref().map_or(0, |held| held.bytes.len());
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
    /// Prepares a call that was just sent for another attempt. On a stream that needs a copy even if only unsent
    /// requests may go elsewhere: what a session with a state per connection has encoded means nothing on another.
    #[cold]
    pub(super) fn keep_for_retry<E: Env>(&mut self, w: &Connections<E>, sending: &Sending<'_>) {
        let Some(ex) = self.table.get_mut(sending.key) else {
            return;
        };
        if ex.retry.attempts > ex.attempts || !ex.retry.on.is_empty() {
            self.retries.keep(ex, sending);
        }
        if ex.retry.attempt_ms > 0 && ex.held.is_some() {
            let over_ms = w.now_ms + u64::from(ex.retry.attempt_ms);
            ex.attempt_over_ms = u32::try_from(over_ms - ex.started_us / 1000).unwrap_or(u32::MAX);
            self.wheel.push(over_ms, sending.key);
        }
    }

    /// Tries a call again if this response is a reason to. Returns whether it does.
    #[cold]
    pub(super) fn retry_failed<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        key: CallKey,
        msg: &Message<'_>,
    ) -> bool {
        let may_retry = self.table.get(key).is_some_and(|ex| ex.held.is_some());
        let after = match may_retry.then(|| msg.meta.reader.outcome(msg)) {
            Some(Err(error)) => match error.kind {
                ErrorKind::Overload => RetryOn::Overload,
                ErrorKind::NoService => RetryOn::NoService,
                ErrorKind::Timeout => RetryOn::Timeout,
                ErrorKind::Upstream => RetryOn::ServerError,
                // said by another proxy on the way
                ErrorKind::UpstreamClosed => RetryOn::ConnectionLost,
                _ => return false,
            },
            _ => return false,
        };
        self.retry(w, key, after)
    }

    /// Sends a call to another endpoint if its rule says so after this outcome, which has freed the call's id. Returns
    /// whether it did.
    #[cold]
    pub(super) fn retry<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey, after: RetryOn) -> bool {
        let Some(tried) = self.takes_retry(w, key, after) else {
            return false;
        };
        self.take_back(w, key);
        self.send_elsewhere(w, key, tried);
        true
    }

    /// Handles the wake-up of a call whose attempt has a time limit: when that is over, the call goes on at another
    /// endpoint, if it may. The endpoint still knows the id, so the call goes on under a new one.
    pub(super) fn end_attempt<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey) {
        let Some(ex) = self.table.get_mut(key) else { return };
        let over_ms = ex.started_us / 1000 + u64::from(ex.attempt_over_ms);
        if over_ms > w.now_ms {
            return self.wheel.push(over_ms.min(ex.deadline_ms), key);
        }
        // If it cannot be tried again, this attempt has all the time that is left.
        ex.attempt_over_ms = u32::MAX;
        let deadline_ms = ex.deadline_ms;
        let tried = match self.table.is_full() {
            true => None,
            false => self.takes_retry(w, key, RetryOn::Timeout),
        };
        let (Some(tried), Some(ex)) = (tried, self.table.get_mut(key)) else {
            return self.wheel.push(deadline_ms, key);
        };
        let counted = Counted::of(ex);
        let series = ex.series();
        self.retries.drop_kept(ex);
        let next = Exchange {
            asker: std::mem::replace(&mut ex.asker, Asker::Nobody),
            state: State::Waiting,
            plan: Rc::clone(&ex.plan),
            held: ex.held.take(),
            reached: std::mem::take(&mut ex.reached),
            ..*ex
        };
        self.quarantine(w, key, counted, true);
        let next = self.table.insert(next);
        self.wheel.push(deadline_ms, next);
        if let Some(note) = self.notes.remove(&key.bits()) {
            self.notes.insert(next.bits(), note);
        }
        if let Some(series) = series {
            self.metrics.retried(series);
        }
        self.send_elsewhere(w, next, tried);
    }

    /// Whether a call is sent to another endpoint after this outcome: its rule, its deadline, the number of its
    /// attempts, the budget of its cluster and the health of the other endpoints must allow it. Counts it and
    /// returns the endpoint that was tried.
    fn takes_retry<E: Env>(
        &mut self,
        w: &Connections<E>,
        key: CallKey,
        after: RetryOn,
    ) -> Option<EndpointId> {
        let ex = self.table.get(key)?;
        let has_time = ex.deadline_ms > w.now_ms;
        if ex.held.is_none() || !has_time || ex.attempts >= ex.retry.attempts || !ex.retry.on.contains(after)
        {
            return None;
        }
        let (id, tried) = (ex.target.cluster?, ex.up.endpoint);
        let cluster = self.directory.cluster(id)?;
        if !self.has_other(
            cluster,
            ex.plan.target(&ex.asker, ex.target).subset,
            tried,
            w.now_ms,
        ) {
            return None;
        }
        let calls = self.endpoints.cluster_calls(id);
        self.retries.take(id, calls, w.now_ms).then_some(tried)
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
