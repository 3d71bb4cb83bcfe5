//! Sets of endpoints to choose from.
use super::EndpointId;

/// How a endpoint is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Balance {
    /// One after the other, by weight.
    #[default]
    RoundRobin,
    /// At random, by weight.
    Random,
    /// The less loaded of two that are drawn by weight, load measured against weight.
    LeastRequest,
}

/// A endpoint and its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightedEndpoint {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Its share; never 0.
    pub weight: u32,
}

/// Hosts that one target of a route chooses from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSet {
    /// How.
    pub balance: Balance,
    /// The endpoints.
    pub endpoints: Box<[WeightedEndpoint]>,
    /// Sum of their weights.
    pub total_weight: u64,
    /// All weights are equal.
    pub even: bool,
}

impl EndpointSet {
    /// A set; endpoints of weight 0 are left out, as registries mean it.
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
