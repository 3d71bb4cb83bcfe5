//! Bytes in.
use super::{Connections, Owner};
use crate::Env;
use crate::buf::{HEADROOM, READ, ReadBuf};
use crate::peer_errors::PeerErrorKind;
use crate::session::{Event, ProtocolError, Session, Step};
use crate::slots::ConnKey;
use crate::transport::Transport;
use std::io;
use std::ops::Range;

/// What one read gave.
pub enum Filled {
    /// Nothing to decode.
    Nothing,
    /// The peer closed, or the transport failed.
    Closed,
    /// The bytes to decode lie in this part of the read buffer.
    Shared(Range<usize>),
    /// The bytes to decode are a message that was too long for the read buffer, and what follows it.
    Own(Vec<u8>),
}

impl<E: Env> Connections<E> {
    /// One read. The bytes to decode are the connection's tail and what came. The flag says that there is
    /// probably more to read at once.
    pub fn fill(&mut self, key: ConnKey, buf: &mut ReadBuf) -> (Filled, bool) {
        let Some(conn) = self.conns.get_mut(key) else {
            return (Filled::Nothing, false);
        };
        if conn.dead || conn.connecting || conn.queued {
            return (Filled::Nothing, false);
        }
        if conn.paused {
            conn.unread = true;
            return (Filled::Nothing, false);
        }
        let n = match conn.transport.read(&mut buf.bytes[HEADROOM..]) {
            Ok(0) => return (Filled::Closed, false),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return (Filled::Nothing, false),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return (Filled::Nothing, true),
            Err(_) => return (Filled::Closed, false),
        };
        conn.heard_ms = self.now_ms;
        conn.unanswered = 0;
        conn.asked_ms = None;
        match conn.owner {
            Owner::Listener(id) => self.listeners[id.index()].bytes_in += n as u64,
            Owner::Endpoint(id) => self.endpoints[id.index()].bytes_in += n as u64,
        }
        let more = n == READ || conn.hung_up;
        let got = HEADROOM..HEADROOM + n;
        let t = conn.partial_message.len();
        if t == 0 {
            return (Filled::Shared(got), more);
        }
        if t <= HEADROOM && conn.expected_len <= t + n {
            buf.bytes[HEADROOM - t..HEADROOM].copy_from_slice(&conn.partial_message);
            self.partial -= t;
            conn.partial_message.clear();
            if conn.partial_message.capacity() > HEADROOM {
                conn.partial_message = Vec::new();
            }
            return (Filled::Shared(HEADROOM - t..got.end), more);
        }
        conn.partial_message.extend_from_slice(&buf.bytes[got]);
        self.partial += n;
        if conn.partial_message.len() < conn.expected_len {
            self.keep_partial_within_bounds();
            return (Filled::Nothing, more);
        }
        self.partial -= conn.partial_message.len();
        (Filled::Own(std::mem::take(&mut conn.partial_message)), more)
    }

    /// The peer will send nothing more: what is there is read up to its end.
    pub fn hung_up(&mut self, key: ConnKey) {
        if let Some(conn) = self.conns.get_mut(key) {
            conn.hung_up = true;
        }
    }

    /// The next event. It borrows the input only, so every connection is free to be written to.
    ///
    /// # Errors
    /// The connection cannot go on.
    #[inline]
    pub fn next<'a>(&mut self, key: ConnKey, input: &'a [u8]) -> Result<Step<'a>, ProtocolError> {
        let Some(conn) = self.conns.get_mut(key) else {
            return Ok(Step {
                used: input.len(),
                event: Event::More(0),
            });
        };
        if conn.dead {
            return Ok(Step {
                used: input.len(),
                event: Event::More(0),
            });
        }
        let before = conn.out.position();
        let step = conn.session.next(input, &mut conn.out);
        if conn.out.position() != before {
            let (is_full, is_downstream) = (conn.is_full(), conn.is_callers());
            self.appended(key);
            match is_downstream {
                _ if !is_full => {}
                true => self.pause_if_full(key),
                false => self.close_if_stuck(key),
            }
        }
        step
    }

    /// Keeps what was not decoded. `expected_len` is the length of the message that it begins, 0 if unknown.
    pub fn keep_partial(&mut self, key: ConnKey, rest: &[u8], expected_len: usize) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        if conn.dead {
            return;
        }
        conn.expected_len = expected_len;
        debug_assert!(conn.partial_message.is_empty());
        conn.partial_message.extend_from_slice(rest);
        self.partial += rest.len();
        self.keep_partial_within_bounds();
    }

    /// Closes the connections with the longest half-received messages while all of them expected_len more memory than there is.
    #[inline]
    fn keep_partial_within_bounds(&mut self) {
        while self.partial > self.partial_max {
            self.close_longest_partial();
        }
    }

    #[cold]
    fn close_longest_partial(&mut self) {
        let longest = self
            .conns
            .iter()
            .max_by_key(|(_, conn)| conn.partial_message.len());
        let Some((key, conn)) = longest else { return };
        let text = format_args!(
            " closed: half-received messages use up the memory for them, and its own is the longest"
        );
        self.peer_errors
            .report(PeerErrorKind::Limit, conn.who(), self.now_ms, text);
        self.close_now(
            key,
            format_args!("half-received messages use up the memory for them"),
        );
    }
}
