//! Rules that assign calls to clusters, and the changes to them on the way.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU8;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AttachmentEdit, AttachmentMatch, Bridge, Filter, Labels, Period, TextMatch};

/// An RPC protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Dubbo 2 (`dubbo://`).
    Dubbo,
    /// Bolt, the protocol of SOFARPC (`bolt://`).
    Bolt,
}

/// A rule that sends matching calls to its clusters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The name in listeners, logs and metrics.
    pub name: String,
    /// Conditions for a call. All of them must hold. Without conditions the route takes every call.
    #[serde(default, rename = "match")]
    pub matches: RouteMatch,
    /// New names of the service and method at the destination.
    #[serde(default)]
    pub rewrite: Rewrite,
    /// The clusters or registries that calls go to. Several share the calls by weight.
    pub to: Vec<RouteTarget>,
    /// Time limit of a call. An earlier deadline of the downstream takes precedence. If unset, the downstream's
    /// deadline applies or, without one, `runtime.call_timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Period>,
    /// Different values for single methods, by the name that the downstream sends.
    #[serde(default)]
    pub methods: BTreeMap<String, MethodPolicy>,
    /// When a call is tried again.
    #[serde(default)]
    pub retry: Retry,
    /// A cluster that gets copies of the requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Mirror>,
    /// Filters that its calls pass, after those of their listener.
    #[serde(default)]
    pub filters: Vec<Filter>,
    /// How a call is translated if its cluster speaks another protocol than its downstream.
    #[serde(default)]
    pub bridge: Bridge,
}

/// Conditions on a call. All of them must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RouteMatch {
    /// The call came through this listener.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listener: Option<String>,
    /// The downstream speaks this protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// The Java interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<TextMatch>,
    /// The version of the service; empty for a call without a version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<TextMatch>,
    /// The Dubbo group or SOFARPC uniqueId; empty for a call without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<TextMatch>,
    /// The method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<TextMatch>,
    /// The name of the calling application; empty for a call without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<TextMatch>,
    /// Conditions on attachments, by their name.
    pub attachments: BTreeMap<String, AttachmentMatch>,
}

/// New names at the destination. Unset ones stay as the downstream sent them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rewrite {
    /// The Java interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The version. An empty text removes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The Dubbo group or SOFARPC uniqueId. An empty text removes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Changes to the attachments.
    pub attachments: AttachmentEdit,
}

/// One destination of a route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteTarget {
    /// The name of the cluster. A destination has either a cluster or a registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The name of a registry, in which the service that is called is looked up at its first call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// Its share of the calls, in proportion to the other weights. 0 takes no calls.
    #[serde(default = "default_weight")]
    pub weight: u32,
    /// Metadata that an endpoint must have. The keys must be one of the cluster's `subsets.keys`.
    #[serde(default)]
    pub subset: Labels,
}

/// Different values for one method.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MethodPolicy {
    /// Time limit of a call of this method, in place of the route's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Period>,
    /// When a call of this method is tried again, in place of the route's rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
}

/// When a call is tried again, always at another endpoint than the last. Without `on` this happens only if none of its bytes was
/// sent, so that no provider sees it twice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Largest number of attempts, the first one included. 1 never tries again.
    pub attempts: NonZeroU8,
    /// Outcomes after which a call is tried again as well, if its deadline allows and another endpoint is well. At
    /// most one call in five is, so that retries do not make an overload worse. The request is kept until its
    /// response has come.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<RetryOn>,
    /// The time that an attempt has for its response, if the call can be tried again after it. The last attempt has
    /// the time that is left for the call. Needs `on: [timeout]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt_timeout: Option<Period>,
    /// The methods whose calls may be executed twice, by the name that the downstream sends. After all outcomes but
    /// `overload` only their calls are tried again, because the provider may have executed them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub idempotent: Vec<TextMatch>,
}

/// An outcome after which a call may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    /// The provider has no free thread. It has not executed the call, so that any method may be tried again.
    Overload,
    /// The provider does not have the service, as while it starts or stops. Providers say so in texts that others
    /// could write, too. Only methods in `idempotent`.
    NoService,
    /// There was no response within `attempt_timeout`, or the provider reports that the time was over. Only methods
    /// in `idempotent`.
    Timeout,
    /// The connection was lost before the response came. Only methods in `idempotent`.
    ConnectionLost,
    /// The provider reports a failure outside of the service; an exception of the service is a result. Only methods
    /// in `idempotent`.
    ServerError,
}

/// A cluster that gets copies of requests, to try it with real calls. Its responses are dropped, and what becomes of
/// the copies has no effect on the calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mirror {
    /// The name of the cluster.
    pub cluster: String,
    /// Metadata that an endpoint must have. The keys must be one of the cluster's `subsets.keys`.
    #[serde(default)]
    pub subset: Labels,
    /// The share of the calls that is copied, from 0 to 1.
    #[serde(default = "default_share")]
    pub share: f64,
}

const fn default_share() -> f64 {
    1.0
}

/// Dubbo's own default weight of a provider.
pub(super) const fn default_weight() -> u32 {
    100
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: NonZeroU8::MIN.saturating_add(1),
            on: Vec::new(),
            attempt_timeout: None,
            idempotent: Vec::new(),
        }
    }
}

impl RetryOn {
    /// Whether the provider may have executed the call.
    pub(super) fn may_have_executed(self) -> bool {
        match self {
            Self::Overload => false,
            Self::NoService | Self::Timeout | Self::ConnectionLost | Self::ServerError => true,
        }
    }
}

impl Mirror {
    /// The mirror as a destination.
    pub fn target(&self) -> RouteTarget {
        RouteTarget {
            cluster: Some(self.cluster.clone()),
            registry: None,
            weight: default_weight(),
            subset: self.subset.clone(),
        }
    }
}

impl Route {
    /// The clusters that its calls and copies of them go to, with the subsets of these.
    pub fn clusters(&self) -> impl Iterator<Item = (&str, &Labels)> {
        let targets = self.to.iter();
        let targets = targets.filter_map(|target| Some((target.cluster.as_deref()?, &target.subset)));
        let mirror = self.mirror.as_ref();
        targets.chain(mirror.map(|mirror| (mirror.cluster.as_str(), &mirror.subset)))
    }

    /// The time limit of calls of this method; `None` if the route sets none.
    pub fn timeout_of(&self, method: &str) -> Option<Period> {
        self.methods
            .get(method)
            .and_then(|policy| policy.timeout)
            .or(self.timeout)
    }

    /// The retry rule for calls of this method.
    pub fn retry_of(&self, method: &str) -> &Retry {
        self.methods
            .get(method)
            .and_then(|policy| policy.retry.as_ref())
            .unwrap_or(&self.retry)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dubbo => "dubbo",
            Self::Bolt => "bolt",
        })
    }
}
