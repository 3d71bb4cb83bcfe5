//! All connections of a worker: sessions, buffers, transports. Knows ids and bytes, nothing of routes or
//! exchanges, and is the only one that touches transports.
mod backlog;
mod command;
mod conn;
mod read;
mod run;
mod sweep;
mod write;

pub use command::From;
pub use conn::{Conn, Owner};
pub use read::Filled;

use crate::Env;
use crate::directory::{Change, Cluster, EndpointId, Listener, ListenerId};
use crate::message::ProtoId;
use crate::metrics::Traffic;
use crate::peer_errors::{Peer, PeerErrorKind, PeerErrors};
use crate::session::{Protocols, Role, Session, Settings};
use crate::slots::{ConnKey, ConnTag, Slots};
use crate::transport::{Address, Reactor};
use backlog::Backlog;
use run::{Deferred, Hole, Run};
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::SocketAddr;

pub(crate) type SessionOf<E> = <<E as Env>::Protocols as Protocols>::Session;
pub(crate) type TransportOf<E> = <<E as Env>::Reactor as Reactor>::Transport;

/// A connection is written before the end of the turn when this much waits.
pub const EARLY_FLUSH: usize = 128 << 10;
/// A downstream is not read while more than this waits to be sent to it, and an upstream with so much is chosen only
/// if no other endpoint can be used.
pub const HIGH: usize = 1 << 20;
/// A downstream is read again once less than this waits.
pub const LOW: usize = HIGH / 4;
/// An upstream connection for which this much waits takes no more calls.
pub const UPSTREAM_MAX: usize = 16 << 20;

/// The connections.
pub struct Connections<E: Env> {
    conns: Slots<ConnTag, Conn<E>>,
    reactor: E::Reactor,
    dirty: Vec<ConnKey>,
    /// Read again next turn: capped for fairness, or just resumed.
    again: Vec<ConnKey>,
    /// Closed, but the calls on them do not know yet.
    pub(crate) closed_conns: Vec<ConnKey>,
    /// Dials under way and when they are given up.
    dialing: Vec<(ConnKey, u64)>,
    run: Option<Run>,
    deferred: Option<Deferred>,
    hole: Option<Hole>,
    overfull: Option<ConnKey>,
    /// The worker's clock. 64 bits: in 32 it would begin anew after 49 days.
    pub(crate) now_ms: u64,
    /// What peers did wrong.
    pub peer_errors: PeerErrors,
    /// Callers' connections, by listener.
    pub listeners: Vec<Traffic>,
    /// Our connections, by endpoint.
    pub endpoints: Vec<Traffic>,
    /// Callers connected now.
    callers: usize,
    /// Callers whose answers cannot be written now.
    clogged: usize,
    /// Bytes of half-received messages.
    partial: usize,
    partial_max: usize,
    /// Bytes that peers do not take at the moment.
    backlog: Backlog,
}

impl<E: Env> Connections<E> {
    /// No connections yet.
    pub fn new(reactor: E::Reactor) -> Self {
        Connections {
            conns: Slots::default(),
            reactor,
            dirty: vec![],
            again: vec![],
            closed_conns: vec![],
            dialing: vec![],
            run: None,
            deferred: None,
            hole: None,
            overfull: None,
            now_ms: 0,
            peer_errors: PeerErrors::default(),
            listeners: vec![],
            endpoints: vec![],
            callers: 0,
            clogged: 0,
            partial: 0,
            partial_max: usize::MAX,
            backlog: Backlog::default(),
        }
    }

    /// The reactor.
    pub fn reactor_mut(&mut self) -> &mut E::Reactor {
        &mut self.reactor
    }

    /// Takes over parts that are new. Connections of those that stay are not touched.
    pub fn apply(&mut self, change: &Change) {
        fn grow<Id>(list: &mut Vec<Traffic>, ids: impl Iterator<Item = Id>, index: impl Fn(Id) -> usize) {
            let longest = ids.map(index).max().map_or(0, |last| last + 1);
            if longest > list.len() {
                list.resize(longest, Traffic::default());
            }
        }
        grow(
            &mut self.listeners,
            change.listeners.iter().map(|(id, _)| *id),
            ListenerId::index,
        );
        grow(
            &mut self.endpoints,
            change.endpoints.iter().map(|(id, _)| *id),
            EndpointId::index,
        );
        if let Some(limits) = &change.limits {
            self.partial_max = limits.partial_bytes;
            self.backlog.max = limits.unsent_bytes;
        }
        self.peer_errors.learn(change);
    }

    /// These ids stand for other endpoints from now on: nothing of the former ones is left.
    pub(crate) fn begin_anew(&mut self, ids: impl Iterator<Item = EndpointId>) {
        let ids: BTreeSet<EndpointId> = ids.collect();
        if ids.is_empty() {
            return;
        }
        let theirs = |owner| matches!(owner, Owner::Endpoint(id) if ids.contains(&id));
        let left = self.conns.iter().filter(|(_, conn)| theirs(conn.owner));
        let left: Vec<ConnKey> = left.map(|(key, _)| key).collect();
        let why = format_args!("its endpoint was removed");
        left.into_iter().for_each(|key| self.close_now(key, why));
        for id in ids {
            if let Some(traffic) = self.endpoints.get_mut(id.index()) {
                *traffic = Traffic::default();
            }
        }
    }

    /// Takes over a caller's connection. `None` if it was refused.
    pub fn accept(
        &mut self,
        mut transport: TransportOf<E>,
        id: ListenerId,
        listener: &Listener,
        peer: Option<SocketAddr>,
        max: usize,
    ) -> Option<ConnKey> {
        let traffic = &mut self.listeners[id.index()];
        let open = traffic.opened - traffic.closed;
        if self.callers >= max || open >= u64::from(listener.max_connections) || self.conns.is_full() {
            traffic.failed += 1;
            self.reactor.forget(&mut transport);
            let text = format_args!(": a connection over the limit was closed");
            self.peer_errors
                .report(PeerErrorKind::Limit, Peer::Caller(id, peer), self.now_ms, text);
            return None;
        }
        let session = match listener.protocol {
            None => E::Protocols::detecting(),
            Some(proto) => E::Protocols::open(proto, Role::Server, &listener.settings)?,
        };
        let mut conn = Conn::new(session, transport, Owner::Listener(id), Role::Server, self.now_ms);
        conn.peer = peer;
        conn.detecting = listener.protocol.is_none();
        let key = self.conns.insert(conn);
        let conn = self.conns.get_mut(key)?;
        if self.reactor.watch(&mut conn.transport, key).is_err() {
            self.reactor.forget(&mut conn.transport);
            self.conns.remove(key);
            return None;
        }
        self.listeners[id.index()].opened += 1;
        self.callers += 1;
        self.note(key, format_args!("connected"));
        Some(key)
    }

    /// Begins to connect to a host.
    ///
    /// # Errors
    /// The attempt failed at once.
    pub fn dial(
        &mut self,
        to: &Address,
        cluster: &Cluster,
        owner: Owner,
        reserved_for: Option<ConnKey>,
    ) -> io::Result<ConnKey> {
        if self.conns.is_full() {
            return Err(io::Error::other("too many connections"));
        }
        let Some(session) = E::Protocols::open(cluster.protocol, Role::Client, &cluster.settings) else {
            return Err(io::Error::from(io::ErrorKind::Unsupported));
        };
        let transport = self.reactor.dial(to, self.conns.next_key())?;
        let mut conn = Conn::new(session, transport, owner, Role::Client, self.now_ms);
        conn.connecting = true;
        conn.reserved_for = reserved_for;
        let key = self.conns.insert(conn);
        self.dialing
            .push((key, self.now_ms + u64::from(cluster.connect_ms)));
        self.note(key, format_args!("a connection to it is made"));
        Ok(key)
    }

    /// Says at the level `debug` what happened to a connection.
    #[inline]
    pub(crate) fn note(&self, key: ConnKey, text: fmt::Arguments<'_>) {
        if tracing::enabled!(target: "rialto::connections", tracing::Level::DEBUG)
            && let Some(conn) = self.conns.get(key)
        {
            self.peer_errors.debug(conn.who(), text);
        }
    }

    /// Has the connection read next turn.
    pub(crate) fn read_again(&mut self, key: ConnKey) {
        if let Some(conn) = self.conns.get_mut(key)
            && !std::mem::replace(&mut conn.queued, true)
        {
            self.again.push(key);
        }
    }

    /// Whether any is to be read next turn.
    pub(crate) fn has_more(&self) -> bool {
        !self.again.is_empty()
    }

    /// Those to be read in this turn without being reported.
    pub(crate) fn take_again(&mut self) -> Vec<ConnKey> {
        for key in &self.again {
            if let Some(conn) = self.conns.get_mut(*key) {
                conn.queued = false;
            }
        }
        std::mem::take(&mut self.again)
    }

    /// The connection, also if it is dead and its calls do not know yet.
    #[inline]
    #[must_use]
    pub fn get(&self, key: ConnKey) -> Option<&Conn<E>> {
        self.conns.get(key)
    }

    /// Whether the connection can be used.
    #[inline]
    #[must_use]
    pub fn alive(&self, key: ConnKey) -> bool {
        self.conns.get(key).is_some_and(|c| !c.dead)
    }

    /// All connections.
    pub fn iter(&self) -> impl Iterator<Item = (ConnKey, &Conn<E>)> {
        self.conns.iter()
    }

    /// How many connections there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.conns.len()
    }

    /// Callers connected now.
    #[must_use]
    pub fn callers(&self) -> usize {
        self.callers
    }

    /// Callers whose answers cannot be written now.
    #[must_use]
    pub fn clogged(&self) -> usize {
        self.clogged
    }

    /// What the connection speaks.
    #[must_use]
    pub fn proto(&self, key: ConnKey) -> Option<ProtoId> {
        Some(self.conns.get(key)?.session.proto())
    }

    /// Whether something has to happen at a certain time even if no call runs.
    #[must_use]
    pub fn waits_for_dials(&self) -> bool {
        !self.dialing.is_empty()
    }

    /// Replaces the detecting session by one of the protocol found.
    pub fn detected(&mut self, key: ConnKey, proto: ProtoId, settings: &Settings) {
        if let Some(conn) = self.conns.get_mut(key)
            && let Some(session) = E::Protocols::open(proto, conn.role, settings)
        {
            conn.session = session;
            conn.detecting = false;
            let name = E::Protocols::dialect(proto).map_or("", |d| d.name());
            self.note(key, format_args!("speaks {name}"));
        }
    }

    /// Writes what can be written and closes.
    pub fn close(&mut self, key: ConnKey, why: fmt::Arguments<'_>) {
        self.flush(key);
        self.close_now(key, why);
    }

    /// Closes the transport now; the connection stays in its slot until the calls on it were told.
    pub fn close_now(&mut self, key: ConnKey, why: fmt::Arguments<'_>) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        if conn.dead {
            return;
        }
        let calls = conn.awaited();
        self.note(key, format_args!("closed with {calls} calls in flight: {why}"));
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        conn.dead = true;
        conn.held = 0;
        self.backlog.set(&mut conn.backlog, 0);
        self.reactor.forget(&mut conn.transport);
        self.partial -= std::mem::take(&mut conn.partial_message).len();
        match conn.owner {
            Owner::Listener(id) => {
                self.listeners[id.index()].closed += 1;
                self.callers -= 1;
                self.clogged -= usize::from(conn.blocked);
            }
            Owner::Endpoint(id) if conn.connecting => self.endpoints[id.index()].failed += 1,
            Owner::Endpoint(id) => self.endpoints[id.index()].closed += 1,
        }
        self.dialing.retain(|(k, _)| *k != key);
        self.closed_conns.push(key);
    }

    /// Forgets a connection whose calls were told.
    pub(crate) fn remove(&mut self, key: ConnKey) {
        self.conns.remove(key);
    }

    /// A stranger on a listener of one protocol is refused in its own words. Detection has said them by itself.
    pub fn refuse_stranger(&mut self, key: ConnKey, input: &[u8]) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        // whoever was answered before is none, and would take them for a broken frame
        let known = conn.calls > 0 || conn.out.position() > 0;
        if conn.is_callers()
            && !conn.detecting
            && !known
            && let Some(words) = E::Protocols::refusal(input)
        {
            conn.out.put(words);
            self.appended(key);
        }
    }

    /// Closes the connection because of what its peer did, and says so.
    pub fn fault(&mut self, key: ConnKey, what: &str) {
        let Some(conn) = self.conns.get(key) else { return };
        let proto = E::Protocols::dialect(conn.session.proto()).map_or("no protocol yet", |d| d.name());
        let text = format_args!(" closed: {proto}: {what}");
        self.peer_errors
            .report(PeerErrorKind::Protocol, conn.who(), self.now_ms, text);
        self.close(key, format_args!("{what}"));
    }

    pub(crate) fn connect_fault(&mut self, id: EndpointId, error: &io::Error) {
        let text = format_args!(" cannot be reached: {error}");
        self.peer_errors
            .report(PeerErrorKind::Connect, Peer::Endpoint(id), self.now_ms, text);
    }
}
