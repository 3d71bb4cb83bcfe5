//! The number of calls that each downstream has in flight to a cluster, so that no downstream can take them
//! all.
//!
//! A cluster takes a bounded number of calls. A downstream may have a certain multiple of the free ones in
//! flight. A single downstream thus reaches the configured share, and several that want more get equal parts of
//! what is left. (Switches share buffers between ports by the same rule.) The last few are for downstreams that
//! have hardly any calls in flight, one percent each. The rule applies to each connection, and to each
//! application over all of its connections. It does not hold against somebody who opens many connections under
//! many names.
//!
//! No downstream can exceed the share while fewer calls are in flight than one may have, so nothing is counted
//! then. Beyond that the counts are taken once from the table of calls, and then updated until there is room
//! again.
use super::{Calls, errors};
use crate::Env;
use crate::connections::Connections;
use crate::directory::{Cluster, ClusterId};
use crate::error::CallError;
use crate::exchange::{Exchange, State};
use crate::slots::{CallKey, ConnKey};
use std::collections::HashMap;

/// The counts of the clusters that are crowded.
#[derive(Default)]
pub(super) struct Shares {
    of: HashMap<ClusterId, Counts>,
}

/// The calls in flight to one cluster.
#[derive(Default)]
struct Counts {
    by_connection: HashMap<ConnKey, u32>,
    by_application: HashMap<Application, u32>,
}

/// A calling application, represented by a hash of its name. Two names with the same hash share their limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Application(u32);

/// A call as far as it counts for a cluster.
#[derive(Clone, Copy)]
pub(super) struct Counted {
    cluster: Option<ClusterId>,
    /// The connection of the downstream that waits for a response; `None` if none does.
    downstream: Option<ConnKey>,
}

/// The downstream that a call counts for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holder {
    connection: ConnKey,
    application: Option<Application>,
}

/// The limit that a downstream has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    /// The share of one connection.
    Connection,
    /// The share of one application over all its connections.
    Application,
}

impl Application {
    /// The application with this name; `None` for an empty name.
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        if name.is_empty() {
            return None;
        }
        let mut hash = crate::hash::Mix::default();
        hash.bytes(name);
        Some(Application((hash.get() >> 32) as u32))
    }
}

impl Counts {
    fn add(&mut self, holder: Holder) {
        *self.by_connection.entry(holder.connection).or_default() += 1;
        if let Some(application) = holder.application {
            *self.by_application.entry(application).or_default() += 1;
        }
    }
}

impl Counted {
    #[inline]
    pub(super) fn of(ex: &Exchange) -> Self {
        Counted {
            cluster: ex.target.cluster,
            downstream: ex.down().filter(|_| !ex.one_way).map(|down| down.conn),
        }
    }

    /// The downstream that the call counts for; `None` if none waits, or its connection is gone.
    fn holder<E: Env>(self, w: &Connections<E>) -> Option<Holder> {
        let connection = self.downstream?;
        let application = w.get(connection)?.application;
        Some(Holder {
            connection,
            application,
        })
    }
}

impl Shares {
    /// Whether no cluster is counted.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// Whether the calls of this cluster are counted.
    pub(super) fn has(&self, id: ClusterId) -> bool {
        self.of.contains_key(&id)
    }

    /// Starts to count a cluster, beginning with these calls in flight.
    pub(super) fn open(&mut self, id: ClusterId, calls: impl Iterator<Item = Holder>) {
        let mut counts = Counts::default();
        calls.for_each(|holder| counts.add(holder));
        self.of.insert(id, counts);
    }

    /// Stops to count a cluster, because it has room again.
    pub(super) fn close(&mut self, id: ClusterId) {
        self.of.remove(&id);
    }

    /// Counts a call that was given to the cluster, if the cluster is counted.
    pub(super) fn began<E: Env>(&mut self, w: &Connections<E>, id: ClusterId, call: Counted) {
        if let Some(counts) = self.of.get_mut(&id)
            && let Some(holder) = call.holder(w)
        {
            counts.add(holder);
        }
    }

    /// Removes a call whose downstream no longer waits for it.
    pub(super) fn ended(&mut self, id: ClusterId, holder: Holder) {
        let Some(counts) = self.of.get_mut(&id) else {
            return;
        };
        take_one(&mut counts.by_connection, &holder.connection);
        if let Some(application) = holder.application {
            take_one(&mut counts.by_application, &application);
        }
    }

    /// The limit that another call of this downstream would exceed, with `in_flight` calls to the cluster.
    pub(super) fn excess(
        &self,
        id: ClusterId,
        cluster: &Cluster,
        in_flight: u32,
        holder: Holder,
    ) -> Option<Excess> {
        let counts = self.of.get(&id)?;
        let capacity = u64::from(cluster.capacity);
        let (share, rest) = (
            u64::from(cluster.downstream_share),
            u64::from(100 - cluster.downstream_share),
        );
        // A quarter of what the share leaves is for downstreams with few calls.
        let (reserve, few) = (capacity * rest / 400, (capacity / 100).max(1));
        let free = (capacity.saturating_sub(u64::from(in_flight))).saturating_sub(reserve);
        let is_over = |own: Option<&u32>| {
            let own = u64::from(own.copied().unwrap_or(0));
            own >= few && own * rest * 3 >= share * free * 4
        };
        if is_over(counts.by_connection.get(&holder.connection)) {
            return Some(Excess::Connection);
        }
        let application = holder.application?;
        is_over(counts.by_application.get(&application)).then_some(Excess::Application)
    }
}

impl Calls {
    /// Updates the counts of a cluster when the downstream stops waiting for a call that was given to it.
    #[inline]
    pub(super) fn gave_up_upstream<E: Env>(&mut self, w: &Connections<E>, call: Counted) {
        // A call that was sent has a cluster.
        let Some(id) = call.cluster else { return };
        self.endpoints.gave_up(id);
        if !self.shares.is_empty() {
            self.leave_crowd(w, id, call);
        }
    }

    #[cold]
    fn leave_crowd<E: Env>(&mut self, w: &Connections<E>, id: ClusterId, call: Counted) {
        if let Some(holder) = call.holder(w) {
            self.shares.ended(id, holder);
        }
        let cluster = self.directory.cluster(id);
        // Counting stops at half of the bound at which it starts, so that it does not start and stop with each
        // call.
        if cluster.is_none_or(|c| self.endpoints.cluster_in_flight(id) < c.crowded_at / 2) {
            self.shares.close(id);
        }
    }

    /// Returns an error if the cluster takes no further call from this downstream.
    #[inline]
    pub(super) fn over_budget<E: Env>(
        &mut self,
        w: &Connections<E>,
        ex: CallKey,
        (id, c): (ClusterId, &Cluster),
    ) -> Option<CallError> {
        let in_flight = self.endpoints.cluster_in_flight(id);
        // Below this bound no limit can be exceeded, which is the common case.
        if in_flight < c.crowded_at {
            return None;
        }
        if in_flight >= c.max_in_flight {
            return Some(errors::too_many(c));
        }
        self.over_share(w, ex, id, c)
    }

    #[cold]
    fn over_share<E: Env>(
        &mut self,
        w: &Connections<E>,
        key: CallKey,
        id: ClusterId,
        c: &Cluster,
    ) -> Option<CallError> {
        if c.downstream_share >= 100 {
            return None;
        }
        if !self.shares.has(id) {
            // Only calls that were given to the cluster count: quarantined ones have no downstream that waits.
            let counts = |ex: &&Exchange| ex.state == State::Sent && ex.target.cluster == Some(id);
            let calls = self.table.iter().map(|(_, ex)| ex).filter(counts);
            self.shares
                .open(id, calls.filter_map(|ex| Counted::of(ex).holder(w)));
        }
        let holder = Counted::of(self.table.get(key)?).holder(w)?;
        let excess = self
            .shares
            .excess(id, c, self.endpoints.cluster_in_flight(id), holder)?;
        Some(errors::more_than_its_share(c, excess))
    }
}

fn take_one<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
