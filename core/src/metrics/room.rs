//! Makes room for new series. Series without any successful call are removed first: names are free to invent,
//! but calls of invented names do not succeed.
use super::{CallResult, Lookup, PLACE_BITS, Series, SeriesId, SeriesKey, WorkerMetrics};
use crate::message::Status;
use std::sync::Arc;

/// The fraction of the room that is made at once, so that searching costs little for each new name.
const SHARE: usize = 8;
/// The number of new names without a series after a search that found nothing to remove.
const PATIENCE: u32 = 256;
/// The largest number of removed series that are remembered for their calls in flight.
const FORMER: usize = 1 << 16;

impl WorkerMetrics {
    /// The number of existing series.
    pub(super) fn len(&self) -> usize {
        self.series.len() - self.free.len()
    }

    /// Whether series were removed since the last call of this function. A cache of series by names has to be
    /// cleared then.
    pub(crate) fn take_out_happened(&mut self) -> bool {
        std::mem::take(&mut self.took_out)
    }

    /// Removes series without any successful call, those with the fewest calls and the oldest ones first. Their
    /// counts go to the overflow series, so that sums over all services stay the same. Returns false if there
    /// are none.
    pub(super) fn make_room(&mut self) -> bool {
        if self.in_vain > 0 {
            self.in_vain -= 1;
            return false;
        }
        let mut idle: Vec<_> = self
            .all()
            .filter(|s| s.may_go())
            .map(|s| (s.rank(), s.id))
            .collect();
        idle.sort_unstable_by_key(|(rank, _)| *rank);
        idle.truncate((self.layout.series / SHARE).max(1));
        for (_, id) in &idle {
            self.take_out(*id);
        }
        if idle.is_empty() {
            self.in_vain = PATIENCE;
        }
        self.took_out |= !idle.is_empty();
        !idle.is_empty()
    }

    /// Removes the series of removed parts. No call counts for them any more, and their ids may be reused.
    pub(crate) fn forget(&mut self, is_gone: impl Fn(&SeriesKey) -> bool) {
        let gone: Vec<SeriesId> = self.all().filter(|s| is_gone(&s.key)).map(|s| s.id).collect();
        self.took_out |= !gone.is_empty();
        for id in gone {
            self.vacate(id);
        }
    }

    fn take_out(&mut self, id: SeriesId) {
        let place = id.place();
        let key = Arc::clone(&self.series[place].key);
        let heir = self.other(&lookup(&key));
        let counts = self.series[place].clone();
        self.series[heir.place()].take_over(&counts);
        self.vacate(id);
        if self.former.len() >= FORMER {
            self.former.clear();
        }
        self.former.insert(id, heir);
    }

    /// Frees the entry of a series.
    fn vacate(&mut self, id: SeriesId) {
        let place = id.place();
        let hash = lookup(&self.series[place].key).hash();
        // a key with the same hash may have been added later
        if self.index.get(&hash) == Some(&(place as u32)) {
            self.index.remove(&hash);
        }
        let generation = (id.0 >> PLACE_BITS).wrapping_add(1) & (u32::MAX >> PLACE_BITS);
        let series = &mut self.series[place];
        series.vacant = true;
        series.id = SeriesId::new(place, generation);
        self.free.push(place);
    }

    /// The series that counts for this id now.
    pub(crate) fn effective(&self, id: SeriesId) -> SeriesId {
        let is_current = self.series.get(id.place()).is_some_and(|s| s.id == id);
        if is_current {
            id
        } else {
            self.heir(id).unwrap_or(id)
        }
    }

    /// The series that counts for a removed one; any overflow series if that is no longer known.
    #[cold]
    pub(super) fn heir(&self, id: SeriesId) -> Option<SeriesId> {
        let any = || self.all().find(|s| s.is_other()).map(|s| s.id);
        self.former.get(&id).copied().or_else(any)
    }
}

fn lookup(key: &SeriesKey) -> Lookup<'_> {
    Lookup {
        listener: key.listener,
        route: key.route,
        cluster: key.cluster,
        down: key.down,
        up: key.up,
        service: key.service.as_bytes(),
        method: key.method.as_bytes(),
    }
}

impl Series {
    pub(super) fn is_other(&self) -> bool {
        self.key.is_other()
    }

    fn count(&self, ended: CallResult) -> u64 {
        self.outcomes[ended.index()]
    }

    fn may_go(&self) -> bool {
        // A call that this process answered itself, such as an echo, says nothing about the service. Only calls
        // that were sent have a latency.
        let was_sent = self.buckets.iter().any(|calls| *calls > 0);
        let succeeded = was_sent && self.count(CallResult::Responded(Status::Ok)) > 0;
        !self.is_other() && !succeeded
    }

    /// The order of removal. Series with exceptions come last, because a service that only throws exists.
    fn rank(&self) -> (bool, u64, u64) {
        let total: u64 = self.outcomes.iter().sum();
        (
            self.count(CallResult::Responded(Status::Exception)) > 0,
            total.max(1),
            self.born,
        )
    }

    fn take_over(&mut self, other: &Series) {
        self.outcomes
            .iter_mut()
            .zip(other.outcomes)
            .for_each(|(a, b)| *a += b);
        self.buckets
            .iter_mut()
            .zip(other.buckets)
            .for_each(|(a, b)| *a += b);
        self.latency_us += other.latency_us;
        self.retries += other.retries;
        self.mirrored += other.mirrored;
        self.unmirrored += other.unmirrored;
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout::with_room;
    use super::*;
    use crate::directory::{ListenerId, RouteId};
    use crate::error::ErrorKind;
    use crate::message::ProtoId;

    const OK: CallResult = CallResult::Responded(Status::Ok);
    const FAILED: CallResult = CallResult::Failed(ErrorKind::NoService);

    fn called<'a>(service: &'a [u8]) -> Lookup<'a> {
        Lookup {
            listener: ListenerId(0),
            route: Some(RouteId(1)),
            cluster: None,
            down: ProtoId(1),
            up: ProtoId(2),
            service,
            method: b"m",
        }
    }

    fn call(shard: &mut WorkerMetrics, service: &str, ended: CallResult) -> SeriesId {
        let id = shard.series(&called(service.as_bytes()));
        shard.end(id, ended, 1);
        id
    }

    #[test]
    fn invented_names_do_not_hide_real_ones() {
        let mut shard = WorkerMetrics::new(&with_room(64));
        let old = call(&mut shard, "com.acme.Old", OK);
        let down = (0..9)
            .map(|_| call(&mut shard, "com.acme.Down", FAILED))
            .last()
            .unwrap();
        for i in 0..10_000 {
            call(&mut shard, &format!("invented{i}"), FAILED);
        }
        let new = call(&mut shard, "com.acme.New", OK);
        for (id, name) in [
            (old, "com.acme.Old"),
            (down, "com.acme.Down"),
            (new, "com.acme.New"),
        ] {
            assert_eq!(shard.names(id), Some((name, "m")));
            assert_eq!(shard.series(&called(name.as_bytes())), id);
        }
        assert!(
            shard.len() <= 65 && shard.series.len() <= 66,
            "{}",
            shard.series.len()
        );
        let calls: u64 = shard.all().flat_map(|s| s.outcomes).sum();
        assert_eq!(calls, 10_011, "none is lost");
        assert!(shard.take_out_happened() && !shard.take_out_happened());
    }

    #[test]
    fn a_call_counts_although_its_series_was_removed() {
        let mut shard = WorkerMetrics::new(&with_room(1));
        let early = shard.series(&called(b"early"));
        let late = call(&mut shard, "late", OK);
        assert_eq!(early.place(), late.place(), "its place was given away");
        shard.end(early, OK, 1);
        shard.retried(early);
        assert_eq!(shard.names(early), None);
        let of = |name: &str| {
            let s = shard.all().find(|s| &*s.key.service == name).unwrap();
            (s.count(OK), s.retries)
        };
        assert_eq!((of("late"), of("_OTHER")), ((1, 0), (1, 1)));
    }

    #[test]
    fn a_log_gets_new_series_or_all() {
        let mut shard = WorkerMetrics::new(&with_room(2));
        let names = |shard: &mut WorkerMetrics, all| -> Vec<String> {
            let fresh = shard.take_fresh(all);
            fresh.iter().map(|(_, key)| key.service.to_string()).collect()
        };
        for i in 0..3 {
            call(&mut shard, &i.to_string(), FAILED);
        }
        assert_eq!(names(&mut shard, false), ["1", "_OTHER", "2"]);
        assert!(names(&mut shard, false).is_empty());
        assert_eq!(names(&mut shard, true).len(), 3);
    }
}
