//! Where callers connect.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::process::at_least_one;
use super::units::{Period, Size, Timeout};
use super::{Address, Filter};

/// A socket that callers connect to, and the routes their calls may take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// The name by which routes, logs and metrics speak of it.
    pub name: String,
    /// Where it listens: `0.0.0.0:20880`, `"[::]:12200"`, `unix:/run/rialto/dubbo.sock`.
    pub address: Address,
    /// What its callers speak.
    #[serde(default)]
    pub protocol: ListenerProtocol,
    /// Names of the routes its calls may take. The first that matches wins.
    #[serde(default)]
    pub routes: Vec<String>,
    /// Filters that every call of this listener passes, before those of its route.
    #[serde(default)]
    pub filters: Vec<Filter>,
    /// What its callers may use up.
    #[serde(default)]
    pub limits: ListenerLimits,
}

/// What the callers of a listener speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListenerProtocol {
    /// Found out for each connection from its first bytes.
    #[default]
    Auto,
    /// Dubbo 2 (`dubbo://`).
    Dubbo,
    /// Bolt, the protocol of SOFARPC (`bolt://`).
    Bolt,
}

/// What the callers of one listener may use up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListenerLimits {
    /// Most connections of one worker. Unset means only `runtime.max_connections` counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<NonZeroU32>,
    /// Most calls in flight over one connection. Further ones are answered as overload.
    pub in_flight_per_connection: NonZeroU32,
    /// Most calls in flight over all connections of one worker. Unset means no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<NonZeroU32>,
    /// Largest request. A larger one is answered as an error without being read into memory.
    pub max_request_bytes: Size,
    /// Largest answer that its callers take, as a Dubbo consumer's `payload`. A larger one is not sent: the call fails
    /// with an error instead. Consumers lose the connection over it, or take what it holds for other answers. Unset
    /// means what stock peers take: 8 MiB to Dubbo callers; Bolt has no limit, so it means 64 MiB there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_message_bytes: Option<Size>,
    /// A connection without any traffic for this long is closed.
    pub idle_timeout: Timeout,
    /// How long a new connection may take to show its protocol, from its first byte on. Until then only
    /// `idle_timeout` counts: consumers may connect long before their first call.
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
            // Three missed heartbeats of a stock Dubbo consumer.
            idle_timeout: Timeout::secs(180),
            detect_timeout: Period::from_secs(10),
        }
    }
}
