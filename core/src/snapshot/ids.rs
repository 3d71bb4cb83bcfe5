//! Ids of endpoints. Workers' tables are as long as the greatest id, so where endpoints come and go all day, ids of
//! those that went are given to those that come.
//!
//! An id names an endpoint in snapshots, and whoever uses it holds the snapshot: a worker its epoch, a call the epoch
//! that it began with. So an id is free once every snapshot is dropped in which it stood for that endpoint. What
//! outlives calls by a little (idle connections, counters, lines on their way to the access log) is covered by time,
//! and by workers that begin anew when they see that an id has [changed hands](super::Endpoint::since).
use super::{ClusterId, EndpointId, Snapshot};
use crate::message::ProtoId;
use crate::transport::Address;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// An endpoint that comes back within this time is the same one, with its counters.
pub(super) const KEPT: Duration = Duration::from_secs(60);

/// An endpoint, with what it speaks: a connection is not used for anything else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) cluster: ClusterId,
    pub(super) protocol: ProtoId,
    pub(super) variant: u32,
    pub(super) address: Address,
}

/// Who has which id.
#[derive(Default)]
pub(super) struct EndpointIds {
    taken: HashMap<Key, Tenure>,
    free: BTreeSet<EndpointId>,
    /// Ids ever given out.
    count: u32,
    /// Versions of the snapshots that somebody may hold.
    held: Vec<(u64, Weak<Snapshot>)>,
}

/// An endpoint's time with its id, in versions of snapshots.
struct Tenure {
    id: EndpointId,
    since: u64,
    /// The last one that had it.
    until: u64,
    /// When that was.
    seen: Instant,
}

impl EndpointIds {
    /// The id of an endpoint in the snapshot of this version, and the version since which it has it.
    pub(super) fn of(&mut self, key: Key, version: u64, now: Instant) -> (EndpointId, u64) {
        let EndpointIds {
            taken, free, count, ..
        } = self;
        let tenure = taken.entry(key).or_insert_with(|| {
            let id = free.pop_first().unwrap_or_else(|| {
                *count += 1;
                EndpointId(*count - 1)
            });
            Tenure {
                id,
                since: version,
                until: version,
                seen: now,
            }
        });
        (tenure.until, tenure.seen) = (version, now);
        (tenure.id, tenure.since)
    }

    /// Somebody may hold this snapshot from now on.
    pub(super) fn publish(&mut self, snapshot: &Arc<Snapshot>) {
        self.held.push((snapshot.version, Arc::downgrade(snapshot)));
    }

    /// Takes back the ids that nobody can use any more.
    pub(super) fn reclaim(&mut self, now: Instant) {
        let EndpointIds {
            taken, free, held, ..
        } = self;
        held.retain(|(_, snapshot)| snapshot.strong_count() > 0);
        taken.retain(|_, tenure| {
            let is_held = |(version, _): &(u64, _)| (tenure.since..=tenure.until).contains(version);
            let stays = now.saturating_duration_since(tenure.seen) < KEPT || held.iter().any(is_held);
            if !stays {
                free.insert(tenure.id);
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: ClusterId = ClusterId(0);

    fn key(port: u16) -> Key {
        Key {
            cluster: CLUSTER,
            protocol: ProtoId(1),
            variant: 0,
            address: Address::Tcp(([127, 0, 0, 1], port).into()),
        }
    }

    /// What the compiler does, for endpoints at these ports.
    struct World {
        ids: EndpointIds,
        version: u64,
        now: Instant,
    }

    impl World {
        fn new() -> World {
            World {
                ids: EndpointIds::default(),
                version: 0,
                now: Instant::now(),
            }
        }

        fn compile(&mut self, ports: &[u16]) -> Arc<Snapshot> {
            self.version += 1;
            self.ids.reclaim(self.now);
            let mut snapshot = Snapshot {
                version: self.version,
                ..Snapshot::default()
            };
            for port in ports {
                let key = key(*port);
                let address = key.address.clone();
                let (id, since) = self.ids.of(key, self.version, self.now);
                let endpoint = super::super::Endpoint {
                    address,
                    name: "".into(),
                    cluster: CLUSTER,
                    since,
                };
                super::super::compile::put(&mut snapshot.endpoints, id.index(), endpoint);
            }
            let snapshot = Arc::new(snapshot);
            self.ids.publish(&snapshot);
            snapshot
        }
    }

    fn id_of(s: &Snapshot, port: u16) -> Option<usize> {
        let is =
            |e: &Option<super::super::Endpoint>| e.as_ref().is_some_and(|e| e.address == key(port).address);
        s.endpoints.iter().position(is)
    }

    #[test]
    fn an_endpoint_that_is_soon_back_is_the_same_one() {
        let mut world = World::new();
        let first = id_of(&world.compile(&[1, 2]), 1);
        world.compile(&[2]);
        world.now += KEPT / 2;
        assert_eq!(id_of(&world.compile(&[2, 3]), 3), Some(2));
        assert_eq!(id_of(&world.compile(&[1, 2, 3]), 1), first);
    }

    #[test]
    fn an_id_is_free_when_its_snapshots_are_and_not_before() {
        let mut world = World::new();
        let call = world.compile(&[1]);
        world.compile(&[]);
        world.now += 2 * KEPT;
        assert_eq!(id_of(&world.compile(&[2]), 2), Some(1), "a call may use 0");
        drop(call);
        let s = world.compile(&[2, 3]);
        assert_eq!(id_of(&s, 3), Some(0));
        let since = |id: usize| s.endpoints[id].as_ref().unwrap().since;
        assert_eq!((since(0), since(1)), (4, 3));
    }

    /// A call that never ends keeps the ids that it may use, and only those.
    #[test]
    fn ids_of_others_are_reused_whatever_an_old_call_holds() {
        let mut world = World::new();
        let call = world.compile(&[1, 2]);
        for port in 10..1000 {
            world.now += 2 * KEPT;
            let s = world.compile(&[port]);
            assert!(s.endpoints.len() <= 4, "{}", s.endpoints.len());
            assert!(id_of(&s, port).is_some_and(|id| id > 1));
        }
        assert_eq!((id_of(&call, 1), id_of(&call, 2)), (Some(0), Some(1)));
    }

    /// Pods come and go for days while calls of any age hold their snapshots: in all snapshots that are held an id means
    /// one endpoint, an endpoint that stays keeps its id, and the tables stay as long as what is in use.
    #[test]
    fn churn_neither_confuses_endpoints_nor_grows_tables() {
        for seed in 0..20 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut world = World::new();
            let mut ports: Vec<u16> = (1..=10).collect();
            let mut held: Vec<Arc<Snapshot>> = vec![];
            for _ in 0..1000 {
                world.now += KEPT.mul_f64(rng.f64());
                for port in &mut ports {
                    if rng.f64() < 0.3 {
                        *port = rng.u16(1..2000);
                    }
                }
                ports.sort_unstable();
                ports.dedup();
                ports.resize_with(10, || rng.u16(1..2000));
                let s = world.compile(&ports);
                for old in &held {
                    for (a, b) in old.endpoints.iter().zip(&s.endpoints) {
                        if let (Some(a), Some(b)) = (a, b) {
                            assert_eq!(a.address, b.address, "seed {seed}");
                            assert_eq!(a.since, b.since, "seed {seed}");
                        }
                    }
                }
                if let Some(last) = held.last() {
                    for port in &ports {
                        let before = id_of(last, *port);
                        assert!(before.is_none() || before == id_of(&s, *port), "seed {seed}");
                    }
                }
                assert!(s.endpoints.len() < 120, "seed {seed}: {}", s.endpoints.len());
                held.push(s);
                while held.len() > 5 {
                    held.swap_remove(rng.usize(..held.len() - 1));
                }
            }
        }
    }
}
