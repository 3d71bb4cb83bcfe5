//! The ids of parts. Workers' lists are as long as the greatest id, so the ids of removed parts are reused for
//! new ones.
//!
//! An id is free when its part was removed, every worker has applied that and no longer uses the part, and some
//! time has passed. A part that returns within that time gets its id back, and lines on their way to the access
//! log may still name it.
use rialto_core::directory::{PartId, Use};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// A part that returns within this time keeps its id and its counters.
pub(super) const KEPT: Duration = Duration::from_secs(60);

/// The ids of all parts of one kind.
pub(super) struct Ids<K> {
    taken: HashMap<K, Tenure>,
    /// Parts that were removed and keep their ids for a while, the oldest first.
    removed: VecDeque<(Instant, K)>,
    /// Parts that were removed longer ago, and that some worker still used when it was last asked.
    used: Vec<K>,
    free: BTreeSet<u32>,
    /// The number of ids ever used.
    count: u32,
}

/// The time for which a part has its id.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tenure {
    pub(super) id: u32,
    /// The version of the change that gave it the id.
    pub(super) since: u64,
    removed: Option<Removed>,
}

#[derive(Clone, Copy, Debug)]
struct Removed {
    version: u64,
    at: Instant,
}

impl<K> Default for Ids<K> {
    fn default() -> Self {
        Ids {
            taken: HashMap::new(),
            removed: VecDeque::new(),
            used: vec![],
            free: BTreeSet::new(),
            count: 0,
        }
    }
}

impl<K: Clone + Eq + Hash> Ids<K> {
    /// The id of a part that exists in the change of this version.
    pub(super) fn take(&mut self, key: &K, version: u64) -> Tenure {
        if let Some(tenure) = self.taken.get_mut(key) {
            tenure.removed = None;
            return *tenure;
        }
        let id = self.free.pop_first().unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        });
        let tenure = Tenure {
            id,
            since: version,
            removed: None,
        };
        self.taken.insert(key.clone(), tenure);
        tenure
    }

    /// The id of a part that exists.
    pub(super) fn find<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<u32>
    where
        K: std::borrow::Borrow<Q>,
    {
        let tenure = self.taken.get(key)?;
        tenure.removed.is_none().then_some(tenure.id)
    }

    /// Records that the part no longer exists from this version on. Returns its id.
    pub(super) fn remove(&mut self, key: &K, version: u64, now: Instant) -> Option<u32> {
        let tenure = self.taken.get_mut(key)?;
        tenure.removed = Some(Removed { version, at: now });
        self.removed.push_back((now, key.clone()));
        Some(tenure.id)
    }

    /// Frees the ids that no worker uses any more. The cost depends on the parts whose time is over, not on all
    /// that were removed lately.
    pub(super) fn reclaim(&mut self, now: Instant, workers: &[Use], part: impl Fn(u32) -> PartId) {
        let mut due = std::mem::take(&mut self.used);
        while let Some((_, key)) = self
            .removed
            .pop_front_if(|(at, _)| now.saturating_duration_since(*at) >= KEPT)
        {
            due.push(key);
        }
        for key in due {
            // A part that exists again, or was removed again later, is left alone.
            let Some(tenure) = self.taken.get(&key) else {
                continue;
            };
            let Some(removed) = tenure.removed else { continue };
            if now.saturating_duration_since(removed.at) < KEPT {
                continue;
            }
            let id = part(tenure.id);
            let is_used = |w: &Use| w.version < removed.version || w.removed.contains(&id);
            if workers.iter().any(is_used) {
                self.used.push(key);
            } else {
                self.free.insert(tenure.id);
                self.taken.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_core::directory::EndpointId;
    use std::collections::BTreeMap;

    fn part(id: u32) -> PartId {
        PartId::Endpoint(EndpointId(id))
    }

    fn using(version: u64, removed: &[u32]) -> Use {
        Use {
            version,
            removed: removed.iter().map(|id| part(*id)).collect(),
            calls: vec![],
        }
    }

    #[test]
    fn an_id_is_free_only_when_no_worker_uses_it() {
        let mut ids = Ids::default();
        let mut now = Instant::now();
        assert_eq!((ids.take(&"a", 1).id, ids.take(&"b", 1).id), (0, 1));
        ids.remove(&"a", 2, now);
        assert_eq!((ids.find("a"), ids.find("b")), (None, Some(1)));
        // a part that returns soon keeps its id
        assert_eq!(ids.take(&"a", 3).since, 1);
        ids.remove(&"a", 4, now);
        let idle = using(4, &[]);
        ids.reclaim(now, std::slice::from_ref(&idle), part);
        assert_eq!(ids.take(&"c", 5).id, 2, "too soon");
        now += KEPT;
        for busy in [using(3, &[]), using(9, &[0])] {
            ids.reclaim(now, &[idle.clone(), busy], part);
            assert_eq!(ids.free.len(), 0);
        }
        ids.reclaim(now, &[idle.clone(), using(9, &[1])], part);
        let d = ids.take(&"d", 10);
        assert_eq!((d.id, d.since), (0, 10));
    }

    /// Parts are added and removed for days, and some calls use removed parts for long. No two parts ever share
    /// an id, a part that stays keeps its id, and the lists stay as long as what is in use.
    #[test]
    fn churn_does_not_mix_up_ids_or_grow_tables() {
        for seed in 0..20 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut ids: Ids<u16> = Ids::default();
            let mut now = Instant::now();
            let mut there: BTreeMap<u16, u32> = BTreeMap::new();
            let mut used: Vec<u32> = vec![];
            for version in 1..2000 {
                now += KEPT.mul_f64(rng.f64());
                let state = Use {
                    version: version - 1,
                    removed: used.iter().map(|id| part(*id)).collect(),
                    calls: vec![],
                };
                ids.reclaim(now, &[state], part);
                for _ in 0..3 {
                    let gone = there.keys().copied().nth(rng.usize(..10));
                    if let Some(gone) = gone.filter(|_| there.len() > 10) {
                        let id = ids.remove(&gone, version, now).unwrap();
                        assert_eq!(there.remove(&gone), Some(id));
                        if rng.u8(..4) == 0 {
                            used.push(id);
                        }
                    }
                    let key = rng.u16(..2000);
                    let is_back = ids.taken.contains_key(&key);
                    let id = ids.take(&key, version).id;
                    let other = there.iter().find(|(k, v)| **v == id && **k != key);
                    assert_eq!(other, None, "seed {seed}");
                    assert!(is_back || !used.contains(&id), "seed {seed}: {id} is in use");
                    assert!(
                        there.insert(key, id).is_none_or(|before| before == id),
                        "seed {seed}"
                    );
                }
                used.retain(|_| rng.u8(..5) > 0);
                assert!(ids.count < 100, "seed {seed}: {}", ids.count);
            }
        }
    }
}
