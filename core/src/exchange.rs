//! The table entry of one call, from its request to its response.
use crate::buf::Mark;
use crate::calls::Plan;
use crate::directory::{ClusterId, EndpointId, ListenerId};
use crate::message::{Held, ProtoId};
use crate::metrics::SeriesId;
use crate::session::RespondTo;
use crate::slots::ConnKey;
use std::rc::Rc;

/// A call in progress.
pub(crate) struct Exchange {
    /// The downstream side.
    pub(crate) down: Down,
    /// The upstream side. For a call that waits, it names the dial.
    pub(crate) up: Up,
    /// The stage that the call has reached.
    pub(crate) state: State,
    /// The call expects no response.
    pub(crate) one_way: bool,
    /// The number of times it was given to an endpoint.
    pub(crate) attempts: u8,
    /// The largest number of attempts.
    pub(crate) max_attempts: u8,
    /// The request is kept after it was sent, because it is sent again if the provider has no free thread.
    pub(crate) may_retry: bool,
    /// The target of the route that was chosen.
    pub(crate) target: TargetId,
    /// The series that counts it.
    pub(crate) series: SeriesId,
    /// The time of its arrival on the worker's clock, in microseconds.
    pub(crate) started_us: u64,
    /// Its deadline on the worker's clock, in milliseconds; `u64::MAX` for none.
    pub(crate) deadline_ms: u64,
    /// The length of the request in bytes.
    pub(crate) bytes_in: u32,
    /// The route, as it was when the call arrived.
    pub(crate) plan: Rc<Plan>,
    /// The request while it waits, or may have to be sent again; `None` for most calls that were sent.
    pub(crate) held: Option<Box<Held>>,
}

/// A target of the call's route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TargetId {
    /// Its index in the route.
    pub(crate) index: u16,
    /// Its cluster; `None` until a registry has said it.
    pub(crate) cluster: Option<ClusterId>,
}

/// The downstream side of a call.
#[derive(Clone, Copy)]
pub(crate) struct Down {
    /// The connection that the request came on.
    pub(crate) conn: ConnKey,
    /// The downstream's id of the call, and the format of the response.
    pub(crate) reply: RespondTo,
    /// The listener that accepted the connection.
    pub(crate) listener: ListenerId,
    /// The protocol of the request.
    pub(crate) proto: ProtoId,
}

/// The upstream side of a call.
#[derive(Clone, Copy)]
pub(crate) struct Up {
    /// The connection that the request was sent on.
    pub(crate) conn: ConnKey,
    /// The position of the request in that connection's stream.
    pub(crate) mark: Mark,
    /// The endpoint that the connection leads to.
    pub(crate) endpoint: EndpointId,
}

/// The stage of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// It waits for the control plane to say which cluster has its service.
    Suspended,
    /// No connection has it: it is being routed, or is parked until a dial ends.
    Waiting,
    /// It is in an upstream out-buffer, or has been sent.
    Sent,
    /// It is over for the downstream. The entry, and thus the wire id, stays taken until the late response
    /// comes or the connection closes.
    Quarantined,
}

impl Exchange {
    /// Whether a connection has the call, or had it.
    pub(crate) fn was_sent(&self) -> bool {
        matches!(self.state, State::Sent | State::Quarantined)
    }

    /// Whether the call waits for this dial. Lists of waiting calls are not updated when a call ends earlier,
    /// and a key in such a list may by then belong to another call, so the dial has to be compared.
    pub(crate) fn waits_for(&self, dial: ConnKey) -> bool {
        self.state == State::Waiting && self.up.conn == dial
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn stays_small() {
        assert!(
            size_of::<super::Exchange>() <= 128,
            "{}",
            size_of::<super::Exchange>()
        );
    }
}
