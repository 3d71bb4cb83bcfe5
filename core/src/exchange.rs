//! The table entry of one attempt of a call, from its request to its response.
use crate::buf::Mark;
use crate::calls::Plan;
use crate::directory::{ClusterId, EndpointId, ListenerId, RetryRule};
use crate::filter::Chain;
use crate::message::{Held, ProtoId};
use crate::metrics::SeriesId;
use crate::session::RespondTo;
use crate::slots::{ConnKey, RESERVED_ID};
use crate::stream::Body;
use std::rc::Rc;

/// One attempt of a call. Most calls have one. A call that is tried again while the endpoint may still respond gets
/// another entry, and this one stays behind in quarantine.
pub(crate) struct Exchange {
    /// The one that waits for the response.
    pub(crate) asker: Asker,
    /// The upstream side. For a call that waits, it names the dial.
    pub(crate) up: Up,
    /// The stage that the call has reached.
    pub(crate) state: State,
    /// Which of its messages are not complete.
    pub(crate) flow: Flow,
    /// The call expects no response.
    pub(crate) one_way: bool,
    /// The number of times it was given to an endpoint.
    pub(crate) attempts: u8,
    /// When it is given to another endpoint.
    pub(crate) retry: RetryRule,
    /// The target of the route that was chosen.
    pub(crate) target: TargetId,
    /// The time of its arrival on the worker's clock, in microseconds.
    pub(crate) started_us: u64,
    /// Its deadline on the worker's clock, in milliseconds; `u64::MAX` for none.
    pub(crate) deadline_ms: u64,
    /// The time at which this attempt is over if another endpoint can be tried, in milliseconds after the call's
    /// arrival; `u32::MAX` for never.
    pub(crate) attempt_over_ms: u32,
    /// The length of the request in bytes.
    pub(crate) bytes_in: u32,
    /// The route, as it was when the call arrived.
    pub(crate) plan: Rc<Plan>,
    /// The request while it waits, or may have to be sent again; `None` for most calls that were sent.
    pub(crate) held: Option<Box<Held>>,
    /// The number of filters of its plan that have seen its request and may be called again; 0 for most calls.
    pub(crate) reached: u8,
}

/// Who waits for the response of an exchange.
pub(crate) enum Asker {
    /// A downstream, which is sent the response. The series counts the call.
    Downstream(Down, SeriesId),
    /// Nobody: the request is a copy of one of this downstream, for the route's mirror.
    Mirror(ConnKey),
    /// Nobody any more: the call is over, or goes on as another attempt.
    Nobody,
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
    /// It waits because all connections to its cluster are at their limit of calls.
    Queued,
    /// Its request comes in parts, and is put together for an endpoint that takes whole messages only.
    Collecting,
    /// It is in an upstream out-buffer, or has been sent.
    Sent,
    /// It is over for the downstream. The entry, and thus the wire id, stays taken until the late response
    /// comes or the connection closes.
    Quarantined,
}

/// Which messages of a call come in parts and are not complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flow {
    /// None. That is so for all calls of protocols without streams.
    Settled,
    /// Parts of the request are to come.
    Request,
    /// The response has begun, and parts of it are to come.
    Response,
    /// Both.
    Both,
}

impl Flow {
    /// The flow of a call whose request has just come.
    pub(crate) fn of(body: Body) -> Self {
        match body {
            Body::Follows => Flow::Request,
            Body::Framed | Body::Whole => Flow::Settled,
        }
    }

    pub(crate) fn has_request(self) -> bool {
        matches!(self, Flow::Request | Flow::Both)
    }

    pub(crate) fn has_response(self) -> bool {
        matches!(self, Flow::Response | Flow::Both)
    }

    /// After the last part of the request.
    pub(crate) fn without_request(self) -> Self {
        match self {
            Flow::Settled | Flow::Request => Flow::Settled,
            Flow::Response | Flow::Both => Flow::Response,
        }
    }

    /// After the head of a response whose body follows.
    pub(crate) fn with_response(self) -> Self {
        match self {
            Flow::Settled | Flow::Response => Flow::Response,
            Flow::Request | Flow::Both => Flow::Both,
        }
    }
}

impl Asker {
    /// The downstream connection whose reserved upstream connections the call may use.
    pub(crate) fn connection(&self) -> ConnKey {
        match self {
            Asker::Downstream(down, _) => down.conn,
            Asker::Mirror(downstream) => *downstream,
            Asker::Nobody => ConnKey::from_bits(RESERVED_ID),
        }
    }

    /// Stops waiting. A copy for a mirror stays one, because copies are counted as long as they have an entry.
    pub(crate) fn leave(&mut self) {
        if let Asker::Downstream(..) = self {
            *self = Asker::Nobody;
        }
    }
}

impl Exchange {
    /// The downstream that waits for the response; `None` if nobody does.
    pub(crate) fn down(&self) -> Option<&Down> {
        match &self.asker {
            Asker::Downstream(down, _) => Some(down),
            _ => None,
        }
    }

    /// The series that counts the call; `None` if it is none of a downstream.
    pub(crate) fn series(&self) -> Option<SeriesId> {
        match self.asker {
            Asker::Downstream(_, series) => Some(series),
            _ => None,
        }
    }

    /// Whether a response of this connection is one to the call. All upstream connections share one id space, so that one
    /// peer could otherwise respond to another's call.
    #[inline]
    pub(crate) fn awaits(&self, from: ConnKey) -> bool {
        self.up.conn == from && self.state == State::Sent && !self.one_way
    }

    /// The filters that are to be called again for it, and how many of them; `None` for most calls.
    #[inline]
    pub(crate) fn chain(&self) -> Option<(&Chain, u8)> {
        match self.reached {
            0 => None,
            reached => self.plan.chain.as_deref().map(|chain| (chain, reached)),
        }
    }

    /// Whether its upstream connection has a stream for it, which is reset when the call is given up. Calls of other
    /// protocols stay in quarantine then.
    pub(crate) fn has_stream(&self) -> bool {
        self.up.mark.stream != 0
    }

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
