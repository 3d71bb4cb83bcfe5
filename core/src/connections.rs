//! All connections of a worker: sessions, buffers, transports. It deals in ids and bytes, knows neither routes
//! nor calls, and is the only module that uses transports.
mod backlog;
mod close;
mod command;
mod conn;
mod read;
mod run;
mod streams;
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
use conn::Phase;
use run::{Deferred, Hole, Run};
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::SocketAddr;

pub(crate) type SessionOf<E> = <<E as Env>::Protocols as Protocols>::Session;
pub(crate) type TransportOf<E> = <<E as Env>::Reactor as Reactor>::Transport;

/// A connection with this many unsent bytes is written before the end of the turn.
pub const EARLY_FLUSH: usize = 128 << 10;
/// A downstream with more unsent bytes than this is not read. An upstream with more is chosen only if no other
/// endpoint can be used.
pub const HIGH: usize = 1 << 20;
/// A downstream is read again once it has fewer unsent bytes than this.
pub const LOW: usize = HIGH / 4;
/// An upstream connection with more unsent bytes than this takes no more calls.
pub const UPSTREAM_MAX: usize = 16 << 20;

/// The connections of a worker, and what they count and bound together.
pub struct Connections<E: Env> {
    conns: Slots<ConnTag, Conn<E>>,
    reactor: E::Reactor,
    dirty: Vec<ConnKey>,
    /// Connections to read in the next turn without a report: they reached the limit of reads per turn, or were
    /// resumed.
    again: Vec<ConnKey>,
    /// Closed connections whose calls have not been ended yet.
    pub(crate) closed_conns: Vec<ConnKey>,
    /// Dials under way, with the time at which each is given up.
    dialing: Vec<(ConnKey, u64)>,
    // The next four fields are the state of forwarding without copying; see `run.rs`.
    run: Option<Run>,
    deferred: Option<Deferred>,
    hole: Option<Hole>,
    overfull: Option<ConnKey>,
    /// The worker's clock, in milliseconds. It has 64 bits because 32 would wrap after 49 days.
    pub(crate) now_ms: u64,
    /// Counts and log lines of what peers did wrong.
    pub peer_errors: PeerErrors,
    /// Traffic of downstream connections, by listener id.
    pub listeners: Vec<Traffic>,
    /// Traffic of upstream connections, by endpoint id.
    pub endpoints: Vec<Traffic>,
    /// Downstream connections that are open now.
    downstreams: usize,
    /// Downstream connections whose transport takes no bytes at the moment.
    clogged: usize,
    /// Downstream connections whose sessions keep bytes that their peers give no credit for.
    keeping: usize,
    /// Bytes of incomplete messages, over all connections.
    partial: usize,
    partial_max: usize,
    /// Bytes that peers do not take at the moment, over all connections.
    backlog: Backlog,
}

impl<E: Env> Connections<E> {
    /// Creates a table without connections.
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
            downstreams: 0,
            clogged: 0,
            keeping: 0,
            partial: 0,
            partial_max: usize::MAX,
            backlog: Backlog::default(),
        }
    }

    /// The reactor, for the thread that waits on it.
    pub fn reactor_mut(&mut self) -> &mut E::Reactor {
        &mut self.reactor
    }

    /// Applies a change of the directory. Existing connections stay as they are.
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
        for (id, listener) in &change.listeners {
            if listener.is_none() {
                self.part_from_listener(*id);
            }
        }
    }

    /// Closes the connections and clears the traffic of ids that now stand for other endpoints.
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

    /// Takes over a downstream connection. Returns `None` if a limit refused it.
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
        if self.downstreams >= max || open >= u64::from(listener.max_connections) || self.conns.is_full() {
            traffic.failed += 1;
            self.reactor.forget(&mut transport);
            let text = format_args!(": a connection over the limit was closed");
            self.peer_errors.report(
                PeerErrorKind::Limit,
                Peer::Downstream(id, peer),
                self.now_ms,
                text,
            );
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
        self.downstreams += 1;
        self.note(key, format_args!("connected"));
        Some(key)
    }

    /// Begins to connect to an endpoint.
    ///
    /// # Errors
    /// The attempt failed at once, for example because descriptors have run out.
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
        conn.phase = Phase::Connecting;
        conn.reserved_for = reserved_for;
        let key = self.conns.insert(conn);
        self.dialing
            .push((key, self.now_ms + u64::from(cluster.connect_ms)));
        self.note(key, format_args!("a connection to it is made"));
        Ok(key)
    }

    /// Logs an event of a connection at the level `debug`.
    #[inline]
    pub(crate) fn note(&self, key: ConnKey, text: fmt::Arguments<'_>) {
        if tracing::enabled!(target: "rialto::connections", tracing::Level::DEBUG)
            && let Some(conn) = self.conns.get(key)
        {
            self.peer_errors.debug(conn.who(), text);
        }
    }

    /// Schedules the connection to be read in the next turn.
    pub(crate) fn read_again(&mut self, key: ConnKey) {
        if let Some(conn) = self.conns.get_mut(key)
            && !std::mem::replace(&mut conn.queued, true)
        {
            self.again.push(key);
        }
    }

    /// Whether a connection is to be read in the next turn.
    pub(crate) fn has_more(&self) -> bool {
        !self.again.is_empty()
    }

    /// Takes the connections that were scheduled to be read in this turn.
    pub(crate) fn take_again(&mut self) -> Vec<ConnKey> {
        for key in &self.again {
            if let Some(conn) = self.conns.get_mut(*key) {
                conn.queued = false;
            }
        }
        std::mem::take(&mut self.again)
    }

    /// The connection, including one that is closed while its calls have not been ended.
    #[inline]
    #[must_use]
    pub fn get(&self, key: ConnKey) -> Option<&Conn<E>> {
        self.conns.get(key)
    }

    /// Whether the connection exists and is not closed.
    #[inline]
    #[must_use]
    pub fn alive(&self, key: ConnKey) -> bool {
        self.conns.get(key).is_some_and(|c| !c.is_closed())
    }

    /// All connections, including closed ones whose calls have not been ended.
    pub fn iter(&self) -> impl Iterator<Item = (ConnKey, &Conn<E>)> {
        self.conns.iter()
    }

    /// The number of connections.
    #[must_use]
    pub fn count(&self) -> usize {
        self.conns.len()
    }

    /// Downstream connections that are open now.
    #[must_use]
    pub fn downstreams(&self) -> usize {
        self.downstreams
    }

    /// Downstream connections that have not taken all of their responses.
    #[must_use]
    pub fn clogged(&self) -> usize {
        self.clogged + self.keeping
    }

    /// The protocol of the connection; `None` if it is gone.
    #[must_use]
    pub fn proto(&self, key: ConnKey) -> Option<ProtoId> {
        Some(self.conns.get(key)?.session.proto())
    }

    /// Whether a dial is under way, whose time limit needs the clock even if no call runs.
    #[must_use]
    pub fn waits_for_dials(&self) -> bool {
        !self.dialing.is_empty()
    }

    /// Replaces the detecting session by one of the protocol that it found.
    pub fn detected(&mut self, key: ConnKey, proto: ProtoId, settings: &Settings) {
        if let Some(conn) = self.conns.get_mut(key)
            && let Some(session) = E::Protocols::open(proto, conn.role, settings)
        {
            (conn.max_calls, conn.has_streams) = (session.max_calls(), session.has_streams());
            conn.session = session;
            conn.detecting = false;
            let name = E::Protocols::reader(proto).map_or("", |r| r.name());
            self.note(key, format_args!("speaks {name}"));
        }
    }

    /// Responds to a peer that speaks another protocol than its listener, in the peer's own protocol. Detection
    /// sends such a refusal itself.
    pub fn refuse_stranger(&mut self, key: ConnKey, input: &[u8]) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        // a peer that has already been sent a response speaks the right protocol, and would read this text as a
        // broken frame
        let known = conn.calls > 0 || conn.out.position() > 0;
        if conn.is_downstreams()
            && !conn.detecting
            && !known
            && let Some(words) = E::Protocols::refusal(input)
        {
            conn.out.put(words);
            self.appended(key);
        }
    }

    /// Closes the connection because of an error of its peer, and logs and counts the error.
    pub fn fault(&mut self, key: ConnKey, what: &str) {
        let Some(conn) = self.conns.get(key) else { return };
        let proto = E::Protocols::reader(conn.session.proto()).map_or("no protocol yet", |r| r.name());
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
