//! Heartbeats that the control plane asks workers for, to find out which endpoints respond.
use crate::directory::EndpointId;
use crate::error::CallError;

/// Identifies a heartbeat. The control plane gives out each number once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HeartbeatTicket(pub u64);

/// A heartbeat to one endpoint, over a connection that calls use, too.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    /// Comes back with the outcome.
    pub ticket: HeartbeatTicket,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The time for everything, including a dial, in milliseconds.
    pub timeout_ms: u32,
}

/// How a heartbeat ended. Each ends exactly once.
#[derive(Debug)]
pub struct HeartbeatOutcome {
    /// The ticket of the heartbeat.
    pub ticket: HeartbeatTicket,
    /// Why there was no response; `Ok` if the endpoint has sent anything since.
    pub result: Result<(), CallError>,
}
