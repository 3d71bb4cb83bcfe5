//! Calls whose messages come in parts. Between two peers that have streams, parts go on as they come. A peer that takes
//! whole messages only gets the message when its last part is there.
use super::forward::Sending;
use super::{Calls, errors};
use crate::Env;
use crate::connections::{Connections, From};
use crate::directory::RetryOn;
use crate::error::{CallError, ErrorKind};
use crate::exchange::{Asker, Exchange, Flow, State};
use crate::filter::Direction;
use crate::framed::{Kind, Refused};
use crate::message::{Edits, Held, Message};
use crate::metrics::CallResult;
use crate::session::Response;
use crate::slots::{CallKey, ConnKey};
use crate::stream::{Body, Part, StreamEvent};
use std::collections::HashMap;

/// The most bytes of messages that a worker puts together at once.
const BYTES_MAX: usize = 64 << 20;

/// The messages of a worker that are put together.
#[derive(Default)]
pub(super) struct Bodies {
    /// The bytes of all of them. Requests are kept in their exchanges.
    bytes: usize,
    /// Responses by the key of their call.
    responses: HashMap<u32, Box<Held>>,
}

/// Which side of a call an event comes from.
enum Side {
    Downstream,
    Upstream,
}

impl Bodies {
    /// Whether nothing is put together.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0 && self.responses.is_empty()
    }

    /// Subtracts a request that is not put together any more.
    pub(super) fn left(&mut self, ex: &Exchange) {
        self.bytes -= ex.held.as_ref().map_or(0, |held| held.bytes.len());
    }

    fn take_response(&mut self, key: CallKey) -> Option<Box<Held>> {
        let held = self.responses.remove(&key.bits())?;
        self.bytes -= held.bytes.len();
        Some(held)
    }
}

impl Exchange {
    fn side(&self, conn: ConnKey) -> Option<Side> {
        if self.down().is_some_and(|down| down.conn == conn) {
            return Some(Side::Downstream);
        }
        let is_upstream = self.state == State::Sent && self.has_stream() && self.up.conn == conn;
        is_upstream.then_some(Side::Upstream)
    }
}

impl Calls {
    /// Handles an event of a stream.
    #[cold]
    #[inline(never)]
    pub(super) fn on_stream<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        from: ConnKey,
        key: CallKey,
        event: &StreamEvent<'_>,
    ) {
        let Some(side) = self.table.get(key).and_then(|ex| ex.side(from)) else {
            return;
        };
        match (side, event) {
            (Side::Downstream, StreamEvent::Part(part)) => self.request_part(w, key, part),
            (Side::Upstream, StreamEvent::Part(part)) => self.response_part(w, key, part),
            (Side::Downstream, StreamEvent::Sent(bytes)) => self.credit_upstream(w, key, *bytes),
            (Side::Upstream, StreamEvent::Sent(bytes)) => self.credit_downstream(w, key, *bytes),
            (Side::Downstream, StreamEvent::Reset(_) | StreamEvent::Refused) => {
                self.abandon(w, key, ErrorKind::Cancelled);
            }
            (Side::Upstream, StreamEvent::Reset(error)) => {
                if !self.retry(w, key, RetryOn::ConnectionLost) {
                    self.fail(w, key, error);
                }
            }
            (Side::Upstream, StreamEvent::Refused) => {
                let text = "the provider takes no more calls on this connection";
                self.send_again(w, key, &CallError::new(ErrorKind::UpstreamClosed, text));
            }
        }
    }

    fn credit_downstream<E: Env>(&self, w: &mut Connections<E>, key: CallKey, bytes: u32) {
        if let Some(down) = self.table.get(key).and_then(Exchange::down) {
            w.credit(down.conn, down.reply.id, bytes);
        }
    }

    fn credit_upstream<E: Env>(&self, w: &mut Connections<E>, key: CallKey, bytes: u32) {
        if let Some(ex) = self.table.get(key).filter(|ex| ex.state == State::Sent) {
            w.credit(ex.up.conn, ex.up.mark.stream.into(), bytes);
        }
    }

    /// Passes a part of a request on, or keeps it while the call waits.
    fn request_part<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey, part: &Part<'_>) {
        let Some(ex) = self.table.get_mut(key).filter(|ex| ex.flow.has_request()) else {
            return;
        };
        if let Some((chain, reached)) = ex.chain()
            && let Err(error) = chain.on_part(reached, Direction::Request, part)
        {
            return self.fail(w, key, &error);
        }
        if part.is_last() {
            ex.flow = ex.flow.without_request();
        }
        if ex.state == State::Sent {
            let sent = w.part(ex.up.conn, ex.up.mark.stream.into(), part);
            return self.credit_downstream(w, key, sent);
        }
        let (state, dial) = (ex.state, ex.up.conn);
        let Some(held) = &mut ex.held else { return };
        held.append(part);
        let (bytes, len) = (part.data.len(), held.bytes.len());
        match state {
            State::Collecting => {
                self.bodies.bytes += bytes;
                if let Some(error) = self.is_too_long(key, len) {
                    return self.fail(w, key, &error);
                }
                self.credit_downstream(w, key, bytes as u32);
                if part.is_last() {
                    self.send_collected(w, key);
                }
            }
            State::Suspended | State::Queued => {
                held.owed += bytes as u32;
                self.asking.grew(bytes);
            }
            // It waits for a dial.
            _ => {
                held.owed += bytes as u32;
                if let Err(error) = w.hold_back(dial, bytes) {
                    self.fail(w, key, &error);
                }
            }
        }
    }

    /// Begins to put a request together, because its endpoint takes whole messages only.
    #[cold]
    pub(super) fn collect_request<E: Env>(&mut self, w: &mut Connections<E>, sending: &Sending<'_>) {
        let Some(ex) = self.table.get_mut(sending.key) else {
            return;
        };
        let held = sending.msg.hold(sending.edits.cloned().unwrap_or_default());
        let len = held.bytes.len();
        self.bodies.bytes += len;
        (ex.held, ex.state) = (Some(held), State::Collecting);
        if let Some(error) = self.is_too_long(sending.key, len) {
            self.fail(w, sending.key, &error);
        }
    }

    fn send_collected<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey) {
        if let Some(ex) = self.table.get_mut(key) {
            self.bodies.left(ex);
            ex.state = State::Waiting;
            self.send_resumed(w, key);
        }
    }

    /// Why a request must not grow further.
    fn is_too_long(&self, key: CallKey, len: usize) -> Option<CallError> {
        let down = self.table.get(key)?.down()?;
        let max = self.directory.listener(down.listener)?.settings.max_message;
        if len > max {
            return Some(Refused::too_long(Kind::Request, len, max));
        }
        (self.bodies.bytes > BYTES_MAX).then(errors::too_many_bodies)
    }

    /// Passes the head of a response on whose parts follow, or begins to put the response together.
    #[cold]
    pub(super) fn begin_response<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey, msg: &Message<'_>) {
        let Some(ex) = self.table.get_mut(key).filter(|ex| !ex.flow.has_response()) else {
            return;
        };
        if let Some((chain, reached)) = ex.chain()
            && let Err(error) = chain.on_response(reached, msg)
        {
            return self.fail(w, key, &error);
        }
        ex.flow = ex.flow.with_response();
        let Asker::Downstream(down, _) = ex.asker else {
            return;
        };
        if w.get(down.conn).is_some_and(|conn| conn.has_streams()) {
            let target = &ex.plan.route.targets[usize::from(ex.target.index)];
            let bridge = || target.bridge_to(msg.meta.proto);
            let head = Response::Message(*msg);
            if let Err(error) = w.respond(down.conn, down.reply, &head, From::Memory, bridge) {
                // The downstream was sent the error.
                self.finish_with(w, key, |_| true, |_, _, _| Err(Box::new(error)));
            }
            return;
        }
        self.bodies.bytes += msg.bytes.len();
        let held = msg.hold(Edits::default());
        self.bodies.responses.insert(key.bits(), held);
        self.bound_response(w, key);
    }

    fn response_part<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey, part: &Part<'_>) {
        let Some(ex) = self.table.get_mut(key).filter(|ex| ex.flow.has_response()) else {
            return;
        };
        if let Some((chain, reached)) = ex.chain()
            && let Err(error) = chain.on_part(reached, Direction::Response, part)
        {
            return self.fail(w, key, &error);
        }
        let down = ex.down().copied();
        if part.is_last() {
            ex.flow = match ex.flow.has_request() {
                true => Flow::Request,
                false => Flow::Settled,
            };
        }
        if let Some(held) = self.bodies.responses.get_mut(&key.bits()) {
            let before = held.bytes.len();
            held.append(part);
            self.bodies.bytes += held.bytes.len() - before;
            self.credit_upstream(w, key, part.data.len() as u32);
            match part.is_last() {
                true => self.respond_collected(w, key),
                false => self.bound_response(w, key),
            }
            return;
        }
        let sent = match down {
            Some(down) => w.part(down.conn, down.reply.id, part),
            None => part.data.len() as u32,
        };
        self.credit_upstream(w, key, sent);
        if let Some(end) = &part.end {
            self.finish(w, key, CallResult::Responded(end.status));
        }
    }

    /// Sends a response that was put together to a downstream that takes whole messages only.
    fn respond_collected<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey) {
        let Some(held) = self.bodies.take_response(key) else {
            return;
        };
        self.respond_with(w, key, &held.view(), From::Memory);
    }

    /// Fails a call whose response grows too long.
    fn bound_response<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey) {
        let cluster = self.table.get(key).and_then(|ex| ex.target.cluster);
        let cluster = cluster.and_then(|id| self.directory.cluster(id));
        let len = self
            .bodies
            .responses
            .get(&key.bits())
            .map_or(0, |held| held.bytes.len());
        let max = cluster.map_or(0, |cluster| cluster.settings.max_message);
        if len > max {
            self.fail(w, key, &Refused::too_long(Kind::Response, len, max));
        } else if self.bodies.bytes > BYTES_MAX {
            self.fail(w, key, &errors::too_many_bodies());
        }
    }

    /// Tells the upstream that nobody waits for a call any more, if it has a stream for it.
    pub(super) fn reset_upstream<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey, kind: ErrorKind) {
        let ex = self.table.get(key);
        if let Some(ex) = ex.filter(|ex| ex.state == State::Sent && ex.has_stream()) {
            w.reset(ex.up.conn, ex.up.mark.stream.into(), kind);
        }
    }

    /// Ends the streams of a call that is over before all of its parts have come.
    #[cold]
    pub(super) fn leave_streams<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey, ex: &Exchange) {
        self.bodies.take_response(key);
        w.reset(ex.up.conn, ex.up.mark.stream.into(), ErrorKind::Cancelled);
    }

    /// Sends a call to another endpoint if its connection was lost before a byte of its head has left, and tries it
    /// again or fails it otherwise.
    #[cold]
    pub(super) fn stream_lost<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey, error: &CallError) {
        let Some(ex) = self.table.get(key) else { return };
        if w.unsent(ex.up.conn, ex.up.mark).is_some() {
            self.send_again(w, key, error);
        } else if !self.retry(w, key, RetryOn::ConnectionLost) {
            self.fail(w, key, error);
        }
    }

    /// Sends a call that its endpoint has not begun to process to another one, if the request is still there and
    /// attempts are left.
    fn send_again<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey, error: &CallError) {
        let Some(ex) = self.table.get(key) else { return };
        if ex.held.is_none() || ex.attempts >= ex.retry.attempts {
            return self.fail(w, key, error);
        }
        let tried = ex.up.endpoint;
        self.take_back(w, key);
        self.send_elsewhere(w, key, tried);
    }
}

impl Held {
    /// Adds a part that came later.
    fn append(&mut self, part: &Part<'_>) {
        self.meta.reader.append(&mut self.bytes, part);
        if let Some(end) = &part.end {
            self.meta.body = Body::Whole;
            self.meta.status = end.status;
        }
    }
}
