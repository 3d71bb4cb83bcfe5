//! Stories of single calls whose messages come in parts.
use super::fleet::{SimEnv, compile_toy};
use super::net::{End, Net, Shared, SimReactor};
use super::peer::{Found, Peer, Proto};
use super::toy_peer::ToyPeer;
use rialto_core::directory::{Change, ListenerId};
use rialto_core::message::Status;
use rialto_core::session::Role;
use rialto_core::worker::{Now, Worker};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A worker between peers that speak the toy protocol.
pub struct Stand {
    pub net: Shared,
    pub worker: Worker<SimEnv>,
    pub peers: BTreeMap<usize, ToyPeer>,
    now_ms: u64,
}

pub fn config(cluster: &str, route: &str) -> String {
    format!(
        "listeners:\n\
         - {{ name: toy, address: 127.0.0.1:1, protocol: dubbo, routes: [ r ] }}\n\
         - {{ name: bolt, address: 127.0.0.1:2, protocol: bolt, routes: [ r ] }}\n\
         routes: [ {{ name: r, to: [ {{ cluster: c }} ], {route} }} ]\n\
         clusters: [ {{ name: c, {cluster} }} ]\n"
    )
}

pub const ONE: &str = "protocol: dubbo, endpoints: [ { address: 127.0.0.1:21 } ]";
const TWO: &str = "protocol: dubbo, endpoints: [ { address: 127.0.0.1:21 }, { address: 127.0.0.1:22 } ]";

impl Stand {
    fn new(cluster: &str, route: &str) -> Self {
        Stand::of(&compile_toy(&config(cluster, route)))
    }

    pub fn of(first: &Change) -> Self {
        let net = Net::new(1);
        net.borrow_mut().cut = 100_000;
        Stand {
            worker: Worker::new(SimReactor(Rc::clone(&net)), first, 1),
            net,
            peers: BTreeMap::new(),
            now_ms: 0,
        }
    }

    fn connect(&mut self, listener: u32) -> usize {
        let (link, end): (usize, End) = Net::connect(&self.net);
        self.worker.accept(end, ListenerId(listener), None);
        link
    }

    pub fn caller(&mut self) -> usize {
        let link = self.connect(0);
        self.peers.insert(link, ToyPeer::new(Role::Client));
        link
    }

    fn turn(&mut self) {
        let ready = self.net.borrow_mut().ready();
        let now = Now {
            us: self.now_ms * 1000,
        };
        let mut busy = self.worker.turn(&ready, now);
        while busy {
            busy = self.worker.turn(&[], now);
        }
    }

    /// Lets everybody who reads exchange what there is, and time pass.
    pub fn pass(&mut self, ms: u64) {
        let until = self.now_ms + ms;
        loop {
            for _ in 0..20 {
                for (link, peer) in &mut self.peers {
                    let bytes = self.net.borrow_mut().peer_read(*link, usize::MAX);
                    let mut back = peer.take(&bytes);
                    back.extend(peer.flush());
                    self.net.borrow_mut().peer_write(*link, &back);
                }
                self.turn();
            }
            if self.now_ms >= until {
                return;
            }
            self.now_ms = until.min(self.now_ms + 10);
        }
    }

    /// The hosts that were dialed since.
    pub fn dialed(&mut self) -> Vec<usize> {
        let links = self.net.borrow_mut().take_dials();
        for link in &links {
            self.peers.insert(*link, ToyPeer::new(Role::Server));
        }
        self.pass(0);
        links
    }

    pub fn host(&mut self) -> usize {
        match self.dialed()[..] {
            [host] => host,
            ref other => panic!("{} dials", other.len()),
        }
    }

    pub fn peer(&mut self, link: usize) -> &mut ToyPeer {
        self.peers.get_mut(&link).expect("a peer")
    }

    /// The key of the only stream of a peer.
    pub fn only(&mut self, link: usize) -> u32 {
        let keys: Vec<u32> = self.peer(link).streams.keys().copied().collect();
        match keys[..] {
            [key] => key,
            _ => panic!("{} streams", keys.len()),
        }
    }

    /// The connection with the most bytes waiting for its peer.
    fn most_pending(&self) -> usize {
        let pending = self.worker.connections().iter().map(|(_, c)| c.pending());
        pending.max().unwrap_or(0)
    }
}

#[test]
fn a_host_that_reads_slowly_holds_its_own_callers_back_and_costs_bounded_memory() {
    let mut stand = Stand::new(ONE, "timeout: 60s");
    let (slow, quick) = (stand.caller(), stand.caller());
    let large = vec![b'x'; 1 << 20];
    let key = stand.peer(slow).call("a.Service", "slow", 60_000, b"", true);
    stand.peer(slow).send(key, &large, true);
    stand.pass(50);
    let host = stand.host();
    stand.pass(500);
    let at = stand.only(host);
    let received = stand.peer(host).streams[&at].received.len();
    assert!(
        (1..=4096).contains(&received),
        "{received} bytes came without credit"
    );
    assert!(stand.most_pending() <= 16_384 + 8192, "{}", stand.most_pending());
    // Another call over the same connection is not held back.
    let other = stand
        .peer(quick)
        .call("a.Service", "quick", 1000, b"hello", false);
    stand.pass(50);
    let asked = *stand.peer(host).streams.keys().last().expect("the quick call");
    stand.peer(host).respond(asked, b"hello", false);
    stand.pass(50);
    assert!(stand.peer(quick).streams[&other].is_complete);
    // With credit the rest comes.
    for _ in 0..2000 {
        stand.peer(host).read(at);
        stand.pass(0);
    }
    assert_eq!(stand.peer(host).streams[&at].received.len(), large.len());
    assert!(stand.peer(host).streams[&at].is_complete);
    assert_eq!(stand.most_pending(), 0);
}

#[test]
fn a_caller_that_reads_slowly_holds_its_own_response_back() {
    let mut stand = Stand::new(ONE, "timeout: 60s");
    let caller = stand.caller();
    let key = stand.peer(caller).call("a.Service", "m", 60_000, b"?", false);
    stand.pass(50);
    let host = stand.host();
    let at = stand.only(host);
    stand.peer(host).respond(at, b"", true);
    stand.peer(host).send(at, &vec![b'y'; 300_000], true);
    stand.pass(100);
    assert!(stand.most_pending() <= 16_384 + 8192, "{}", stand.most_pending());
    let kept = stand.peer(host).session.kept_bytes();
    assert!(
        kept > 280_000,
        "the host was given credit for bytes that nobody took: it keeps {kept}"
    );
    for _ in 0..1000 {
        stand.peer(caller).read(key);
        stand.pass(0);
    }
    assert_eq!(stand.peer(caller).streams[&key].received.len(), 300_000);
    assert_eq!((stand.worker.held_calls(), stand.worker.in_flight()), (0, 0));
}

#[test]
fn a_call_that_is_given_up_on_one_side_is_reset_on_the_other() {
    let mut stand = Stand::new(ONE, "timeout: 60s");
    let caller = stand.caller();
    let key = stand.peer(caller).call("a.Service", "m", 60_000, b"", true);
    stand.pass(50);
    let host = stand.host();
    let at = stand.only(host);
    stand.peer(caller).reset(key);
    stand.pass(50);
    assert!(
        stand.peer(host).streams[&at].failed.is_some(),
        "the host was not told"
    );
    assert_eq!((stand.worker.held_calls(), stand.worker.in_flight()), (0, 0));
    // The other way, in the middle of a response.
    let key = stand.peer(caller).call("a.Service", "m", 60_000, b"", true);
    stand.pass(50);
    let at = *stand.peer(host).streams.keys().last().expect("a call");
    stand.peer(host).respond(at, b"begun", true);
    stand.pass(50);
    assert_eq!(stand.peer(caller).streams[&key].received, b"begun");
    stand.peer(host).reset(at);
    stand.pass(50);
    let seen = &stand.peer(caller).streams[&key];
    assert!(
        seen.failed.is_some() && !seen.is_complete,
        "a broken response looks complete"
    );
    assert_eq!((stand.worker.held_calls(), stand.worker.in_flight()), (0, 0));
}

#[test]
fn a_call_that_takes_too_long_is_reset_at_its_host_and_leaves_its_connection_in_use() {
    let mut stand = Stand::new(ONE, "");
    let caller = stand.caller();
    let key = stand.peer(caller).call("a.Service", "m", 300, b"?", false);
    stand.pass(50);
    let host = stand.host();
    let at = stand.only(host);
    stand.pass(400);
    assert_eq!(stand.peer(caller).streams[&key].status, Some(Status::Failed));
    assert!(stand.peer(host).streams[&at].failed.is_some());
    assert_eq!(stand.worker.held_calls(), 0, "streams need no quarantine");
    stand.peer(caller).call("a.Service", "m", 300, b"?", false);
    stand.pass(50);
    assert_eq!(stand.peer(host).streams.len(), 2, "the connection is still used");
}

#[test]
fn a_response_that_comes_before_the_end_of_its_request_ends_the_call_on_both_sides() {
    let mut stand = Stand::new(ONE, "");
    let caller = stand.caller();
    let key = stand.peer(caller).call("a.Service", "m", 1000, b"", true);
    stand.peer(caller).send(key, b"half", false);
    stand.pass(50);
    let host = stand.host();
    let at = stand.only(host);
    stand.peer(host).respond(at, b"enough", false);
    stand.pass(50);
    assert_eq!(stand.peer(caller).streams[&key].received, b"enough");
    assert_eq!(
        stand.peer(host).session.open_streams(),
        0,
        "the host waits for the rest"
    );
    assert_eq!((stand.worker.held_calls(), stand.worker.in_flight()), (0, 0));
    // What the caller still sends is dropped, and it is given credit for it.
    stand.peer(caller).send(key, &[b'x'; 50_000], true);
    stand.pass(50);
    stand.peer(caller).reset(key);
    let key = stand.peer(caller).call("a.Service", "m", 1000, b"next", false);
    stand.pass(50);
    let at = *stand.peer(host).streams.keys().last().expect("the next call");
    stand.peer(host).respond(at, b"fine", false);
    stand.pass(50);
    assert_eq!(stand.peer(caller).streams[&key].received, b"fine");
}

#[test]
fn calls_that_a_parting_connection_did_not_process_go_on_over_another_to_the_same_host() {
    let mut stand = Stand::new(ONE, "retry: { attempts: 3 }");
    let caller = stand.caller();
    let first = stand.peer(caller).call("a.Service", "m", 5000, b"one", false);
    stand.pass(50);
    let host = stand.host();
    let second = stand.peer(caller).call("a.Service", "m", 5000, b"two", false);
    stand.pass(50);
    let keys: Vec<u32> = stand.peer(host).streams.keys().copied().collect();
    // It has processed the first and says that it closes this connection.
    stand.peer(host).with(|session, out| {
        session.goodbye(out, keys[0]);
        session.forget_unseen(out, keys[0]);
    });
    stand.peer(host).streams.remove(&keys[1]);
    stand.pass(50);
    let next = stand.host();
    let again = stand.only(next);
    assert_eq!(stand.peer(next).streams[&again].received, b"two");
    stand.peer(next).respond(again, b"2", false);
    stand.peer(host).respond(keys[0], b"1", false);
    stand.pass(50);
    assert_eq!(stand.peer(caller).streams[&first].received, b"1");
    assert_eq!(stand.peer(caller).streams[&second].received, b"2");
    let report = stand.worker.report();
    let is_avoided = |e: &rialto_core::worker::EndpointReport| e.avoided || e.read_only;
    assert!(
        !report.endpoints.iter().any(is_avoided),
        "an orderly end is no fault"
    );
    // The old connection closes when its last call is over.
    stand.pass(50);
    assert!(stand.net.borrow().is_over(host));
}

#[test]
fn a_peer_takes_no_more_calls_at_once_than_it_says() {
    let mut stand = Stand::new(ONE, "timeout: 5s");
    let callers: Vec<usize> = (0..4).map(|_| stand.caller()).collect();
    for caller in &callers {
        for _ in 0..5 {
            stand.peer(*caller).call("a.Service", "m", 5000, b"?", false);
        }
    }
    stand.pass(100);
    let mut hosts = vec![];
    loop {
        let more = stand.dialed();
        if more.is_empty() {
            break;
        }
        hosts.extend(more);
    }
    let counts: Vec<usize> = hosts.iter().map(|host| stand.peer(*host).streams.len()).collect();
    assert_eq!(counts.iter().sum::<usize>(), 20, "{counts:?}");
    assert!(counts.iter().all(|n| *n <= 8), "{counts:?}");
}

#[test]
fn a_caller_that_has_said_everything_still_gets_its_responses() {
    let mut stand = Stand::new(ONE, "");
    let caller = stand.caller();
    let key = stand.peer(caller).call("a.Service", "m", 1000, b"?", false);
    stand.pass(50);
    let host = stand.host();
    stand.net.borrow_mut().peer_shutdown(caller);
    stand.pass(50);
    let at = stand.only(host);
    stand.peer(host).respond(at, b"late", false);
    stand.pass(50);
    assert_eq!(stand.peer(caller).streams[&key].received, b"late");
    assert!(
        stand.net.borrow().is_over(caller),
        "the connection ends with its last response"
    );
}

#[test]
fn a_response_may_last_until_its_connection_ends() {
    let mut stand = Stand::new(TWO, "");
    let caller = stand.caller();
    let key = stand.peer(caller).call("a.Service", "m", 1000, b"?", false);
    stand.pass(50);
    let host = stand.host();
    let at = stand.only(host);
    let id = stand.peer(host).streams[&at].id;
    stand
        .peer(host)
        .with(|session, out| session.respond_until_close(out, id as u32));
    stand.peer(host).send(at, b"all of it", false);
    stand.pass(50);
    assert!(!stand.peer(caller).streams[&key].is_complete);
    stand.net.borrow_mut().peer_close(host);
    stand.pass(50);
    let seen = &stand.peer(caller).streams[&key];
    assert_eq!((seen.is_complete, &seen.received[..]), (true, &b"all of it"[..]));
    assert_eq!(stand.worker.held_calls(), 0);
}

#[test]
fn a_request_in_parts_reaches_a_host_without_streams_whole_or_not_at_all() {
    let cluster = "protocol: bolt, endpoints: [ { address: 127.0.0.1:11 } ]";
    let mut stand = Stand::new(cluster, "");
    let caller = stand.caller();
    let key = stand.peer(caller).call("a.Service", "echo", 1000, b"", true);
    stand.peer(caller).send(key, b"hello ", false);
    stand.pass(50);
    assert_eq!(
        stand.net.borrow_mut().take_dials(),
        [0; 0],
        "half a request went on"
    );
    stand.peer(caller).send(key, b"world", true);
    stand.pass(50);
    let [host] = stand.net.borrow_mut().take_dials()[..] else {
        panic!("one dial")
    };
    let mut bolt = Peer::new(Proto::Bolt, Role::Server);
    stand.pass(50);
    let bytes = stand.net.borrow_mut().peer_read(host, usize::MAX);
    let (found, _) = bolt.take(&bytes);
    let [Found::Request { to, text, .. }] = &found[..] else {
        panic!("one request")
    };
    assert_eq!(text, b"hello world");
    let bytes = bolt.outcome(*to, b"good");
    stand.net.borrow_mut().peer_write(host, &bytes);
    stand.pass(50);
    assert_eq!(stand.peer(caller).streams[&key].received, b"good");
    // One that outgrows the listener's limit is refused, and costs no memory afterwards.
    let key = stand.peer(caller).call("a.Service", "echo", 60_000, b"", true);
    stand.peer(caller).send(key, &vec![b'z'; 9 << 20], true);
    for _ in 0..300 {
        stand.pass(10);
        if stand.peer(caller).streams[&key].is_complete {
            break;
        }
    }
    let seen = &stand.peer(caller).streams[&key];
    assert_eq!(seen.status, Some(Status::Failed));
    let text = String::from_utf8_lossy(&seen.received).into_owned();
    assert!(
        text.contains("more than the 8388608 that this listener takes"),
        "{text}"
    );
    assert_eq!((stand.worker.held_calls(), stand.worker.in_flight()), (0, 0));
}

#[test]
fn the_last_words_to_a_caller_that_goes_on_sending_are_not_lost() {
    let mut stand = Stand::new(ONE, "match: { service: a.Service }");
    let caller = stand.connect(1);
    let mut bolt = Peer::new(Proto::Bolt, Role::Client);
    let call = bolt.request(1, "no.Route", b"?", 1000, false);
    // The call is refused at once; what follows is no frame at all.
    stand.net.borrow_mut().peer_write(caller, &call);
    stand.net.borrow_mut().peer_write(caller, &[0x7f; 3000]);
    stand.turn();
    stand.net.borrow_mut().peer_write(caller, &[0x7f; 3000]);
    stand.turn();
    assert!(
        !stand.net.borrow().was_reset(caller),
        "unread bytes destroy what was sent before"
    );
    let bytes = stand.net.borrow_mut().peer_read(caller, usize::MAX);
    assert!(!bytes.is_empty());
    // A peer that never closes its side is not waited for.
    stand.pass(2000);
    assert!(stand.net.borrow().is_closed_by_worker(caller));
    assert_eq!(stand.worker.downstreams(), 0);
}
