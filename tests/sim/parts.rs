//! Stories of clusters with more endpoints than one worker uses. Several workers run side by side, each on a stage of its
//! own with the same configuration.
use super::peer::{Found, Proto};
use super::scripted::config;
use super::stage::Stage;
use rialto_core::directory::{EndpointId, Seat};
use std::collections::{BTreeMap, BTreeSet};

const WORKERS: u32 = 4;
const ENDPOINTS: u16 = 40;
/// A quarter of the endpoints, and half a quarter.
const PER_WORKER: &str = ", heartbeat_interval: off, limits: { endpoints_per_worker: 15 }";

fn ports() -> Vec<u16> {
    (1000..1000 + ENDPOINTS).collect()
}

/// One worker, its only downstream, and its connections to endpoints.
struct Site {
    stage: Stage,
    downstream: usize,
    calls: u32,
    upstreams: Vec<(usize, String)>,
}

impl Site {
    fn new(index: u32, config: &str) -> Self {
        let workers = WORKERS;
        let mut stage = Stage::among(Seat { index, workers }, config);
        Site {
            downstream: stage.downstream(),
            stage,
            calls: 0,
            upstreams: vec![],
        }
    }

    fn all(config: &str) -> Vec<Site> {
        (0..WORKERS).map(|i| Site::new(i, config)).collect()
    }

    /// Makes calls, which all have to succeed. Returns how many each endpoint got.
    fn call(&mut self, count: u32) -> BTreeMap<String, u32> {
        let (got, good) = self.try_calls(count);
        assert_eq!(good, count, "each call succeeds");
        got
    }

    /// Makes calls. Returns how many each endpoint got, and how many succeeded.
    fn try_calls(&mut self, count: u32) -> (BTreeMap<String, u32>, u32) {
        let (mut got, mut good, mut ended) = (BTreeMap::new(), 0, 0);
        for _ in 0..count {
            self.calls += 1;
            self.stage
                .call(self.downstream, self.calls, "a.Service", b"hello");
            // calls of one read would go to one endpoint
            self.stage.pass(0);
        }
        for _ in 0..200 {
            self.stage.pass(10);
            self.upstreams.extend(self.stage.dialed(Proto::Bolt));
            for (link, address) in &self.upstreams {
                for found in self.stage.received_in(1, *link) {
                    let Found::Request { to, text, .. } = found else {
                        panic!("a response to a server")
                    };
                    *got.entry(address.clone()).or_default() += 1;
                    self.stage.answer(*link, to, &text);
                }
            }
            for found in self.stage.received_in(1, self.downstream) {
                let Found::Response { result, .. } = found else {
                    panic!("a call to a downstream")
                };
                ended += 1;
                good += u32::from(result.is_ok());
            }
            if ended == count {
                return (got, good);
            }
        }
        panic!("{} of {count} calls ended", ended);
    }

    /// The endpoints with a connection.
    fn connected(&self) -> BTreeSet<String> {
        let open = self
            .upstreams
            .iter()
            .filter(|(link, _)| !self.stage.is_closed(*link));
        open.map(|(_, address)| address.clone()).collect()
    }

    fn set_sick(&mut self, addresses: &BTreeSet<String>, is_sick: bool) {
        for (id, port) in (0..).zip(ports()) {
            if addresses.contains(&format!("127.0.0.1:{port}")) {
                self.stage.worker.set_sick(EndpointId(id), is_sick);
            }
        }
    }
}

#[test]
fn workers_connect_to_a_part_each_and_load_all_endpoints_equally() {
    for (settings, tolerance) in [
        ("", 3),
        (", connections: per_downstream", 3),
        (", balance: random", 80),
        (", balance: least_request", 80),
    ] {
        let config = config(&format!("{PER_WORKER}{settings}"), &ports());
        let (mut users, mut load) = (BTreeMap::<String, u32>::new(), BTreeMap::<String, u32>::new());
        for mut site in Site::all(&config) {
            for _ in 0..20 {
                site.call(100)
                    .into_iter()
                    .for_each(|(e, n)| *load.entry(e).or_default() += n);
            }
            assert!((15..=16).contains(&site.upstreams.len()), "{:?}", site.upstreams);
            site.connected()
                .into_iter()
                .for_each(|e| *users.entry(e).or_default() += 1);
        }
        assert_eq!(
            users.len(),
            usize::from(ENDPOINTS),
            "some worker uses each endpoint"
        );
        assert!(users.values().all(|n| [1, 2].contains(n)), "{users:?}");
        let due = 2000 * WORKERS / u32::from(ENDPOINTS);
        assert!(
            load.values().all(|n| n.abs_diff(due) <= tolerance),
            "{settings}: {load:?}"
        );
    }
}

#[test]
fn a_restart_and_another_order_of_the_list_change_nothing() {
    let mut backwards = ports();
    backwards.reverse();
    let connected = |ports: &[u16]| -> Vec<_> {
        let mut sites = Site::all(&config(PER_WORKER, ports));
        sites.iter_mut().for_each(|site| drop(site.call(100)));
        sites.iter().map(Site::connected).collect()
    };
    assert_eq!(connected(&ports()), connected(&backwards));
}

#[test]
fn one_endpoint_more_or_less_moves_few_connections() {
    let mut sites = Site::all(&config(PER_WORKER, &ports()));
    for site in &mut sites {
        site.call(100);
        let before = site.connected();
        for gone in [3, 17, 31] {
            let mut others = ports();
            others.remove(gone);
            site.stage.configure(&config(PER_WORKER, &others));
            site.call(100);
        }
        let opened = site.connected().difference(&before).count();
        assert!(opened <= 6, "{opened}");
    }
}

#[test]
fn a_worker_whose_endpoints_are_sick_calls_others_until_they_have_recovered() {
    for idle in ["5s", "off"] {
        let settings = format!("{PER_WORKER}, idle_timeout: {idle}");
        let mut site = Site::new(1, &config(&settings, &ports()));
        site.call(200);
        let own = site.connected();
        site.set_sick(&own, true);
        let got = site.call(200);
        assert!(got.keys().all(|e| !own.contains(e)), "{got:?}");
        let most = got.values().max();
        assert!(
            got.len() > 20 && most < Some(&30),
            "the others share the calls: {got:?}"
        );
        // with all of them sick, its own are as good as any
        let all = ports()
            .into_iter()
            .map(|port| format!("127.0.0.1:{port}"))
            .collect();
        site.set_sick(&all, true);
        let got = site.call(200);
        assert!(got.keys().all(|e| own.contains(e)), "{got:?}");
        site.set_sick(&all, false);
        let got = site.call(200);
        assert!(got.keys().all(|e| own.contains(e)), "{got:?}");
        assert!(site.connected().len() > own.len());
        // what it does not need any more is closed
        for _ in 0..14 {
            site.stage.pass(4900);
            site.call(200);
        }
        assert_eq!(site.connected(), own, "idle_timeout: {idle}");
    }
}

#[test]
fn a_worker_that_cannot_reach_its_endpoints_calls_others() {
    let config = config(PER_WORKER, &ports());
    let mut site = Site::new(2, &config);
    site.call(100);
    let own = site.connected();
    let mut site = Site::new(2, &config);
    site.stage.net.borrow_mut().refusing = own.iter().cloned().collect();
    // The first calls find out, as in a small cluster, and some of them have no attempts left then.
    let (got, good) = site.try_calls(40);
    assert!(good > 0 && got.keys().all(|e| !own.contains(e)), "{good} {got:?}");
    site.call(200);
    site.stage.net.borrow_mut().refusing.clear();
    // They are dialed in the background.
    site.stage.pass(60_000);
    let got = site.call(200);
    assert!(got.keys().all(|e| own.contains(e)), "{got:?}");
}

#[test]
fn the_second_attempt_goes_elsewhere_where_a_worker_uses_one_endpoint() {
    let settings = ", limits: { endpoints_per_worker: 1 }";
    let config = config(settings, &[1000, 1001, 1002, 1003]);
    let mut used = BTreeSet::new();
    for index in 0..WORKERS {
        let mut site = Site::new(index, &config);
        site.call(20);
        let own = site.connected();
        assert_eq!(own.len(), 1);
        let mut site = Site::new(index, &config);
        site.stage.net.borrow_mut().refusing = own.iter().cloned().collect();
        let got = site.call(1);
        assert!(got.keys().all(|e| !own.contains(e)), "{got:?}");
        used.extend(own);
    }
    assert_eq!(used.len(), 4);
}
