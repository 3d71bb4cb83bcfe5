//! Groups of endpoints that serve the same services.

use std::num::NonZeroU32;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::process::at_least_one;
use super::route::default_weight;
use super::units::Size;
use super::{Address, Labels, Period, Protocol, Timeout};

/// Endpoints that serve the same services over the same protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// The name by which routes, logs and metrics speak of it.
    pub name: String,
    /// What its endpoints speak.
    pub protocol: Protocol,
    /// The Hessian grammar its endpoints read (Bolt only). Unset: calls from another protocol are written in the draft,
    /// which stock SOFARPC uses, and calls of Bolt consumers stay in the grammar of their consumer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<HessianGrammar>,
    /// How an endpoint is chosen for a call.
    #[serde(default)]
    pub balance: Balance,
    /// Whose calls share a connection to an endpoint. **Set `per_downstream` for providers that run `sofa-rpc-node`**:
    /// for each connection they remember the fields of a class as the first message gave them, so that on a shared
    /// connection calls of applications with another order of fields arrive with swapped fields, or fail.
    #[serde(default)]
    pub connections: ConnectionScope,
    /// The endpoints, if they are known beforehand.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
    /// A file with a list of endpoints, written like `endpoints`. It is read again whenever it changes: at once as a rule,
    /// within 10 s where the system does not tell, as for a file behind a symbolic link that is edited in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints_file: Option<PathBuf>,
    /// How endpoints are divided by their metadata.
    #[serde(default)]
    pub subsets: Subsets,
    /// How long opening a connection may take.
    #[serde(default = "default_connect_timeout")]
    pub connect_timeout: Period,
    /// A connection that carried no call for this long is closed.
    #[serde(default = "default_idle_timeout")]
    pub idle_timeout: Timeout,
    /// A connection older than this is replaced, so that new endpoints behind one address get their share.
    #[serde(default = "default_max_age")]
    pub max_age: Timeout,
    /// A connection without traffic for this long is asked whether it still lives.
    #[serde(default = "default_heartbeat_interval")]
    pub heartbeat_interval: Timeout,
    /// What calls to it may use up.
    #[serde(default)]
    pub limits: ClusterLimits,
}

/// A grammar of Hessian 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HessianGrammar {
    /// The early draft that stock SOFARPC writes.
    Draft,
    /// The final one, which Dubbo writes.
    Final,
}

/// Whose calls share a connection to an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionScope {
    /// Those of all downstream connections of a worker: few connections for many callers.
    #[default]
    Shared,
    /// Those of one downstream connection only: each has connections of its own to each endpoint, which end with it. A
    /// worker opens at most 4096 to one endpoint; what would need another is answered as overload.
    PerDownstream,
}

/// How an endpoint is chosen for a call. All of them respect weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// One after the other.
    #[default]
    RoundRobin,
    /// By chance.
    Random,
    /// Of two picked by chance, the one with fewer calls in flight.
    LeastRequest,
}

/// One process that serves calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Where it listens. A host name is resolved by the system.
    pub address: Address,
    /// Its share of the calls, in proportion to the others. 0 takes no calls.
    #[serde(default = "default_weight")]
    pub weight: u32,
    /// What subsets and logs know about it.
    #[serde(default)]
    pub metadata: Labels,
}

/// How endpoints are divided by their metadata.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Subsets {
    /// Sets of metadata keys that a route may ask for, such as `[[zone], [zone, version]]`.
    pub keys: Vec<Vec<String>>,
    /// What happens to a call whose subset has no endpoint. One whose endpoints cannot be reached is not empty.
    pub fallback: SubsetFallback,
    /// The subset that `fallback: default` takes.
    pub default: Labels,
}

/// What happens to a call whose subset has no endpoint. One whose endpoints cannot be reached is not empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubsetFallback {
    /// It fails.
    #[default]
    None,
    /// It goes to any endpoint of the cluster.
    Any,
    /// It goes to the subset given by `default`.
    Default,
}

/// What calls to a cluster may use up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterLimits {
    /// Most connections of one worker to one endpoint; with `connections: per_downstream`, of one downstream connection.
    pub connections_per_endpoint: NonZeroU32,
    /// Calls in flight on a connection from which on another one is opened, up to `connections_per_endpoint`.
    pub in_flight_per_connection: NonZeroU32,
    /// Most calls in flight to the cluster from one worker. Further ones are answered as overload. Unset means no
    /// limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<NonZeroU32>,
    /// How much of the calls that the cluster can have in flight one downstream connection, or all connections of one
    /// calling application, may take while nobody else wants any, in percent. Several that want everything get equal
    /// parts, and some calls are left for others. What is beyond the share is answered as overload. 100 lifts the limit.
    #[schemars(range(min = 1, max = 100))]
    pub downstream_share: u8,
    /// Largest request that its endpoints take, as a Dubbo provider's `payload`. A larger one is not sent: the call fails
    /// with an error instead. Providers close the connection over it, or take what it holds for other requests. Unset
    /// means what stock peers take: 8 MiB for Dubbo; Bolt has no limit, so it means 64 MiB there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_message_bytes: Option<Size>,
}

impl Cluster {
    /// A cluster with defaults and no endpoints.
    pub fn new(name: impl Into<String>, protocol: Protocol) -> Self {
        Self {
            name: name.into(),
            protocol,
            dialect: None,
            balance: Balance::default(),
            connections: ConnectionScope::default(),
            endpoints: Vec::new(),
            endpoints_file: None,
            subsets: Subsets::default(),
            connect_timeout: default_connect_timeout(),
            idle_timeout: default_idle_timeout(),
            max_age: default_max_age(),
            heartbeat_interval: default_heartbeat_interval(),
            limits: ClusterLimits::default(),
        }
    }

    /// The largest request that its endpoints take, in bytes.
    pub fn max_message_bytes(&self) -> u64 {
        let stock = match self.protocol {
            Protocol::Dubbo => 8 << 20,
            Protocol::Bolt => 64 << 20,
        };
        self.limits.max_message_bytes.map_or(stock, Size::bytes)
    }
}

impl Default for ClusterLimits {
    fn default() -> Self {
        Self {
            connections_per_endpoint: at_least_one(4),
            in_flight_per_connection: at_least_one(1_024),
            in_flight: None,
            downstream_share: 80,
            max_message_bytes: None,
        }
    }
}

const fn default_connect_timeout() -> Period {
    Period::from_secs(1)
}

const fn default_idle_timeout() -> Timeout {
    Timeout::secs(600)
}

const fn default_max_age() -> Timeout {
    Timeout::Off
}

/// Well inside the 90 s after which a stock SOFARPC provider closes, and the 180 s of a Dubbo one.
const fn default_heartbeat_interval() -> Timeout {
    Timeout::secs(30)
}
