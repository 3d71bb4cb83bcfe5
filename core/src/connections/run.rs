//! Forwarding without copying each frame. Consecutive frames of the input that go to the same connection
//! unchanged form a *run* in the read buffer. Their ids are patched there. A long run is written from the read
//! buffer if nothing is queued before it, and otherwise copied to the out-buffer in one piece.
//! An event borrows the input, so a frame that is to go on is only noted ([`Deferred`]) and handled by
//! An event borrows the input, so a frame to forward is only recorded ([`Deferred`]) and handled by
//! [`Connections::settle`] after the event. If other bytes have to be appended to the run's connection during
//! the event, room for the run is left before them ([`Hole`]) and filled right after the event. Positions in
//! the stream, by which calls are retried, are thus final when they are given out.
use super::{Connections, EARLY_FLUSH};
use crate::Env;
use crate::session::Session;
use crate::slots::ConnKey;
use crate::transport::Transport;
use std::io;
use std::ops::Range;

/// A run of at least this length is written from the read buffer.
const WRITE_THROUGH: usize = 16 << 10;

/// Consecutive frames of the input for one connection.
pub(super) struct Run {
    pub(super) to: ConnKey,
    from: usize,
    pub(super) len: usize,
}

/// The destination of the current event's frame, and the id to write into it.
pub(super) struct Deferred {
    pub(super) to: ConnKey,
    pub(super) id: u64,
}

/// The room left for a run in an out-buffer.
pub(super) struct Hole {
    run: Run,
    at: u64,
}

impl<E: Env> Connections<E> {
    /// The length of the run that precedes the bytes appended to `key` next.
    #[inline]
    pub(super) fn run_before(&self, key: ConnKey) -> usize {
        match &self.run {
            Some(run) if run.to == key => run.len,
            _ => 0,
        }
    }

    /// Leaves room for the run of `key`, because other bytes are about to be appended to it.
    #[inline]
    pub(super) fn make_room(&mut self, key: ConnKey) {
        if self.run.as_ref().is_some_and(|run| run.to == key)
            && let Some(run) = self.run.take()
            && let Some(conn) = self.conns.get_mut(key)
        {
            let at = conn.out.position();
            let end = conn.out.tail_mut().len() + run.len;
            conn.out.tail_mut().resize(end, 0);
            self.hole = Some(Hole { run, at });
        }
    }

    /// Finishes an event. `frame` is the range of its message in the input.
    #[inline]
    pub fn settle(&mut self, input: &mut [u8], frame: Range<usize>) {
        if self.hole.is_some() {
            self.fill_hole(input);
        }
        if let Some(deferred) = self.deferred.take() {
            self.extend_run(input, frame, &deferred);
        }
        if let Some(key) = self.overfull.take() {
            self.flush(key);
        }
    }

    #[cold]
    fn fill_hole(&mut self, input: &[u8]) {
        if let Some(hole) = self.hole.take()
            && let Some(conn) = self.conns.get_mut(hole.run.to)
        {
            let bytes = &input[hole.run.from..][..hole.run.len];
            conn.out.range_mut(hole.at, hole.run.len).copy_from_slice(bytes);
        }
    }

    #[inline]
    fn extend_run(&mut self, input: &mut [u8], frame: Range<usize>, to: &Deferred) {
        if let Some(conn) = self.conns.get_mut(to.to) {
            conn.session.set_id(&mut input[frame.clone()], to.id);
        }
        match &mut self.run {
            Some(run) if run.to == to.to && run.from + run.len == frame.start => run.len += frame.len(),
            _ => {
                self.end_run(input);
                self.run = Some(Run {
                    to: to.to,
                    from: frame.start,
                    len: frame.len(),
                });
            }
        }
    }

    /// Writes the run or copies it to the out-buffer, because it ends or the input does.
    #[inline]
    pub fn end_run(&mut self, input: &[u8]) {
        let Some(run) = self.run.take() else { return };
        let Some(conn) = self.conns.get_mut(run.to) else {
            return;
        };
        let mut bytes = &input[run.from..][..run.len];
        let at_once = run.len >= WRITE_THROUGH && conn.out.is_empty();
        if at_once && !conn.blocked && !conn.is_closed() && !conn.is_connecting() {
            match conn.transport.write(bytes) {
                Ok(n) => {
                    conn.out.passed(n);
                    bytes = &bytes[n..];
                    let owner = conn.owner;
                    self.count_out(owner, n);
                }
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(e) => self.close_now(run.to, format_args!("cannot be written to: {e}")), // the bytes are kept below: they may be sent elsewhere
            }
        }
        if !bytes.is_empty()
            && let Some(conn) = self.conns.get_mut(run.to)
        {
            conn.out.put(bytes);
            let early = conn.out.len() >= EARLY_FLUSH;
            self.appended(run.to);
            if early {
                self.overfull = None;
                self.flush(run.to);
            }
        }
    }
}
