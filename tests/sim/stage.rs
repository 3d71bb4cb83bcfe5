//! A worker between peers that do what a test says, one step after the other.
use super::fleet::{SimEnv, compile};
use super::net::{End, Net, Shared, SimReactor};
use super::peer::{Found, Peer, Proto};
use rialto::control::{Compiler, World};
use rialto_config::Protocol;
use rialto_core::directory::{ClusterId, ListenerId, Seat};
use rialto_core::session::{RespondTo, Role};
use rialto_core::transport::Address;
use rialto_core::worker::{Now, Worker};
use rialto_discovery::DiscoveredEndpoint;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The worker, its clock, and all peers by their link.
pub struct Stage {
    pub net: Shared,
    pub worker: Worker<SimEnv>,
    compiler: Compiler,
    peers: HashMap<usize, Peer>,
    began: Instant,
    now_ms: u64,
}

impl Stage {
    pub fn new(config: &str) -> Self {
        Stage::among(Seat::default(), config)
    }

    /// A stage for one of several workers.
    pub fn among(seat: Seat, config: &str) -> Self {
        let net = Net::new(1);
        net.borrow_mut().cut = 100_000;
        let (mut compiler, began) = (Compiler::default(), Instant::now());
        let compiled = compile(&mut compiler, config, began, &[]);
        let worker = Worker::among(seat, SimReactor(Rc::clone(&net)), &compiled, 1);
        Stage {
            net,
            worker,
            compiler,
            peers: HashMap::new(),
            began,
            now_ms: 0,
        }
    }

    /// Takes over a changed configuration.
    pub fn configure(&mut self, config: &str) {
        let now = self.began + Duration::from_millis(self.now_ms);
        let uses = self.worker.uses();
        let change = compile(&mut self.compiler, config, now, &[uses]);
        self.worker.apply(&change);
    }

    /// Tells the worker that a registry has this cluster for a service, with endpoints at these ports.
    pub fn found(&mut self, name: &str, ports: &[u16]) -> ClusterId {
        let found = |port: &u16| DiscoveredEndpoint {
            address: Address::Tcp(([127, 0, 0, 1], *port).into()),
            name: format!("127.0.0.1:{port}").into(),
            weight: 1,
            metadata: Default::default(),
            protocol: Some(Protocol::Bolt),
        };
        let cluster = rialto_config::Cluster::new(name, Protocol::Bolt);
        let found = ports.iter().map(found).collect();
        let (id, change) = self.on_demand(|compiler, world| compiler.set_on_demand(cluster, found, world));
        self.worker.apply(&change);
        id
    }

    /// Tells the worker that these clusters are gone.
    pub fn gone(&mut self, clusters: &[ClusterId]) {
        let change = self.on_demand(|compiler, world| compiler.remove_on_demand(clusters, world));
        self.worker.apply(&change);
    }

    fn on_demand<T>(&mut self, change: impl FnOnce(&mut Compiler, &World<'_>) -> T) -> T {
        let now = self.began + Duration::from_millis(self.now_ms);
        let uses = [self.worker.uses()];
        let none = |_: &rialto_config::Cluster| vec![];
        let world = World {
            endpoints: &none,
            workers: 1,
            now,
            uses: &uses,
        };
        change(&mut self.compiler, &world)
    }

    /// A downstream that speaks Bolt.
    pub fn downstream(&mut self) -> usize {
        let (link, end): (usize, End) = Net::connect(&self.net);
        self.worker.accept(end, ListenerId(0), None);
        self.peers.insert(link, Peer::new(Proto::Bolt, Role::Client));
        link
    }

    pub fn call(&mut self, downstream: usize, id: u32, service: &str, text: &[u8]) {
        self.call_within(downstream, id, service, text, 1000, false);
    }

    pub fn call_within(
        &mut self,
        downstream: usize,
        id: u32,
        service: &str,
        text: &[u8],
        ms: u32,
        one_way: bool,
    ) {
        let bytes = self.peer(downstream).request(id, service, text, ms, one_way);
        self.net.borrow_mut().peer_write(downstream, &bytes);
    }

    /// A peer says something of its own protocol.
    pub fn say(&mut self, link: usize, words: impl FnOnce(&mut Peer) -> Vec<u8>) {
        let bytes = words(self.peer(link));
        self.net.borrow_mut().peer_write(link, &bytes);
    }

    /// Takes turns for so long, one each 10 ms.
    pub fn pass(&mut self, ms: u64) {
        let until = self.now_ms + ms;
        loop {
            let ready = self.net.borrow_mut().ready();
            let now = Now {
                us: self.now_ms * 1000,
            };
            let mut busy = self.worker.turn(&ready, now);
            while busy {
                busy = self.worker.turn(&[], now);
            }
            if self.now_ms >= until {
                return;
            }
            self.now_ms = until.min(self.now_ms + 10);
        }
    }

    /// Links that were dialed since, and where to; they are hosts that speak the protocol from now on.
    pub fn dialed(&mut self, proto: Proto) -> Vec<(usize, String)> {
        let links = self.net.borrow_mut().take_dials();
        for link in &links {
            self.peers.insert(*link, Peer::new(proto, Role::Server));
        }
        let name = |link: usize| {
            self.net.borrow().links[link]
                .dialed
                .as_ref()
                .map(ToString::to_string)
        };
        links.iter().map(|l| (*l, name(*l).unwrap_or_default())).collect()
    }

    /// What a peer got until now, while turns go on.
    pub fn received(&mut self, link: usize) -> Vec<Found> {
        self.received_in(200, link)
    }

    /// The same in so many turns.
    pub fn received_in(&mut self, turns: usize, link: usize) -> Vec<Found> {
        let mut found = vec![];
        for _ in 0..turns {
            let bytes = self.net.borrow_mut().peer_read(link, usize::MAX);
            let (more, back) = self.peer(link).take(&bytes);
            self.net.borrow_mut().peer_write(link, &back);
            found.extend(more);
            self.pass(0);
        }
        found
    }

    /// Answers every call that a host got with its own text; tells how many.
    pub fn serve(&mut self, host: usize) -> usize {
        let calls = self.received(host);
        let count = calls.len();
        for call in calls {
            let Found::Request { to, text, .. } = call else {
                panic!("an answer to a host")
            };
            self.answer(host, to, &text);
        }
        self.pass(0);
        count
    }

    pub fn answer(&mut self, host: usize, to: RespondTo, text: &[u8]) {
        self.say(host, |peer| peer.outcome(to, text));
    }

    /// The answers that a downstream got: good ones by their length, or why there is none.
    pub fn answers(&mut self, downstream: usize) -> Vec<(u32, Result<usize, String>)> {
        let answer = |found| match found {
            Found::Response { id, result } => (id, result.map(|t| t.len()).map_err(|e| e.text.into_owned())),
            Found::Request { .. } => panic!("a call to a downstream"),
        };
        self.received(downstream).into_iter().map(answer).collect()
    }

    /// Whether the worker closed the link.
    pub fn is_closed(&self, link: usize) -> bool {
        self.net.borrow().is_over(link)
    }

    fn peer(&mut self, link: usize) -> &mut Peer {
        self.peers.get_mut(&link).expect("a peer")
    }
}
