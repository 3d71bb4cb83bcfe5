//! Commands for calls of protocols that have streams. `stream` is the number by which a connection's session knows the
//! call.
use super::run::Deferred;
use super::{Connections, LOW};
use crate::Env;
use crate::error::ErrorKind;
use crate::session::Session;
use crate::slots::{CallKey, ConnKey};
use crate::stream::Part;

impl<E: Env> Connections<E> {
    /// Says which call a received request has become.
    #[cold]
    pub(crate) fn bind(&mut self, key: ConnKey, stream: u64, call: CallKey) {
        if let Some(conn) = self.conns.get_mut(key) {
            conn.session.bind(stream, call);
        }
    }

    /// Sends a part of a message, which lies in the input of the current event. Returns how many of its bytes have
    /// left for the out-buffer, so that its sender may be given credit for them.
    pub(crate) fn part(&mut self, key: ConnKey, stream: u64, part: &Part<'_>) -> u32 {
        let Some(conn) = self.conns.get_mut(key).filter(|c| !c.is_closed()) else {
            return part.data.len() as u32;
        };
        if part.is_frame && conn.session.passes_part(stream, part) {
            self.deferred = Some(Deferred { to: key, id: stream });
            return part.data.len() as u32;
        }
        self.make_room(key);
        let Some(conn) = self.conns.get_mut(key) else {
            return 0;
        };
        let sent = conn.session.part(&mut conn.out, stream, part);
        self.appended(key);
        self.look_at_streams(key);
        sent
    }

    /// Gives the peer credit for bytes that have left on the other side of their call.
    pub(crate) fn credit(&mut self, key: ConnKey, stream: u64, bytes: u32) {
        self.tell(key, |session, out| session.credit(out, stream, bytes));
    }

    /// Gives a call up. The peer is told the reason as far as its protocol can express it.
    pub(crate) fn reset(&mut self, key: ConnKey, stream: u64, error: ErrorKind) {
        self.tell(key, |session, out| session.reset(out, stream, error));
    }

    fn tell(&mut self, key: ConnKey, words: impl FnOnce(&mut super::SessionOf<E>, &mut crate::buf::OutBuf)) {
        self.make_room(key);
        let Some(conn) = self.conns.get_mut(key).filter(|c| !c.is_closed()) else {
            return;
        };
        let before = conn.out.position();
        words(&mut conn.session, &mut conn.out);
        if conn.out.position() != before {
            self.appended(key);
        }
        self.look_at_streams(key);
    }

    /// Takes over what may have changed in a session that has streams.
    pub(super) fn look_at_streams(&mut self, key: ConnKey) {
        if let Some(conn) = self.conns.get_mut(key)
            && conn.has_streams
            && !conn.is_connecting()
        {
            conn.max_calls = conn.session.max_calls();
            let kept = conn.session.kept();
            let had = std::mem::replace(&mut conn.held, kept);
            if conn.is_downstreams() {
                self.keeping = self.keeping + usize::from(kept > 0) - usize::from(had > 0);
            }
        }
    }

    /// Asks a session that keeps bytes for more of them in the next turn, if there is room.
    pub(super) fn send_kept(&mut self, key: ConnKey) {
        if let Some(conn) = self.conns.get(key)
            && conn.held > 0
            && conn.out.len() < LOW
        {
            self.read_again(key);
        }
    }

    /// Whether a session is to be asked for events although nothing was received.
    pub(crate) fn keeps_bytes(&self, key: ConnKey) -> bool {
        self.conns
            .get(key)
            .is_some_and(|conn| conn.has_streams && conn.held > 0)
    }

    /// Adds the calls that have streams on a connection. Returns whether these are all that refer to it.
    pub(crate) fn calls_of(&self, key: ConnKey, calls: &mut Vec<CallKey>) -> bool {
        let Some(conn) = self.conns.get(key).filter(|conn| conn.has_streams) else {
            return false;
        };
        conn.session.calls(calls);
        true
    }
}
