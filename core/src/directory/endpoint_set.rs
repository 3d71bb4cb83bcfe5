//! Sets of endpoints to choose from.
use super::EndpointId;

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
            endpoints,
            total_weight,
            even,
        }
    }
}
