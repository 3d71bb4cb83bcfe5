//! Tests of configuration changes.
use super::support::{
    Answer, Bolt, Downstream, Dubbo, GREETER, Reply, Request, Rialto, Upstream, config, endpoints,
    eventually, greet, idle_config, json, nobody,
};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

fn name() -> Request {
    Request::new(GREETER, "1.0", "name")
}

/// Only the file changes. The call in flight keeps the old route, the next one uses the new one, and no
/// connection is affected.
#[test]
fn a_changed_file_is_taken_over_while_a_call_is_in_flight() {
    let (old, held) = Upstream::<Dubbo>::holding("old");
    let new = Upstream::<Dubbo>::greeting("new");
    let mut config = config::<Dubbo>(&[old.address]);
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Bolt>::connect(rialto.entry());
    assert_eq!(downstream.value(&name()), "old");
    let flying = downstream.send(&greet("Ada"));
    let response = held.next();
    config["clusters"][0]["endpoints"] = endpoints(&[new.address]);
    rialto.write(&config.to_string());
    eventually("the reload", || (rialto.reloads("accepted") == 1).then_some(()));
    eventually("the new endpoint", || {
        (downstream.value(&name()) == "new").then_some(())
    });
    response.reply(&Reply::value("done"));
    assert_eq!(
        downstream.response_to(flying).answer,
        Ok(Answer::Value("done".into()))
    );
    let shown = rialto.admin.json("/listeners");
    assert_eq!(shown[0]["connections_total"], 1, "{shown}");
    old.wait_closed(0);
    assert_eq!(
        rialto.metric("rialto_config_reloads_total", &["result=\"accepted\""]),
        1.0
    );
}

#[test]
fn a_hangup_signal_reloads_at_once() {
    let ups = ["old", "new"].map(Upstream::<Bolt>::greeting);
    let mut config = config::<Bolt>(&[ups[0].address]);
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    assert_eq!(downstream.value(&name()), "old");
    config["clusters"][0]["endpoints"] = endpoints(&[ups[1].address]);
    rialto.reload(&config);
    eventually("the new endpoint", || {
        (downstream.value(&name()) == "new").then_some(())
    });
    let dump = rialto.admin.json("/config_dump");
    assert_eq!(
        dump["config"]["clusters"][0]["endpoints"][0]["address"],
        ups[1].address.to_string()
    );
}

#[test]
fn a_broken_file_is_refused_and_changes_nothing() {
    let up = Upstream::<Dubbo>::greeting("it");
    let config = config::<Dubbo>(&[up.address]);
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    assert_eq!(downstream.value(&name()), "it");
    let mut wrong = config.clone();
    wrong["routes"][0]["to"][0]["cluster"] = json!("nowhere");
    wrong["routes"][0]["timeout"] = json!("soon");
    rialto.write(&wrong.to_string());
    rialto.signal("HUP");
    eventually("the refusal", || (rialto.reloads("refused") >= 1).then_some(()));
    let reload = &rialto.admin.json("/config_dump")["reload"];
    let why = reload["last_error"].as_str().unwrap();
    assert!(why.contains("timeout") && why.contains("soon"), "{why}");
    assert_eq!(rialto.metric("rialto_config_last_reload_successful", &[]), 0.0);
    rialto
        .stderr
        .wait("the reason", |l| l.contains("was refused, the former one stays"));
    assert_eq!(downstream.value(&name()), "it");
    assert_eq!(
        rialto.admin.json("/config_dump")["config"]["routes"][0]["to"][0]["cluster"],
        "up"
    );

    rialto.reload(&config);
    assert_eq!(rialto.metric("rialto_config_last_reload_successful", &[]), 1.0);
    assert_eq!(downstream.value(&name()), "it");
    assert_eq!(rialto.admin.json("/listeners")[0]["connections_total"], 1);
}

#[test]
fn a_configuration_with_a_taken_port_is_refused_as_a_whole() {
    let up = Upstream::<Dubbo>::greeting("it");
    let mut changed = config::<Dubbo>(&[up.address]);
    let rialto = Rialto::start(&changed);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    changed["routes"][0]["name"] = json!("renamed");
    changed["listeners"][0]["routes"] = json!(["renamed"]);
    let address = taken.local_addr().unwrap().to_string();
    changed["listeners"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "second", "address": address, "routes": ["renamed"]}));
    rialto.write(&changed.to_string());
    rialto.signal("HUP");
    eventually("the refusal", || (rialto.reloads("refused") >= 1).then_some(()));
    let dump = rialto.admin.json("/config_dump");
    assert!(
        dump["reload"]["last_error"]
            .as_str()
            .unwrap()
            .contains("listener second: cannot listen on"),
        "{dump}"
    );
    assert_eq!(dump["config"]["routes"][0]["name"], "all");
    assert_eq!(Downstream::<Dubbo>::connect(rialto.entry()).value(&name()), "it");
}

#[test]
fn listeners_are_added_and_removed_and_their_connections_stay() {
    let up = Upstream::<Dubbo>::greeting("it");
    let mut config = config::<Dubbo>(&[up.address]);
    let rialto = Rialto::start(&config);
    config["listeners"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "second", "address": "127.0.0.1:0", "routes": ["all"]}));
    rialto.reload(&config);
    let at = rialto.listener("second");
    let mut downstream = Downstream::<Bolt>::connect(at);
    assert_eq!(downstream.value(&name()), "it");
    let mut first = Downstream::<Bolt>::connect(rialto.entry());
    assert_eq!(first.value(&name()), "it");

    config["listeners"].as_array_mut().unwrap().pop();
    rialto.reload(&config);
    eventually("that nobody listens", || TcpStream::connect(at).err());
    // The listener's routes are gone with it, and the error is sent over the connection that is still open.
    let error = downstream.error(&name());
    assert!(error.text.contains("this listener was removed"), "{error}");
    assert_eq!(first.value(&name()), "it");
}

/// The addresses are taken, but by listeners that release them in the same change.
#[test]
fn listeners_may_be_renamed_and_exchange_their_addresses() {
    let up = Upstream::<Dubbo>::greeting("it");
    let folder = super::support::process::Folder::new();
    let path = folder.path("in.sock");
    let unix = format!("unix:{}", path.display());
    let tcp = nobody().to_string();
    let mut config = config::<Dubbo>(&[up.address]);
    config["listeners"] = json!([
        {"name": "a", "address": tcp, "routes": ["all"]},
        {"name": "b", "address": unix, "routes": ["all"]},
    ]);
    let rialto = Rialto::start_in(folder, &config);
    for (first, second) in [("b", "a"), ("b", "c"), ("c", "d")] {
        config["listeners"][0]["name"] = json!(first);
        config["listeners"][1]["name"] = json!(second);
        rialto.reload(&config);
        let mut downstream = Downstream::<Bolt>::connect(tcp.parse().unwrap());
        assert_eq!(downstream.value(&name()), "it");
        assert!(UnixStream::connect(&path).is_ok(), "its file is still there");
        let count = |name: &str| {
            let label = format!("listener=\"{name}\"");
            rialto.metric("rialto_listener_connections_opened_total", &[&label])
        };
        assert!(count(first) >= 1.0, "{first} listens");
        eventually("a connection", || (count(second) >= 1.0).then_some(()));
    }
    config["listeners"] = json!([{"name": "e", "address": "127.0.0.1:0", "routes": ["all"]}]);
    rialto.reload(&config);
    eventually("that nobody listens", || TcpStream::connect(&tcp).err());
    assert!(!path.exists());
}

#[test]
fn settings_that_need_a_new_start_are_named() {
    let mut config = idle_config();
    let rialto = Rialto::start(&config);
    config["runtime"]["workers"] = json!(2);
    rialto.reload(&config);
    rialto
        .stderr
        .wait("the note", |l| l.contains("runtime.workers was changed"));
    assert_eq!(rialto.metric("rialto_workers", &[]), 1.0);
}

#[test]
fn a_file_of_endpoints_is_followed() {
    let ups = ["old", "new"].map(Upstream::<Dubbo>::greeting);
    let folder = super::support::process::Folder::new();
    let path = folder.path("hosts.json");
    let write = |up: usize| std::fs::write(&path, endpoints(&[ups[up].address]).to_string()).unwrap();
    write(0);
    let mut config = config::<Dubbo>(&[]);
    config["clusters"][0]["endpoints_file"] = json!("hosts.json");
    let rialto = Rialto::start_in(folder, &config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    assert_eq!(downstream.value(&name()), "old");
    write(1);
    eventually("the new endpoint", || {
        (downstream.value(&name()) == "new").then_some(())
    });
}

/// Until the list of the new cluster is known, calls use the old route.
#[test]
fn a_new_cluster_takes_calls_when_its_endpoints_are_known() {
    let ups = ["old", "new"].map(Upstream::<Dubbo>::greeting);
    let mut config = config::<Dubbo>(&[ups[0].address]);
    let rialto = Rialto::start(&config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    assert_eq!(downstream.value(&name()), "old");
    config["clusters"] = json!([{"name": "next", "protocol": "dubbo", "endpoints_file": "late.json"}]);
    config["routes"][0]["to"][0]["cluster"] = json!("next");
    rialto.write(&config.to_string());
    rialto.signal("HUP");
    rialto
        .stderr
        .wait("the wait", |l| l.contains("waits for the endpoints of: next"));
    for _ in 0..100 {
        assert_eq!(downstream.value(&name()), "old");
    }
    let list = endpoints(&[ups[1].address]).to_string();
    std::fs::write(rialto.folder.path("late.json"), list).unwrap();
    eventually("the new cluster", || {
        (downstream.value(&name()) == "new").then_some(())
    });
    rialto.stderr.wait("what changed", |l| {
        l.contains("was taken over: 1 route changed (all), 1 cluster added (next), 1 cluster removed (up)")
    });
}

/// The new list never comes: after a while the rest of the configuration takes effect without it.
#[test]
fn a_cluster_whose_endpoints_stay_unknown_does_not_hold_the_others_up() {
    let up = Upstream::<Dubbo>::greeting("it");
    let mut config = config::<Dubbo>(&[up.address]);
    let rialto = Rialto::start(&config);
    config["clusters"][0] = json!({"name": "up", "protocol": "dubbo", "endpoints_file": "never.json"});
    config["routes"][0]["timeout"] = json!("9s");
    rialto.reload(&config);
    let dump = rialto.admin.json("/config_dump");
    assert_eq!(dump["config"]["routes"][0]["timeout"], "9s");
    // The cluster keeps its former endpoints.
    assert_eq!(Downstream::<Dubbo>::connect(rialto.entry()).value(&name()), "it");
}

/// Each change adds a cluster, by address, by name or by a file that comes later, and the next change follows
/// at once.
#[test]
fn many_quick_changes_lose_no_call() {
    const CHANGES: usize = 60;
    let ups = ["a", "b"].map(Upstream::<Dubbo>::greeting);
    let mut config = config::<Dubbo>(&[ups[0].address]);
    config["runtime"]["workers"] = json!(2);
    let rialto = Rialto::start(&config);
    let entry = rialto.entry();
    let (over, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut downstream = Downstream::<Bolt>::connect(entry);
                while !over.load(Ordering::Relaxed) {
                    // It panics unless the call succeeds.
                    downstream.value(&name());
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for i in 0..CHANGES {
            let at = ups[i % 2].address;
            let (cluster, file) = (format!("c{i}"), format!("c{i}.json"));
            let mut new = json!({"name": cluster, "protocol": "dubbo"});
            match i % 3 {
                0 => new["endpoints"] = endpoints(&[at]),
                1 => new["endpoints"] = json!([{"address": format!("localhost:{}", at.port())}]),
                _ => new["endpoints_file"] = json!(file),
            }
            config["clusters"] = json!([new]);
            config["routes"][0]["to"][0]["cluster"] = json!(cluster);
            rialto.write(&config.to_string());
            rialto.signal("HUP");
            let before = calls.load(Ordering::Relaxed);
            eventually("calls meanwhile", || {
                (calls.load(Ordering::Relaxed) > before + 20).then_some(())
            });
            std::fs::write(rialto.folder.path(&file), endpoints(&[at]).to_string()).unwrap();
        }
        let last = format!("c{}", CHANGES - 1);
        eventually("the last change", || {
            let dump = rialto.admin.json("/config_dump");
            (dump["config"]["clusters"][0]["name"] == last).then_some(())
        });
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(
        rialto.metric("rialto_calls_total", &["outcome=\"no_endpoint\""]),
        0.0
    );
    assert_eq!(rialto.reloads("refused"), 0);
}
