//! Heartbeats that the control plane waits for. Whatever the endpoint sends over the connection is its response.
use super::{Calls, errors};
use crate::Env;
use crate::connections::Connections;
use crate::endpoints::Lease;
use crate::error::{CallError, ErrorKind};
use crate::heartbeat::{Heartbeat, HeartbeatOutcome};
use crate::slots::{ConnKey, RESERVED_ID};
use crate::wheel::TICK_MS;
use std::rc::Rc;

/// The heartbeats of a worker.
#[derive(Default)]
pub(super) struct Heartbeats {
    waiting: Vec<Waiting>,
    /// The time at which these are looked at again.
    next_ms: u64,
    outcomes: Vec<HeartbeatOutcome>,
}

/// A heartbeat without an outcome.
struct Waiting {
    heartbeat: Heartbeat,
    conn: ConnKey,
    /// It was sent. Before that, the connection is made.
    is_sent: bool,
    until_ms: u64,
}

impl Heartbeats {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl Calls {
    /// Sends a heartbeat. Its outcome is among those that [`Calls::take_outcomes`] returns.
    pub fn heartbeat<E: Env>(&mut self, w: &mut Connections<E>, heartbeat: Heartbeat) {
        match self.connection_to(w, &heartbeat) {
            Ok(conn) => self.heartbeats.waiting.push(Waiting {
                heartbeat,
                conn,
                is_sent: false,
                until_ms: w.now_ms + u64::from(heartbeat.timeout_ms),
            }),
            Err(error) => self.heartbeats.outcomes.push(HeartbeatOutcome {
                ticket: heartbeat.ticket,
                result: Err(error),
            }),
        }
        self.heartbeats.next_ms = 0;
    }

    fn connection_to<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        heartbeat: &Heartbeat,
    ) -> Result<ConnKey, CallError> {
        let directory = Rc::clone(&self.directory);
        let id = heartbeat.endpoint;
        let endpoint = directory.endpoint(id);
        let cluster = endpoint.and_then(|e| directory.cluster(e.cluster));
        let (Some(endpoint), Some(cluster)) = (endpoint, cluster) else {
            let text = "the endpoint was removed";
            return Err(CallError::new(ErrorKind::NoEndpoint, text));
        };
        // No downstream has this key, so that a connection reserved for it carries heartbeats only.
        let reserved_for = cluster.reserves_for(ConnKey::from_bits(RESERVED_ID));
        match self.endpoints.lease_one(w, &directory, cluster, id, reserved_for) {
            Lease::Ready(_, conn) | Lease::Dialing(_, conn) => Ok(conn),
            Lease::None => Err(errors::unreachable(cluster, Some(endpoint))),
            Lease::Full => Err(errors::full(cluster)),
            Lease::Exhausted => Err(errors::exhausted(cluster)),
        }
    }

    /// Sends the heartbeats whose connections are there, and ends those that have a response or no time left.
    #[inline]
    pub fn look_after_heartbeats<E: Env>(&mut self, w: &mut Connections<E>) {
        if !self.heartbeats.waiting.is_empty() && self.heartbeats.next_ms <= w.now_ms {
            self.end_heartbeats(w);
        }
    }

    #[cold]
    fn end_heartbeats<E: Env>(&mut self, w: &mut Connections<E>) {
        let Heartbeats {
            waiting,
            next_ms,
            outcomes,
        } = &mut self.heartbeats;
        *next_ms = w.now_ms + TICK_MS;
        waiting.retain_mut(|waiting| {
            let Some(result) = waiting.result(w) else {
                return true;
            };
            let ticket = waiting.heartbeat.ticket;
            outcomes.push(HeartbeatOutcome { ticket, result });
            false
        });
    }

    /// Takes the outcomes of heartbeats since the last time.
    pub fn take_outcomes(&mut self) -> Vec<HeartbeatOutcome> {
        std::mem::take(&mut self.heartbeats.outcomes)
    }
}

impl Waiting {
    /// How the heartbeat ended; `None` while it has not.
    fn result<E: Env>(&mut self, w: &mut Connections<E>) -> Option<Result<(), CallError>> {
        let Some(conn) = w.get(self.conn).filter(|_| w.alive(self.conn)) else {
            let (kind, text) = match self.is_sent {
                true => (ErrorKind::UpstreamClosed, "its connection was lost"),
                false => (ErrorKind::NoEndpoint, "it cannot be reached"),
            };
            return Some(Err(CallError::new(kind, text)));
        };
        let (is_connecting, has_responded) = (conn.is_connecting(), conn.gave_sign_of_life());
        if self.is_sent && has_responded {
            return Some(Ok(()));
        }
        if w.now_ms >= self.until_ms {
            let text = if is_connecting {
                "no connection to it in time"
            } else {
                "it did not respond in time"
            };
            return Some(Err(CallError::new(ErrorKind::Timeout, text)));
        }
        if !is_connecting && !self.is_sent {
            w.ask(self.conn);
            self.is_sent = true;
        }
        None
    }
}
