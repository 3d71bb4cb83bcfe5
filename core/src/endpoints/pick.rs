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
    /// No state, for random choices.
    None,
}

impl Picker {
    /// Starts at a random endpoint, because otherwise all workers would load the first one first.
    pub(super) fn new(set: &EndpointSet, rng: &mut fastrand::Rng) -> Self {
        match set.balance {
            Balance::RoundRobin if set.even => Picker::Cursor(rng.usize(..set.endpoints.len().max(1))),
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
            Picker::None if set.balance == Balance::LeastRequest => least_request(set, endpoints, rng),
            Picker::None => by_weight(set, rng),
        };
        set.endpoints[at].endpoint
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
