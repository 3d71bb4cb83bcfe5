//! The texts of the errors that calls end with.
use super::Calls;
use super::shares::Excess;
use crate::asking::ServiceName;
use crate::directory::{Cluster, ConnectionScope, Endpoint};
use crate::error::{CallError, ErrorKind, Limit};
use crate::exchange::{Exchange, State};
use crate::slots::CallKey;

/// No endpoint of a cluster can be reached. `last` is the one that was tried last.
#[cold]
pub(super) fn unreachable(cluster: &Cluster, last: Option<&Endpoint>) -> CallError {
    let text = match last {
        Some(last) => format!(
            "endpoint {} cannot be reached, and cluster {} has no other that can be",
            last.name, cluster.name
        ),
        None => format!("no endpoint of cluster {} can be reached", cluster.name),
    };
    CallError::new(ErrorKind::NoEndpoint, text)
}

/// No connection takes another call.
#[cold]
pub(super) fn full(cluster: &Cluster) -> CallError {
    let all = match cluster.connections {
        ConnectionScope::Shared => "all connections",
        ConnectionScope::PerDownstream => "all connections that this downstream may have",
    };
    let text = format!("{all} to cluster {} are at their limit of calls", cluster.name);
    CallError::new(ErrorKind::Overload, text).by(Limit::UpstreamCalls)
}

/// As many calls as may wait for room on the connections to a cluster.
#[cold]
pub(super) fn too_many_queued(cluster: &Cluster) -> CallError {
    let text = format!(
        "all connections to cluster {} are at their limit of calls, and {} calls may wait (limits.waiting_calls)",
        cluster.name, cluster.max_waiting
    );
    CallError::new(ErrorKind::Overload, text).by(Limit::UpstreamCalls)
}

/// A connection is needed and cannot be opened here.
#[cold]
pub(super) fn exhausted(cluster: &Cluster) -> CallError {
    let text = format!(
        "no further connection to cluster {} can be made: this process is out of descriptors or ports",
        cluster.name
    );
    CallError::new(ErrorKind::Overload, text).by(Limit::Descriptors)
}

/// More calls wait for answers of a registry than may.
#[cold]
pub(super) fn too_many_wait(registry: &str) -> CallError {
    let text = format!("too many calls wait for registry {registry} to say where their services are");
    CallError::new(ErrorKind::Overload, text).by(Limit::WaitingCalls)
}

/// The control plane has not said in time where a service is.
#[cold]
pub(super) fn no_answer(service: &ServiceName) -> CallError {
    let text = format!(
        "registry {} has not said where service {} is",
        service.registry, service
    );
    CallError::new(ErrorKind::NoEndpoint, text)
}

/// A worker puts as many messages together as it may.
#[cold]
pub(super) fn too_many_bodies() -> CallError {
    let text = "the messages that are put together from their parts use up the memory for them";
    CallError::new(ErrorKind::Overload, text).by(Limit::MessageBytes)
}

/// A worker has as many calls as it may have.
#[cold]
pub(super) fn table_is_full() -> CallError {
    CallError::new(ErrorKind::Overload, "too many calls in flight in this process").by(Limit::WorkerCalls)
}

/// A cluster has as many calls as it may have.
#[cold]
pub(super) fn too_many(cluster: &Cluster) -> CallError {
    let text = format!(
        "too many calls in flight to cluster {} (limits.in_flight: {})",
        cluster.name, cluster.max_in_flight
    );
    CallError::new(ErrorKind::Overload, text).by(Limit::ClusterCalls)
}

/// A downstream has its share of the calls to a crowded cluster.
#[cold]
pub(super) fn more_than_its_share(cluster: &Cluster, excess: Excess) -> CallError {
    let whose = match excess {
        Excess::Connection => "this connection",
        Excess::Application => "the calling application",
    };
    let text = format!(
        "cluster {} is crowded, and {whose} has its share of the calls in flight to it (limits.downstream_share: {})",
        cluster.name, cluster.downstream_share
    );
    CallError::new(ErrorKind::Overload, text).by(Limit::DownstreamShare)
}

impl Calls {
    /// The deadline of a call passed. Says how long the call had, and who set that time.
    #[cold]
    pub(super) fn too_late(&self, key: CallKey, ex: &Exchange) -> CallError {
        let had_ms = ex.deadline_ms.saturating_sub(ex.started_us / 1000);
        let route = &ex.plan.route;
        let names = ex.series().and_then(|series| self.metrics.names(series));
        let whose = names.map(|(_, method)| {
            let policy = route.policy_of(method.as_bytes());
            if had_ms < u64::from(policy.timeout_ms) {
                " (the timeout of the request)".to_owned()
            } else if policy.is_default {
                " (runtime.call_timeout)".to_owned()
            } else {
                format!(" (the timeout of route {})", route.name)
            }
        });
        let whose = whose.unwrap_or_default();
        let endpoint = self.directory.endpoint(ex.up.endpoint);
        let text = match (ex.state, endpoint) {
            (State::Suspended, _) if self.waits_for_decision(key) => {
                format!("nobody has decided about the call within {had_ms} ms{whose}")
            }
            (State::Suspended, _) => {
                format!("no registry has said where the service is within {had_ms} ms{whose}")
            }
            (State::Queued, _) => {
                let cluster = ex.target.cluster.and_then(|id| self.directory.cluster(id));
                let cluster = cluster.map_or("(removed)", |c| &*c.name);
                format!(
                    "all connections to cluster {cluster} were at their limit of calls for {had_ms} ms{whose}"
                )
            }
            (State::Collecting, _) => format!("the request was not complete within {had_ms} ms{whose}"),
            (State::Waiting, _) => {
                let cluster = ex.target.cluster.and_then(|id| self.directory.cluster(id));
                let cluster = cluster.map_or("(removed)", |c| &*c.name);
                format!("no connection to cluster {cluster} within {had_ms} ms{whose}")
            }
            (_, Some(endpoint)) => {
                format!(
                    "endpoint {} did not answer within {had_ms} ms{whose}",
                    endpoint.name
                )
            }
            (_, None) => format!("the provider did not answer within {had_ms} ms{whose}"),
        };
        CallError::new(ErrorKind::Timeout, text)
    }
}
