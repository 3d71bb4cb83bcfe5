//! The state of one connection.
use super::{HIGH, SessionOf, TransportOf};
use crate::Env;
use crate::buf::OutBuf;
use crate::calls::Application;
use crate::directory::{EndpointId, ListenerId};
use crate::peer_errors::Peer;
use crate::session::{Role, Session};
use crate::slots::ConnKey;
use std::net::SocketAddr;

/// A downstream that has sent nothing for this long is not in the middle of one call after the other, in
/// milliseconds.
const QUIET_MS: u64 = 100;

/// Which side a connection belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A downstream connection, accepted by this listener.
    Listener(ListenerId),
    /// An upstream connection, to this endpoint.
    Endpoint(EndpointId),
}

/// The stage of a connection's life. The later ones are the greater ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
pub(super) enum Phase {
    /// It takes calls.
    Open,
    /// The dial has not ended yet.
    Connecting,
    /// The peer wants no new calls on it, and may want them again.
    Draining,
    /// This side gives it no new calls and closes it after the last one.
    Retired,
    /// The same, and the downstream knows it: a call was refused because of it, or the downstream will make no more.
    Parting,
    /// It is closed, and its entry remains until its calls have ended.
    Closed,
    /// It was closed although it was to take calls, with calls in flight.
    Broken,
    /// It is closed for calls, and this side has sent its last bytes. What the peer still sends is read and dropped for
    /// a moment: closing a socket with unread bytes would destroy the last ones that the peer has not read yet.
    Lingering,
}

/// A connection with its session, its buffers and its counts.
pub struct Conn<E: Env> {
    pub(super) session: SessionOf<E>,
    pub(super) transport: TransportOf<E>,
    pub(super) phase: Phase,
    /// The start of a message whose end has not been received.
    pub(super) partial_message: Vec<u8>,
    /// The whole length of that message; 0 if unknown.
    pub(super) expected_len: usize,
    /// The time at which its first bytes were kept.
    pub(super) partial_since_ms: u64,
    pub(super) out: OutBuf,
    /// Bytes that wait outside of `out`: requests until the connection is established, then those that its session
    /// [keeps](crate::session::Session::kept).
    pub(super) held: usize,
    /// The part of `out` that counts in the [backlog](super::backlog).
    pub(super) backlog: usize,
    /// When and at which position of the stream the backlog began.
    pub(super) behind_since_ms: u64,
    pub(super) behind_from: u64,
    /// The time at which the peer last took bytes, or bytes began to wait for it.
    pub(super) took_ms: u64,
    /// The listener or endpoint that the connection belongs to.
    pub owner: Owner,
    /// The only downstream whose calls it carries; `None` if it carries those of all.
    pub reserved_for: Option<ConnKey>,
    /// The downstream's address; `None` over a Unix socket and for upstream connections.
    pub peer: Option<SocketAddr>,
    /// The application that calls over it, taken from the first call that names one.
    pub application: Option<Application>,
    pub(super) role: Role,
    /// The number of calls that refer to this connection.
    pub calls: u32,
    /// The calls among them whose downstream no longer waits for a response.
    pub(super) quarantined: u32,
    pub(super) opened_ms: u64,
    /// The time at which the last bytes were received.
    pub(super) heard_ms: u64,
    /// The time at which the last call was given to it.
    pub(super) called_ms: u64,
    /// The largest number of calls that the peer takes at once.
    pub(super) max_calls: u32,
    /// The session speaks a protocol that has streams.
    pub(super) has_streams: bool,
    /// The protocol has not been detected yet.
    pub(super) detecting: bool,
    /// It is queued for the flush at the end of the turn.
    pub(super) dirty: bool,
    /// The transport takes no bytes at the moment.
    pub(super) blocked: bool,
    /// The reactor reported bytes while it was paused.
    pub(super) unread: bool,
    /// It is not read, because too many bytes wait for its peer, or because its peer sends nothing more.
    pub(super) paused: bool,
    /// It is queued to be read in the next turn.
    pub(super) queued: bool,
    /// The peer will send nothing more; earlier bytes may still have to be read.
    pub(super) hung_up: bool,
    /// Heartbeats sent since the last bytes were received.
    pub(super) unanswered: u8,
    /// The time of the heartbeat that a timed-out call caused, if nothing was received since.
    pub(super) asked_ms: Option<u64>,
}

impl<E: Env> Conn<E> {
    pub(super) fn new(
        session: SessionOf<E>,
        transport: TransportOf<E>,
        owner: Owner,
        role: Role,
        now_ms: u64,
    ) -> Self {
        Conn {
            max_calls: session.max_calls(),
            has_streams: session.has_streams(),
            session,
            transport,
            phase: Phase::Open,
            partial_message: vec![],
            expected_len: 0,
            partial_since_ms: now_ms,
            out: OutBuf::default(),
            held: 0,
            backlog: 0,
            behind_since_ms: now_ms,
            behind_from: 0,
            took_ms: now_ms,
            owner,
            reserved_for: None,
            peer: None,
            application: None,
            role,
            calls: 0,
            quarantined: 0,
            opened_ms: now_ms,
            heard_ms: now_ms,
            called_ms: now_ms,
            detecting: false,
            dirty: false,
            blocked: false,
            unread: false,
            paused: false,
            queued: false,
            hung_up: false,
            unanswered: 0,
            asked_ms: None,
        }
    }

    /// How much of the memory for half-received messages it takes, and for how long: bytes times milliseconds. A
    /// peer that goes on sending is soon done, so that it stays below one that does not.
    pub(super) fn hoards_partial(&self, now_ms: u64) -> u64 {
        let age_ms = now_ms.saturating_sub(self.partial_since_ms) + 1;
        (self.partial_message.len() as u64).saturating_mul(age_ms)
    }

    /// How much waits for its peer, how long it has waited, and how little of it the peer has taken meanwhile. A
    /// peer that takes what it gets stays below one that trickles.
    pub(super) fn hoards_backlog(&self, now_ms: u64) -> u64 {
        /// A peer that has only begun to take bytes is judged as if it had taken these.
        const BENEFIT: u64 = 64 << 10;
        let age_ms = now_ms.saturating_sub(self.behind_since_ms) + 1;
        let taken = self.sent_position().saturating_sub(self.behind_from) + BENEFIT;
        (self.backlog as u64)
            .saturating_mul(age_ms)
            .saturating_mul(1 << 10)
            / taken
    }

    /// The position in the stream of the first byte that the transport has not taken.
    pub(super) fn sent_position(&self) -> u64 {
        self.out.position() - self.out.len() as u64
    }

    /// Notes that bytes begin to wait for the peer, unless some do already.
    pub(super) fn falls_behind(&mut self, now_ms: u64) {
        if self.backlog == 0 {
            self.behind_since_ms = now_ms;
            self.behind_from = self.sent_position();
        }
    }

    /// Whether new calls may be given to this upstream connection.
    #[inline]
    #[must_use]
    pub fn takes_calls(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Takes it out of use. Returns whether it was in use.
    pub(super) fn retire(&mut self) -> bool {
        let was_in_use = matches!(self.phase, Phase::Open | Phase::Draining);
        if was_in_use {
            self.phase = Phase::Retired;
        }
        was_in_use
    }

    /// Whether it takes no more calls and is closed after the last one.
    #[inline]
    pub(crate) fn is_retired(&self) -> bool {
        matches!(self.phase, Phase::Retired | Phase::Parting)
    }

    /// Whether it is closed, and its entry remains only until its calls have ended.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.phase >= Phase::Closed
    }

    /// Whether its transport is still open although it is closed for calls.
    pub(super) fn is_lingering(&self) -> bool {
        self.phase == Phase::Lingering
    }

    /// Whether it was closed although it was to take calls, with calls in flight.
    pub(crate) fn broke(&self) -> bool {
        self.phase == Phase::Broken
    }

    /// Whether the peer has sent something since it was last asked for a sign of life.
    pub(crate) fn gave_sign_of_life(&self) -> bool {
        self.asked_ms.is_none()
    }

    /// Whether the dial has not ended yet.
    pub(crate) fn is_connecting(&self) -> bool {
        self.phase == Phase::Connecting
    }

    /// Whether only the peer's wish keeps it from taking calls.
    #[must_use]
    pub(crate) fn is_draining(&self) -> bool {
        self.phase == Phase::Draining
    }

    /// Whether no downstream waits for a response on it and no bytes are to be sent.
    pub(super) fn is_idle(&self) -> bool {
        self.calls == self.quarantined && self.pending() == 0
    }

    /// Whether a retired connection can be closed without the loss of a call. On a downstream connection that was
    /// just used, another call may be on its way.
    pub(super) fn is_done(&self, now_ms: u64) -> bool {
        let is_quiet = now_ms.saturating_sub(self.heard_ms) >= QUIET_MS;
        // What was refused is written when the connection is closed, unless its peer takes nothing.
        let knows = self.phase == Phase::Parting;
        let has_all = self.calls == self.quarantined && !self.blocked && self.held == 0;
        let can_go = self.is_idle() && (is_quiet || !self.is_downstreams());
        self.is_retired() && (knows && has_all || can_go)
    }

    /// Whether its downstream knows that it is about to be closed, and still waits for responses. It is not read
    /// meanwhile, or it could go on sending calls to be refused.
    pub(super) fn awaits_last_responses(&self) -> bool {
        self.phase == Phase::Parting && self.calls > self.quarantined
    }

    /// Whether it is a downstream connection.
    pub(super) fn is_downstreams(&self) -> bool {
        matches!(self.owner, Owner::Listener(_))
    }

    /// Bytes that wait to be sent to this peer.
    #[inline]
    #[must_use]
    pub fn pending(&self) -> usize {
        self.out.len() + self.held
    }

    /// Whether its protocol has streams.
    pub(crate) fn has_streams(&self) -> bool {
        self.has_streams
    }

    /// Whether it takes another call. `limit` is what its cluster allows.
    #[inline]
    pub(crate) fn has_room(&self, limit: u32) -> bool {
        self.awaited() < limit.min(self.max_calls)
    }

    /// The number of calls on it whose downstream waits.
    #[inline]
    #[must_use]
    pub fn awaited(&self) -> u32 {
        self.calls - self.quarantined
    }

    /// Whether so many bytes wait for the peer that no more should be added.
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.pending() >= HIGH
    }

    /// The peer at its other end, for logs.
    pub(crate) fn who(&self) -> Peer {
        match self.owner {
            Owner::Listener(id) => Peer::Downstream(id, self.peer),
            Owner::Endpoint(id) => Peer::Endpoint(id),
        }
    }
}
