//! Writing: from out-buffers to the transport.
use super::conn::Phase;
use super::{Connections, EARLY_FLUSH, LOW, Owner};
use crate::Env;
use crate::peer_errors::PeerErrorKind;
use crate::slots::ConnKey;
use crate::transport::{Reactor, Transport};
use std::io;

impl<E: Env> Connections<E> {
    /// Queues a connection for the flush at the end of the turn, or of the event if very many bytes wait.
    #[inline]
    pub(super) fn appended(&mut self, key: ConnKey) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        if !conn.dirty {
            conn.dirty = true;
            self.dirty.push(key);
        } else if conn.out.len() >= EARLY_FLUSH && !conn.blocked {
            self.overfull = Some(key);
        }
    }

    #[inline]
    pub(super) fn count_out(&mut self, owner: Owner, n: usize) {
        match owner {
            Owner::Listener(id) => self.listeners[id.index()].bytes_out += n as u64,
            Owner::Endpoint(id) => self.endpoints[id.index()].bytes_out += n as u64,
        }
    }

    /// Writes every connection that was appended to in this turn, once. Returns whether there was any.
    pub fn flush_dirty(&mut self) -> bool {
        let mut dirty = std::mem::take(&mut self.dirty);
        let any = !dirty.is_empty();
        for key in dirty.drain(..) {
            if let Some(c) = self.conns.get_mut(key) {
                c.dirty = false;
                self.flush(key);
            }
        }
        if self.dirty.is_empty() {
            self.dirty = dirty; // keep the capacity
        }
        any
    }

    /// Handles a transport that takes bytes again. Returns true if a dial has just succeeded.
    pub fn writable(&mut self, key: ConnKey) -> bool {
        let Some(conn) = self.conns.get_mut(key) else {
            return false;
        };
        if conn.is_closed() {
            return false;
        }
        let connected = conn.is_connecting();
        if connected {
            if let Err(e) = conn.transport.connected() {
                if let Owner::Endpoint(id) = conn.owner {
                    self.connect_fault(id, &e);
                }
                self.close_now(key, format_args!("it cannot be reached: {e}"));
                return false;
            }
            conn.phase = Phase::Open;
            conn.heard_ms = self.now_ms;
            conn.held = 0; // the calls that waited are sent now
            if let Owner::Endpoint(id) = conn.owner {
                self.endpoints[id.index()].opened += 1;
            }
            let took = self.now_ms - conn.opened_ms;
            self.note(key, format_args!("connected after {took} ms"));
            self.dialing.retain(|(k, _)| *k != key);
            let Some(conn) = self.conns.get_mut(key) else {
                return false;
            };
            self.reactor.want_write(&mut conn.transport, key, false);
        }
        let Some(conn) = self.conns.get_mut(key) else {
            return false;
        };
        if std::mem::take(&mut conn.blocked) && !connected {
            self.clogged -= usize::from(conn.is_downstreams());
            self.reactor.want_write(&mut conn.transport, key, false);
        }
        self.flush(key);
        connected && self.alive(key)
    }

    /// Writes until the transport takes no more, and updates what depends on the number of unsent bytes.
    #[inline(never)]
    pub(super) fn flush(&mut self, key: ConnKey) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        if conn.is_closed() || conn.is_connecting() {
            return;
        }
        // The reactor reports when it takes bytes again. Until then only the backlog grows.
        if conn.blocked {
            let waits = conn.pending();
            self.backlog.set(&mut conn.backlog, waits);
            return self.keep_to_budget();
        }
        let owner = conn.owner;
        let mut sent = 0;
        let failed = loop {
            if conn.out.is_empty() {
                break None;
            }
            match conn.transport.write(conn.out.unsent()) {
                Ok(0) => break Some(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    conn.out.advance(n);
                    sent += n;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    conn.blocked = true;
                    conn.falls_behind(self.now_ms);
                    // The stall begins anew whenever the peer takes bytes.
                    if sent > 0 || conn.backlog == 0 {
                        conn.took_ms = self.now_ms;
                    }
                    self.clogged += usize::from(conn.is_downstreams());
                    self.reactor.want_write(&mut conn.transport, key, true);
                    break None;
                }
                Err(e) => break Some(e),
            }
        };
        if conn.calls == 0 && conn.is_downstreams() {
            conn.out.trim(); // most connections of downstreams are idle most of the time: they own no memory then
        }
        let waits = if conn.blocked { conn.pending() } else { conn.held };
        self.backlog.set(&mut conn.backlog, waits);
        let drained = conn.paused && conn.out.len() < LOW;
        let keeps = conn.held > 0;
        self.count_out(owner, sent);
        if keeps {
            self.send_kept(key);
        }
        if let Some(e) = failed {
            self.close_now(key, format_args!("cannot be written to: {e}"));
        } else if drained {
            self.resume(key);
        }
        self.keep_to_budget();
    }

    /// Closes the connections that hoard the most while all of them need more memory than there is.
    #[inline]
    fn keep_to_budget(&mut self) {
        if self.backlog.is_over() {
            self.close_greatest();
        }
    }

    #[cold]
    fn close_greatest(&mut self) {
        while self.backlog.is_over() {
            let now_ms = self.now_ms;
            let behind = self.conns.iter().filter(|(_, conn)| conn.backlog > 0);
            let Some((key, conn)) = behind.max_by_key(|(_, conn)| conn.hoards_backlog(now_ms)) else {
                return;
            };
            let text = format_args!(
                " closed: {} bytes wait for it, it takes them more slowly than any other, and unsent bytes use up the memory for them",
                conn.backlog
            );
            self.peer_errors
                .report(PeerErrorKind::Limit, conn.who(), self.now_ms, text);
            self.close_now(key, format_args!("unsent bytes use up the memory for them"));
        }
    }

    /// Resumes reading, because the peer has taken most of its bytes.
    fn resume(&mut self, key: ConnKey) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        conn.paused = false;
        if std::mem::take(&mut conn.unread) {
            self.read_again(key);
        }
    }
}
