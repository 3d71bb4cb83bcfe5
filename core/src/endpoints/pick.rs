//! The load balancers: how one endpoint of a set is chosen.
use super::EndpointState;
use crate::directory::{Balance, EndpointId, EndpointSet};
use std::collections::HashMap;

/// The state of a load balancer between two choices.
pub(super) enum Picker {
    /// Round robin with equal weights: the index of the last choice.
    Cursor(usize),
    /// Smooth weighted round robin: each endpoint gains its weight, and the one with the most is chosen and
    /// pays the sum.
    Smooth(Box<[i64]>),
    /// Weighted round robin for large sets.
    Walk(Walk),
    /// No state, for random choices.
    None,
}

impl Picker {
    /// Starts at a random endpoint, because otherwise all workers would load the first one first.
    pub(super) fn new(set: &EndpointSet, rng: &mut fastrand::Rng) -> Self {
        match set.balance {
            Balance::RoundRobin if set.even => Picker::Cursor(rng.usize(..set.endpoints.len().max(1))),
            Balance::RoundRobin if set.per_worker.is_some() => Picker::Walk(Walk::new(set, rng)),
            Balance::RoundRobin => Picker::Smooth(vec![0; set.endpoints.len()].into()),
            Balance::Random | Balance::LeastRequest => Picker::None,
        }
    }

    /// Goes on from the picker of the former set: endpoints in both sets keep what they have gained. Otherwise
    /// the shares would not follow the weights where sets change often.
    pub(super) fn following(
        was: Option<(&EndpointSet, Picker)>,
        set: &EndpointSet,
        rng: &mut fastrand::Rng,
    ) -> Self {
        let mut new = Picker::new(set, rng);
        match (&mut new, was) {
            (Picker::Cursor(at), Some((old, Picker::Cursor(was)))) => {
                let last = old.endpoints.get(was).map(|e| e.endpoint);
                let found = set.endpoints.iter().position(|e| Some(e.endpoint) == last);
                *at = found.unwrap_or(*at);
            }
            (Picker::Smooth(gained), Some((old, Picker::Smooth(was)))) => {
                let before: HashMap<EndpointId, i64> =
                    old.endpoints.iter().map(|e| e.endpoint).zip(was).collect();
                for (gained, e) in gained.iter_mut().zip(&set.endpoints) {
                    *gained = before.get(&e.endpoint).copied().unwrap_or(0);
                }
            }
            (Picker::Walk(walk), Some((old, Picker::Walk(was)))) => {
                let last = old.endpoints.get(was.at).map(|e| e.endpoint);
                walk.follow(set, &was, last);
            }
            _ => {}
        }
        new
    }

    /// The next endpoint of a set that is not empty.
    pub(super) fn pick(
        &mut self,
        set: &EndpointSet,
        endpoints: &[EndpointState],
        rng: &mut fastrand::Rng,
    ) -> EndpointId {
        let at = match self {
            Picker::Cursor(at) => {
                *at = if *at + 1 < set.endpoints.len() { *at + 1 } else { 0 };
                *at
            }
            Picker::Smooth(gained) => smooth(set, gained),
            Picker::Walk(walk) => walk.next(set),
            Picker::None if set.balance == Balance::LeastRequest => least_request(set, endpoints, rng),
            Picker::None => by_weight(set, rng),
        };
        set.endpoints[at].endpoint
    }
}

/// A walk over a set, along a line on which each endpoint is as long as its weight. The steps are as long as the heaviest
/// endpoint, so a round visits most endpoints once, and skips a lighter one now and then. This costs about as much for a
/// large set as for a small one, where [`Picker::Smooth`] would look at each endpoint for each call.
pub(super) struct Walk {
    /// The last endpoint and where it begins.
    at: usize,
    begins: u64,
    /// Where the walk is, within this endpoint.
    position: u64,
    /// The part of the first step of the round that was left out, in 2^32nds. It moves by the golden ratio from round to
    /// round, so that light endpoints are visited in evenly spread rounds.
    phase: u32,
}

impl Walk {
    fn new(set: &EndpointSet, rng: &mut fastrand::Rng) -> Self {
        Walk {
            at: 0,
            begins: 0,
            position: rng.u64(..set.total_weight.max(1)),
            phase: rng.u32(..),
        }
    }

    /// Goes on from where a walk was in its last endpoint, if the set has that.
    fn follow(&mut self, set: &EndpointSet, was: &Walk, last: Option<EndpointId>) {
        let mut begins = 0;
        for (at, e) in set.endpoints.iter().enumerate() {
            if Some(e.endpoint) == last {
                let within = (was.position - was.begins).min(u64::from(e.weight) - 1);
                (self.at, self.begins, self.position) = (at, begins, begins + within);
                return;
            }
            begins += u64::from(e.weight);
        }
    }

    fn next(&mut self, set: &EndpointSet) -> usize {
        let step = u64::from(set.heaviest);
        self.position += step;
        if self.position >= set.total_weight {
            self.phase = self.phase.wrapping_add(0x9e37_79b9);
            let first = (step * u64::from(self.phase)) >> u32::BITS;
            (self.at, self.begins, self.position) = (0, 0, first);
        }
        loop {
            let ends = self.begins + u64::from(set.endpoints[self.at].weight);
            if self.position < ends {
                return self.at;
            }
            (self.at, self.begins) = (self.at + 1, ends);
        }
    }
}

fn smooth(set: &EndpointSet, gained: &mut [i64]) -> usize {
    let mut best = 0;
    for (i, endpoint) in set.endpoints.iter().enumerate() {
        gained[i] += i64::from(endpoint.weight);
        if gained[i] > gained[best] {
            best = i;
        }
    }
    gained[best] -= set.total_weight.cast_signed();
    best
}

fn by_weight(set: &EndpointSet, rng: &mut fastrand::Rng) -> usize {
    if set.even {
        return rng.usize(..set.endpoints.len());
    }
    if set.per_worker.is_some() {
        // A large set. Most of its weights are equal, so one of a few draws is nearly always taken.
        for _ in 0..8 {
            let i = rng.usize(..set.endpoints.len());
            if rng.u32(..set.heaviest) < set.endpoints[i].weight {
                return i;
            }
        }
    }
    let mut at = rng.u64(..set.total_weight.max(1));
    for (i, endpoint) in set.endpoints.iter().enumerate() {
        let weight = u64::from(endpoint.weight);
        if at < weight {
            return i;
        }
        at -= weight;
    }
    0
}

/// Power of two choices: draws two endpoints by weight and takes the one with less load relative to its weight;
/// the first one wins a tie. Shares thus follow the weights even where calls are few. Without that, endpoints
/// of little weight would get no calls while others are idle, too, and as many as heavy ones in large sets.
fn least_request(set: &EndpointSet, endpoints: &[EndpointState], rng: &mut fastrand::Rng) -> usize {
    let n = set.endpoints.len();
    if n == 1 {
        return 0;
    }
    let a = by_weight(set, rng);
    let b = if set.even {
        (a + 1 + rng.usize(..n - 1)) % n
    } else {
        // both may be the same one; otherwise one of two endpoints would take part in every choice
        by_weight(set, rng)
    };
    let cost = |i: usize, by: usize| {
        let load = u64::from(endpoints[set.endpoints[i].endpoint.index()].in_flight);
        load * u64::from(set.endpoints[by].weight)
    };
    if cost(b, a) < cost(a, b) { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::WeightedEndpoint;
    use std::num::NonZeroU32;

    fn set(balance: Balance, weights: &[u32]) -> EndpointSet {
        let endpoint = |(i, w): (usize, &u32)| WeightedEndpoint {
            endpoint: EndpointId(i as u32),
            weight: *w,
        };
        EndpointSet::new(balance, weights.iter().enumerate().map(endpoint))
    }

    fn counts(set: &EndpointSet, endpoints: &[EndpointState], picks: usize) -> Vec<usize> {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut picker = Picker::new(set, &mut rng);
        let mut counts = vec![0; endpoints.len()];
        for _ in 0..picks {
            counts[picker.pick(set, endpoints, &mut rng).index()] += 1;
        }
        counts
    }

    fn idle(n: usize) -> Vec<EndpointState> {
        (0..n).map(|_| EndpointState::default()).collect()
    }

    #[test]
    fn round_robin_is_exact_by_weight() {
        assert_eq!(
            counts(&set(Balance::RoundRobin, &[1, 1, 1]), &idle(3), 300),
            [100, 100, 100]
        );
        assert_eq!(
            counts(&set(Balance::RoundRobin, &[5, 3, 2]), &idle(3), 1000),
            [500, 300, 200]
        );
    }

    /// Of a large set, with weights as at the ends of a worker's part.
    fn large(balance: Balance) -> EndpointSet {
        let weights: Vec<u32> = [[1; 20], [4; 20], [3; 20]].concat();
        set(balance, &weights).divided(NonZeroU32::MIN)
    }

    #[test]
    fn a_walk_over_a_large_set_follows_the_weights() {
        for balance in [Balance::RoundRobin, Balance::Random, Balance::LeastRequest] {
            let counts = counts(&large(balance), &idle(60), 160_000);
            let tolerance = if balance == Balance::RoundRobin { 3 } else { 500 };
            for (i, count) in counts.into_iter().enumerate() {
                let due = [1000, 4000, 3000][i / 20];
                assert!(
                    count.abs_diff(due) <= tolerance,
                    "{balance:?}: {count} instead of {due}"
                );
            }
        }
    }

    #[test]
    fn a_walk_spreads_the_calls_of_each_endpoint() {
        let (set, mut rng) = (large(Balance::RoundRobin), fastrand::Rng::with_seed(7));
        let mut picker = Picker::new(&set, &mut rng);
        for calls in 1..200 {
            // the 40 calls of a round, in which the heaviest endpoints get one each
            let mut counts = vec![0_usize; 60];
            (0..calls * 40).for_each(|_| counts[picker.pick(&set, &[], &mut rng).index()] += 1);
            for (i, count) in counts.into_iter().enumerate() {
                let due = calls * [1, 4, 3][i / 20] / 4;
                assert!(
                    count.abs_diff(due) <= 2,
                    "{i} has {count} of {calls} rounds instead of {due}"
                );
            }
        }
    }

    /// Otherwise the first endpoints of the list would get all calls where sets change often.
    #[test]
    fn a_walk_goes_on_where_sets_change_often() {
        let (set, mut rng) = (large(Balance::RoundRobin), fastrand::Rng::with_seed(7));
        let (mut picker, mut counts) = (Picker::new(&set, &mut rng), vec![0_usize; 60]);
        for _ in 0..40_000 {
            counts[picker.pick(&set, &[], &mut rng).index()] += 1;
            picker = Picker::following(Some((&set, picker)), &set, &mut rng);
        }
        let sums: Vec<usize> = counts.chunks(20).map(|c| c.iter().sum()).collect();
        assert!(
            sums[0].abs_diff(5000) < 500 && sums[1].abs_diff(20_000) < 500,
            "{sums:?}"
        );
    }

    #[test]
    fn an_endpoint_of_weight_zero_is_never_picked() {
        for balance in [Balance::RoundRobin, Balance::Random, Balance::LeastRequest] {
            assert_eq!(counts(&set(balance, &[0, 1, 1]), &idle(3), 100)[0], 0);
        }
    }

    #[test]
    fn random_picks_follow_the_weights() {
        let c = counts(&set(Balance::Random, &[90, 10]), &idle(2), 10_000);
        assert!((8700..9300).contains(&c[0]), "{c:?}");
    }

    /// Files and registries may contain any weights.
    #[test]
    fn the_sum_of_weights_may_exceed_32_bits() {
        let weights = [u32::MAX, u32::MAX / 2];
        assert_eq!(
            counts(&set(Balance::RoundRobin, &weights), &idle(2), 300),
            [200, 100]
        );
        let c = counts(&set(Balance::Random, &weights), &idle(2), 10_000);
        assert!((6400..6900).contains(&c[0]), "{c:?}");
    }

    #[test]
    fn least_request_picks_the_less_loaded_of_two() {
        let mut endpoints = idle(2);
        endpoints[0].in_flight = 5;
        assert_eq!(
            counts(&set(Balance::LeastRequest, &[1, 1]), &endpoints, 100),
            [0, 100]
        );
        // six times the weight may carry six times the load, and the heavy endpoint is mostly drawn first
        endpoints[1].in_flight = 1;
        let c = counts(&set(Balance::LeastRequest, &[6, 1]), &endpoints, 10_000);
        assert!(c[1] < 300, "only where it was drawn twice: {c:?}");
        endpoints[0].in_flight = 7;
        let c = counts(&set(Balance::LeastRequest, &[6, 1]), &endpoints, 10_000);
        assert!((2300..3000).contains(&c[1]), "wherever it was drawn: {c:?}");
    }

    #[test]
    fn least_request_follows_the_weights_where_calls_are_few() {
        let c = counts(&set(Balance::LeastRequest, &[3, 1]), &idle(2), 10_000);
        assert!((7200..7800).contains(&c[0]), "{c:?}");
        let c = counts(&set(Balance::LeastRequest, &[1000, 1, 1]), &idle(3), 10_000);
        assert!(c[1] + c[2] < 60, "{c:?}");
    }
}
