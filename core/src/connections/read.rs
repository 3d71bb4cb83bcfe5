//! Reading: from the transport to the events of a session.
use super::{Conn, Connections, Owner};
use crate::Env;
use crate::buf::{HEADROOM, READ, ReadBuf};
use crate::peer_errors::PeerErrorKind;
use crate::session::{Event, ProtocolError, Session, Step};
use crate::slots::ConnKey;
use crate::transport::Transport;
use std::io;
use std::ops::Range;

/// The result of one read.
pub enum Filled {
    /// No bytes to decode.
    Nothing,
    /// The peer will send nothing more.
    Ended,
    /// The transport failed.
    Failed,
    /// The bytes to decode are in this part of the read buffer.
    Shared(Range<usize>),
    /// The bytes to decode are a message too long for the read buffer, and what follows it.
    Own(Vec<u8>),
}

impl<E: Env> Connections<E> {
    /// Reads once. The bytes to decode are the incomplete message kept before, followed by what was received.
    /// The flag says whether more can probably be read at once.
    pub fn fill(&mut self, key: ConnKey, buf: &mut ReadBuf) -> (Filled, bool) {
        let Some(conn) = self.conns.get_mut(key) else {
            return (Filled::Nothing, false);
        };
        if conn.is_closed() {
            return Self::discard(conn, buf);
        }
        if conn.is_connecting() || conn.queued {
            return (Filled::Nothing, false);
        }
        // The reactor reports readiness once, so it is remembered until the connection resumes.
        if conn.paused || conn.awaits_last_responses() {
            conn.unread = true;
            return (Filled::Nothing, false);
        }
        let n = match conn.transport.read(&mut buf.bytes[HEADROOM..]) {
            Ok(0) => return (Filled::Ended, false),
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return (Filled::Nothing, false),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return (Filled::Nothing, true),
            Err(_) => return (Filled::Failed, false),
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
        // A short start of a message moves in front of the new bytes, so that decoding sees one piece.
        if t <= HEADROOM && conn.expected_len <= t + n {
            buf.bytes[HEADROOM - t..HEADROOM].copy_from_slice(&conn.partial_message);
            self.partial -= t;
            conn.partial_message.clear();
            if conn.partial_message.capacity() > HEADROOM {
                conn.partial_message = Vec::new();
            }
            return (Filled::Shared(HEADROOM - t..got.end), more);
        }
        // A long message grows in its own memory, so that each of its bytes is copied once.
        conn.partial_message.extend_from_slice(&buf.bytes[got]);
        self.partial += n;
        if conn.partial_message.len() < conn.expected_len {
            self.keep_partial_within_bounds();
            return (Filled::Nothing, more);
        }
        self.partial -= conn.partial_message.len();
        (Filled::Own(std::mem::take(&mut conn.partial_message)), more)
    }

    /// Reads and drops what the peer of a closed connection still sends, if the transport is still there.
    #[cold]
    fn discard(conn: &mut Conn<E>, buf: &mut ReadBuf) -> (Filled, bool) {
        if !conn.is_lingering() {
            return (Filled::Nothing, false);
        }
        match conn.transport.read(&mut buf.bytes) {
            Ok(0) => (Filled::Ended, false),
            Ok(_) => (Filled::Nothing, true),
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                (Filled::Nothing, false)
            }
            Err(_) => (Filled::Failed, false),
        }
    }

    /// Records that the peer will send nothing more, so that reads go on to the end of the stream.
    pub fn hung_up(&mut self, key: ConnKey) {
        if let Some(conn) = self.conns.get_mut(key) {
            conn.hung_up = true;
        }
    }

    /// Returns the next event. It borrows the input only, so that handling it can write to any connection.
    ///
    /// # Errors
    /// The input breaks the protocol, and the connection cannot go on.
    #[inline]
    pub fn next<'a>(
        &mut self,
        key: ConnKey,
        input: &'a [u8],
        scratch: &'a mut Vec<u8>,
    ) -> Result<Step<'a>, ProtocolError> {
        let Some(conn) = self.conns.get_mut(key) else {
            return Ok(Step {
                used: input.len(),
                event: Event::More(0),
            });
        };
        if conn.is_closed() {
            return Ok(Step {
                used: input.len(),
                event: Event::More(0),
            });
        }
        let before = conn.out.position();
        let step = conn.session.next(input, scratch, &mut conn.out);
        let has_streams = conn.has_streams;
        // The session itself has responded, for example to a heartbeat.
        if conn.out.position() != before {
            let (is_full, is_downstream) = (conn.is_full(), conn.is_downstreams());
            self.appended(key);
            match is_downstream {
                _ if !is_full => {}
                true => self.pause_if_full(key),
                false => self.close_if_stuck(key),
            }
        }
        if has_streams {
            self.look_at_streams(key);
        }
        step
    }

    /// Keeps the bytes that were not decoded. `expected_len` is the length of the message that they begin, 0 if
    /// unknown.
    pub fn keep_partial(&mut self, key: ConnKey, rest: &[u8], expected_len: usize) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        if conn.is_closed() {
            return;
        }
        conn.expected_len = expected_len;
        conn.partial_since_ms = self.now_ms;
        debug_assert!(conn.partial_message.is_empty());
        conn.partial_message.extend_from_slice(rest);
        self.partial += rest.len();
        self.keep_partial_within_bounds();
    }

    /// Closes the connections that hoard the most while all half-received messages together exceed their
    /// memory.
    #[inline]
    fn keep_partial_within_bounds(&mut self) {
        while self.partial > self.partial_max {
            self.close_greatest_partial();
        }
    }

    #[cold]
    fn close_greatest_partial(&mut self) {
        let now_ms = self.now_ms;
        let greatest = self
            .conns
            .iter()
            .max_by_key(|(_, conn)| conn.hoards_partial(now_ms));
        let Some((key, conn)) = greatest else { return };
        let text = format_args!(
            " closed: half-received messages use up the memory for them, and its own, of {} bytes so far, comes in \
             more slowly than any other",
            conn.partial_message.len()
        );
        self.peer_errors
            .report(PeerErrorKind::Limit, conn.who(), self.now_ms, text);
        self.close_now(
            key,
            format_args!("half-received messages use up the memory for them"),
        );
    }
}
