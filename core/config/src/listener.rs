//! Addresses on which calls come in.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::process::at_least_one;
use super::units::{Period, Size, Timeout};
use super::{Address, Filter};

/// A socket that downstream peers connect to, and the routes of their calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// The name in routes, logs and metrics.
    pub name: String,
    /// The address to listen on: `0.0.0.0:20880`, `"[::]:12200"`, `unix:/run/rialto/dubbo.sock`.
    pub address: Address,
    /// The protocol of its downstream connections.
    #[serde(default)]
    pub protocol: ListenerProtocol,
    /// Names of the routes that its calls may take. The first one that matches is taken.
    #[serde(default)]
    pub routes: Vec<String>,
    /// Filters that every call of this listener passes, before those of its route.
    #[serde(default)]
    pub filters: Vec<Filter>,
    /// Limits for its downstream connections.
    #[serde(default)]
    pub limits: ListenerLimits,
}

/// The protocol of a listener's downstream connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListenerProtocol {
    /// Detected from the first bytes of each connection.
    #[default]
    Auto,
    /// Dubbo 2 (`dubbo://`).
    Dubbo,
    /// Bolt, the protocol of SOFARPC (`bolt://`).
    Bolt,
}

/// Limits for the downstream connections of a listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListenerLimits {
    /// Largest number of connections of one worker. Unset means that only `runtime.max_connections` applies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<NonZeroU32>,
    /// Largest number of calls in flight on one connection. Further calls fail as overload.
    pub in_flight_per_connection: NonZeroU32,
    /// Largest number of calls in flight on all connections of one worker. Unset means no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<NonZeroU32>,
    /// Largest request. A larger one gets an error response without being read into memory.
    pub max_request_bytes: Size,
    /// Largest response that its downstream peers accept, such as a Dubbo consumer's `payload`. A larger one is
    /// not sent, and the call fails. Otherwise consumers would close the connection, or take the content for
    /// other responses. Unset means the limit of stock peers: 8 MiB for Dubbo; Bolt has no limit, so it means
    /// 64 MiB there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_message_bytes: Option<Size>,
    /// A connection without any traffic for this long is closed.
    pub idle_timeout: Timeout,
    /// Time limit for detecting the protocol of a new connection, counted from its first byte. Before that only
    /// `idle_timeout` applies, because consumers may connect long before their first call.
    pub detect_timeout: Period,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            connections: None,
            in_flight_per_connection: at_least_one(10_000),
            in_flight: None,
            max_request_bytes: Size::from_bytes(8 << 20),
            max_message_bytes: None,
            // A stock Dubbo consumer sends a heartbeat every 60 s.
            idle_timeout: Timeout::secs(180),
            detect_timeout: Period::from_secs(10),
        }
    }
}
