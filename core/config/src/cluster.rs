//! Groups of endpoints that serve the same services.

use std::num::{NonZeroU8, NonZeroU32};
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
    /// The name in routes, logs and metrics.
    pub name: String,
    /// The protocol that its endpoints speak.
    pub protocol: Protocol,
    /// The Hessian grammar that its endpoints read (Bolt only). If unset, calls from another protocol are
    /// written in the draft grammar, which stock SOFARPC uses, and calls of Bolt consumers keep the grammar of
    /// their consumer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<HessianGrammar>,
    /// How an endpoint is chosen for a call.
    #[serde(default)]
    pub balance: Balance,
    /// Whether downstream connections share connections to an endpoint. **Set `per_downstream` for providers
    /// that run `sofa-rpc-node`**: for each connection they remember the order of a class's fields from its
    /// first message. On a shared connection, calls of applications with another order arrive with swapped
    /// fields, or fail.
    #[serde(default)]
    pub connections: ConnectionScope,
    /// The endpoints, if they are known in advance.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
    /// A file with a list of endpoints, written like `endpoints`. It is read again when it changes: usually at
    /// once, and within 10 s where the system does not report the change, as for a file behind a symbolic link
    /// that is edited in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints_file: Option<PathBuf>,
    /// How endpoints are divided by their metadata.
    #[serde(default)]
    pub subsets: Subsets,
    /// Time limit for opening a connection.
    #[serde(default = "default_connect_timeout")]
    pub connect_timeout: Period,
    /// A connection that carried no call for this long is closed.
    #[serde(default = "default_idle_timeout")]
    pub idle_timeout: Timeout,
    /// A connection older than this is replaced, so that new endpoints behind one address get their share.
    #[serde(default = "default_max_age")]
    pub max_age: Timeout,
    /// A connection without traffic for this long is sent a heartbeat.
    #[serde(default = "default_heartbeat_interval")]
    pub heartbeat_interval: Timeout,
    /// Finds out which endpoints respond. One that does not gets no calls while another does. Unset, only calls and
    /// connections show this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
    /// Limits for calls to the cluster.
    #[serde(default)]
    pub limits: ClusterLimits,
}

/// Heartbeats of the cluster's protocol, sent to each endpoint over a connection that calls use, too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HealthCheck {
    /// The time between two heartbeats to an endpoint, a quarter more or less.
    pub interval: Period,
    /// The time in which an endpoint has to respond, including a connection that has to be made.
    pub timeout: Period,
    /// The number of heartbeats in a row without a response after which an endpoint gets no more calls.
    pub unhealthy_after: NonZeroU8,
    /// The number of responses in a row after which it gets calls again.
    pub healthy_after: NonZeroU8,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            interval: Period::from_secs(5),
            timeout: Period::from_secs(1),
            unhealthy_after: NonZeroU8::MIN.saturating_add(1),
            healthy_after: NonZeroU8::MIN,
        }
    }
}

/// A grammar of Hessian 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HessianGrammar {
    /// The early draft, which stock SOFARPC writes.
    Draft,
    /// The final grammar, which Dubbo writes.
    Final,
}

/// Whether downstream connections share connections to an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionScope {
    /// The calls of all downstream connections of a worker share them, so that few connections are needed.
    #[default]
    Shared,
    /// Each downstream connection has connections of its own to each endpoint, which are closed with it. A
    /// worker opens at most 4096 to one endpoint. A call that would need another one fails as overload.
    PerDownstream,
}

/// How an endpoint is chosen for a call. All of these respect weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// In turn.
    #[default]
    RoundRobin,
    /// At random.
    Random,
    /// The one with fewer calls in flight out of two that are drawn at random.
    LeastRequest,
}

/// One provider process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// The address that it listens on. A host name is resolved by the system.
    pub address: Address,
    /// Its share of the calls, in proportion to the others. 0 takes no calls.
    #[serde(default = "default_weight")]
    pub weight: u32,
    /// Labels for subsets and logs.
    #[serde(default)]
    pub metadata: Labels,
}

/// How endpoints are divided by their metadata.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Subsets {
    /// Sets of metadata keys that a route may select by, such as `[[zone], [zone, version]]`.
    pub keys: Vec<Vec<String>>,
    /// What happens to a call whose subset has no endpoint. A subset whose endpoints cannot be reached is not
    /// empty.
    pub fallback: SubsetFallback,
    /// The subset for `fallback: default`.
    pub default: Labels,
}

/// What happens to a call whose subset has no endpoint. A subset whose endpoints cannot be reached is not
/// empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubsetFallback {
    /// The call fails.
    #[default]
    None,
    /// The call goes to any endpoint of the cluster.
    Any,
    /// The call goes to the subset given by `default`.
    Default,
}

/// Limits for calls to a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterLimits {
    /// Largest number of connections of one worker to one endpoint; with `connections: per_downstream`, of one
    /// downstream connection.
    pub connections_per_endpoint: NonZeroU32,
    /// The number of endpoints that one worker calls, in clusters and subsets that have more. It keeps connections few:
    /// 16 workers would otherwise open 16,000 to 1,000 endpoints. Some worker calls each endpoint, so workers
    /// may need more than this for large clusters; and a worker calls any other endpoint while all of its own are
    /// down or full. Endpoints get calls by their weights if all workers have equally many calls. The default is large,
    /// because a busy downstream connection is served by one worker and should reach many endpoints. A number as
    /// large as the cluster lets each worker call all of it.
    pub endpoints_per_worker: NonZeroU32,
    /// Number of calls in flight on a connection at which another one is opened, up to
    /// `connections_per_endpoint`.
    pub in_flight_per_connection: NonZeroU32,
    /// Largest number of calls of one worker that wait while all connections are at their limit of calls, until one
    /// has room or the call's time is over. Further calls fail as overload. 0 means that none waits. A call beyond
    /// `downstream_share` fails and does not wait.
    pub waiting_calls: u32,
    /// Largest number of calls in flight from one worker to the cluster. Further calls fail as overload. Unset
    /// means no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<NonZeroU32>,
    /// The part of the cluster's possible calls in flight that one downstream connection, or all connections of
    /// one calling application, may use while no other downstream wants any, in percent. Several that want
    /// everything get equal parts, and some calls are left for others. Calls beyond the share fail as overload.
    /// 100 removes the limit.
    #[schemars(range(min = 1, max = 100))]
    pub downstream_share: u8,
    /// Largest request that its endpoints accept, such as a Dubbo provider's `payload`. A larger one is not
    /// sent, and the call fails. Otherwise providers would close the connection, or take the content for other
    /// requests. Unset means the limit of stock peers: 8 MiB for Dubbo; Bolt has no limit, so it means 64 MiB
    /// there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_message_bytes: Option<Size>,
}

impl Cluster {
    /// Creates a cluster with default values and without endpoints.
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
            health_check: None,
            limits: ClusterLimits::default(),
        }
    }

    /// The largest request that its endpoints accept, in bytes.
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
            endpoints_per_worker: at_least_one(256),
            in_flight_per_connection: at_least_one(1_024),
            waiting_calls: 0,
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

/// Stock SOFARPC providers close an idle connection after 90 s, and Dubbo providers after 180 s.
const fn default_heartbeat_interval() -> Timeout {
    Timeout::secs(30)
}
