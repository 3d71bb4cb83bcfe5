//! Sets of hosts to choose from.
use super::EndpointId;

/// How a host is chosen.
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

/// A host and its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// The host.
    pub endpoint: EndpointId,
    /// Its share; never 0.
    pub weight: u32,
}

/// Hosts that one target of a route chooses from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostSet {
    /// How.
    pub balance: Balance,
    /// The hosts.
    pub hosts: Box<[Host]>,
    /// Sum of their weights.
    pub total_weight: u64,
    /// All weights are equal.
    pub even: bool,
}

impl HostSet {
    /// A set; hosts of weight 0 are left out, as registries mean it.
    #[must_use]
    pub fn new(balance: Balance, hosts: impl IntoIterator<Item = Host>) -> Self {
        let hosts: Box<[Host]> = hosts.into_iter().filter(|h| h.weight > 0).collect();
        let total_weight = hosts.iter().map(|h| u64::from(h.weight)).sum();
        let even = hosts.windows(2).all(|w| w[0].weight == w[1].weight);
        HostSet {
            balance,
            hosts,
            total_weight,
            even,
        }
    }
}
