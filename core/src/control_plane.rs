//! What workers tell the control plane.
use crate::asking::Question;
use crate::heartbeat::HeartbeatOutcome;

/// Receives what workers tell. The workers' threads call the methods, which must not block.
pub trait ControlPlane: Send + Sync {
    /// Takes a question of the worker with this index. Returns whether there was room for it.
    fn ask(&self, worker: usize, question: Question) -> bool;

    /// Takes the outcome of a heartbeat.
    fn ended(&self, outcome: HeartbeatOutcome);
}
