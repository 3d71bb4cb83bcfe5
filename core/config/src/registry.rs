//! Registries: where services are found by their names.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Endpoint, HealthCheck, Protocol, Timeout};

/// A place where services are found by their names. A service is looked up when it is first called, and
/// followed until it is called no more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// The name in routes, logs and metrics.
    pub name: String,
    /// A directory with a file for each service, named `SERVICE:VERSION:GROUP.yaml`; empty parts at the end are
    /// left out with their colons. A service without a file of its own uses `SERVICE.yaml`. Each file contains
    /// `protocol` and `endpoints`. Files may be added, changed and removed at any time.
    pub directory: PathBuf,
    /// A service that is not called for this long is no longer followed, and its connections are closed.
    #[serde(default = "default_idle_timeout")]
    pub idle_timeout: Timeout,
    /// Finds out which endpoints of its services respond, as in a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
}

/// The endpoints of one service, as a file of a registry's directory contains them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceFile {
    /// The protocol that the endpoints speak.
    pub protocol: Protocol,
    /// The endpoints.
    pub endpoints: Vec<Endpoint>,
}

const fn default_idle_timeout() -> Timeout {
    Timeout::secs(600)
}
