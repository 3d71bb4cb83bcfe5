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

/// A question of a worker.
#[derive(Clone, Debug)]
pub struct Question {
    /// Comes back with the answer.
    pub ticket: Ticket,
    /// What is asked.
    pub about: Subject,
}

/// What a worker can ask.
#[derive(Clone, Debug)]
pub enum Subject {
    /// Which cluster has this service?
    Service(Wanted),
    /// What does somebody decide about a call, whom a filter asks?
    Decision(Inquiry),
}

/// A service that is called.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// Its name.
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

/// What a filter asks about a call.
#[derive(Clone)]
pub struct Inquiry {
    /// The one who decides.
    pub to: Arc<dyn Decider>,
    /// What the decision needs to know of the call, in a form that the two agree on.
    pub facts: Box<[u8]>,
}

impl fmt::Debug for Inquiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an inquiry with {} bytes of facts", self.facts.len())
    }
}

/// Somebody outside of the workers who decides about calls.
pub trait Decider: Send + Sync {
    /// Begins to decide, and calls `decided` once with the decision, on any thread. The control plane calls this, so
    /// it must not block.
    fn decide(&self, facts: Box<[u8]>, decided: Decided);
}

/// Takes a decision, in a form that the filter understands, or the reason why there is none.
pub type Decided = Box<dyn FnOnce(Result<Box<[u8]>, CallError>) + Send>;

/// The answer to a [`Question`].
#[derive(Clone, Debug)]
pub struct Answer {
    /// The ticket of the question.
    pub ticket: Ticket,
    /// What was found out, or the reason why nothing was.
    pub result: Result<Finding, CallError>,
}

/// What was found out.
#[derive(Clone, Debug)]
pub enum Finding {
    /// The cluster of a service, which the worker has been sent before.
    Cluster(ClusterId),
    /// The decision that a filter has asked for.
    Decision(Box<[u8]>),
}
