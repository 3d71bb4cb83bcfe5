//! The typed configuration model and its validation.
//!
//! The types have three uses: they define what a file may contain (`Deserialize`), they are the source of the
//! schema and the reference page (`JsonSchema`, whose texts are these doc comments), and the running proxy is
//! built from them. This crate does not read files and uses no YAML library. It does not know what is built either: the
//! control plane compiles a configuration to what the workers use.
//!
//! Conventions that keep error messages precise in every file format:
//! - Every struct refuses unknown keys. There is no `flatten`, no `untagged` and no internally tagged enum.
//! - A value that can be checked alone is checked by its type ([`Period`], [`Size`], [`Address`], [`Pattern`],
//!   `NonZeroU32`), so that a `Config` contains no malformed part.
//! - Everything that depends on several values (names, references, weights) is checked by [`validate()`].
//!
//! ```
//! use rialto_config::{Config, validate};
//!
//! let mut config = Config::default();
//! config.access_log.sample = 2.0;
//! let problems = validate(&config, &|_, _| None);
//! let text = problems.first().map(ToString::to_string).unwrap_or_default();
//! assert!(text.starts_with("error: access_log.sample: 2 is not a share from 0 to 1"), "{text}");
//! ```
#![forbid(unsafe_code)]

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
mod registry;
mod route;
mod secret;
mod suggest;
mod text;
mod units;
mod validate;

pub use address::{Address, AddressError};
pub use bridge::{AttachmentBridge, Bridge, ExceptionBridge, SqlDate, UniqueIdFrom, VersionRule};
pub use cluster::{
    Balance, Cluster, ClusterLimits, ConnectionScope, Endpoint, HealthCheck, HessianGrammar, SubsetFallback,
    Subsets,
};
pub use edit::AttachmentEdit;
pub use filter::{Filter, RateLimit, RateLimitKey};
pub use listener::{Listener, ListenerLimits, ListenerProtocol};
pub use matcher::{AttachmentMatch, Pattern, TextMatch};
pub use metrics::{Latency, MetricLabels, Metrics};
pub use path::Path;
pub use process::{AccessLog, Admin, Log, LogFormat, LogLevel, LogOutput, Runtime, Workers};
pub use registry::{Registry, ServiceFile};
pub use route::{MethodPolicy, Mirror, Protocol, Retry, RetryOn, Rewrite, Route, RouteMatch, RouteTarget};
pub use secret::{Secret, SecretText};
pub use suggest::closest;
pub use text::TEXT;
pub use units::{Period, Size, Timeout, UnitError};
pub use validate::{Addresses, Problem, Severity, notes, validate};

/// Names and values that an operator attaches to endpoints, calls and subsets.
pub type Labels = BTreeMap<String, String>;

/// The whole configuration of one Rialto process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The administration interface: health, metrics, configuration dump.
    pub admin: Admin,
    /// Threads, drain time and process-wide limits.
    pub runtime: Runtime,
    /// Labels and buckets of the metrics of calls.
    pub metrics: Metrics,
    /// The access log: one line for each call that ended.
    pub access_log: AccessLog,
    /// The log of the process itself.
    pub log: Log,
    /// Addresses on which calls come in.
    pub listeners: Vec<Listener>,
    /// Rules that assign calls to clusters, and the changes to them on the way.
    pub routes: Vec<Route>,
    /// Groups of endpoints that serve the same services.
    pub clusters: Vec<Cluster>,
    /// Places where services are found when they are first called.
    pub registries: Vec<Registry>,
}
