//! Periodic checks of connections: gives up dials, closes idle and stalled ones, sends heartbeats, replaces old
//! ones.
use super::{Connections, Owner};
use crate::Env;
use crate::directory::{ConnectionScope, Directory};
use crate::peer_errors::PeerErrorKind;
use crate::session::Session;
use crate::slots::ConnKey;
use std::io;

/// A peer that leaves this many heartbeats without a response is taken for dead.
const UNANSWERED_MAX: u8 = 3;
/// The time in which a peer must send something after a call to it timed out, in milliseconds.
const SIGN_OF_LIFE_MS: u64 = 5000;
/// The time that a retired connection without calls waits for its peer to take the remaining bytes, in
/// milliseconds.
const LINGER_MS: u64 = 10_000;

/// A downstream that takes no bytes at all for this long is closed, in milliseconds. A slow one is not.
const DOWNSTREAM_STALL_MS: u64 = 30_000;
/// An upstream that takes no bytes at all for this long is closed, in milliseconds: its calls are lost anyway,
/// and the unsent ones can go to other endpoints.
const UPSTREAM_STALL_MS: u64 = 10_000;
/// A peer that has sent half a message, and nothing more for this long, is closed, in milliseconds.
const PARTIAL_STALL_MS: u64 = 30_000;

/// What a check decides about a connection. The texts are reasons for the log.
enum Fate {
    Keep,
    Heartbeat,
    /// Gives it no more calls.
    Retire(&'static str),
    /// Closes it because its time is over.
    End(&'static str),
    /// Closes it because of its peer, and counts an error of the peer.
    Close(&'static str),
}

impl<E: Env> Connections<E> {
    /// Gives up dials whose time is over. This is cheap, and runs in every turn.
    pub fn sweep_dials(&mut self) {
        while let Some(at) = self.dialing.iter().position(|(_, until)| *until <= self.now_ms) {
            let (key, _) = self.dialing.swap_remove(at);
            if let Some(Owner::Endpoint(id)) = self.get(key).map(|c| c.owner) {
                self.connect_fault(id, &io::ErrorKind::TimedOut.into());
            }
            self.close_now(key, format_args!("it cannot be reached in time"));
        }
    }

    /// Checks every connection. The worker calls this every half second.
    pub fn sweep(&mut self, s: &Directory) {
        self.end_lingering();
        for key in self.conns.keys() {
            match self.fate(key, s) {
                Fate::Keep => {}
                Fate::Heartbeat => self.heartbeat(key),
                Fate::Retire(why) => self.retire_because(key, why),
                Fate::End(why) => self.close(key, format_args!("{why}")),
                Fate::Close(why) => {
                    if let Some(conn) = self.conns.get(key) {
                        let text = format_args!(" closed: {why}");
                        self.peer_errors
                            .report(PeerErrorKind::Limit, conn.who(), self.now_ms, text);
                    }
                    self.close(key, format_args!("{why}"));
                }
            }
        }
    }

    /// Decides about one connection. A peer that takes nothing is closed first, whatever else is due.
    fn fate(&mut self, key: ConnKey, s: &Directory) -> Fate {
        let reserved_for = self.conns.get(key).and_then(|c| c.reserved_for);
        let has_downstream = reserved_for.is_some_and(|downstream| self.alive(downstream));
        let Some(conn) = self.conns.get_mut(key) else {
            return Fate::Keep;
        };
        if conn.is_connecting() && matches!(conn.owner, Owner::Endpoint(id) if s.endpoint(id).is_none()) {
            return Fate::End("its endpoint was removed");
        }
        if conn.is_closed() || conn.is_connecting() {
            return Fate::Keep;
        }
        let silent = self.now_ms.saturating_sub(conn.heard_ms);
        let unused = self.now_ms.saturating_sub(conn.called_ms);
        let age = self.now_ms.saturating_sub(conn.opened_ms);
        // An idle connection owns no buffers.
        if silent > 1000 {
            conn.out.trim();
            conn.partial_message.shrink_to_fit();
        }
        let stalled = if conn.blocked {
            self.now_ms.saturating_sub(conn.took_ms)
        } else {
            0
        };
        if !conn.partial_message.is_empty() && !conn.paused && silent >= PARTIAL_STALL_MS {
            return Fate::Close("it has sent half a message and nothing more for 30 s");
        }
        let past = |limit: u32, ms: u64| limit > 0 && ms >= u64::from(limit);
        match conn.owner {
            Owner::Listener(_) if stalled >= DOWNSTREAM_STALL_MS => {
                Fate::Close("it has taken none of its responses for 30 s")
            }
            Owner::Endpoint(_) if stalled >= UPSTREAM_STALL_MS => {
                Fate::Close("it has taken none of its requests for 10 s")
            }
            Owner::Listener(id) => {
                if conn.is_done(self.now_ms) {
                    return Fate::End("its last call is over");
                }
                // Without its listener it is about to be closed.
                let Some(l) = s.listener(id) else {
                    return Fate::Keep;
                };
                if conn.detecting && conn.partial_message.is_empty() {
                    // stock consumers connect long before their first call, so the time counts from the first
                    // byte
                    conn.opened_ms = self.now_ms;
                } else if conn.detecting && age >= u64::from(l.detect_ms) {
                    return Fate::Close("it did not show its protocol in time");
                }
                if past(l.idle_ms, silent) && conn.calls == 0 {
                    return Fate::End("it was idle for the listener's idle_timeout");
                }
                Fate::Keep
            }
            Owner::Endpoint(id) => {
                // Quarantined calls do not keep a retired connection open; unsent bytes do, for a while.
                let over = conn.calls == conn.quarantined && unused >= LINGER_MS;
                if conn.is_retired() && (over || conn.is_idle()) {
                    return Fate::End("its last call is over");
                }
                let cluster = s.endpoint(id).and_then(|e| s.cluster(e.cluster));
                let Some(c) = cluster else {
                    return Fate::Retire("its endpoint is not configured any more");
                };
                let needed = match c.connections {
                    ConnectionScope::Shared => conn.reserved_for.is_none(),
                    ConnectionScope::PerDownstream => has_downstream,
                };
                // No call can use a reserved connection whose downstream is gone, or a connection that was opened
                // before the cluster's `connections` setting changed.
                if !conn.is_retired() && !needed {
                    return Fate::Retire(
                        "its downstream is gone, or the cluster's connections setting has changed",
                    );
                }
                if !conn.is_retired() && past(c.idle_ms, unused) && conn.is_idle() {
                    return Fate::Retire("it was idle for the cluster's idle_timeout");
                }
                if !conn.is_retired() && past(c.max_age_ms, age) {
                    return Fate::Retire("it has the cluster's max_age");
                }
                if conn
                    .asked_ms
                    .is_some_and(|at| self.now_ms.saturating_sub(at) >= SIGN_OF_LIFE_MS)
                {
                    return Fate::Close("it was asked for a sign of life, and gives none");
                }
                if past(c.heartbeat_ms, silent) {
                    if conn.unanswered >= UNANSWERED_MAX {
                        return Fate::Close("it does not answer heartbeats");
                    }
                    if silent >= u64::from(c.heartbeat_ms) * (u64::from(conn.unanswered) + 1) {
                        return Fate::Heartbeat;
                    }
                }
                Fate::Keep
            }
        }
    }

    fn heartbeat(&mut self, key: ConnKey) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        conn.unanswered += 1;
        conn.session.heartbeat(&mut conn.out);
        self.appended(key);
    }

    /// Takes a connection out of use because calls to it were lost. It closes after its last call.
    pub fn retire(&mut self, key: ConnKey) {
        self.retire_because(key, "calls to it were lost");
    }

    pub(crate) fn retire_because(&mut self, key: ConnKey, why: &str) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        if conn.retire() {
            self.note(key, format_args!("takes no more calls: {why}"));
        }
        self.close_if_done(key);
    }

    /// Closes a retired connection whose last call is over.
    pub fn close_if_done(&mut self, key: ConnKey) {
        if self.conns.get(key).is_some_and(|c| c.is_done(self.now_ms)) {
            self.close(key, format_args!("its last call is over"));
        }
    }
}
