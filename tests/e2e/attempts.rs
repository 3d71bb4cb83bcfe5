//! Tests of calls that are tried again, of copies for a mirror, and of health checks.
use super::support::config::protocol;
use super::support::{
    Bolt, Downstream, Dubbo, ErrorKind, GREETER, Reply, Request, Rialto, Upstream, config, endpoints,
    eventually, json,
};
use rialto_core::framed::Codec;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

fn name() -> Request {
    Request::new(GREETER, "1.0", "name")
}

/// A provider without a free thread has not executed the call, so that another one may get it.
#[test]
fn a_call_that_a_busy_provider_refused_goes_to_another() {
    fn check<From: Codec, To: Codec + 'static>() {
        let busy = Upstream::<To>::start(|_, out| {
            out.reply(&Reply::failed(ErrorKind::Overload, "Thread pool is EXHAUSTED!"));
        });
        let free = Upstream::<To>::greeting("free");
        let mut config = config::<To>(&[busy.address, free.address]);
        config["access_log"] = json!({"path": "stdout", "format": "json"});
        let rialto = Rialto::start(&config);
        let mut downstream = Downstream::<From>::connect(rialto.entry());
        let refused = (0..10)
            .filter(|_| downstream.call(&name()).answer.is_err())
            .count();
        assert_eq!(refused, 5, "without a rule calls are not tried again");
        config["routes"][0]["retry"] = json!({"attempts": 2, "on": ["overload"]});
        rialto.reload(&config);
        for _ in 0..3 {
            assert_eq!(downstream.value(&name()), "free");
        }
        let retries = rialto.metric("rialto_call_retries_total", &[]);
        assert!((1.0..=3.0).contains(&retries), "{retries}");
        rialto.stdout.wait("a line of a second attempt", |l| {
            l.contains("\"attempts\":2")
                && l.contains(&format!("\"failed_endpoints\":[\"{}\"]", busy.address))
        });
    }
    check::<Dubbo, Dubbo>();
    check::<Bolt, Dubbo>();
    check::<Dubbo, Bolt>();
}

/// If all are busy, retries do not double the load: at most one call in five is tried again.
#[test]
fn retries_do_not_make_an_overload_worse() {
    let busy = || {
        Upstream::<Dubbo>::start(|_, out| {
            out.reply(&Reply::failed(ErrorKind::Overload, "Thread pool is EXHAUSTED!"));
        })
    };
    let ups = [busy(), busy()];
    let mut config = config::<Dubbo>(&[ups[0].address, ups[1].address]);
    config["routes"][0]["retry"] = json!({"attempts": 5, "on": ["overload"]});
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    for _ in 0..300 {
        assert_eq!(downstream.error(&name()).kind, ErrorKind::Overload);
    }
    let seen = ups.iter().map(|up| up.seen().len()).sum::<usize>();
    // a window of a second may begin anew meanwhile
    assert!((301..=400).contains(&seen), "{seen} requests for 300 calls");
}

/// Calls that begin at a provider that never responds do not wait for the end of their time.
#[test]
fn an_attempt_without_a_response_in_time_goes_on_elsewhere() {
    fn check<From: Codec, To: Codec + 'static>() {
        let silent = Upstream::<To>::silent();
        let good = Upstream::<To>::greeting("good");
        let mut config = config::<To>(&[silent.address, good.address]);
        config["routes"][0]["timeout"] = json!("60s");
        config["routes"][0]["retry"] = json!({
            "attempts": 2, "on": ["timeout"], "attempt_timeout": "50ms", "idempotent": ["name"],
        });
        let rialto = Rialto::start(&config);
        let mut downstream = Downstream::<From>::connect(rialto.entry());
        // three a second may be tried again in any case
        for _ in 0..3 {
            assert_eq!(downstream.value(&name()), "good");
        }
        let tried = silent.seen().len();
        assert!((1..=3).contains(&tried), "{tried}");
        assert_eq!(good.seen().len(), 3);
        assert_eq!(rialto.metric("rialto_call_retries_total", &[]), tried as f64);
    }
    check::<Dubbo, Dubbo>();
    check::<Bolt, Dubbo>();
    check::<Dubbo, Bolt>();
}

/// The mirror speaks the other protocol and only fails. It gets every request, and no downstream notices.
#[test]
fn a_mirror_gets_every_request_and_its_responses_go_nowhere() {
    fn check<From: Codec + 'static, Other: Codec + 'static>() {
        let up = Upstream::<From>::greeting("real");
        let mirror = Upstream::<Other>::start(|_, out| {
            out.reply(&Reply::failed(ErrorKind::Upstream, "this goes nowhere"));
        });
        let mut config = config::<From>(&[up.address]);
        config["clusters"].as_array_mut().unwrap().push(json!({
            "name": "shadow", "protocol": protocol::<Other>(), "endpoints": endpoints(&[mirror.address]),
        }));
        config["routes"][0]["mirror"] = json!({"cluster": "shadow"});
        let rialto = Rialto::start(&config);
        let mut downstream = Downstream::<From>::connect(rialto.entry());
        for _ in 0..50 {
            assert_eq!(downstream.value(&name()), "real");
        }
        for arrived in mirror.wait_seen(50) {
            let request = arrived.request();
            assert_eq!((&*request.service, &*request.method), (GREETER, "name"));
        }
        assert_eq!(up.seen().len(), 50);
        assert!(rialto.metric("rialto_mirrored_calls_total", &[]) >= 50.0);
        assert_eq!(rialto.metric("rialto_calls_total", &["outcome=\"ok\""]), 50.0);
    }
    check::<Dubbo, Bolt>();
    check::<Bolt, Dubbo>();
}

/// A relay before a provider, which can be frozen: then it accepts connections and passes nothing on.
#[derive(Clone)]
struct Frozen(Arc<Mutex<(bool, Vec<TcpStream>)>>);

impl Frozen {
    fn before(provider: SocketAddr) -> (SocketAddr, Frozen) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let frozen = Frozen(Arc::new(Mutex::new((true, vec![]))));
        let state = frozen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut state = state.0.lock().unwrap();
                if state.0 {
                    state.1.push(stream);
                    continue;
                }
                let up = TcpStream::connect(provider).unwrap();
                for (mut from, mut to) in [
                    (stream.try_clone().unwrap(), up.try_clone().unwrap()),
                    (up, stream),
                ] {
                    std::thread::spawn(move || {
                        // either side may close
                        let _ = io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        (address, frozen)
    }

    /// The frozen connections end, and new ones reach the provider.
    fn thaw(&self) {
        let mut state = self.0.lock().unwrap();
        state.0 = false;
        state.1.clear();
    }
}

/// A provider that is frozen takes connections and requests, and gives nothing back.
#[test]
fn an_endpoint_that_does_not_respond_to_heartbeats_gets_no_calls() {
    fn check<C: Codec + 'static>() {
        let (good, other) = (Upstream::<C>::greeting("good"), Upstream::<C>::greeting("other"));
        let (address, frozen) = Frozen::before(other.address);
        let mut config = config::<C>(&[good.address, address]);
        config["clusters"][0]["health_check"] = json!({"interval": "50ms", "timeout": "50ms"});
        let rialto = Rialto::start(&config);
        let avoided = || rialto.metric("rialto_cluster_endpoints", &["state=\"avoided\""]);
        eventually("the frozen endpoint is found", || {
            (avoided() == 1.0).then_some(())
        });
        rialto.stderr.wait("why it gets no calls", |line| {
            line.contains(&address.to_string()) && line.contains("failed 2 health checks in a row")
        });
        assert_eq!(rialto.endpoint("up", 1)["fails_health_checks"], true);
        let mut downstream = Downstream::<C>::connect(rialto.entry());
        for _ in 0..20 {
            assert_eq!(downstream.value(&name()), "good");
        }
        frozen.thaw();
        eventually("it has recovered", || (avoided() == 0.0).then_some(()));
        let mut answers: Vec<_> = (0..20).map(|_| downstream.value(&name())).collect();
        answers.sort_by_key(ToString::to_string);
        answers.dedup();
        assert_eq!(answers, ["good", "other"]);
        // The check is taken back, and nothing is sick any more.
        config["clusters"][0]
            .as_object_mut()
            .unwrap()
            .remove("health_check");
        rialto.reload(&config);
        assert_eq!(avoided(), 0.0);
    }
    check::<Dubbo>();
    check::<Bolt>();
}

/// Workers without calls wake up for heartbeats only, and their clocks stand still in between.
#[test]
fn endpoints_that_respond_stay_well_while_workers_are_idle() {
    let ups = [(); 3].map(|()| Upstream::<Dubbo>::greeting("well"));
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config::<Dubbo>(&[ups[0].address, ups[1].address, ups[2].address]);
    config["runtime"]["workers"] = json!(2);
    let check = |unhealthy_after: u8| json!({"interval": "200ms", "timeout": "150ms", "unhealthy_after": unhealthy_after});
    config["clusters"][0]["health_check"] = check(1);
    config["clusters"].as_array_mut().unwrap().push(json!({
        "name": "silent", "protocol": "dubbo", "endpoints": endpoints(&[silent.local_addr().unwrap()]),
        "health_check": check(12),
    }));
    let rialto = Rialto::start(&config);
    // Nothing else may wake the workers, so the endpoint that is silent says when a dozen rounds are over.
    rialto.stderr.wait("a dozen rounds", |line| {
        line.contains("failed 12 health checks in a row")
    });
    let mut lines = rialto.stderr.all().into_iter();
    assert_eq!(lines.find(|line| line.contains("failed 1 health checks")), None);
}

/// As a registry does it with a provider that restarts.
#[test]
fn an_endpoint_that_was_removed_while_it_was_frozen_comes_back_well() {
    let (good, other) = (
        Upstream::<Bolt>::greeting("good"),
        Upstream::<Bolt>::greeting("other"),
    );
    let (address, frozen) = Frozen::before(other.address);
    let mut both = config::<Bolt>(&[good.address, address]);
    both["clusters"][0]["health_check"] = json!({"interval": "50ms", "timeout": "50ms"});
    let mut one = both.clone();
    one["clusters"][0]["endpoints"] = endpoints(&[good.address]);
    let rialto = Rialto::start(&both);
    let avoided = || rialto.metric("rialto_cluster_endpoints", &["state=\"avoided\""]);
    eventually("the frozen endpoint is found", || {
        (avoided() == 1.0).then_some(())
    });
    rialto.reload(&one);
    frozen.thaw();
    rialto.reload(&both);
    eventually("it is used", || (avoided() == 0.0).then_some(()));
    let mut downstream = Downstream::<Bolt>::connect(rialto.entry());
    eventually("it gets calls", || {
        (downstream.value(&name()) == "other").then_some(())
    });
}
