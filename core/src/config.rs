//! What an operator can say: the typed configuration model and its checks.
//!
//! The types here are the one source of three things: what a file may contain (their `Deserialize`), what an
//! editor and the reference page know about it (their `JsonSchema`, whose texts are these very doc comments) and
//! what the running proxy is built from. Reading files is not done here: this crate knows no YAML library.
//!
//! Conventions that keep error messages exact, whichever format the text came in:
//! - every struct refuses unknown keys; no `flatten`, no `untagged`, no internally tagged enum;
//! - a value that can be judged alone is judged by its type ([`Period`], [`Size`], [`Address`], [`Pattern`],
//!   `NonZeroU32`), so that a `Config` in hand holds no malformed part;
//! - what needs a look at two places (names, references, weights) is judged by [`validate()`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod address;
mod bridge;
mod cluster;
mod edit;
mod filter;
mod listener;
mod matcher;
mod metrics;
mod path;
mod process;
mod route;
mod secret;
mod suggest;
mod text;
mod units;
pub mod validate;

pub use address::{Address, AddressError};
pub use bridge::{AttachmentBridge, Bridge, ExceptionBridge, SqlDate, UniqueIdFrom, VersionRule};
pub use cluster::{
    Balance, Cluster, ClusterLimits, ConnectionScope, Endpoint, HessianGrammar, SubsetFallback, Subsets,
};
pub use edit::AttachmentEdit;
pub use filter::{Filter, RateLimit, RateLimitKey};
pub use listener::{Listener, ListenerLimits, ListenerProtocol};
pub use matcher::{AttachmentMatch, Pattern, TextMatch};
pub use metrics::{Latency, MetricLabels, Metrics};
pub use path::Path;
pub use process::{AccessLog, Admin, Log, LogFormat, LogLevel, LogOutput, Runtime, Workers};
pub use route::{MethodPolicy, Protocol, Retry, Rewrite, Route, RouteMatch, RouteTarget};
pub use secret::{Secret, SecretText};
pub use suggest::closest;
pub use text::TEXT;
pub use units::{Period, Size, Timeout, UnitError};
pub use validate::{Addresses, Problem, Severity, validate};

/// Names and values an operator attaches to endpoints, calls and subsets.
pub type Labels = BTreeMap<String, String>;

/// The whole configuration of one Rialto process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The administration interface: health, metrics, configuration dump.
    pub admin: Admin,
    /// Threads, drain time and process-wide limits.
    pub runtime: Runtime,
    /// What the metrics of calls tell apart.
    pub metrics: Metrics,
    /// One line for every finished call.
    pub access_log: AccessLog,
    /// The process's own messages.
    pub log: Log,
    /// Where callers connect.
    pub listeners: Vec<Listener>,
    /// Which call goes where, and what happens to it on the way.
    pub routes: Vec<Route>,
    /// Groups of endpoints that serve the same services.
    pub clusters: Vec<Cluster>,
}
