//! The commands by which calls act on connections.
use super::conn::Phase;
use super::run::Deferred;
use super::{Conn, Connections, HIGH, Owner, UPSTREAM_MAX};
use crate::Env;
use crate::bridge::Bridge;
use crate::buf::Mark;
use crate::calls::Application;
use crate::directory::ListenerId;
use crate::error::{CallError, ErrorKind, Limit};
use crate::message::Message;
use crate::peer_errors::PeerErrorKind;
use crate::session::{Dispatch, RespondTo, Response, Session};
use crate::slots::{CallKey, ConnKey};

/// Where the bytes of a message are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum From {
    /// In the input of the current event, from where they can be forwarded after the event.
    Input,
    /// In other memory, from where they are copied.
    Memory,
}

#[cold]
fn gone() -> CallError {
    CallError::new(
        ErrorKind::UpstreamClosed,
        "the connection to the provider is gone",
    )
}

impl<E: Env> Connections<E> {
    /// Gives a call to an upstream connection. Returns the position of its bytes in the connection's stream.
    ///
    /// # Errors
    /// The connection cannot take the call, or the call has no form in its protocol. Nothing was appended then.
    #[inline]
    pub fn request(
        &mut self,
        key: ConnKey,
        call: CallKey,
        msg: &Message<'_>,
        from: From,
        dispatch: &Dispatch<'_>,
    ) -> Result<Mark, CallError> {
        let Some(conn) = self.conns.get_mut(key) else {
            return Err(gone());
        };
        if conn.pending() > UPSTREAM_MAX {
            let text = "the provider does not read its requests";
            return Err(CallError::new(ErrorKind::Overload, text).by(Limit::UpstreamBytes));
        }
        // Counted first: a failure below undoes it, and every other path ends in `release`.
        conn.calls += 1;
        conn.called_ms = self.now_ms;
        if dispatch.edits.is_none() && conn.session.forwards_as_is(msg, None) {
            // The frame is forwarded after the event, behind the frames already collected for this connection.
            let at = conn.out.position() + self.run_before(key) as u64;
            self.pass_on(key, u64::from(call.bits()), msg, from);
            return Ok(Mark {
                at,
                len: msg.bytes.len() as u32,
                stream: 0,
            });
        }
        // An encoded message must follow the forwarded ones that precede it in the input.
        self.make_room(key);
        let Some(conn) = self.conns.get_mut(key) else {
            unreachable!("looked up above")
        };
        let at = conn.out.position();
        let said = conn.session.request(&mut conn.out, call, msg, dispatch);
        let len = (conn.out.position() - at) as u32;
        match said {
            Ok(stream) => {
                self.appended(key);
                if stream != 0 {
                    self.look_at_streams(key);
                    self.send_kept(key); // what goes out of the rest is reported as an event
                }
                Ok(Mark { at, len, stream })
            }
            Err(e) => {
                conn.calls -= 1;
                Err(e)
            }
        }
    }

    /// Sends a response to a downstream.
    ///
    /// # Errors
    /// The error that the downstream was sent, because the response has no form in its protocol.
    #[inline]
    pub fn respond<'b>(
        &mut self,
        key: ConnKey,
        to: RespondTo,
        response: &Response<'_>,
        from: From,
        bridge: impl FnOnce() -> &'b Bridge,
    ) -> Result<(), CallError> {
        let Some(conn) = self.conns.get_mut(key) else {
            return Ok(());
        };
        if conn.is_closed() {
            return Ok(());
        }
        if let Response::Message(msg) = response
            && conn.session.forwards_as_is(msg, Some(to))
        {
            self.pass_on(key, to.id, msg, from);
            return Ok(());
        }
        self.make_room(key);
        let Some(conn) = self.conns.get_mut(key) else {
            return Ok(());
        };
        let said = conn.session.respond(&mut conn.out, to, response, bridge());
        let has_streams = conn.has_streams;
        self.appended(key);
        if has_streams {
            self.look_at_streams(key);
            self.send_kept(key);
        }
        said
    }

    /// Forwards the bytes of a message unchanged except for the id.
    #[inline]
    fn pass_on(&mut self, key: ConnKey, id: u64, msg: &Message<'_>, from: From) {
        match from {
            From::Input => self.deferred = Some(Deferred { to: key, id }),
            From::Memory => self.copy(key, id, msg),
        }
    }

    #[cold]
    fn copy(&mut self, key: ConnKey, id: u64, msg: &Message<'_>) {
        self.make_room(key);
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let frame = conn.out.put_mut(msg.bytes);
        conn.session.set_id(frame, id);
        self.appended(key);
    }

    /// Records the application that calls over this connection.
    pub fn set_application(&mut self, key: ConnKey, application: Option<Application>) {
        if let Some(c) = self.conns.get_mut(key) {
            c.application = application;
        }
    }

    /// Counts one more call that refers to this connection.
    #[inline]
    pub fn hold(&mut self, key: ConnKey) {
        if let Some(c) = self.conns.get_mut(key) {
            c.calls += 1;
        }
    }

    /// Counts one call less.
    #[inline]
    pub fn release(&mut self, key: ConnKey) {
        let Some(c) = self.conns.get_mut(key) else { return };
        c.calls -= 1;
        if c.phase != Phase::Open && c.is_retired() && c.calls == c.quarantined {
            self.read_again(key); // `close_if_done` must not run during an event
        }
    }

    /// Counts a call on this connection whose downstream no longer waits. Returns the number of such calls.
    pub fn quarantine(&mut self, key: ConnKey) -> u32 {
        let Some(c) = self.conns.get_mut(key) else {
            return 0;
        };
        c.quarantined += 1;
        let quarantined = c.quarantined;
        if c.is_retired() && c.calls == quarantined {
            self.read_again(key);
        }
        quarantined
    }

    /// Sends a heartbeat, unless one was sent that has no answer yet.
    pub fn ask(&mut self, key: ConnKey) {
        let Some(c) = self.conns.get_mut(key) else { return };
        if c.asked_ms.is_none() && !c.is_closed() {
            c.asked_ms = Some(self.now_ms);
            c.session.heartbeat(&mut c.out);
            self.appended(key);
        }
    }

    /// Sends a heartbeat if the peer has sent nothing since a call that timed out began.
    pub fn ask_if_silent(&mut self, key: ConnKey, call_ms: u64) {
        let is_silent = |c: &Conn<E>| self.now_ms.saturating_sub(c.heard_ms) >= call_ms;
        if self.conns.get(key).is_some_and(is_silent) {
            self.ask(key);
        }
    }

    /// Counts a quarantined call less: its late response came, or its connection closed.
    pub fn unquarantine(&mut self, key: ConnKey) {
        if let Some(c) = self.conns.get_mut(key) {
            c.quarantined -= 1;
        }
    }

    /// The bytes of a call, if none of them has left, so that it can be sent elsewhere.
    #[must_use]
    pub fn unsent(&self, key: ConnKey, mark: Mark) -> Option<&[u8]> {
        self.conns.get(key)?.out.unsent_at(mark)
    }

    /// Counts the bytes of a request that waits for the dial, as if they were in the out-buffer.
    ///
    /// # Errors
    /// Too many bytes wait for this connection already.
    pub fn hold_back(&mut self, key: ConnKey, bytes: usize) -> Result<(), CallError> {
        if let Some(c) = self.conns.get_mut(key) {
            if c.pending() > UPSTREAM_MAX {
                let text = "too much waits for a connection to the provider";
                return Err(CallError::new(ErrorKind::Overload, text).by(Limit::UpstreamBytes));
            }
            c.falls_behind(self.now_ms);
            c.held += bytes;
            let waits = c.held;
            self.backlog.set(&mut c.backlog, waits);
        }
        Ok(())
    }

    /// Stops reading a downstream for which too many bytes wait, until it has taken most of them. The pause
    /// affects its own calls only. An upstream is never paused, because the responses to other downstreams
    /// would wait behind it.
    pub fn pause_if_full(&mut self, key: ConnKey) {
        if let Some(c) = self.conns.get_mut(key)
            && c.out.len() >= HIGH
        {
            c.paused = true;
        }
    }

    /// Closes an upstream that does not read although it keeps sending frames that we must respond to, such as
    /// heartbeats.
    #[cold]
    pub(super) fn close_if_stuck(&mut self, key: ConnKey) {
        let Some(conn) = self.conns.get(key) else { return };
        if conn.pending() <= 2 * UPSTREAM_MAX {
            return;
        }
        let text = format_args!(" closed: it does not read what it asks for");
        self.peer_errors
            .report(PeerErrorKind::Limit, conn.who(), self.now_ms, text);
        self.close_now(key, format_args!("it does not read what it asks for"));
    }

    /// Records that the peer wants no new calls on this connection, or wants them again.
    pub fn set_draining(&mut self, key: ConnKey, on: bool) {
        if let Some(c) = self.conns.get_mut(key) {
            match (c.phase, on) {
                (Phase::Open, true) => c.phase = Phase::Draining,
                (Phase::Draining, false) => c.phase = Phase::Open,
                _ => {}
            }
            let wish = if on { "no more calls" } else { "calls again" };
            self.note(key, format_args!("asks for {wish}"));
        }
    }

    /// Closes each downstream connection between two calls.
    pub fn part_from_downstreams(&mut self) {
        for key in self.conns.keys() {
            self.part_from(key);
        }
    }

    /// Parts from the downstreams of a listener that was removed.
    pub(crate) fn part_from_listener(&mut self, id: ListenerId) {
        let theirs = self
            .conns
            .iter()
            .filter(|(_, conn)| conn.owner == Owner::Listener(id));
        let theirs: Vec<ConnKey> = theirs.map(|(key, _)| key).collect();
        theirs.into_iter().for_each(|key| self.part_from(key));
    }

    /// Closes a downstream connection between two calls. One without a call that was quiet for a moment is closed
    /// at once. On any other a call may be on its way: the next one is refused, so that its downstream knows that
    /// it was not executed, and the connection is closed behind the last response.
    fn part_from(&mut self, key: ConnKey) {
        if let Some(conn) = self.conns.get_mut(key)
            && conn.is_downstreams()
        {
            conn.retire();
            self.read_again(key);
        }
    }

    /// Notes that a call was refused because its connection is to be closed.
    pub(crate) fn refused_in_parting(&mut self, key: ConnKey) {
        if let Some(conn) = self.conns.get_mut(key)
            && !conn.is_closed()
        {
            conn.phase = Phase::Parting;
            self.read_again(key); // closes it in the next turn, behind the response
        }
    }

    /// Announces to all downstream peers that this process is going away, in protocols that can express it.
    pub fn announce_drain(&mut self) {
        for key in self.conns.keys() {
            let Some(conn) = self.conns.get_mut(key) else {
                continue;
            };
            if conn.role == crate::session::Role::Server && !conn.is_closed() {
                let before = conn.out.position();
                conn.session.drain(&mut conn.out);
                if conn.out.position() != before {
                    self.note(key, format_args!("was told that this process is going away"));
                    self.appended(key);
                }
            }
        }
    }
}
