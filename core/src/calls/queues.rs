//! Calls that wait because all connections to their cluster are at their limit of calls.
use super::forward::Sending;
use super::{Calls, errors};
use crate::Env;
use crate::connections::Connections;
use crate::directory::{Cluster, ClusterId};
use crate::error::CallError;
use crate::exchange::State;
use crate::slots::{CallKey, ConnKey};
use std::collections::{HashMap, VecDeque};

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

/// The calls that wait for one cluster, the oldest first. Some may have ended meanwhile.
#[derive(Default)]
struct Queue {
    calls: VecDeque<(CallKey, ConnKey)>,
    /// Their number by downstream.
    by_downstream: HashMap<ConnKey, u32>,
    /// The time at which those that had ended were last taken out.
    cleaned_ms: u64,
}

impl Queue {
    fn push_back(&mut self, call: CallKey, downstream: ConnKey) {
        self.calls.push_back((call, downstream));
        *self.by_downstream.entry(downstream).or_default() += 1;
    }

    fn pop(&mut self) -> Option<(CallKey, ConnKey)> {
        let (call, downstream) = self.calls.pop_front()?;
        self.subtract(downstream);
        Some((call, downstream))
    }

    fn subtract(&mut self, downstream: ConnKey) {
        if let Some(own) = self.by_downstream.get_mut(&downstream) {
            *own -= 1;
            if *own == 0 {
                self.by_downstream.remove(&downstream);
            }
        }
    }

    /// Puts a call that was tried in vain back in front.
    fn push_front(&mut self, call: CallKey, downstream: ConnKey) {
        self.calls.push_front((call, downstream));
        *self.by_downstream.entry(downstream).or_default() += 1;
    }

    /// Whether another call of a downstream may wait. While others wait, too, it leaves half of the places to them.
    fn has_room(&self, downstream: ConnKey, max: usize) -> bool {
        let own = self.by_downstream.get(&downstream).copied().unwrap_or(0) as usize;
        let is_alone = own == self.calls.len();
        self.calls.len() < max && (is_alone || own < max.div_ceil(2))
    }

    fn retain(&mut self, waits: impl Fn(CallKey) -> bool) {
        for (call, downstream) in std::mem::take(&mut self.calls) {
            match waits(call) {
                true => self.calls.push_back((call, downstream)),
                false => self.subtract(downstream),
            }
        }
    }
}

impl Queues {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.by_cluster.is_empty()
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
        if let Err(error) = self.queue(sending, id, cluster, w.now_ms) {
            self.fail(w, sending.key, &error);
        }
    }

    fn queue(
        &mut self,
        sending: &Sending<'_>,
        id: ClusterId,
        cluster: &Cluster,
        now_ms: u64,
    ) -> Result<(), CallError> {
        let (key, len) = (sending.key, sending.msg.bytes.len());
        let (max, downstream) = (cluster.max_waiting as usize, sending.downstream);
        // A call that waits already keeps its place, also where fewer may wait now.
        let is_first_again = self.queues.trying.is_some_and(|(trying, _)| trying == id);
        if !is_first_again && (max == 0 || !self.asking.has_room(len)) {
            return Err(errors::full(cluster));
        }
        let queue = self.queues.by_cluster.entry(id).or_default();
        if is_first_again {
            queue.push_front(key, downstream);
            self.queues.trying = Some((id, Again::Waits));
        } else {
            // A look at all of them is worth a place, but not for each call that is refused.
            if !queue.has_room(downstream, max) && now_ms > queue.cleaned_ms {
                let table = &self.table;
                queue.retain(|call| table.get(call).is_some_and(|ex| ex.state == State::Queued));
                queue.cleaned_ms = now_ms;
            }
            if !queue.has_room(downstream, max) {
                return Err(errors::too_many_queued(cluster));
            }
            queue.push_back(key, downstream);
        }
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
        let Some((call, _)) = queue.and_then(Queue::pop) else {
            return Again::Waits;
        };
        let Some(ex) = self.table.get_mut(call).filter(|ex| ex.state == State::Queued) else {
            return Again::Goes;
        };
        self.asking.left(ex);
        ex.state = State::Waiting;
        self.queues.trying = Some((id, Again::Goes));
        self.send_resumed(w, call);
        self.queues.trying.map_or(Again::Goes, |(_, again)| again)
    }
}
