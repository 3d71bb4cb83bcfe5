//! What can be done to calls on their way.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AttachmentEdit;
use super::process::at_least_one;

/// A step that calls pass. Written as an object with one key, the kind of filter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// Changes the attachments of the request.
    Attachments(AttachmentEdit),
    /// Refuses calls above a rate, as overload in the caller's own protocol.
    RateLimit(RateLimit),
}

/// A token bucket. `rate` is that of the whole process, granted in equal shares by its workers: calls over few
/// connections meet only the shares of the workers that have these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Calls let through a second in the long run.
    pub rate: NonZeroU32,
    /// Calls let through at once after a pause. Unset means as many as `rate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<NonZeroU32>,
    /// Which calls share a bucket.
    #[serde(default)]
    pub per: RateLimitKey,
    /// Most buckets that are kept; calls beyond share one. Bounds memory when the keys come from callers.
    #[serde(default = "default_buckets")]
    pub max_buckets: NonZeroU32,
}

/// Which calls share a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RateLimitKey {
    /// All that pass this filter.
    #[default]
    Route,
    /// Those of the same service.
    Service,
    /// Those of the same service and method.
    Method,
    /// Those of the same calling application.
    Caller,
}

impl RateLimit {
    /// Calls let through at once after a pause.
    pub fn burst(&self) -> NonZeroU32 {
        self.burst.unwrap_or(self.rate)
    }
}

const fn default_buckets() -> NonZeroU32 {
    at_least_one(10_000)
}
