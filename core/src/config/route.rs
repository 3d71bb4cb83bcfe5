//! Which call goes where, and what happens to it on the way.

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

/// A rule: calls that match it go to its clusters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The name by which listeners, logs and metrics speak of it.
    pub name: String,
    /// Which calls it takes. Every condition given must hold; without any it takes all calls.
    #[serde(default, rename = "match")]
    pub matches: RouteMatch,
    /// What the call is called at its destination.
    #[serde(default)]
    pub rewrite: Rewrite,
    /// Where calls go. With several, each gets its share by weight.
    pub to: Vec<RouteTarget>,
    /// Longest time of a call. An earlier deadline of the caller wins. Unset leaves it to the caller's deadline
    /// or, without one, to `runtime.call_timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Period>,
    /// What differs for single methods, by their name as the caller sends it.
    #[serde(default)]
    pub methods: BTreeMap<String, MethodPolicy>,
    /// When a call is tried again.
    #[serde(default)]
    pub retry: Retry,
    /// Filters that its calls pass, after those of their listener.
    #[serde(default)]
    pub filters: Vec<Filter>,
    /// How a call is translated if its cluster speaks another protocol than its caller.
    #[serde(default)]
    pub bridge: Bridge,
}

/// Conditions on a call. Every one given must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RouteMatch {
    /// It came through this listener.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listener: Option<String>,
    /// Its caller speaks this protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// The Java interface that is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<TextMatch>,
    /// The version of the service; empty for a call without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<TextMatch>,
    /// The Dubbo group or SOFARPC uniqueId; empty for a call without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<TextMatch>,
    /// The method that is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<TextMatch>,
    /// The application that calls, as it names itself; empty for a call without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<TextMatch>,
    /// Conditions on attachments, by their name.
    pub attachments: BTreeMap<String, AttachmentMatch>,
}

/// What a call is called at its destination. What is unset stays as the caller sent it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rewrite {
    /// The Java interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The version; empty takes it away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The Dubbo group or SOFARPC uniqueId; empty takes it away.
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
    /// The name of the cluster.
    pub cluster: String,
    /// Its share: calls are spread in proportion to the weights. 0 takes no calls.
    #[serde(default = "default_weight")]
    pub weight: u32,
    /// Only endpoints with this metadata. Its keys must be one of the cluster's `subsets.keys`.
    #[serde(default)]
    pub subset: Labels,
}

/// What differs for one method.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MethodPolicy {
    /// Longest time of a call of this method, instead of the route's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Period>,
    /// When a call of this method is tried again, instead of the route's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
}

/// When a call is tried again: only if not a byte of it was sent, so that no provider can have seen it twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// How often a call is tried at most, the first time included. 1 never tries again.
    pub attempts: NonZeroU8,
}

/// Dubbo's own default weight of a provider.
pub(super) const fn default_weight() -> u32 {
    100
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: NonZeroU8::MIN.saturating_add(1),
        }
    }
}

impl Route {
    /// The longest time of a call of this method, if the route sets one.
    pub fn timeout_of(&self, method: &str) -> Option<Period> {
        self.methods
            .get(method)
            .and_then(|policy| policy.timeout)
            .or(self.timeout)
    }

    /// The retry rule for a call of this method.
    pub fn retry_of(&self, method: &str) -> Retry {
        self.methods
            .get(method)
            .and_then(|policy| policy.retry)
            .unwrap_or(self.retry)
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
