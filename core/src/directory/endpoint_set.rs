//! Sets of endpoints to choose from.
use super::EndpointId;
use std::num::NonZeroU32;

/// How an endpoint is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Balance {
    /// One after the other, in proportion to the weights.
    #[default]
    RoundRobin,
    /// At random, in proportion to the weights.
    Random,
    /// The one with less load for its weight out of two that are drawn by weight.
    LeastRequest,
}

/// An endpoint and its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightedEndpoint {
    /// The endpoint that takes the calls.
    pub endpoint: EndpointId,
    /// Its share of the calls; never 0.
    pub weight: u32,
}

/// The endpoints that one target of a route chooses from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSet {
    /// The way of choosing.
    pub balance: Balance,
    /// The endpoints with their weights.
    pub endpoints: Box<[WeightedEndpoint]>,
    /// The sum of the weights.
    pub total_weight: u64,
    /// Whether all weights are equal.
    pub even: bool,
    /// The largest weight.
    pub heaviest: u32,
    /// The number of endpoints that one worker uses, of a set that has more; `None` if each worker uses all of them.
    pub per_worker: Option<NonZeroU32>,
}

impl EndpointSet {
    /// Creates a set. Endpoints of weight 0 are left out, because registries use it to stop calls.
    #[must_use]
    pub fn new(balance: Balance, endpoints: impl IntoIterator<Item = WeightedEndpoint>) -> Self {
        let endpoints: Box<[WeightedEndpoint]> = endpoints.into_iter().filter(|h| h.weight > 0).collect();
        let total_weight = endpoints.iter().map(|h| u64::from(h.weight)).sum();
        let even = endpoints.windows(2).all(|w| w[0].weight == w[1].weight);
        EndpointSet {
            balance,
            heaviest: endpoints.iter().map(|h| h.weight).max().unwrap_or(0),
            endpoints,
            total_weight,
            even,
            per_worker: None,
        }
    }

    /// Lets each worker use this number of endpoints only, if there are more. Their order decides who uses which, so it
    /// has to be the same for the same endpoints.
    #[must_use]
    pub fn divided(mut self, per_worker: NonZeroU32) -> Self {
        self.per_worker = (self.endpoints.len() > per_worker.get() as usize).then_some(per_worker);
        self
    }
}
