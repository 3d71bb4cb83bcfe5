//! One connection.
use super::{HIGH, SessionOf, TransportOf};
use crate::Env;
use crate::buf::OutBuf;
use crate::calls::Application;
use crate::directory::{EndpointId, ListenerId};
use crate::peer_errors::Peer;
use crate::session::Role;
use crate::slots::ConnKey;
use std::net::SocketAddr;

/// Why a connection is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A caller's, accepted by this listener.
    Listener(ListenerId),
    /// Ours, to this endpoint.
    Endpoint(EndpointId),
}

/// A connection and everything that belongs to it.
pub struct Conn<E: Env> {
    pub(super) session: SessionOf<E>,
    pub(super) transport: TransportOf<E>,
    /// Received, but no whole message yet.
    pub(super) partial_message: Vec<u8>,
    /// How long that message is in all; 0 if unknown.
    pub(super) expected_len: usize,
    pub(super) out: OutBuf,
    /// Bytes of requests that wait until it stands.
    pub(super) held: usize,
    /// What of `out` counts as [backlog](super::backlog).
    pub(super) backlog: usize,
    /// When the peer last took bytes, or when bytes began to wait for it.
    pub(super) took_ms: u64,
    /// Why it is there.
    pub owner: Owner,
    /// The downstream whose calls alone it carries; `None` if those of all downstreams may use it.
    pub reserved_for: Option<ConnKey>,
    /// The caller's address, if it has one.
    pub peer: Option<SocketAddr>,
    /// The application that calls over it, as its first call that names one says.
    pub application: Option<Application>,
    pub(super) role: Role,
    /// Exchanges that name this connection.
    pub calls: u32,
    /// Those of them for whose answer nobody waits any more.
    pub(super) quarantined: u32,
    pub(super) opened_ms: u64,
    /// When something last came in ...
    pub(super) heard_ms: u64,
    /// ... and when it was last given a call.
    pub(super) called_ms: u64,
    pub(super) detecting: bool,
    pub(super) connecting: bool,
    pub(super) dirty: bool,
    pub(super) blocked: bool,
    pub(super) dead: bool,
    pub(super) unread: bool,
    pub(super) paused: bool,
    /// It is read next turn.
    pub(super) queued: bool,
    /// The peer closed; what it sent before may still have to be read.
    pub(super) hung_up: bool,
    /// The peer wants no new calls here.
    pub(super) draining: bool,
    /// We want no new calls here, and close it when the last one is over.
    pub(crate) retired: bool,
    /// Heartbeats that we sent since something last came in.
    pub(super) unanswered: u8,
    /// When it was asked for a sign of life because a call to it had timed out, if nothing came in since.
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
            session,
            transport,
            partial_message: vec![],
            expected_len: 0,
            out: OutBuf::default(),
            held: 0,
            backlog: 0,
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
            connecting: false,
            dirty: false,
            blocked: false,
            dead: false,
            unread: false,
            paused: false,
            queued: false,
            hung_up: false,
            draining: false,
            retired: false,
            unanswered: 0,
            asked_ms: None,
        }
    }

    /// Whether new calls may be given to this upstream connection.
    #[inline]
    #[must_use]
    pub fn takes_calls(&self) -> bool {
        !self.dead && !self.draining && !self.retired && !self.connecting
    }

    /// Whether it would take calls, had its peer not asked for no more.
    #[must_use]
    pub(crate) fn is_draining(&self) -> bool {
        self.draining && !self.dead && !self.retired
    }

    /// Whether nobody needs it now: no caller waits for an answer, and nothing is to be sent.
    pub(super) fn is_idle(&self) -> bool {
        self.calls == self.quarantined && self.out.is_empty()
    }

    /// Whether a listener accepted it.
    pub(super) fn is_callers(&self) -> bool {
        matches!(self.owner, Owner::Listener(_))
    }

    /// Bytes on their way to this peer.
    #[inline]
    #[must_use]
    pub fn pending(&self) -> usize {
        self.out.len() + self.held
    }

    /// How many calls on it somebody waits for.
    #[inline]
    #[must_use]
    pub fn awaited(&self) -> u32 {
        self.calls - self.quarantined
    }

    /// Whether so much is on its way to the peer that more should not be added.
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.pending() >= HIGH
    }

    /// Who is at its other end.
    pub(crate) fn who(&self) -> Peer {
        match self.owner {
            Owner::Listener(id) => Peer::Caller(id, self.peer),
            Owner::Endpoint(id) => Peer::Endpoint(id),
        }
    }
}
