//! How connections end: at once, or in order, so that their peers can read what they were sent last.
use super::conn::Phase;
use super::{Connections, Owner};
use crate::Env;
use crate::session::{EndOfInput, Session};
use crate::slots::ConnKey;
use crate::transport::{Reactor, Transport};
use std::fmt;

/// The longest time for which a closed connection is read so that its peer can take the last bytes, in milliseconds.
const LINGER_MS: u64 = 1000;

impl<E: Env> Connections<E> {
    /// Writes what the transport takes and closes the connection. The peer can read all of it, even if it goes on
    /// sending.
    pub fn close(&mut self, key: ConnKey, why: fmt::Arguments<'_>) {
        self.flush(key);
        let now_ms = self.now_ms;
        let Some(conn) = self.conns.get_mut(key).filter(|conn| !conn.is_closed()) else {
            return;
        };
        // A peer that has sent its last byte, or that was sent nothing, can lose nothing. One that does not read is not
        // waited for.
        let can_lose = conn.out.position() > 0 && !conn.hung_up && !conn.blocked;
        if !conn.is_downstreams() || !can_lose {
            return self.close_now(key, why);
        }
        self.note_closed(key, why);
        self.give_up_input(key);
        if let Some(conn) = self.conns.get_mut(key) {
            // From here on this is the time at which it was closed.
            (conn.phase, conn.heard_ms) = (Phase::Lingering, now_ms);
            conn.transport.shutdown();
        }
        self.closed_conns.push(key);
        self.read_again(key);
    }

    /// Closes the transport now. The entry stays until the calls on the connection have been ended.
    pub fn close_now(&mut self, key: ConnKey, why: fmt::Arguments<'_>) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let was = conn.phase;
        match was {
            Phase::Closed | Phase::Broken => return,
            Phase::Lingering => {}
            _ => {
                self.note_closed(key, why);
                self.give_up_input(key);
            }
        }
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let broke = !conn.is_retired() && was != Phase::Lingering && conn.awaited() > 0;
        conn.phase = if broke { Phase::Broken } else { Phase::Closed };
        self.backlog.set(&mut conn.backlog, 0);
        self.reactor.forget(&mut conn.transport);
        match conn.owner {
            Owner::Listener(id) => {
                self.listeners[id.index()].closed += 1;
                self.downstreams -= 1;
                self.clogged -= usize::from(conn.blocked);
            }
            Owner::Endpoint(id) if was == Phase::Connecting => self.endpoints[id.index()].failed += 1,
            Owner::Endpoint(id) => self.endpoints[id.index()].closed += 1,
        }
        self.dialing.retain(|(k, _)| *k != key);
        self.closed_conns.push(key);
    }

    fn note_closed(&self, key: ConnKey, why: fmt::Arguments<'_>) {
        if let Some(conn) = self.conns.get(key) {
            let calls = conn.awaited();
            self.note(key, format_args!("closed with {calls} calls in flight: {why}"));
        }
    }

    /// Forgets what was received of a message and what waits for room, because neither can be used any more.
    fn give_up_input(&mut self, key: ConnKey) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let held = std::mem::take(&mut conn.held);
        self.keeping -= usize::from(held > 0 && conn.is_downstreams());
        self.partial -= std::mem::take(&mut conn.partial_message).len();
    }

    /// Closes the connections whose peers have had time to read the last bytes.
    pub(super) fn end_lingering(&mut self) {
        let now_ms = self.now_ms;
        let over = self
            .conns
            .iter()
            .filter(|(_, conn)| conn.is_lingering() && now_ms - conn.heard_ms >= LINGER_MS);
        let over: Vec<ConnKey> = over.map(|(key, _)| key).collect();
        for key in over {
            self.close_now(key, format_args!("its peer does not close it"));
        }
    }

    /// Removes the entry of a closed connection whose calls have been ended.
    pub(crate) fn remove(&mut self, key: ConnKey) {
        if !self.conns.get(key).is_some_and(|conn| conn.is_lingering()) {
            self.conns.remove(key);
        }
    }

    /// Handles the end of a connection's input. Returns whether its session has to be asked for a last event.
    pub(crate) fn end_of_input(&mut self, key: ConnKey) -> bool {
        let Some(conn) = self.conns.get_mut(key).filter(|conn| !conn.is_closed()) else {
            self.close_now(key, format_args!("its peer closed it, too"));
            return false;
        };
        conn.hung_up = true;
        let ends = conn.session.end_of_input();
        match ends {
            EndOfInput::Gone => self.close(key, format_args!("its peer closed it")),
            EndOfInput::Completes => return true,
            EndOfInput::HalfClosed => {
                conn.paused = true;
                self.note(key, format_args!("its peer sends no more calls"));
                self.refused_in_parting(key);
            }
        }
        false
    }
}
