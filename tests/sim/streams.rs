//! Calls whose messages come in parts, between peers with and without streams.
use super::fleet::{SimEnv, compile_toy};
use super::net::{End, Net, Shared, SimReactor};
use super::peer::{Found, Peer, Proto};
use super::toy_peer::ToyPeer;
use rialto_core::directory::ListenerId;
use rialto_core::message::Status;
use rialto_core::session::Role;
use rialto_core::worker::{Now, Worker};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

const CONFIG: &str = "
listeners:
  - { name: toy, address: 127.0.0.1:1, protocol: dubbo, routes: [to-toy, to-bolt], limits: { idle_timeout: off } }
  - { name: bolt, address: 127.0.0.1:2, protocol: bolt, routes: [to-toy, to-bolt], limits: { idle_timeout: off } }
routes:
  - { name: to-bolt, match: { service: sim.ToBolt }, to: [ { cluster: bolt } ], retry: { attempts: 3 } }
  - { name: to-toy, match: { service: sim.ToToy }, to: [ { cluster: toy } ], retry: { attempts: 3 } }
clusters:
  - { name: bolt, protocol: bolt, endpoints: [ {address: 127.0.0.1:11}, {address: 127.0.0.1:12} ] }
  - { name: toy, protocol: dubbo, endpoints: [ {address: 127.0.0.1:21}, {address: 127.0.0.1:22} ], limits: { connections_per_endpoint: 2, waiting_calls: 1000 } }
";

/// Odds of faults, each per step and peer.
#[derive(Clone, Copy, Default)]
struct Faults {
    /// A caller gives a call up.
    cancel: f64,
    /// A host resets a call.
    reset: f64,
    /// A host refuses a call that it has not processed.
    refuse: f64,
    /// A host says that it closes its connection, and closes it when its calls are over.
    goodbye: f64,
    kill_host: f64,
    kill_caller: f64,
    /// A peer does not read for a while.
    stall: f64,
    refuse_dial: f64,
}

enum AnyPeer {
    Toy(Box<ToyPeer>),
    Bolt(Peer),
}

struct Caller {
    link: usize,
    peer: AnyPeer,
    alive: bool,
    /// Calls by the key of their stream, or by their id.
    calls: BTreeMap<u32, usize>,
}

struct Host {
    peer: AnyPeer,
    alive: bool,
    is_leaving: bool,
    /// How far the response to each stream has come.
    responses: BTreeMap<u32, usize>,
}

struct Fate {
    body: Vec<u8>,
    /// How much of the request was given to the caller's session.
    sent: usize,
    streams: bool,
    early: bool,
    ended: bool,
    good: bool,
    /// It was given up, or its caller is gone.
    orphan: bool,
}

struct Fleet {
    net: Shared,
    worker: Worker<SimEnv>,
    callers: Vec<Caller>,
    hosts: BTreeMap<usize, Host>,
    fates: Vec<Fate>,
    processed: BTreeMap<usize, u32>,
    faults: Faults,
    rng: fastrand::Rng,
    now_us: u64,
}

#[derive(Debug, Default)]
struct Finished {
    good: usize,
    failed: usize,
    unended: usize,
    processed_twice: usize,
    held: usize,
    in_flight: usize,
}

/// A body that tells its call and, at each place, where that is.
fn body(nonce: usize, len: usize) -> Vec<u8> {
    let mut body = format!("{nonce}:").into_bytes();
    let filler = (0..len).map(|i| b'a' + ((nonce + i) % 26) as u8);
    body.extend(filler);
    body
}

fn nonce_of(body: &[u8]) -> Option<usize> {
    let digits = body.split(|b| *b == b':').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

impl Fleet {
    fn new(seed: u64, faults: Faults) -> Self {
        let net = Net::new(seed);
        net.borrow_mut().refuse_dial = faults.refuse_dial;
        let first = compile_toy(CONFIG);
        let worker = Worker::new(SimReactor(Rc::clone(&net)), &first, seed);
        let mut fleet = Fleet {
            net,
            worker,
            callers: vec![],
            hosts: BTreeMap::new(),
            fates: vec![],
            processed: BTreeMap::new(),
            faults,
            rng: fastrand::Rng::with_seed(seed ^ 0x70f),
            now_us: 0,
        };
        for i in 0..5 {
            fleet.connect(i < 3);
        }
        fleet
    }

    fn connect(&mut self, is_toy: bool) {
        let (link, end): (usize, End) = Net::connect(&self.net);
        self.worker.accept(end, ListenerId(u32::from(!is_toy)), None);
        let peer = match is_toy {
            true => AnyPeer::Toy(Box::new(ToyPeer::new(Role::Client))),
            false => AnyPeer::Bolt(Peer::new(Proto::Bolt, Role::Client)),
        };
        self.callers.push(Caller {
            link,
            peer,
            alive: true,
            calls: BTreeMap::new(),
        });
    }

    fn chance(&mut self, odds: f64) -> bool {
        odds > 0.0 && self.rng.f64() < odds
    }

    fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            for i in 0..self.callers.len() {
                if self.callers[i].alive && self.rng.u8(..5) == 0 {
                    self.make_call(i);
                }
            }
            self.break_things();
            self.step(1000);
        }
    }

    fn make_call(&mut self, i: usize) {
        let nonce = self.fates.len();
        let len = match self.rng.u8(..6) {
            0 => self.rng.usize(..40_000),
            1 => 0,
            _ => self.rng.usize(..3000),
        };
        let service = ["sim.ToToy", "sim.ToBolt"][self.rng.usize(..2)];
        let method = ["whole", "parts", "bidi", "early"][self.rng.usize(..4)];
        let body = body(nonce, len);
        let streams = self.rng.bool();
        let caller = &mut self.callers[i];
        // A peer without streams takes the whole request before it responds.
        let mut fate = Fate {
            sent: body.len(),
            body,
            streams: false,
            early: method == "early" && service == "sim.ToToy",
            ended: false,
            good: false,
            orphan: false,
        };
        match &mut caller.peer {
            AnyPeer::Toy(peer) => {
                // No more than the peer takes at once.
                if peer.session.open_streams() >= 8 {
                    return;
                }
                if streams {
                    (fate.sent, fate.streams) = (0, true);
                }
                let first = &fate.body[..fate.sent];
                let key = peer.call(service, method, 5000, first, fate.streams);
                caller.calls.insert(key, nonce);
            }
            AnyPeer::Bolt(peer) => {
                let id = nonce as u32;
                let bytes = peer.request(id, service, &fate.body, 5000, false);
                self.net.borrow_mut().peer_write(caller.link, &bytes);
                caller.calls.insert(id, nonce);
                fate.early = false;
            }
        }
        self.fates.push(fate);
    }

    fn break_things(&mut self) {
        for i in 0..self.callers.len() {
            if self.callers[i].alive && self.chance(self.faults.kill_caller) {
                self.net.borrow_mut().peer_close(self.callers[i].link);
                self.lose_caller(i);
                let is_toy = matches!(self.callers[i].peer, AnyPeer::Toy(_));
                self.connect(is_toy);
            }
        }
        let links: Vec<usize> = self.hosts.keys().copied().collect();
        for link in links {
            if self.hosts[&link].alive && self.chance(self.faults.kill_host) {
                self.net.borrow_mut().peer_close(link);
                self.host(link).alive = false;
            }
        }
        let links = self.net.borrow().links.len();
        for link in 0..links {
            let stalled = self.net.borrow().links[link].stalled;
            let odds = if stalled { 0.2 } else { self.faults.stall };
            if self.chance(odds) {
                self.net.borrow_mut().links[link].stalled = !stalled;
            }
        }
    }

    fn host(&mut self, link: usize) -> &mut Host {
        self.hosts.get_mut(&link).expect("a host")
    }

    fn lose_caller(&mut self, i: usize) {
        self.callers[i].alive = false;
        for nonce in self.callers[i].calls.values() {
            self.fates[*nonce].orphan = true;
        }
    }

    fn step(&mut self, us: u64) {
        self.now_us += us;
        let dials = self.net.borrow_mut().take_dials();
        for link in dials {
            let to = self.net.borrow().links[link]
                .dialed
                .clone()
                .expect("dialed")
                .to_string();
            let peer = match to.contains(":1") && !to.contains(":2") {
                true => AnyPeer::Bolt(Peer::new(Proto::Bolt, Role::Server)),
                false => AnyPeer::Toy(Box::new(ToyPeer::new(Role::Server))),
            };
            let host = Host {
                peer,
                alive: true,
                is_leaving: false,
                responses: BTreeMap::new(),
            };
            self.hosts.insert(link, host);
        }
        let links: Vec<usize> = self.hosts.keys().copied().collect();
        links.into_iter().for_each(|link| self.host_acts(link));
        (0..self.callers.len()).for_each(|i| self.caller_acts(i));
        let ready = self.net.borrow_mut().ready();
        let now = Now { us: self.now_us };
        let mut busy = self.worker.turn(&ready, now);
        for _ in 0..3 {
            if busy {
                busy = self.worker.turn(&[], now);
            }
        }
        self.check_bounds();
    }

    /// What waits for a peer with streams is bounded by what the callers may send without credit, and by whole
    /// messages.
    fn check_bounds(&self) {
        for (_, conn) in self.worker.connections().iter() {
            assert!(
                conn.pending() < 800_000,
                "{} bytes wait for one peer",
                conn.pending()
            );
        }
    }

    fn host_acts(&mut self, link: usize) {
        if !self.host(link).alive {
            return;
        }
        if self.net.borrow().is_over(link) {
            self.host(link).alive = false;
            return;
        }
        let most = self.rng.usize(1..6000);
        let bytes = self.net.borrow_mut().peer_read(link, most);
        let host = self.hosts.get_mut(&link).expect("a host");
        let back = match &mut host.peer {
            AnyPeer::Bolt(peer) => {
                let (found, mut back) = peer.take(&bytes);
                for found in found {
                    let Found::Request { to, text, .. } = found else {
                        panic!("a response to a host")
                    };
                    *self
                        .processed
                        .entry(nonce_of(&text).expect("a nonce"))
                        .or_default() += 1;
                    back.extend(peer.outcome(to, &text));
                }
                back
            }
            AnyPeer::Toy(peer) => peer.take(&bytes),
        };
        self.net.borrow_mut().peer_write(link, &back);
        let keys = match &host.peer {
            AnyPeer::Toy(peer) => peer.streams.keys().copied().collect(),
            AnyPeer::Bolt(_) => vec![],
        };
        for key in keys {
            self.serve(link, key);
        }
        let (goodbye, now_leaving) = (self.chance(self.faults.goodbye), self.hosts[&link].is_leaving);
        let host = self.hosts.get_mut(&link).expect("a host");
        if let AnyPeer::Toy(peer) = &mut host.peer {
            if goodbye && !now_leaving {
                // The newest call was not looked at yet.
                let last = peer.session.last_seen();
                let unseen = peer
                    .streams
                    .get(&last)
                    .is_some_and(|_| !host.responses.contains_key(&last));
                let last = if unseen { last - 1 } else { last };
                peer.streams.retain(|key, _| *key <= last);
                peer.with(|session, out| {
                    session.goodbye(out, last);
                    session.forget_unseen(out, last);
                });
                host.is_leaving = true;
            }
            let bytes = peer.flush();
            let is_over = host.is_leaving && peer.session.open_streams() == 0;
            self.net.borrow_mut().peer_write(link, &bytes);
            if is_over {
                self.net.borrow_mut().peer_close(link);
                host.alive = false;
            }
        }
    }

    /// A host with streams goes on with one call.
    fn serve(&mut self, link: usize, key: u32) {
        let (reset, refuse) = (self.chance(self.faults.reset), self.chance(self.faults.refuse));
        let reads = self.rng.u8(..3) > 0;
        let most = self.rng.usize(1..3000);
        let host = self.hosts.get_mut(&link).expect("a host");
        let AnyPeer::Toy(peer) = &mut host.peer else {
            return;
        };
        let stream = &peer.streams[&key];
        if stream.failed.is_some() || stream.was_refused {
            peer.streams.remove(&key);
            return;
        }
        let begun = host.responses.contains_key(&key);
        if refuse && !begun {
            return peer.refuse(key);
        }
        if reset {
            return peer.reset(key);
        }
        if reads {
            peer.read(key);
        }
        let stream = &peer.streams[&key];
        let method = stream.head.split('#').nth(1).unwrap_or_default().to_owned();
        let (received, is_complete) = (stream.received.clone(), stream.is_complete);
        if !begun {
            let ready = is_complete || method == "bidi" || method == "early";
            if !ready {
                return;
            }
            if let Some(nonce) = nonce_of(&received).filter(|_| is_complete) {
                *self.processed.entry(nonce).or_default() += 1;
            }
            host.responses.insert(key, 0);
            match &*method {
                "early" => {
                    peer.respond(key, b"early", false);
                    peer.streams.remove(&key);
                }
                "whole" | "echo" => {
                    peer.respond(key, &received, false);
                    peer.streams.remove(&key);
                }
                _ => peer.respond(key, b"", true),
            }
            return;
        }
        let at = host.responses.get_mut(&key).expect("begun");
        let n = most.min(received.len() - *at);
        let last = is_complete && *at + n == received.len();
        if n > 0 || last {
            peer.send(key, &received[*at..*at + n], last);
            *at += n;
        }
        if last {
            peer.streams.remove(&key);
        }
    }

    fn caller_acts(&mut self, i: usize) {
        let link = self.callers[i].link;
        if !self.callers[i].alive {
            return;
        }
        if self.net.borrow().is_over(link) {
            return self.lose_caller(i);
        }
        let most = self.rng.usize(1..8000);
        let bytes = self.net.borrow_mut().peer_read(link, most);
        let back = match &mut self.callers[i].peer {
            AnyPeer::Bolt(peer) => {
                let (found, back) = peer.take(&bytes);
                for found in found {
                    let Found::Response { id, result } = found else {
                        panic!("a call to a caller")
                    };
                    let nonce = self.callers[i].calls.remove(&id).expect("one response each");
                    self.ended(nonce, result.as_deref().ok());
                }
                back
            }
            AnyPeer::Toy(peer) => peer.take(&bytes),
        };
        self.net.borrow_mut().peer_write(link, &back);
        let calls: Vec<(u32, usize)> = self.callers[i].calls.iter().map(|(k, n)| (*k, *n)).collect();
        for (key, nonce) in calls {
            self.go_on(i, key, nonce);
        }
        if let AnyPeer::Toy(peer) = &mut self.callers[i].peer {
            let bytes = peer.flush();
            self.net.borrow_mut().peer_write(link, &bytes);
        }
    }

    /// A caller with streams goes on with one call.
    fn go_on(&mut self, i: usize, key: u32, nonce: usize) {
        let (cancel, reads) = (self.chance(self.faults.cancel), self.rng.u8(..3) > 0);
        let most = self.rng.usize(1..3000);
        let AnyPeer::Toy(peer) = &mut self.callers[i].peer else {
            return;
        };
        let stream = &peer.streams[&key];
        if stream.is_complete || stream.failed.is_some() || stream.was_refused {
            let good = stream.is_complete && stream.failed.is_none() && stream.status == Some(Status::Ok);
            let received = good.then(|| stream.received.clone());
            peer.reset(key); // the rest of a request that is not wanted
            self.callers[i].calls.remove(&key);
            return self.ended(nonce, received.as_deref());
        }
        if cancel {
            peer.reset(key);
            self.callers[i].calls.remove(&key);
            self.fates[nonce].orphan = true;
            return;
        }
        if reads {
            peer.read(key);
        }
        let fate = &mut self.fates[nonce];
        if fate.streams {
            let n = most.min(fate.body.len() - fate.sent);
            let last = fate.sent + n == fate.body.len();
            peer.send(key, &fate.body[fate.sent..fate.sent + n], last);
            fate.sent += n;
            fate.streams = !last;
        }
    }

    fn ended(&mut self, nonce: usize, response: Option<&[u8]>) {
        let fate = &mut self.fates[nonce];
        assert!(!fate.ended, "call {nonce} ended twice");
        fate.ended = true;
        if let Some(response) = response {
            let wanted = if fate.early { &b"early"[..] } else { &fate.body };
            assert_eq!(response.len(), wanted.len(), "call {nonce}");
            assert!(response == wanted, "call {nonce} got another response");
            fate.good = true;
        }
    }

    fn finish(mut self) -> Finished {
        for l in &mut self.net.borrow_mut().links {
            l.stalled = false;
        }
        self.faults = Faults::default();
        self.net.borrow_mut().refuse_dial = 0.0;
        for i in 0..20_000 {
            self.step(2000);
            if i > 3000 && self.callers.iter().all(|c| !c.alive || c.calls.is_empty()) {
                break;
            }
        }
        let open: BTreeSet<usize> = self.callers.iter().filter(|c| c.alive).map(|c| c.link).collect();
        let (held, in_flight) = (self.worker.held_calls(), self.worker.in_flight());
        // What is kept for peers was all sent.
        for (_, conn) in self.worker.connections().iter() {
            assert_eq!(conn.pending(), 0, "{open:?}");
        }
        let mut end = Finished {
            held,
            in_flight,
            ..Finished::default()
        };
        for fate in &self.fates {
            end.good += usize::from(fate.good);
            end.failed += usize::from(fate.ended && !fate.good);
            end.unended += usize::from(!fate.ended && !fate.orphan);
        }
        end.processed_twice = self.processed.values().filter(|n| **n > 1).count();
        end
    }
}

fn run(faults: Faults, seeds: u64) -> (usize, usize) {
    let (mut good, mut failed) = (0, 0);
    for seed in 0..seeds {
        let mut fleet = Fleet::new(seed, faults);
        fleet.run(300);
        let end = fleet.finish();
        assert_eq!(
            (end.unended, end.processed_twice, end.held, end.in_flight),
            (0, 0, 0, 0),
            "seed {seed}: {end:?}"
        );
        (good, failed) = (good + end.good, failed + end.failed);
    }
    (good, failed)
}

#[test]
fn parts_arrive_whole_and_in_order_between_all_kinds_of_peers() {
    let (good, failed) = run(Faults::default(), 40);
    assert!(good > 5000 && failed == 0, "{good} good, {failed} failed");
}

#[test]
fn every_call_ends_once_whatever_happens_to_its_streams() {
    let faults = Faults {
        cancel: 0.01,
        reset: 0.005,
        refuse: 0.02,
        goodbye: 0.005,
        kill_host: 0.003,
        kill_caller: 0.003,
        stall: 0.02,
        refuse_dial: 0.1,
    };
    let (good, failed) = run(faults, 80);
    assert!(good > 5000 && failed > 100, "{good} good, {failed} failed");
}
