//! Commands of the exchanges.
use super::run::Deferred;
use super::{CUT, Wires};
use crate::Env;
use crate::bridge::Bridge;
use crate::buf::Mark;
use crate::error::{CallError, ErrorKind};
use crate::faults::FaultKind;
use crate::message::Message;
use crate::session::{Answer, Dispatch, ReplyTo, Session};
use crate::slots::{CallKey, ConnKey};

/// Where a message's bytes are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum From {
    /// In the input of the current event: they may be forwarded from there after it.
    Input,
    /// Somewhere else.
    Memory,
}

/// A request that was given to a connection.
pub struct Placed {
    /// Where its bytes will lie in the connection's stream.
    pub mark: Mark,
    /// More waits there than should: the caller is to be throttled.
    pub is_full: bool,
}

impl<E: Env> Wires<E> {
    /// Gives a call to an upstream connection.
    ///
    /// # Errors
    /// Why it cannot go there; nothing was appended then.
    #[inline]
    pub fn request(
        &mut self,
        key: ConnKey,
        call: CallKey,
        msg: &Message<'_>,
        from: From,
        dispatch: &Dispatch<'_>,
    ) -> Result<Placed, CallError> {
        let Some(conn) = self.conns.get_mut(key) else {
            return Err(CallError::new(
                ErrorKind::UpstreamClosed,
                "the connection to the provider is gone",
            ));
        };
        if conn.out.len() > CUT {
            return Err(CallError::new(
                ErrorKind::Overload,
                "the provider does not read its requests",
            ));
        }
        conn.calls += 1;
        conn.called_ms = self.now_ms;
        if dispatch.edits.is_none() && conn.session.takes(msg, None) {
            let (at, is_full) = (conn.out.position(), conn.is_full());
            let at = at + self.run_before(key) as u64;
            self.pass_on(key, u64::from(call.bits()), msg, from);
            let mark = Mark {
                at,
                len: msg.bytes.len() as u32,
            };
            return Ok(Placed { mark, is_full });
        }
        self.make_room(key);
        let Some(conn) = self.conns.get_mut(key) else {
            unreachable!("looked up above")
        };
        let at = conn.out.position();
        let said = conn.session.request(&mut conn.out, call, msg, dispatch);
        let len = (conn.out.position() - at) as u32;
        match said {
            Ok(()) => {
                let is_full = conn.is_full();
                self.appended(key);
                let mark = Mark { at, len };
                Ok(Placed { mark, is_full })
            }
            Err(e) => {
                conn.calls -= 1;
                Err(e)
            }
        }
    }

    /// Answers a caller.
    ///
    /// # Errors
    /// The error that the caller was sent because the answer could not be said in its protocol.
    #[inline]
    pub fn answer<'b>(
        &mut self,
        key: ConnKey,
        to: ReplyTo,
        answer: &Answer<'_>,
        from: From,
        bridge: impl FnOnce() -> &'b Bridge,
    ) -> Result<(), CallError> {
        let Some(conn) = self.conns.get_mut(key) else {
            return Ok(());
        };
        if conn.dead {
            return Ok(());
        }
        if let Answer::Message(msg) = answer
            && conn.session.takes(msg, Some(to))
        {
            let is_stuck = conn.pending() > CUT;
            self.pass_on(key, to.id, msg, from);
            if is_stuck {
                self.cut_if_stuck(key);
            }
            return Ok(());
        }
        self.make_room(key);
        let Some(conn) = self.conns.get_mut(key) else {
            return Ok(());
        };
        let said = conn.session.answer(&mut conn.out, to, answer, bridge());
        self.appended(key);
        self.cut_if_stuck(key);
        said
    }

    /// Forwards the very bytes.
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

    /// One more exchange names this connection.
    #[inline]
    pub fn hold(&mut self, key: ConnKey) {
        if let Some(c) = self.conns.get_mut(key) {
            c.calls += 1;
        }
    }

    /// One exchange less.
    #[inline]
    pub fn release(&mut self, key: ConnKey) {
        let Some(c) = self.conns.get_mut(key) else { return };
        c.calls -= 1;
        if c.retired && c.calls == c.quarantined && !c.dead {
            self.read_again(key); // looked at when no event is under way
        }
    }

    /// Nobody waits any more for the answer to a call on this connection.
    pub fn quarantine(&mut self, key: ConnKey) {
        let Some(c) = self.conns.get_mut(key) else { return };
        c.quarantined += 1;
        if c.retired && c.calls == c.quarantined && !c.dead {
            self.read_again(key);
        }
    }

    /// Such an answer came, or never will.
    pub fn unquarantine(&mut self, key: ConnKey) {
        if let Some(c) = self.conns.get_mut(key) {
            c.quarantined -= 1;
        }
    }

    /// The bytes of a call, if none of them left: they can be sent elsewhere.
    #[must_use]
    pub fn unsent(&self, key: ConnKey, mark: Mark) -> Option<&[u8]> {
        self.conns.get(key)?.out.unsent_at(mark)
    }

    /// A request waits for the connection to stand; its bytes count as if they were in the out-buffer.
    ///
    /// # Errors
    /// Too much waits there already.
    pub fn hold_back(&mut self, key: ConnKey, bytes: usize) -> Result<(), CallError> {
        if let Some(c) = self.conns.get_mut(key) {
            if c.pending() > CUT {
                return Err(CallError::new(
                    ErrorKind::Overload,
                    "too much waits for a connection to the provider",
                ));
            }
            c.held += bytes;
        }
        Ok(())
    }

    /// Stops reading `reader` while `full` is. Callers are throttled, shared upstream connections
    /// never: pausing one would stall everybody behind it.
    pub fn throttle(&mut self, reader: ConnKey, full: ConnKey) {
        let Some(c) = self.conns.get_mut(full) else { return };
        if !c.is_full() {
            return;
        }
        if c.waiters.last() != Some(&reader) {
            c.waiters.push(reader);
        }
        // also if it waits here already: another connection that it waited for may have let it go
        if let Some(r) = self.conns.get_mut(reader) {
            r.paused = true;
        }
    }

    /// Cuts a peer that does not read its answers. An upstream has requests to read as well, which may take up to
    /// the limit by themselves.
    pub(super) fn cut_if_stuck(&mut self, key: ConnKey) {
        let Some(conn) = self.conns.get(key) else { return };
        if conn.pending() <= CUT || conn.dead {
            return;
        }
        if conn.role == crate::session::Role::Client && conn.pending() <= 2 * CUT {
            return;
        }
        let text = format_args!(" closed: it does not read its answers");
        self.faults
            .report(FaultKind::Limit, conn.who(), self.now_ms, text);
        self.kill(key);
    }

    /// The peer wants no new calls on this connection, or wants them again.
    pub fn set_draining(&mut self, key: ConnKey, on: bool) {
        if let Some(c) = self.conns.get_mut(key) {
            c.draining = on;
        }
    }

    /// Tells all callers that this process is going away, in the protocols that have words for it.
    pub fn say_goodbye(&mut self) {
        for key in self.conns.keys() {
            let Some(conn) = self.conns.get_mut(key) else {
                continue;
            };
            if conn.role == crate::session::Role::Server && !conn.dead {
                let before = conn.out.position();
                conn.session.drain(&mut conn.out);
                if conn.out.position() != before {
                    self.appended(key);
                }
            }
        }
    }
}
