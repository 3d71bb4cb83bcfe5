//! The part of a large cluster that one worker uses, so that workers do not connect to every endpoint each.
//!
//! The endpoints form a ring, in the order of hashes of their addresses, on which each is as long as its weight. The
//! ring is divided evenly among the workers, and the part of a worker is an arc that begins with its own piece. This is
//! Twitter's deterministic aperture: since every point of the ring lies in equally many arcs, and a worker gives an
//! endpoint at the end of its arc only the calls of the piece that lies within it, all workers together load each endpoint
//! exactly by its weight. Google's deterministic subsetting shuffles and cuts lists instead: it ignores weights, leaves
//! some endpoints out or in one part more than others, and shuffles most parts anew when one endpoint is added. On the
//! ring, one endpoint more or less moves each end of an arc by less than one endpoint.
//!
//! Arcs need not be a whole number of pieces long, as Twitter's are, because otherwise all of them would shrink by up to a
//! half when the cluster grows by one endpoint. Each is made of two equal ones of whole pieces, of which the second begins
//! later: the ends, which only one of the two covers, get half as many calls.
use super::{EndpointId, EndpointSet, WeightedEndpoint};
use std::ops::Range;

/// The place of a worker among the workers of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Its index.
    pub index: u32,
    /// The number of workers.
    pub workers: u32,
}

impl Default for Seat {
    /// The place of a worker that is alone.
    fn default() -> Self {
        Seat { index: 0, workers: 1 }
    }
}

/// The bits of the length of a piece of the ring. Weights are rounded where their sum is longer.
const LENGTH_BITS: u32 = 40;

/// A ring of endpoints. Lengths are multiplied by the number of workers, so that pieces begin at whole numbers.
struct Ring<'a> {
    set: &'a EndpointSet,
    workers: u64,
    shift: u32,
    /// The length of a worker's own piece, which is the length of the ring divided by the number of workers.
    piece: u64,
}

impl<'a> Ring<'a> {
    fn new(set: &'a EndpointSet, workers: u32) -> Self {
        let bits = u64::BITS - set.total_weight.leading_zeros();
        let mut ring = Ring {
            set,
            workers: u64::from(workers),
            shift: bits.saturating_sub(LENGTH_BITS),
            piece: 0,
        };
        ring.piece = set.endpoints.iter().map(|e| ring.length(e)).sum();
        ring
    }

    fn length(&self, endpoint: &WeightedEndpoint) -> u64 {
        match self.set.even {
            true => 1,
            false => u64::from((endpoint.weight >> self.shift).max(1)),
        }
    }

    /// The endpoints and where they lie.
    fn endpoints(&self) -> impl Iterator<Item = (EndpointId, Range<u64>)> + '_ {
        let mut end = 0;
        self.set.endpoints.iter().map(move |e| {
            let start = end;
            end += self.length(e) * self.workers;
            (e.endpoint, start..end)
        })
    }
}

impl EndpointSet {
    /// The part that a worker uses; `None` if it uses all endpoints.
    #[must_use]
    pub fn part_of(&self, seat: Seat) -> Option<EndpointSet> {
        let (wanted, n) = (u64::from(self.per_worker?.get()), self.endpoints.len() as u64);
        if n <= wanted || seat.workers <= 1 {
            return None;
        }
        let ring = Ring::new(self, seat.workers);
        let whole = ring.piece * ring.workers;
        // At least its own piece, because otherwise no worker would use some endpoints.
        let length = (u128::from(whole) * u128::from(wanted) / u128::from(n)) as u64;
        let length = length.max(ring.piece);
        let start = u64::from(seat.index) * ring.piece;
        let covered = length - length % ring.piece;
        let (first, second) = (start..start + covered, start + length - covered..start + length);
        // An arc may go round beyond the end of the ring.
        let share = |at: &Range<u64>| {
            let again = at.start + whole..at.end + whole;
            [at, &again]
                .into_iter()
                // most endpoints lie outside
                .filter(|at| at.start < start + length && start < at.end)
                .map(|at| overlap(at, &first) + overlap(at, &second))
                .sum::<u64>()
        };
        let shares: Vec<(EndpointId, u64)> = (ring.endpoints())
            .map(|(id, at)| (id, share(&at)))
            .filter(|(_, share)| *share > 0)
            .collect();
        let bits = shares
            .iter()
            .map(|(_, share)| u64::BITS - share.leading_zeros())
            .max();
        let shift = bits.unwrap_or(0).saturating_sub(u32::BITS);
        let weighted = shares.into_iter().map(|(endpoint, share)| WeightedEndpoint {
            endpoint,
            weight: ((share >> shift) as u32).max(1),
        });
        Some(EndpointSet {
            per_worker: self.per_worker,
            ..EndpointSet::new(self.balance, weighted)
        })
    }

    /// The worker in whose piece an endpoint begins; `None` if each worker uses all endpoints, or if this is none of them.
    #[must_use]
    pub fn worker_of(&self, endpoint: EndpointId, workers: u32) -> Option<usize> {
        self.per_worker?;
        let ring = Ring::new(self, workers);
        let (_, at) = ring.endpoints().find(|(id, _)| *id == endpoint)?;
        Some((at.start / ring.piece.max(1)) as usize)
    }
}

fn overlap(a: &Range<u64>, b: &Range<u64>) -> u64 {
    a.end.min(b.end).saturating_sub(a.start.max(b.start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Balance;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};
    use std::num::NonZeroU32;

    fn divided(ids_and_weights: impl IntoIterator<Item = (u32, u32)>, per_worker: u32) -> EndpointSet {
        let endpoint = |(id, weight)| WeightedEndpoint {
            endpoint: EndpointId(id),
            weight,
        };
        let endpoints = ids_and_weights.into_iter().map(endpoint);
        let per_worker = NonZeroU32::new(per_worker).expect("not 0");
        EndpointSet::new(Balance::RoundRobin, endpoints).divided(per_worker)
    }

    fn even(n: u32, per_worker: u32) -> EndpointSet {
        divided((0..n).map(|id| (id, 100)), per_worker)
    }

    /// What each worker uses.
    fn parts(set: &EndpointSet, workers: u32) -> Vec<EndpointSet> {
        let part = |index| set.part_of(Seat { index, workers });
        (0..workers)
            .map(|i| part(i).unwrap_or_else(|| set.clone()))
            .collect()
    }

    fn members(set: &EndpointSet) -> BTreeSet<EndpointId> {
        set.endpoints.iter().map(|e| e.endpoint).collect()
    }

    /// The number of parts that each endpoint is in, and its load if each worker makes one call.
    fn load(parts: &[EndpointSet]) -> BTreeMap<EndpointId, (u32, f64)> {
        let mut all = BTreeMap::new();
        for part in parts {
            assert_eq!(
                members(part).len(),
                part.endpoints.len(),
                "an endpoint is listed once"
            );
            for e in &part.endpoints {
                let (users, load) = all.entry(e.endpoint).or_insert((0, 0.0));
                *users += 1;
                *load += f64::from(e.weight) / part.total_weight as f64;
            }
        }
        all
    }

    fn check(set: &EndpointSet, per_worker: usize, workers: u32) {
        let n = set.endpoints.len();
        let parts = parts(set, workers);
        let loads = load(&parts);
        assert_eq!(loads.len(), n, "some worker uses each endpoint");
        for e in &set.endpoints {
            let (_, load) = loads[&e.endpoint];
            let due = f64::from(workers) * f64::from(e.weight) / set.total_weight as f64;
            assert!((load / due - 1.0).abs() < 1e-6, "{load} instead of {due}: {e:?}");
            let worker = set.worker_of(e.endpoint, workers);
            assert_eq!(worker.is_some(), n > per_worker);
            assert!(worker.is_none_or(|worker| members(&parts[worker]).contains(&e.endpoint)));
        }
        if set.even {
            let most = n.min(per_worker.max(n.div_ceil(workers as usize)) + 1);
            assert!(parts.iter().all(|part| part.endpoints.len() <= most));
            let users = || loads.values().map(|(users, _)| *users);
            assert!(users().max().unwrap() - users().min().unwrap() <= 1);
        }
    }

    proptest! {
        #[test]
        fn every_endpoint_gets_its_share(
            weights in prop::collection::vec(1_u32..=1000, 1..400),
            per_worker in 1_u32..100,
            workers in 1_u32..20,
        ) {
            let n = weights.len() as u32;
            check(&divided((0..).zip(weights), per_worker), per_worker as usize, workers);
            check(&even(n, per_worker), per_worker as usize, workers);
        }

        /// Each end of a part moves by less than one endpoint, and the new one lies somewhere.
        #[test]
        fn one_endpoint_more_changes_little(
            n in 1_u32..400,
            at in 0_usize..400,
            per_worker in 1_u32..100,
            workers in 1_u32..20,
        ) {
            let (before, mut ids) = (even(n, per_worker), (0..n).collect::<Vec<_>>());
            ids.insert(at.min(n as usize), n);
            let after = divided(ids.into_iter().map(|id| (id, 100)), per_worker);
            for (old, new) in parts(&before, workers).iter().zip(parts(&after, workers)) {
                let changed = members(old).symmetric_difference(&members(&new)).count();
                prop_assert!(changed <= 4, "{changed}");
            }
        }
    }

    /// The part of all pairs of workers and endpoints that one endpoint more changes, on average.
    fn churn(n: u32, per_worker: u32, workers: u32) -> f64 {
        let before = parts(&even(n, per_worker), workers);
        let pairs: usize = before.iter().map(|part| part.endpoints.len()).sum();
        let changed = |at: u32| -> usize {
            let ids = (0..at).chain([n]).chain(at..n);
            let after = parts(&divided(ids.map(|id| (id, 100)), per_worker), workers);
            let sets = before.iter().zip(&after);
            sets.map(|(a, b)| members(a).symmetric_difference(&members(b)).count())
                .sum()
        };
        let all: usize = (0..n).step_by(7).map(changed).sum();
        all as f64 / n.div_ceil(7) as f64 / pairs as f64
    }

    #[test]
    fn one_endpoint_more_changes_about_one_pair_in_a_hundred() {
        for (n, per_worker, workers) in [
            (1000, 256, 16),
            (1000, 64, 16),
            (1024, 64, 16),
            (512, 64, 16),
            (100, 64, 4),
        ] {
            let churn = churn(n, per_worker, workers);
            println!("{n} endpoints, {per_worker} per worker, {workers} workers: {churn:.4}");
            assert!(churn < 0.025, "{churn}");
        }
    }

    #[test]
    fn the_sum_of_weights_may_be_long() {
        let weights = (0..3000).map(|id| (id, u32::MAX - id % 2 * 2_000_000_000));
        check(&divided(weights, 64), 64, 64);
    }

    #[test]
    fn small_sets_and_single_workers_are_not_divided() {
        let seat = |index, workers| Seat { index, workers };
        assert!(even(64, 64).part_of(seat(0, 16)).is_none());
        assert!(even(65, 64).part_of(seat(0, 16)).is_some());
        assert!(even(65, 64).part_of(Seat::default()).is_none());
    }
}
