//! How many of a cluster's calls each downstream has in flight, so that none takes them all.
//!
//! A cluster takes a bounded number of calls. A downstream may have so many of them in flight as a certain multiple of
//! those that are free: alone it comes to the share that is configured, several that want everything get equal parts,
//! and whatever they do, some are left for others. (Switches share their buffers between ports by the same rule.) It
//! counts connections, and calling applications over all of their connections.
//!
//! Nobody can be over the share while fewer calls are in flight than one downstream may have, so nothing is counted
//! then. Past that the counts are taken from the table of calls, once, and kept up to date until there is room again.
use crate::connections::Connections;
use crate::directory::{Cluster, ClusterId};
use crate::exchange::Exchange;
use crate::{Env, slots::ConnKey};
use std::collections::HashMap;

/// The counts of the clusters that are crowded.
#[derive(Default)]
pub(super) struct Shares {
    of: HashMap<ClusterId, Counts>,
}

/// Calls of one cluster.
#[derive(Default)]
struct Counts {
    by_connection: HashMap<ConnKey, u32>,
    by_application: HashMap<Application, u32>,
}

/// A calling application, by a hash of its name: connections whose applications cannot be told apart share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Application(u32);

/// Whose call it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holder {
    connection: ConnKey,
    application: Option<Application>,
}

/// What a downstream has too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    /// Calls over this connection.
    Connection,
    /// Calls of this application.
    Application,
}

impl Application {
    /// The application of this name; `None` if a call names none.
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        if name.is_empty() {
            return None;
        }
        let mut hash = crate::hash::Mix::default();
        hash.bytes(name);
        Some(Application((hash.get() >> 32) as u32))
    }
}

impl Holder {
    /// The holder of a call; `None` for calls that nobody waits for.
    pub(super) fn of<E: Env>(w: &Connections<E>, ex: &Exchange) -> Option<Self> {
        let connection = ex.down.conn;
        let application = w.get(connection)?.application;
        (!ex.one_way).then_some(Holder {
            connection,
            application,
        })
    }
}

impl Shares {
    /// Whether anything is counted.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// Whose call it is, if any calls are counted.
    #[inline]
    pub(super) fn holder<E: Env>(&self, w: &Connections<E>, ex: &Exchange) -> Option<Holder> {
        if self.is_empty() {
            return None;
        }
        Holder::of(w, ex)
    }

    /// Whether the calls of this cluster are counted.
    pub(super) fn has(&self, id: ClusterId) -> bool {
        self.of.contains_key(&id)
    }

    /// Begins to count: these calls are in flight.
    pub(super) fn open(&mut self, id: ClusterId, calls: impl Iterator<Item = Holder>) {
        self.of.insert(id, Counts::default());
        calls.for_each(|holder| self.began(id, holder));
    }

    /// There is room again.
    pub(super) fn close(&mut self, id: ClusterId) {
        self.of.remove(&id);
    }

    /// A call was given to the cluster.
    pub(super) fn began(&mut self, id: ClusterId, holder: Holder) {
        let Some(counts) = self.of.get_mut(&id) else {
            return;
        };
        *counts.by_connection.entry(holder.connection).or_default() += 1;
        if let Some(application) = holder.application {
            *counts.by_application.entry(application).or_default() += 1;
        }
    }

    /// Nobody waits for the call any more.
    pub(super) fn ended(&mut self, id: ClusterId, holder: Holder) {
        let Some(counts) = self.of.get_mut(&id) else {
            return;
        };
        take_one(&mut counts.by_connection, &holder.connection);
        if let Some(application) = holder.application {
            take_one(&mut counts.by_application, &application);
        }
    }

    /// What the holder has too much of for another call, while so many are in flight.
    pub(super) fn excess(
        &self,
        id: ClusterId,
        cluster: &Cluster,
        in_flight: u32,
        holder: Holder,
    ) -> Option<Excess> {
        let counts = self.of.get(&id)?;
        let share = u64::from(cluster.downstream_share);
        let free = u64::from(cluster.capacity.saturating_sub(in_flight));
        let is_over = |own: Option<&u32>| {
            let own = own.copied().unwrap_or(0);
            u64::from(own) * (100 - share) >= share * free
        };
        if is_over(counts.by_connection.get(&holder.connection)) {
            return Some(Excess::Connection);
        }
        let application = holder.application?;
        is_over(counts.by_application.get(&application)).then_some(Excess::Application)
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
