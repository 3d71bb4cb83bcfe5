//! One call from its first byte to its last, whatever the protocols on its two sides.
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
    /// The caller's side.
    pub(crate) down: Down,
    /// The provider's side; of a call that waits, the dial that it waits for.
    pub(crate) up: Up,
    /// How far it is.
    pub(crate) state: State,
    /// Nobody waits for an answer.
    pub(crate) one_way: bool,
    /// How often it was given to an endpoint.
    pub(crate) attempts: u8,
    /// How often it may be.
    pub(crate) max_attempts: u8,
    /// Where it goes.
    pub(crate) target: TargetId,
    /// What it counts for.
    pub(crate) series: SeriesId,
    /// The worker's clock when it came, in microseconds.
    pub(crate) started_us: u64,
    /// The worker's clock when it fails, in milliseconds; `u64::MAX` for never.
    pub(crate) deadline_ms: u64,
    /// Length of the request.
    pub(crate) bytes_in: u32,
    /// The route that it takes.
    pub(crate) plan: Rc<Plan>,
    /// The request while it waits. `None` on the fast path.
    pub(crate) held: Option<Box<Held>>,
}

/// A target of the exchange's route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TargetId {
    /// Its index.
    pub(crate) index: u16,
    /// Its cluster.
    pub(crate) cluster: ClusterId,
}

/// The caller's side.
#[derive(Clone, Copy)]
pub(crate) struct Down {
    /// Its connection.
    pub(crate) conn: ConnKey,
    /// Its name for the call.
    pub(crate) reply: RespondTo,
    /// The listener that it came through.
    pub(crate) listener: ListenerId,
    /// What it speaks.
    pub(crate) proto: ProtoId,
}

/// The provider's side.
#[derive(Clone, Copy)]
pub(crate) struct Up {
    /// Its connection.
    pub(crate) conn: ConnKey,
    /// Where the request lies in that connection's stream.
    pub(crate) mark: Mark,
    /// The host.
    pub(crate) endpoint: EndpointId,
}

/// How far a call is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// No connection has it: it is being decided upon, or waits for a dial and is held.
    Waiting,
    /// In an upstream out-buffer or beyond.
    Sent,
    /// Over for the caller. The slot, and so the wire id, stays taken until the late answer came or the
    /// connection ended.
    Quarantined,
}

impl Exchange {
    /// Whether it waits for this dial. Lists of those that wait are not told of calls that end before, and where calls
    /// are short, a slot has gone through all of its generations while a host does not answer: a key in such a list
    /// may name a call that is meant for somebody else by then.
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
