//! Counts and logs what peers do wrong: at most one line a second for each kind and peer, and a bounded number
//! of lines for each kind.
use crate::directory::{Change, Directory, EndpointId, ListenerId};
use std::fmt::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The kinds of errors. Each has its own budget of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PeerErrorKind {
    /// A connection was closed because its bytes break the protocol.
    Protocol,
    /// A call was refused before it was routed.
    Refused,
    /// A frame was skipped.
    Unexpected,
    /// A response came for which no call was waiting.
    LateResponse,
    /// A provider could not be reached.
    Connect,
    /// A connection was closed by a limit of time or memory.
    Limit,
}

/// The peer that caused an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A downstream of a listener; without an address over a Unix socket.
    Downstream(ListenerId, Option<SocketAddr>),
    /// An endpoint.
    Endpoint(EndpointId),
    /// All downstream peers of a listener together.
    Listener(ListenerId),
}

/// The counters of errors, and the budgets of log lines.
#[derive(Default)]
pub struct PeerErrors {
    kinds: [Kind; PeerErrorKind::ALL.len()],
    /// Listeners, clusters and endpoints, removed ones included, for the names of peers.
    directory: Directory,
}

/// The budget of one kind: a few lines at once, and a fixed number per second in the long run. Each peer has a
/// share of its own, so that a noisy peer does not hide another one.
#[derive(Default)]
struct Kind {
    total: u64,
    /// Lines taken from the budget and not restored yet.
    said: u32,
    since_ms: u64,
    /// Errors of peers that are not in `peers`, since the last line.
    others: u64,
    /// The peers that were logged last.
    peers: Vec<Told>,
}

struct Told {
    key: Key,
    next_ms: u64,
    silent: u64,
}

/// What counts as one peer. A downstream counts by its host, whatever its port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Host(Option<IpAddr>),
    Endpoint(EndpointId),
    Listener(ListenerId),
}

/// The shortest time between two lines about one peer and kind, in milliseconds.
const PEER_MS: u64 = 1000;
/// The number of lines of one kind that may come at once.
const BURST: u32 = 8;
/// The time after which one of these lines is available again, in milliseconds.
const LINE_MS: u64 = 500;
/// The number of peers that are remembered for each kind.
const PEERS: usize = 16;

impl PeerErrorKind {
    /// All kinds, ordered by number.
    pub const ALL: [PeerErrorKind; 6] = [
        PeerErrorKind::Protocol,
        PeerErrorKind::Refused,
        PeerErrorKind::Unexpected,
        PeerErrorKind::LateResponse,
        PeerErrorKind::Connect,
        PeerErrorKind::Limit,
    ];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            PeerErrorKind::Protocol => "protocol",
            PeerErrorKind::Refused => "refused",
            PeerErrorKind::Unexpected => "unexpected_frame",
            PeerErrorKind::LateResponse => "late_response",
            PeerErrorKind::Connect => "connect",
            PeerErrorKind::Limit => "limit",
        }
    }
}

impl PeerErrors {
    /// Updates the names of peers. A removed part keeps its name until its id belongs to another one, because its
    /// connections are talked about to their end.
    pub fn learn(&mut self, change: &Change) {
        fn there<Id: Copy, T>(parts: &[(Id, Option<Arc<T>>)]) -> Vec<(Id, Option<Arc<T>>)> {
            parts.iter().filter(|(_, part)| part.is_some()).cloned().collect()
        }
        self.directory.apply(&Change {
            listeners: there(&change.listeners),
            clusters: there(&change.clusters),
            endpoints: there(&change.endpoints),
            ..Change::default()
        });
    }

    /// Counts an error. Logs it unless the same kind and peer was logged within the last second, or the kind's
    /// budget is used up. The text follows the peer's name.
    pub fn report(&mut self, kind: PeerErrorKind, peer: Peer, now_ms: u64, text: fmt::Arguments<'_>) {
        let Some(unlogged) = self.kinds[kind as usize].say(peer.key(), now_ms) else {
            return;
        };
        let mut line = Line(String::new());
        let _ = write!(line, "{}{text}", Named(peer, &self.directory)); // ends early at the longest line
        let more = |n: u64| (n > 0).then_some(n);
        tracing::warn!(
            target: "rialto::peer_errors",
            kind = kind.name(),
            unlogged = more(unlogged.of_peer),
            unlogged_others = more(unlogged.of_others),
            "{}",
            line.0
        );
    }

    /// Logs an event of this peer's connection at the level `debug`.
    #[cold]
    pub(crate) fn debug(&self, peer: Peer, text: fmt::Arguments<'_>) {
        let mut line = Line(String::new());
        let _ = write!(line, "{}: {text}", Named(peer, &self.directory)); // ends early at the longest line
        tracing::debug!(target: "rialto::connections", "{}", line.0);
    }

    /// The number of errors of each kind, in the order of [`PeerErrorKind::ALL`].
    #[must_use]
    pub fn totals(&self) -> [u64; PeerErrorKind::ALL.len()] {
        self.kinds.each_ref().map(|k| k.total)
    }
}

/// Errors that were counted but not logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Unlogged {
    of_peer: u64,
    of_others: u64,
}

impl Kind {
    /// Counts an error of a peer. Returns `None` if it is not to be logged.
    fn say(&mut self, key: Key, now_ms: u64) -> Option<Unlogged> {
        self.total += 1;
        let known = self.peers.iter().position(|told| told.key == key);
        let due = known.is_none_or(|at| self.peers[at].next_ms <= now_ms);
        if !due || !self.has_line(now_ms) {
            match known {
                Some(at) => self.peers[at].silent += 1,
                None => self.others += 1,
            }
            return None;
        }
        let at = known.unwrap_or_else(|| self.place(key));
        let told = &mut self.peers[at];
        told.next_ms = now_ms + PEER_MS;
        Some(Unlogged {
            of_peer: std::mem::take(&mut told.silent),
            of_others: std::mem::take(&mut self.others),
        })
    }

    /// Takes a line from the kind's budget.
    fn has_line(&mut self, now_ms: u64) -> bool {
        let again = (now_ms.saturating_sub(self.since_ms) / LINE_MS).min(u64::from(BURST)) as u32;
        if self.said <= again {
            (self.said, self.since_ms) = (0, now_ms);
        } else if again > 0 {
            self.said -= again;
            self.since_ms += u64::from(again) * LINE_MS;
        }
        let has = self.said < BURST;
        self.said += u32::from(has);
        has
    }

    /// The index of a new entry for a peer. If the list is full, it replaces the entry that was logged longest
    /// ago.
    fn place(&mut self, key: Key) -> usize {
        let told = Told {
            key,
            next_ms: 0,
            silent: 0,
        };
        if self.peers.len() < PEERS {
            self.peers.push(told);
            return self.peers.len() - 1;
        }
        let oldest = (0..PEERS).min_by_key(|at| self.peers[*at].next_ms).unwrap_or(0);
        self.others += std::mem::replace(&mut self.peers[oldest], told).silent;
        oldest
    }
}

impl Peer {
    fn key(self) -> Key {
        match self {
            Peer::Downstream(_, peer) => Key::Host(peer.map(|peer| host(peer.ip()))),
            Peer::Endpoint(id) => Key::Endpoint(id),
            Peer::Listener(id) => Key::Listener(id),
        }
    }
}

/// The address that stands for a host: in IPv6 its /64, which usually belongs to one host.
fn host(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() & (!0 << 64)).into()),
        v4 => v4,
    }
}

/// Formats a peer by its configured names.
struct Named<'a>(Peer, &'a Directory);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listener = |id: ListenerId| self.1.listener(id).map_or("(removed)", |l| &*l.name);
        match self.0 {
            Peer::Downstream(id, Some(peer)) => write!(f, "listener {}: downstream {peer}", listener(id)),
            Peer::Downstream(id, None) => write!(f, "listener {}: downstream on a unix socket", listener(id)),
            Peer::Listener(id) => write!(f, "listener {}", listener(id)),
            Peer::Endpoint(id) => match self.1.endpoint(id) {
                None => f.write_str("an endpoint that was removed"),
                Some(e) => {
                    let cluster = self.1.cluster(e.cluster).map_or("(removed)", |c| &*c.name);
                    write!(f, "cluster {cluster}: endpoint {}", e.name)?;
                    let address = e.address.to_string();
                    if address == *e.name {
                        Ok(())
                    } else {
                        write!(f, " ({address})")
                    }
                }
            },
        }
    }
}

/// A log line. It may contain what peers sent, so it escapes line breaks and control characters and has a
/// bounded length.
struct Line(String);

const LINE_MAX: usize = 1000;

impl Write for Line {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        for c in s.chars() {
            if self.0.len() >= LINE_MAX {
                return Err(fmt::Error);
            }
            match c.is_control() {
                true => self.0.extend(c.escape_default()),
                false => self.0.push(c),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_cannot_forge_or_flood_the_log() {
        let mut line = Line(String::new());
        let _ = line.write_fmt(format_args!("no service {}", "x\n2026-01-01 all is well\x1b[2J"));
        assert_eq!(line.0, "no service x\\n2026-01-01 all is well\\u{1b}[2J");
        let _ = line.write_fmt(format_args!("{}", "y".repeat(1 << 20)));
        assert_eq!(line.0.len(), LINE_MAX);
    }

    fn from(host: u8, port: u16) -> Key {
        let peer = SocketAddr::from(([10, 0, 0, host], port));
        Peer::Downstream(ListenerId(0), Some(peer)).key()
    }

    #[test]
    fn a_noisy_peer_does_not_hide_another_one() {
        let mut kind = Kind::default();
        let said = |peer, others| {
            Some(Unlogged {
                of_peer: peer,
                of_others: others,
            })
        };
        assert_eq!(kind.say(from(1, 1), 0), said(0, 0));
        for ms in 0..900 {
            assert_eq!(kind.say(from(1, ms as u16), ms), None, "the same host");
        }
        assert_eq!(kind.say(from(2, 1), 900), said(0, 0));
        assert_eq!(kind.say(from(1, 1), 1000), said(900, 0));
        assert_eq!(kind.total, 903);
    }

    #[test]
    fn many_peers_do_not_flood_the_log() {
        let mut kind = Kind::default();
        let mut lines = 0;
        for i in 0..100_000_u32 {
            let peer = SocketAddr::from((i.to_be_bytes(), 1));
            let key = Peer::Downstream(ListenerId(0), Some(peer)).key();
            lines += u64::from(kind.say(key, u64::from(i / 10)).is_some());
        }
        assert!(lines <= u64::from(BURST) + 10_000 / LINE_MS + 1, "{lines}");
        assert!(lines >= 10_000 / LINE_MS && kind.peers.len() <= PEERS);
        let silent: u64 = kind.peers.iter().map(|p| p.silent).sum();
        assert!(kind.others + silent <= 100_000 - lines);
    }

    #[test]
    fn every_fault_counts_though_few_are_logged() {
        let mut faults = PeerErrors::default();
        for ms in 0..10 {
            let peer = Peer::Endpoint(EndpointId(3));
            faults.report(PeerErrorKind::Refused, peer, ms, format_args!(": bad call"));
        }
        assert_eq!(faults.totals()[PeerErrorKind::Refused as usize], 10);
        assert_eq!(faults.kinds[PeerErrorKind::Refused as usize].peers[0].silent, 9);
    }
}
