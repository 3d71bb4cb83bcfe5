//! A worker between downstreams and hosts, and the fate of every call.
use super::net::{End, Net, Shared, SimReactor};
use super::peer::{Found, Peer, Proto};
use super::protocols::Simulated;
use super::toy::TOY;
use rialto::control::{Compiler, World};
use rialto_core::Env;
use rialto_core::directory::{Change, ListenerId, Use};
use rialto_core::message::ProtoId;
use rialto_core::session::{RespondTo, Role};
use rialto_core::transport::Address;
use rialto_core::worker::{Now, Worker};
use rialto_discovery::DiscoveredEndpoint;
use rialto_protocols::DUBBO;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

pub struct SimEnv;

impl Env for SimEnv {
    type Protocols = Simulated;
    type Reactor = SimReactor;
}

/// Odds of faults, each per opportunity.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// A host answers after the downstream's timeout.
    pub slow: f64,
    /// A host answers twice.
    pub duplicate: f64,
    /// A host's connection dies.
    pub kill_host: f64,
    /// A dial fails.
    pub refuse_dial: f64,
    /// A downstream's connection dies.
    pub kill_downstream: f64,
    /// A host sends bytes that make no sense.
    pub garbage: f64,
    /// A host answers a call that nobody made.
    pub stray: f64,
    /// A peer stops reading for a while.
    pub stall: f64,
    /// A host says that it goes away, and stays.
    pub read_only: f64,
    /// An endpoint is removed, or one that was removed is back.
    pub churn: f64,
    /// The process has no descriptors for a while.
    pub exhaust: f64,
    /// A downstream makes several large calls at once.
    pub burst: f64,
}

impl Faults {
    pub const NONE: Faults = Faults {
        slow: 0.0,
        duplicate: 0.0,
        kill_host: 0.0,
        refuse_dial: 0.0,
        kill_downstream: 0.0,
        garbage: 0.0,
        stray: 0.0,
        stall: 0.0,
        read_only: 0.0,
        churn: 0.0,
        exhaust: 0.0,
        burst: 0.0,
    };
}

/// Whose calls share a connection to a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Connections {
    Shared,
    PerDownstream,
}

/// What came of a run.
#[derive(Debug, Default)]
pub struct Finished {
    pub good: usize,
    pub failed: usize,
    pub unanswered: usize,
    pub wrong: usize,
    pub twice_answered: usize,
    pub twice_executed: usize,
    pub held: usize,
    pub in_flight: usize,
    pub bytes: u64,
    /// Connections to hosts that carried calls of several downstreams.
    pub mixed: usize,
}

pub struct Fleet {
    net: Shared,
    worker: Worker<SimEnv>,
    downstreams: Vec<Downstream>,
    hosts: HashMap<usize, Host>,
    fates: Vec<Fate>,
    executed: HashMap<u32, u32>,
    /// By a host's link: the downstreams whose calls it carried.
    carried: HashMap<usize, BTreeSet<usize>>,
    faults: Faults,
    rng: fastrand::Rng,
    now_us: u64,
    config: String,
    compiler: Compiler,
    /// The time of the control side.
    clock: Instant,
}

struct Downstream {
    link: usize,
    proto: Proto,
    peer: Peer,
    alive: bool,
    /// Calls on this connection, by their place in `fates`.
    calls: Vec<usize>,
}

struct Host {
    peer: Peer,
    alive: bool,
    /// Answers to send, and when.
    due: Vec<(u64, Vec<u8>)>,
}

struct Fate {
    nonce: u32,
    downstream: usize,
    one_way: bool,
    ends: u32,
    good: bool,
    wrong: bool,
    /// Its downstream died: it need not end.
    orphan: bool,
}

const TIMEOUT_MS: u32 = 2000;

const CONFIG: &str = "
listeners: [ { name: in, address: 127.0.0.1:1, routes: [to-bolt, to-dubbo], limits: { idle_timeout: off } } ]
routes:
  - { name: to-bolt, match: { service: sim.ToBolt }, to: [ { cluster: bolt } ], retry: { attempts: 3 } }
  - { name: to-dubbo, match: { service: sim.ToDubbo }, to: [ { cluster: dubbo } ], retry: { attempts: 3 } }
clusters:
  - { name: bolt, protocol: bolt, endpoints: [ {address: 127.0.0.1:11}, {address: 127.0.0.1:12}, {address: 127.0.0.1:13} ] }
  - { name: dubbo, protocol: dubbo, balance: least_request, endpoints: [ {address: 127.0.0.1:21}, {address: 127.0.0.1:22} ] }
";

/// All parts of a configuration in which `dubbo` stands for the toy protocol.
pub fn compile_toy(config: &str) -> Change {
    // The compiler is gone then, so that nobody else has the parts.
    let mut change = compile(&mut Compiler::default(), config, Instant::now(), &[]);
    for (_, part) in &mut change.listeners {
        let listener = part.as_mut().and_then(Arc::get_mut).expect("a new part");
        listener.protocol = listener.protocol.map(toy_for_dubbo);
    }
    for (_, part) in &mut change.clusters {
        let cluster = part.as_mut().and_then(Arc::get_mut).expect("a new part");
        cluster.protocol = toy_for_dubbo(cluster.protocol);
    }
    change
}

fn toy_for_dubbo(proto: ProtoId) -> ProtoId {
    if proto == DUBBO { TOY } else { proto }
}

/// What a configuration changes at this time, while a worker uses these removed parts.
pub fn compile(compiler: &mut Compiler, config: &str, now: Instant, uses: &[Use]) -> Change {
    let config = rialto::config::load_str("sim.yaml", config)
        .expect("a good configuration")
        .config;
    let endpoints = |c: &rialto_config::Cluster| {
        let instance = |e: &rialto_config::Endpoint| DiscoveredEndpoint {
            address: Address::Tcp(e.address.to_string().parse().expect("numeric")),
            name: e.address.to_string().into(),
            weight: e.weight,
            metadata: Default::default(),
            protocol: None,
        };
        c.endpoints.iter().map(instance).collect()
    };
    let world = World {
        endpoints: &endpoints,
        workers: 1,
        now,
        uses,
    };
    compiler.configure(&config, &world)
}

impl Fleet {
    pub fn new(seed: u64, faults: Faults) -> Self {
        Fleet::with(Connections::Shared, seed, faults)
    }

    /// A fleet whose clusters have such connections.
    pub fn with(connections: Connections, seed: u64, faults: Faults) -> Self {
        match connections {
            Connections::Shared => Fleet::started(CONFIG, seed, faults, 0),
            Connections::PerDownstream => {
                let config = CONFIG.replace("endpoints:", "connections: per_downstream, endpoints:");
                Fleet::started(&config, seed, faults, 0)
            }
        }
    }

    /// A fleet whose calls may be executed twice, and are copied for the cluster of the other protocol.
    pub fn repeating(seed: u64, faults: Faults) -> Self {
        let rule = "{ attempts: 3, on: [overload, no_service, timeout, connection_lost, server_error], \
                    attempt_timeout: 100ms, idempotent: [echo] }";
        let config = CONFIG
            .replace(
                "cluster: bolt } ], retry: { attempts: 3 }",
                &format!("cluster: bolt }} ], mirror: {{ cluster: dubbo }}, retry: {rule}"),
            )
            .replace(
                "cluster: dubbo } ], retry: { attempts: 3 }",
                &format!("cluster: dubbo }} ], mirror: {{ cluster: bolt, share: 0.5 }}, retry: {rule}"),
            );
        Fleet::started(&config, seed, faults, 0)
    }

    /// A fleet whose worker has run for so long already.
    pub fn after(seed: u64, faults: Faults, now_us: u64) -> Self {
        Fleet::started(CONFIG, seed, faults, now_us)
    }

    fn started(config: &str, seed: u64, faults: Faults, now_us: u64) -> Self {
        let net = Net::new(seed);
        net.borrow_mut().refuse_dial = faults.refuse_dial;
        let (mut compiler, began) = (Compiler::default(), Instant::now());
        let first = compile(&mut compiler, config, began, &[]);
        let mut worker = Worker::new(SimReactor(Rc::clone(&net)), &first, seed);
        worker.turn(&[], Now { us: now_us });
        let rng = fastrand::Rng::with_seed(seed ^ 0x5eed);
        let mut fleet = Fleet {
            net,
            worker,
            downstreams: vec![],
            hosts: HashMap::new(),
            fates: vec![],
            executed: HashMap::new(),
            carried: HashMap::new(),
            faults,
            rng,
            now_us,
            config: config.to_owned(),
            compiler,
            clock: began,
        };
        (0..6).for_each(|i| fleet.call_in(if i % 2 == 0 { Proto::Bolt } else { Proto::Dubbo }));
        fleet
    }

    fn chance(&mut self, odds: f64) -> bool {
        odds > 0.0 && self.rng.f64() < odds
    }

    fn call_in(&mut self, proto: Proto) {
        let (link, end): (usize, End) = Net::connect(&self.net);
        self.worker.accept(end, ListenerId(0), None);
        let peer = Peer::new(proto, Role::Client);
        self.downstreams.push(Downstream {
            link,
            proto,
            peer,
            alive: true,
            calls: vec![],
        });
    }

    /// Steps in which downstreams make calls.
    pub fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            for i in 0..self.downstreams.len() {
                if self.downstreams[i].alive && self.rng.u8(..4) == 0 {
                    self.make_call(i, false);
                }
            }
            self.break_things();
            self.step(1000);
        }
    }

    fn make_call(&mut self, i: usize, large: bool) {
        let nonce = self.fates.len() as u32;
        let one_way = self.rng.u8(..16) == 0;
        let size = if self.rng.u8(..20) == 0 || large {
            self.rng.usize(..200_000)
        } else {
            self.rng.usize(..2000)
        };
        let text = format!("{nonce}:{}", "x".repeat(size));
        let service = if self.rng.bool() {
            "sim.ToBolt"
        } else {
            "sim.ToDubbo"
        };
        let downstream = &mut self.downstreams[i];
        let id = downstream.calls.len() as u32;
        downstream.calls.push(self.fates.len());
        self.fates.push(Fate {
            nonce,
            downstream: i,
            one_way,
            ends: 0,
            good: false,
            wrong: false,
            orphan: false,
        });
        let bytes = downstream
            .peer
            .request(id, service, text.as_bytes(), TIMEOUT_MS, one_way);
        self.net.borrow_mut().peer_write(downstream.link, &bytes);
    }

    /// Takes an endpoint out of the configuration, or puts it back. Much time passes between two such changes, so ids are
    /// given to others while calls of their former owners may still be there.
    fn churn(&mut self) {
        let port = self.rng.u8(..4);
        let (one, with) = match port {
            0 => ("{address: 127.0.0.1:13}", "{address: 127.0.0.1:13, weight: 7}"),
            1 => ("{address: 127.0.0.1:22}", "{address: 127.0.0.1:22, weight: 3}"),
            2 => (", {address: 127.0.0.1:12}", ""),
            _ => (", {address: 127.0.0.1:22}", ""),
        };
        let config = if self.rng.bool() {
            self.config.replace(one, with)
        } else {
            self.config.clone()
        };
        self.clock += std::time::Duration::from_secs(40);
        let uses = self.worker.uses();
        let change = compile(&mut self.compiler, &config, self.clock, &[uses]);
        self.worker.apply(&change);
    }

    fn break_things(&mut self) {
        if self.chance(self.faults.churn) {
            self.churn();
        }
        let exhausted = self.net.borrow().exhausted;
        let odds = if exhausted { 0.2 } else { self.faults.exhaust };
        if self.chance(odds) {
            self.net.borrow_mut().exhausted = !exhausted;
        }
        for i in 0..self.downstreams.len() {
            if self.downstreams[i].alive && self.chance(self.faults.burst) {
                (0..5).for_each(|_| self.make_call(i, true));
            }
        }
        for i in 0..self.downstreams.len() {
            if self.downstreams[i].alive && self.chance(self.faults.kill_downstream) {
                self.lose_downstream(i, true);
                let proto = self.downstreams[i].proto;
                self.call_in(proto);
            }
        }
        let mut links: Vec<usize> = self
            .hosts
            .iter()
            .filter(|(_, h)| h.alive)
            .map(|(l, _)| *l)
            .collect();
        links.sort_unstable();
        for link in links {
            if self.chance(self.faults.kill_host) {
                self.net.borrow_mut().peer_close(link);
                self.host(link).alive = false;
            } else if self.chance(self.faults.garbage) {
                self.net.borrow_mut().peer_write(link, &[0x7f; 64]);
            } else if self.chance(self.faults.read_only) {
                let bytes = self.host(link).peer.goodbye();
                self.net.borrow_mut().peer_write(link, &bytes);
            } else if self.chance(self.faults.stray) {
                let to = RespondTo {
                    id: self.rng.u64(..) & 0xffff,
                    hint: 0x0101,
                };
                let bytes = self.stray(link, to);
                self.net.borrow_mut().peer_write(link, &bytes);
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

    /// An answer of the host's protocol to an id that it may never have seen.
    fn stray(&mut self, link: usize, to: RespondTo) -> Vec<u8> {
        let hint = match self.proto_of(link) {
            Proto::Bolt => to.hint,
            Proto::Dubbo => 2,
        };
        // only ids that are free now: a lie about a call in progress is the host's own wrong answer
        let id = to.id | 0xf_0000;
        self.host(link).peer.outcome(RespondTo { id, hint }, b"stray")
    }

    fn host(&mut self, link: usize) -> &mut Host {
        self.hosts.get_mut(&link).expect("a host")
    }

    fn proto_of(&self, link: usize) -> Proto {
        let dialed = self.net.borrow().links[link].dialed.clone();
        match dialed.map(|a| a.to_string()) {
            Some(a) if a.ends_with(":11") || a.ends_with(":12") || a.ends_with(":13") => Proto::Bolt,
            _ => Proto::Dubbo,
        }
    }

    fn lose_downstream(&mut self, i: usize, by_itself: bool) {
        let downstream = &mut self.downstreams[i];
        downstream.alive = false;
        if by_itself {
            self.net.borrow_mut().peer_close(downstream.link);
        }
        for call in &downstream.calls {
            let fate = &mut self.fates[*call];
            fate.orphan |= fate.ends == 0;
        }
    }

    /// Everybody acts once, then the worker takes a turn.
    fn step(&mut self, us: u64) {
        self.now_us += us;
        let dials = self.net.borrow_mut().take_dials();
        for link in dials {
            let peer = Peer::new(self.proto_of(link), Role::Server);
            self.hosts.insert(
                link,
                Host {
                    peer,
                    alive: true,
                    due: vec![],
                },
            );
        }
        let mut links: Vec<usize> = self.hosts.keys().copied().collect();
        links.sort_unstable();
        links.into_iter().for_each(|link| self.host_acts(link));
        (0..self.downstreams.len()).for_each(|i| self.downstream_acts(i));
        let ready = self.net.borrow_mut().ready();
        let now = Now { us: self.now_us };
        let mut busy = self.worker.turn(&ready, now);
        for _ in 0..3 {
            if !busy {
                break;
            }
            busy = self.worker.turn(&[], now);
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
        let (found, back) = self.host(link).peer.take(&bytes);
        self.net.borrow_mut().peer_write(link, &back);
        for f in found {
            let Found::Request { to, text, one_way } = f else {
                panic!("an answer to a host")
            };
            let nonce = nonce_of(&text);
            *self.executed.entry(nonce).or_default() += 1;
            if let Some(fate) = self.fates.get(nonce as usize) {
                self.carried.entry(link).or_default().insert(fate.downstream);
            }
            if one_way {
                continue;
            }
            let slow = self.chance(self.faults.slow);
            let wait = if slow { 3_000_000 } else { self.rng.u64(..20_000) };
            let answer = self.host(link).peer.outcome(to, &text);
            let copies = if self.chance(self.faults.duplicate) { 2 } else { 1 };
            for _ in 0..copies {
                let at = self.now_us + wait;
                self.host(link).due.push((at, answer.clone()));
            }
        }
        let now = self.now_us;
        let due = &mut self.host(link).due;
        let (ripe, rest) = std::mem::take(due).into_iter().partition(|(at, _)| *at <= now);
        *due = rest;
        let ripe: Vec<(u64, Vec<u8>)> = ripe;
        ripe.into_iter()
            .for_each(|(_, bytes)| self.net.borrow_mut().peer_write(link, &bytes));
    }

    fn downstream_acts(&mut self, i: usize) {
        let link = self.downstreams[i].link;
        if !self.downstreams[i].alive {
            return;
        }
        if self.net.borrow().is_over(link) {
            return self.lose_downstream(i, false);
        }
        let most = self.rng.usize(1..8000);
        let bytes = self.net.borrow_mut().peer_read(link, most);
        let (found, back) = self.downstreams[i].peer.take(&bytes);
        self.net.borrow_mut().peer_write(link, &back);
        for f in found {
            let Found::Response { id, result } = f else {
                panic!("a call to a downstream")
            };
            let fate = &mut self.fates[self.downstreams[i].calls[id as usize]];
            fate.ends += 1;
            match result {
                Ok(text) => {
                    fate.good = true;
                    fate.wrong |= nonce_of(&text) != fate.nonce || fate.one_way;
                }
                Err(e) => assert!(!e.text.is_empty(), "an error without a word"),
            }
        }
    }

    /// Lets everything come to rest, then looks at it.
    pub fn finish(&mut self) -> Finished {
        for l in &mut self.net.borrow_mut().links {
            l.stalled = false;
        }
        let faults = std::mem::replace(&mut self.faults, Faults::NONE);
        self.net.borrow_mut().exhausted = false;
        self.net.borrow_mut().refuse_dial = faults.refuse_dial;
        for i in 0..30_000 {
            self.step(2000);
            let pending = self.hosts.values().any(|h| h.alive && !h.due.is_empty());
            if i > 2500 && !pending && self.net.borrow().is_quiet() {
                break;
            }
        }
        let links: Vec<usize> = self.hosts.keys().copied().collect();
        links
            .into_iter()
            .for_each(|l| self.net.borrow_mut().peer_close(l));
        self.step(1000);
        self.step(1000);
        let mut end = Finished {
            held: self.worker.held_calls(),
            in_flight: self.worker.in_flight(),
            bytes: self.net.borrow().bytes,
            ..Finished::default()
        };
        for fate in &self.fates {
            let done = fate.ends > 0 || fate.one_way || fate.orphan;
            end.unanswered += usize::from(!done);
            end.twice_answered += usize::from(fate.ends > 1 || (fate.one_way && fate.ends > 0));
            end.wrong += usize::from(fate.wrong);
            end.good += usize::from(fate.good);
            end.failed += usize::from(fate.ends > 0 && !fate.good);
        }
        end.mixed = self
            .carried
            .values()
            .filter(|downstreams| downstreams.len() > 1)
            .count();
        end.twice_executed = self.executed.values().filter(|n| **n > 1).count();
        end
    }
}

fn nonce_of(text: &[u8]) -> u32 {
    let digits = text.split(|b| *b == b':').next().unwrap_or_default();
    std::str::from_utf8(digits)
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(u32::MAX)
}
