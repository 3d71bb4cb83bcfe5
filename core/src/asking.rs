//! Questions that workers ask the control plane while calls wait for the answers.
//!
//! A worker never waits. It keeps the call, sends the question after its turn, and goes on with the call when
//! the answer comes with its mail. An answer may come late, twice or never.
use crate::directory::ClusterId;
use crate::error::CallError;
use crate::message::ProtoId;
use std::fmt;
use std::sync::Arc;

/// Identifies a question of one worker. It has 64 bits, so that a worker never gives one out twice, and an answer
/// that comes late cannot meet another question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub(crate) u64);

/// A question of a worker: which cluster has this service?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Comes back with the answer.
    pub ticket: Ticket,
    /// The service that is called.
    pub service: ServiceName,
    /// The protocol of the call. Endpoints that speak it are preferred, because they need no translation.
    pub protocol: ProtoId,
}

/// A service as a registry is asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServiceName {
    /// The name of the registry.
    pub registry: Arc<str>,
    /// The interface name.
    pub service: Box<str>,
    /// The version; empty for a call without one.
    pub version: Box<str>,
    /// The group or unique id; empty for a call without one.
    pub group: Box<str>,
}

/// `SERVICE:VERSION:GROUP`, without empty parts at the end.
impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = format!("{}:{}:{}", self.service, self.version, self.group);
        f.write_str(whole.trim_end_matches(':'))
    }
}

/// The answer to a [`Question`].
#[derive(Clone, Debug)]
pub struct Answer {
    /// The ticket of the question.
    pub ticket: Ticket,
    /// The cluster, which the worker has been sent before; or the error that the calls fail with.
    pub result: Result<ClusterId, CallError>,
}
