//! Routes: where calls go, and what holds for them on the way.
use super::{ClusterId, Filters, RouteMatch, TextMatch};
use crate::bridge::Bridge;
use crate::message::{Edits, ProtoId};
use std::sync::Arc;

/// A rule for the calls that match it: the clusters they go to, and the changes and bounds on the way.
pub struct Route {
    /// The configured name.
    pub name: Arc<str>,
    /// The conditions for a call.
    pub matches: RouteMatch,
    /// The clusters that calls go to, by weight.
    pub targets: Box<[Target]>,
    /// The sum of the weights.
    pub total_weight: u64,
    /// The changes to each request; `None` if there are none.
    pub rewrite: Option<Edits>,
    /// The bounds of calls of methods that have no own.
    pub policy: Policy,
    /// The methods among these whose calls may be executed twice.
    pub idempotent: Box<[TextMatch]>,
    /// The bounds for single methods.
    pub methods: Box<[(Box<[u8]>, Policy)]>,
    /// The factories of its filters, in order.
    pub filters: Filters,
    /// The destination of copies.
    pub mirror: Option<Mirror>,
}

/// The bounds of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The longest time that a call may take, in milliseconds; `u32::MAX` for no limit. A request can ask for
    /// less.
    pub timeout_ms: u32,
    /// The route sets no timeout, so that `runtime.call_timeout` applies.
    pub is_default: bool,
    /// When a call is given to another endpoint.
    pub retry: RetryRule,
}

/// When a call is given to another endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryRule {
    /// The number of times a call may be sent after one of the outcomes, and, while none of its bytes has left, to
    /// endpoints that are avoided.
    pub attempts: u8,
    /// The outcomes after which it is given to another endpoint although its bytes have left.
    pub on: Outcomes,
    /// The time that an attempt has for its response, in milliseconds; 0 for all that is left.
    pub attempt_ms: u16,
}

/// A set of outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes(u8);

/// An outcome after which a call may be given to another endpoint although its bytes have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryOn {
    /// The provider has no free thread, and has not executed the call.
    Overload,
    /// The provider does not have the service.
    NoService,
    /// There was no response in time.
    Timeout,
    /// The connection was lost before the response came.
    ConnectionLost,
    /// The provider reports a failure outside of the service.
    ServerError,
}

/// A destination of copies of requests.
pub struct Mirror {
    /// The cluster.
    pub target: Target,
    /// The share of the calls that is copied, as a part of `u32::MAX`.
    pub share: u32,
}

/// One destination of a route.
pub struct Target {
    /// Where the calls go.
    pub to: Destination,
    /// The share of calls that it gets.
    pub weight: u32,
    /// The index of the [subset](super::Cluster::subsets) that takes the calls.
    pub subset: u16,
    /// The rules for calls that change their protocol on the way to it.
    pub bridge: Bridge,
    /// The rules that apply instead for calls that leave in these protocols. A cluster has none, while the
    /// services of a registry may speak any protocol.
    pub other_bridges: Box<[(ProtoId, Bridge)]>,
}

/// What a route leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A configured cluster.
    Cluster(ClusterId),
    /// The cluster that the registry of this name has for the service that is called.
    Registry(Arc<str>),
}

impl Target {
    /// The rules for calls that leave in this protocol.
    #[inline]
    #[must_use]
    pub fn bridge_to(&self, proto: ProtoId) -> &Bridge {
        match &*self.other_bridges {
            [] => &self.bridge,
            others => {
                let other = others.iter().find(|(other, _)| *other == proto);
                other.map_or(&self.bridge, |(_, bridge)| bridge)
            }
        }
    }

    /// Whether calls need an answer of a registry before they can be sent.
    #[must_use]
    pub(crate) fn is_on_demand(&self) -> bool {
        matches!(self.to, Destination::Registry(_))
    }
}

impl Policy {
    /// The policy for a method whose calls may be executed twice, or may not.
    #[must_use]
    pub fn for_method(mut self, may_repeat: bool) -> Self {
        if !may_repeat {
            self.retry.on = self.retry.on.without_executed();
        }
        self
    }
}

impl RetryOn {
    /// All outcomes.
    const ALL: [Self; 5] = [
        Self::Overload,
        Self::NoService,
        Self::Timeout,
        Self::ConnectionLost,
        Self::ServerError,
    ];

    /// Whether the provider may have executed the call.
    fn may_have_executed(self) -> bool {
        match self {
            Self::Overload => false,
            Self::NoService | Self::Timeout | Self::ConnectionLost | Self::ServerError => true,
        }
    }
}

impl Outcomes {
    /// Whether there are none.
    #[inline]
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the outcome is one of them.
    #[must_use]
    pub fn contains(self, outcome: RetryOn) -> bool {
        self.0 & 1 << outcome as u8 != 0
    }

    /// Those among them after which the provider has not executed the call.
    fn without_executed(self) -> Self {
        let all = RetryOn::ALL.into_iter();
        all.filter(|o| self.contains(*o) && !o.may_have_executed())
            .collect()
    }
}

impl FromIterator<RetryOn> for Outcomes {
    fn from_iter<T: IntoIterator<Item = RetryOn>>(outcomes: T) -> Self {
        Outcomes(outcomes.into_iter().fold(0, |all, o| all | 1 << o as u8))
    }
}

impl Route {
    /// The bounds of calls of a method.
    #[inline]
    #[must_use]
    pub(crate) fn policy_of(&self, method: &[u8]) -> Policy {
        if let Some((_, policy)) = self.methods.iter().find(|(m, _)| **m == *method) {
            return *policy;
        }
        let may_repeat = || {
            let name = std::str::from_utf8(method);
            name.is_ok_and(|name| self.idempotent.iter().any(|m| m.matches(name)))
        };
        self.policy
            .for_method(!self.policy.retry.on.is_empty() && may_repeat())
    }

    /// Chooses a target by weight, from a random number.
    #[inline]
    #[must_use]
    pub fn target(&self, random: u32) -> u16 {
        if self.targets.len() == 1 {
            return 0;
        }
        let mut at = ((u128::from(random) * u128::from(self.total_weight)) >> 32) as u64;
        for (i, t) in self.targets.iter().enumerate() {
            let weight = u64::from(t.weight);
            if at < weight {
                return i as u16;
            }
            at -= weight;
        }
        0
    }
}
