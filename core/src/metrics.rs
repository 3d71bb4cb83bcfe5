//! A worker's counters. No other thread writes them, and they are copied when they are scraped.
//!
//! A *series* is one combination of listener, route, cluster, service, method and protocol pair. Each worker
//! has a bounded number of series. If there is no room for a new one, series without any successful call are
//! removed (`room.rs`), and if there are none, the call counts under the service `_OTHER`. Neither a large
//! registry nor invented names can thus grow the process, and invented names do not displace real ones.
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

/// The result of a call, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// A response with this status.
    Responded(Status),
    /// An error of this process.
    Failed(ErrorKind),
    /// A one-way call that was sent.
    Sent,
}

/// The number of different results.
pub const OUTCOMES: usize = 4 + ErrorKind::ALL.len();

/// The id of a series in one worker: the index of its entry (20 bits) and the entry's generation (12 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeriesId(pub u32);

const PLACE_BITS: u32 = 20;

impl SeriesId {
    fn new(place: usize, generation: u32) -> Self {
        SeriesId(generation << PLACE_BITS | place as u32)
    }

    /// The index of its entry, which is unique among existing series.
    #[inline(always)]
    #[must_use]
    pub const fn place(self) -> usize {
        (self.0 & ((1 << PLACE_BITS) - 1)) as usize
    }
}

/// What a series counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SeriesKey {
    /// The listener that the calls came through.
    pub listener: ListenerId,
    /// The route of the calls; `None` if none matched.
    pub route: Option<RouteId>,
    /// The cluster of the calls; `None` if none was chosen.
    pub cluster: Option<ClusterId>,
    /// The protocol of the downstream.
    pub down: ProtoId,
    /// The protocol of the upstream.
    pub up: ProtoId,
    /// The interface name as the downstream sent it.
    pub service: Arc<str>,
    /// The method name as the downstream sent it.
    pub method: Arc<str>,
}

/// The counters of one series.
#[derive(Clone, Debug)]
pub struct Series {
    /// What the series counts.
    pub key: Arc<SeriesKey>,
    /// The number of calls by result, see [`CallResult::index`].
    pub outcomes: [u64; OUTCOMES],
    /// The number of calls by latency. The last bucket has no upper bound.
    pub buckets: [u64; BUCKETS + 1],
    /// The sum of the latencies in microseconds.
    pub latency_us: u64,
    /// The number of times a call was sent again.
    pub retries: u64,
    /// The number of requests that were copied for a mirror.
    pub mirrored: u64,
    /// The number of requests whose copy could not be sent.
    pub unmirrored: u64,
    id: SeriesId,
    /// Whether the series was removed and its entry is free.
    vacant: bool,
    /// The number of series created before it.
    born: u64,
}

/// The traffic of one listener or one endpoint.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// Connections opened since the start.
    pub opened: u64,
    /// Connections closed since the start.
    pub closed: u64,
    /// Connections that were refused or could not be established.
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
    /// Series created since the access log was last served.
    fresh: Vec<SeriesId>,
    /// Indexes of removed series.
    free: Vec<usize>,
    /// The series that count for calls whose own series was removed while they were in flight.
    former: HashMap<SeriesId, SeriesId>,
    /// The number of new names to turn away before making room is tried again.
    in_vain: u32,
    /// Whether series were removed since this was last asked.
    took_out: bool,
    born: u64,
    /// The number of calls that limits refused.
    limited: HashMap<Refusal, u64>,
    /// Responses for which no call was waiting.
    pub late_responses: u64,
}

/// A limit that refused calls, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Refusal {
    /// The limit.
    pub limit: Limit,
    /// The listener that the calls came through.
    pub listener: ListenerId,
    /// The cluster of the calls; `None` if none was chosen.
    pub cluster: Option<ClusterId>,
}

impl SeriesKey {
    /// Whether it is an overflow series, for names without a series of their own.
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

/// The key by which a series is looked up, borrowed from the request.
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

/// Longer names have no series of their own, in bytes.
const NAME_MAX: usize = 256;
const OTHER: &str = "_OTHER";

impl CallResult {
    /// The index in [`Series::outcomes`].
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

    /// The name of the result at an index.
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
            mirrored: 0,
            unmirrored: 0,
        }
    }
}

impl WorkerMetrics {
    /// Creates counters with this layout.
    #[must_use]
    pub fn new(layout: &Arc<Layout>) -> Self {
        WorkerMetrics {
            layout: Arc::clone(layout),
            ..WorkerMetrics::default()
        }
    }

    /// Changes the layout, unless calls have been counted: counts cannot be moved between buckets.
    pub fn set_layout(&mut self, layout: &Arc<Layout>) {
        if self.series.is_empty() {
            self.layout = Arc::clone(layout);
        }
    }

    /// The latency buckets and labels of the series.
    #[must_use]
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The series of a call. It is created if there is room.
    pub fn series(&mut self, of: &Lookup<'_>) -> SeriesId {
        let of = &Lookup {
            method: if self.layout.by_method { of.method } else { b"" },
            ..*of
        };
        let hash = of.hash();
        match self.index.get(&hash) {
            Some(&i) if of.is(&self.series[i as usize].key) => self.series[i as usize].id,
            Some(_) => self.other(of), // two keys with the same hash share the overflow series
            None => self.intern(hash, of),
        }
    }

    #[cold]
    fn intern(&mut self, hash: u64, of: &Lookup<'_>) -> SeriesId {
        // names without a route are free to invent, so they get a quarter of the room only
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

    /// The overflow series of a call. There are few, because they contain no names from the wire.
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

    /// What a series counts; `None` if it was removed.
    pub(crate) fn key(&self, id: SeriesId) -> Option<&Arc<SeriesKey>> {
        let series = self.series.get(id.place()).filter(|s| s.id == id)?;
        Some(&series.key)
    }

    /// Service and method of a series as the downstream sent them; `None` for an overflow or removed series.
    #[must_use]
    pub fn names(&self, id: SeriesId) -> Option<(&str, &str)> {
        let series = self.series.get(id.place()).filter(|s| s.id == id)?;
        let key = &series.key;
        (!series.is_other()).then_some((&key.service, &key.method))
    }

    /// Counts a call that ended.
    #[inline(always)]
    pub fn end(&mut self, id: SeriesId, ended: CallResult, latency_us: u64) {
        let bucket = self.layout.bounds.bucket(latency_us);
        let Some(s) = self.current(id) else { return };
        s.outcomes[ended.index()] += 1;
        s.latency_us += latency_us;
        s.buckets[bucket] += 1;
    }

    /// Counts a call that was not sent. It has no latency, which would not describe the service.
    pub fn refused(&mut self, id: SeriesId, ended: CallResult) {
        if let Some(s) = self.current(id) {
            s.outcomes[ended.index()] += 1;
        }
    }

    /// Counts a call that a limit refused. The number of counters is bounded by the listeners and clusters.
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

    /// The number of calls that each limit refused.
    pub fn refusals(&self) -> impl Iterator<Item = (Refusal, u64)> {
        self.limited.iter().map(|(refusal, count)| (*refusal, *count))
    }

    /// Counts a call that was sent again.
    pub fn retried(&mut self, id: SeriesId) {
        if let Some(s) = self.current(id) {
            s.retries += 1;
        }
    }

    /// Counts a request that was to be copied for a mirror, and whether the copy was sent.
    pub fn mirrored(&mut self, id: SeriesId, was_sent: bool) {
        if let Some(s) = self.current(id) {
            s.mirrored += u64::from(was_sent);
            s.unmirrored += u64::from(!was_sent);
        }
    }

    /// The series that counts for this id. For a removed series it is the one that took its counts over.
    #[inline]
    fn current(&mut self, id: SeriesId) -> Option<&mut Series> {
        let is_current = self.series.get(id.place()).is_some_and(|s| s.id == id);
        let id = if is_current { id } else { self.heir(id)? };
        self.series.get_mut(id.place())
    }

    /// The series created since the last time, or all of them for a log that has missed some.
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

    /// All existing series.
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

/// A hasher for keys that are hashes already.
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
    fn names_without_a_route_leave_room_for_routed_ones() {
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
    fn methods_share_a_series_without_the_method_label() {
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
