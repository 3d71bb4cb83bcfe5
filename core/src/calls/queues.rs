//! Calls that wait because all connections to their cluster are at their limit of calls.
use super::forward::Sending;
use super::{Calls, errors};
use crate::Env;
use crate::connections::Connections;
use crate::directory::{Cluster, ClusterId};
use crate::error::CallError;
use crate::exchange::{Exchange, State};
use crate::slots::{CallKey, ConnKey};
use std::collections::{HashMap, VecDeque};

/// The calls that have ended and are still in a queue, beside as many as wait.
const ENDED_MAX: usize = 64;

/// The queues of the clusters for which calls wait.
#[derive(Default)]
pub(super) struct Queues {
    by_cluster: HashMap<ClusterId, Queue>,
    /// The cluster whose first call is being tried, and whether it has to go on waiting.
    trying: Option<(ClusterId, Again)>,
}

/// What came of trying the first call of a queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Goes,
    Waits,
}

/// The calls that wait for one cluster.
#[derive(Default)]
struct Queue {
    /// The oldest first. Those that have ended meanwhile are still among them.
    calls: VecDeque<CallKey>,
    waiting: usize,
    /// The number of calls that wait, by downstream.
    by_downstream: HashMap<ConnKey, u32>,
}

impl Queue {
    fn add(&mut self, downstream: ConnKey) {
        self.waiting += 1;
        *self.by_downstream.entry(downstream).or_default() += 1;
    }

    fn subtract(&mut self, downstream: ConnKey) {
        self.waiting -= 1;
        if let Some(own) = self.by_downstream.get_mut(&downstream) {
            *own -= 1;
            if *own == 0 {
                self.by_downstream.remove(&downstream);
            }
        }
    }

    /// Whether another call of a downstream may wait. While others wait, too, it leaves half of the places to them.
    fn has_room(&self, downstream: ConnKey, max: usize) -> bool {
        let own = self.by_downstream.get(&downstream).copied().unwrap_or(0) as usize;
        let is_alone = own == self.waiting;
        self.waiting < max && (is_alone || own < max.div_ceil(2))
    }
}

impl Queues {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.by_cluster.is_empty()
    }

    /// Subtracts a call that does not wait any more.
    pub(super) fn left(&mut self, ex: &Exchange) {
        let queue = ex.target.cluster.and_then(|id| self.by_cluster.get_mut(&id));
        if let Some(queue) = queue {
            queue.subtract(ex.asker.connection());
        }
    }

    /// Whether a call to this cluster has to wait behind others.
    #[cold]
    pub(super) fn goes_behind(&self, id: ClusterId) -> bool {
        let is_first = self.trying.is_some_and(|(trying, _)| trying == id);
        !is_first && self.by_cluster.contains_key(&id)
    }
}

impl Calls {
    /// Lets a call wait until a connection takes it, or fails it if too many wait already.
    #[cold]
    pub(super) fn wait_for_room<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        sending: &Sending<'_>,
        (id, cluster): (ClusterId, &Cluster),
    ) {
        if let Err(error) = self.queue(sending, id, cluster) {
            self.fail(w, sending.key, &error);
        }
    }

    fn queue(&mut self, sending: &Sending<'_>, id: ClusterId, cluster: &Cluster) -> Result<(), CallError> {
        let (key, len) = (sending.key, sending.msg.bytes.len());
        let max = cluster.max_waiting as usize;
        if max == 0 || !self.asking.has_room(len) {
            return Err(errors::full(cluster));
        }
        let is_first_again = self.queues.trying.is_some_and(|(trying, _)| trying == id);
        let queue = self.queues.by_cluster.entry(id).or_default();
        if is_first_again {
            queue.calls.push_front(key);
            self.queues.trying = Some((id, Again::Waits));
        } else {
            if !queue.has_room(sending.downstream, max) {
                return Err(errors::too_many_queued(cluster));
            }
            // Those that have ended are taken out when they are many.
            if queue.calls.len() > 2 * queue.waiting + ENDED_MAX {
                let table = &self.table;
                let waits = |call: &CallKey| table.get(*call).is_some_and(|ex| ex.state == State::Queued);
                queue.calls.retain(waits);
            }
            queue.calls.push_back(key);
        }
        queue.add(sending.downstream);
        self.asking.keep(len);
        if let Some(ex) = self.table.get_mut(key) {
            ex.held = Some(sending.msg.hold(sending.edits.cloned().unwrap_or_default()));
            ex.state = State::Queued;
        }
        Ok(())
    }

    /// Sends the calls for which there is room now.
    #[inline]
    pub fn send_queued<E: Env>(&mut self, w: &mut Connections<E>) {
        if !self.queues.is_empty() {
            self.try_queues(w);
        }
    }

    #[cold]
    fn try_queues<E: Env>(&mut self, w: &mut Connections<E>) {
        let clusters: Vec<ClusterId> = self.queues.by_cluster.keys().copied().collect();
        for id in clusters {
            while self.try_first(w, id) == Again::Goes {}
            self.queues.trying = None;
            self.queues.by_cluster.retain(|_, queue| !queue.calls.is_empty());
        }
    }

    /// Tries to send the first call of a queue. Returns whether the next one can be tried.
    fn try_first<E: Env>(&mut self, w: &mut Connections<E>, id: ClusterId) -> Again {
        let queue = self.queues.by_cluster.get_mut(&id);
        let Some(call) = queue.and_then(|queue| queue.calls.pop_front()) else {
            return Again::Waits;
        };
        let Some(ex) = self.table.get_mut(call).filter(|ex| ex.state == State::Queued) else {
            return Again::Goes;
        };
        self.asking.left(ex);
        self.queues.left(ex);
        ex.state = State::Waiting;
        self.queues.trying = Some((id, Again::Goes));
        self.send_resumed(w, call);
        self.queues.trying.map_or(Again::Goes, |(_, again)| again)
    }
}
