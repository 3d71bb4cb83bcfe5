//! Filters that calls pass.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AttachmentEdit;
use super::process::at_least_one;

/// One filter. It is written as an object with one key, which is its kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// Sets and removes attachments of the request.
    Attachments(AttachmentEdit),
    /// Refuses calls above a rate, as overload in the downstream's protocol.
    RateLimit(RateLimit),
}

/// A token bucket. `rate` holds for the whole process and is divided equally among its workers, so calls over
/// few connections only get the shares of the workers that have these connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Calls accepted per second in the long run.
    pub rate: NonZeroU32,
    /// Calls accepted at once after a pause. Unset means as many as `rate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<NonZeroU32>,
    /// Which calls share a bucket.
    #[serde(default)]
    pub per: RateLimitKey,
    /// Largest number of buckets. Calls with further keys share one. This bounds memory where keys come from
    /// peers.
    #[serde(default = "default_buckets")]
    pub max_buckets: NonZeroU32,
}

/// Which calls share a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RateLimitKey {
    /// All calls that pass this filter.
    #[default]
    Route,
    /// The calls of the same service.
    Service,
    /// The calls of the same service and method.
    Method,
    /// The calls of the same application.
    Application,
}

impl RateLimit {
    /// The number of calls accepted at once after a pause.
    pub fn burst(&self) -> NonZeroU32 {
        self.burst.unwrap_or(self.rate)
    }
}

const fn default_buckets() -> NonZeroU32 {
    at_least_one(10_000)
}
