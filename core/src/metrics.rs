//! A worker's counters: plain cells that nobody else writes, copied out when they are scraped.
//!
//! A *series* is one combination of listener, route, cluster, service, method and protocol pair. Series are
//! interned per worker, up to a bound. Where room is short, series of which no call ever succeeded make room (`room.rs`); what has none
//! counts under the service `_OTHER`. So neither a busy registry nor an attacker's invented names can grow the process, and invented
//! names do not hide real ones.
mod layout;
mod room;

pub use layout::{BUCKETS, Bounds, Layout};

use crate::directory::{ClusterId, ListenerId, RouteId};
use crate::error::{ErrorKind, Limit};
use crate::hash::Mix;
use crate::message::{ProtoId, Status};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// How a call ended, as counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// With an answer of this status.
    Responded(Status),
    /// With an error made here.
    Failed(ErrorKind),
    /// One-way: sent.
    Sent,
}

/// How many outcomes are told apart.
pub const OUTCOMES: usize = 4 + ErrorKind::ALL.len();

/// A series of one worker: its place (20 bits) and which of the series that had this place it is (12 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeriesId(pub u32);

const PLACE_BITS: u32 = 20;

impl SeriesId {
    fn new(place: usize, generation: u32) -> Self {
        SeriesId(generation << PLACE_BITS | place as u32)
    }

    /// Its place: that of one series at a time.
    #[inline(always)]
    #[must_use]
    pub const fn place(self) -> usize {
        (self.0 & ((1 << PLACE_BITS) - 1)) as usize
    }
}

/// What a series counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SeriesKey {
    /// Where the call came in.
    pub listener: ListenerId,
    /// The route that it took; `None` if none matched.
    pub route: Option<RouteId>,
    /// Where it went; `None` if it went nowhere.
    pub cluster: Option<ClusterId>,
    /// The caller's protocol.
    pub down: ProtoId,
    /// The provider's protocol.
    pub up: ProtoId,
    /// Interface name as the caller wrote it.
    pub service: Arc<str>,
    /// Method name as the caller wrote it.
    pub method: Arc<str>,
}

/// Counters of one series.
#[derive(Clone, Debug)]
pub struct Series {
    /// What is counted.
    pub key: Arc<SeriesKey>,
    /// Calls by outcome, see [`CallResult::index`].
    pub outcomes: [u64; OUTCOMES],
    /// Calls by latency; the bucket after the last bound has no upper bound.
    pub buckets: [u64; BUCKETS + 1],
    /// Sum of latencies in microseconds.
    pub latency_us: u64,
    /// Times a call was sent again elsewhere.
    pub retries: u64,
    id: SeriesId,
    /// It was taken out; its place is free.
    vacant: bool,
    /// How many series were made before.
    born: u64,
}

/// Traffic of one listener or one endpoint.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// Connections opened so far.
    pub opened: u64,
    /// Connections closed so far.
    pub closed: u64,
    /// Connections that could not be made or were refused.
    pub failed: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
}

/// All series of a worker.
#[derive(Default)]
pub struct WorkerMetrics {
    series: Vec<Series>,
    index: HashMap<u64, u32, BuildHasherDefault<Identity>>,
    layout: Arc<Layout>,
    /// Series made since the access log last asked.
    fresh: Vec<SeriesId>,
    /// Places of series that were taken out.
    free: Vec<usize>,
    /// Where the calls of series count that were taken out while they were in flight.
    former: HashMap<SeriesId, SeriesId>,
    /// Series that found no room since making room was in vain.
    in_vain: u32,
    /// Series were taken out since this was last asked.
    took_out: bool,
    born: u64,
    /// Calls that limits refused.
    limited: HashMap<Refusal, u64>,
    /// Answers that came for nobody.
    pub late_responses: u64,
}

/// Which limit refused calls, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Refusal {
    /// The limit.
    pub limit: Limit,
    /// Where the calls came in.
    pub listener: ListenerId,
    /// Where they were going, if a cluster was chosen.
    pub cluster: Option<ClusterId>,
}

impl SeriesKey {
    /// Whether it stands for names that have no series of their own.
    #[must_use]
    pub fn is_other(&self) -> bool {
        *self.service == *OTHER
    }

    /// Whether all of its calls have its service and method.
    #[must_use]
    pub fn names_its_calls(&self) -> bool {
        !self.is_other() && !self.method.is_empty()
    }
}

/// What a series is looked up by, borrowed from the request.
#[derive(Clone, Copy)]
pub struct Lookup<'a> {
    pub(crate) listener: ListenerId,
    pub(crate) route: Option<RouteId>,
    pub(crate) cluster: Option<ClusterId>,
    pub(crate) down: ProtoId,
    pub(crate) up: ProtoId,
    pub(crate) service: &'a [u8],
    pub(crate) method: &'a [u8],
}

/// Names longer than this are not worth a series of their own.
const NAME_MAX: usize = 256;
const OTHER: &str = "_OTHER";

impl CallResult {
    /// The place in [`Series::outcomes`].
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            CallResult::Responded(Status::Ok) => 0,
            CallResult::Responded(Status::Exception) => 1,
            CallResult::Responded(Status::Failed) => 2,
            CallResult::Sent => 3,
            CallResult::Failed(kind) => 4 + kind as usize,
        }
    }

    /// The name of the outcome at a place.
    #[must_use]
    pub fn name(index: usize) -> &'static str {
        match index {
            0 => "ok",
            1 => "exception",
            2 => "provider_error",
            3 => "one_way",
            n => ErrorKind::ALL[n - 4].name(),
        }
    }
}

impl Series {
    fn new(key: SeriesKey, id: SeriesId, born: u64) -> Self {
        Series {
            id,
            vacant: false,
            born,
            key: Arc::new(key),
            outcomes: [0; OUTCOMES],
            buckets: [0; BUCKETS + 1],
            latency_us: 0,
            retries: 0,
        }
    }
}

impl WorkerMetrics {
    /// Counters of this layout.
    #[must_use]
    pub fn new(layout: &Arc<Layout>) -> Self {
        WorkerMetrics {
            layout: Arc::clone(layout),
            ..WorkerMetrics::default()
        }
    }

    /// Takes over a layout, unless calls were counted: their counts could not be moved to other buckets.
    pub fn set_layout(&mut self, layout: &Arc<Layout>) {
        if self.series.is_empty() {
            self.layout = Arc::clone(layout);
        }
    }

    /// The latency buckets and labels by which calls are counted.
    #[must_use]
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The series of a call.
    pub fn series(&mut self, of: &Lookup<'_>) -> SeriesId {
        let of = &Lookup {
            method: if self.layout.by_method { of.method } else { b"" },
            ..*of
        };
        let hash = of.hash();
        match self.index.get(&hash) {
            Some(&i) if of.is(&self.series[i as usize].key) => self.series[i as usize].id,
            Some(_) => self.other(of), // two names with one hash share the overflow series
            None => self.intern(hash, of),
        }
    }

    #[cold]
    fn intern(&mut self, hash: u64, of: &Lookup<'_>) -> SeriesId {
        // names that lead nowhere cost nothing to invent: they must not use up the room of those that do
        let has_room = match of.route {
            Some(_) => self.len() < self.layout.series || self.make_room(),
            None => self.len() < self.layout.series / 4,
        };
        if !has_room || of.service.len() > NAME_MAX || of.method.len() > NAME_MAX {
            return self.other(of);
        }
        let text = |b: &[u8]| Arc::from(String::from_utf8_lossy(b));
        self.add(hash, of, text(of.service), text(of.method))
    }

    fn add(&mut self, hash: u64, of: &Lookup<'_>, service: Arc<str>, method: Arc<str>) -> SeriesId {
        let free = self.free.pop();
        let id = match free {
            Some(place) => self.series[place].id,
            None => SeriesId::new(self.series.len(), 0),
        };
        let Lookup {
            listener,
            route,
            cluster,
            down,
            up,
            ..
        } = *of;
        let key = SeriesKey {
            listener,
            route,
            cluster,
            down,
            up,
            service,
            method,
        };
        self.born += 1;
        let series = Series::new(key, id, self.born);
        match free {
            Some(place) => self.series[place] = series,
            None => self.series.push(series),
        }
        self.index.insert(hash, id.place() as u32);
        self.fresh.push(id);
        id
    }

    /// Overflow series are few: they have no names of the wire in them.
    #[cold]
    fn other(&mut self, of: &Lookup<'_>) -> SeriesId {
        let of = Lookup {
            service: OTHER.as_bytes(),
            method: OTHER.as_bytes(),
            ..*of
        };
        let hash = of.hash();
        match self.index.get(&hash) {
            Some(&i) => self.series[i as usize].id,
            None => self.add(hash, &of, OTHER.into(), OTHER.into()),
        }
    }

    /// What a series counts, if it is there.
    pub(crate) fn key(&self, id: SeriesId) -> Option<&Arc<SeriesKey>> {
        let series = self.series.get(id.place()).filter(|s| s.id == id)?;
        Some(&series.key)
    }

    /// Service and method of a series, as callers wrote them; `None` for what is beyond the bound.
    #[must_use]
    pub fn names(&self, id: SeriesId) -> Option<(&str, &str)> {
        let series = self.series.get(id.place()).filter(|s| s.id == id)?;
        let key = &series.key;
        (!series.is_other()).then_some((&key.service, &key.method))
    }

    /// Counts the end of a call.
    #[inline(always)]
    pub fn end(&mut self, id: SeriesId, ended: CallResult, latency_us: u64) {
        let bucket = self.layout.bounds.bucket(latency_us);
        let Some(s) = self.current(id) else { return };
        s.outcomes[ended.index()] += 1;
        s.latency_us += latency_us;
        s.buckets[bucket] += 1;
    }

    /// Counts a call that was given to nobody: how long that took says nothing of a service.
    pub fn refused(&mut self, id: SeriesId, ended: CallResult) {
        if let Some(s) = self.current(id) {
            s.outcomes[ended.index()] += 1;
        }
    }

    /// Counts a call that a limit refused. There are as many counters as combinations of listeners and clusters at most.
    #[cold]
    pub fn limited(&mut self, id: SeriesId, limit: Option<Limit>) {
        let Some(limit) = limit else { return };
        let Some(series) = self.current(id) else { return };
        let refusal = Refusal {
            limit,
            listener: series.key.listener,
            cluster: series.key.cluster,
        };
        *self.limited.entry(refusal).or_default() += 1;
    }

    /// Calls that limits refused.
    pub fn refusals(&self) -> impl Iterator<Item = (Refusal, u64)> {
        self.limited.iter().map(|(refusal, count)| (*refusal, *count))
    }

    /// Counts a call that was sent again.
    pub fn retried(&mut self, id: SeriesId) {
        if let Some(s) = self.current(id) {
            s.retries += 1;
        }
    }

    /// The series that counts for this id: where it was taken out, the one that took over its counts.
    #[inline]
    fn current(&mut self, id: SeriesId) -> Option<&mut Series> {
        let is_current = self.series.get(id.place()).is_some_and(|s| s.id == id);
        let id = if is_current { id } else { self.heir(id)? };
        self.series.get_mut(id.place())
    }

    /// The series made since this was last asked; or all, for a log that has missed some.
    pub fn take_fresh(&mut self, all: bool) -> Vec<(SeriesId, Arc<SeriesKey>)> {
        let fresh = std::mem::take(&mut self.fresh);
        if all {
            return self.all().map(|s| (s.id, Arc::clone(&s.key))).collect();
        }
        let made = fresh.into_iter().filter_map(|id| {
            let series = self.series.get(id.place()).filter(|s| s.id == id)?;
            Some((id, Arc::clone(&series.key)))
        });
        made.collect()
    }

    /// All series.
    pub fn all(&self) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(|s| !s.vacant)
    }
}

impl Lookup<'_> {
    #[inline]
    fn hash(&self) -> u64 {
        let mut h = Mix::default();
        let of = |id: Option<u32>| u64::from(id.unwrap_or(u32::MAX));
        h.mix(u64::from(self.listener.0) << 32 | of(self.route.map(|r| r.0)));
        h.mix(of(self.cluster.map(|c| c.0)) << 16 | u64::from(self.down.0) << 8 | u64::from(self.up.0));
        h.bytes(self.service);
        h.bytes(self.method);
        h.get()
    }

    #[inline]
    fn is(&self, key: &SeriesKey) -> bool {
        key.service.as_bytes() == self.service
            && key.method.as_bytes() == self.method
            && key.listener == self.listener
            && key.route == self.route
            && key.cluster == self.cluster
            && key.down == self.down
            && key.up == self.up
    }
}

/// The keys are hashes already.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = self.0 << 8 | u64::from(*b);
        }
    }
    fn write_u64(&mut self, v: u64) {
        self.0 = v;
    }
}

#[cfg(test)]
mod tests {
    use super::layout::with_room;
    use super::*;

    fn lookup<'a>(service: &'a [u8], method: &'a [u8]) -> Lookup<'a> {
        let (listener, down, up) = (ListenerId(0), ProtoId(1), ProtoId(2));
        Lookup {
            listener,
            route: Some(RouteId(1)),
            cluster: None,
            down,
            up,
            service,
            method,
        }
    }

    #[test]
    fn names_beyond_the_bound_share_one_series() {
        let mut shard = WorkerMetrics::new(&with_room(2));
        let a = shard.series(&lookup(b"a", b"x"));
        assert_eq!(shard.series(&lookup(b"a", b"x")), a);
        let b = shard.series(&lookup(b"b", b"x"));
        for id in [a, b] {
            shard.end(id, CallResult::Responded(Status::Ok), 1);
        }
        let c = shard.series(&lookup(b"c", b"x"));
        assert_eq!(shard.series(&lookup(b"d", b"y")), c);
        assert_eq!((shard.all().count(), &*shard.series[2].key.service), (3, OTHER));
        assert_eq!((shard.names(a), shard.names(c)), (Some(("a", "x")), None));
    }

    #[test]
    fn names_that_lead_nowhere_leave_room_for_those_that_do() {
        let mut shard = WorkerMetrics::new(&with_room(8));
        for i in 0..100u8 {
            let nowhere = Lookup {
                route: None,
                ..lookup(b"x", std::slice::from_ref(&i))
            };
            shard.series(&nowhere);
        }
        let real = shard.series(&lookup(b"a.Service", b"pay"));
        assert_eq!(&*shard.series[real.place()].key.service, "a.Service");
    }

    #[test]
    fn a_latency_counts_in_its_bucket_and_a_refusal_in_none() {
        let mut shard = WorkerMetrics::new(&with_room(8));
        let id = shard.series(&lookup(b"a", b"x"));
        for us in [0, 100, 101, 1000, 59_999_999, 60_000_001, u64::from(u32::MAX)] {
            shard.end(id, CallResult::Sent, us);
        }
        let s = &shard.series[0];
        assert_eq!((s.buckets[0], s.buckets[1], s.buckets[18]), (2, 1, 2));
        assert_eq!(s.buckets.iter().sum::<u64>(), 7);
        shard.refused(id, CallResult::Sent);
        let s = &shard.series[0];
        assert_eq!(
            (s.buckets.iter().sum::<u64>(), s.outcomes.iter().sum::<u64>()),
            (7, 8)
        );
    }

    #[test]
    fn methods_share_a_series_where_they_are_not_told_apart() {
        let layout = Layout {
            by_method: false,
            ..Layout::default()
        };
        let mut shard = WorkerMetrics::new(&Arc::new(layout));
        let a = shard.series(&lookup(b"a", b"x"));
        assert_eq!(shard.series(&lookup(b"a", b"y")), a);
        assert_ne!(shard.series(&lookup(b"b", b"y")), a);
        assert_eq!(shard.names(a), Some(("a", "")));
    }
}
