//! Tests of services that are found in a registry when they are first called.
use super::support::process::Folder;
use super::support::{
    Answer, Bolt, Downstream, Dubbo, ErrorKind, GREETER, Json, Request, Rialto, Upstream, config, eventually,
    greet, json,
};
use std::net::{SocketAddr, TcpListener};

/// A configuration whose only route leads to a registry over the folder's directory `services`.
fn registry_config() -> Json {
    let mut config = config::<Dubbo>(&[]);
    config["clusters"] = json!([]);
    config["routes"][0]["to"] = json!([{"registry": "local"}]);
    config["registries"] = json!([{"name": "local", "directory": "services"}]);
    config
}

fn folder() -> Folder {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("services")).unwrap();
    folder
}

fn write(folder: &Folder, file: &str, protocol: &str, addresses: &[SocketAddr]) {
    let endpoints: Vec<Json> = addresses
        .iter()
        .map(|a| json!({"address": a.to_string()}))
        .collect();
    let list = json!({"protocol": protocol, "endpoints": endpoints});
    // replaced as a whole, as deployments do
    let new = folder.path(&format!("services/.{file}.new"));
    std::fs::write(&new, list.to_string()).unwrap();
    std::fs::rename(new, folder.path(&format!("services/{file}"))).unwrap();
}

fn name_of(service: &str, version: &str) -> Request {
    Request::new(service, version, "name")
}

#[test]
fn a_service_is_found_at_its_first_call_in_any_protocol() {
    let (bolt, dubbo) = (
        Upstream::<Bolt>::greeting("bolt"),
        Upstream::<Dubbo>::greeting("dubbo"),
    );
    let folder = folder();
    write(&folder, "com.acme.Greeter.yaml", "bolt", &[bolt.address]);
    write(&folder, "com.acme.Greeter:2.0.yaml", "dubbo", &[dubbo.address]);
    let rialto = Rialto::start_in(folder, &registry_config());
    let mut by_dubbo = Downstream::<Dubbo>::connect(rialto.entry());
    let mut by_bolt = Downstream::<Bolt>::connect(rialto.entry());
    for _ in 0..3 {
        assert_eq!(by_dubbo.value(&name_of(GREETER, "1.0")), "bolt");
        assert_eq!(by_dubbo.value(&name_of(GREETER, "2.0")), "dubbo");
        assert_eq!(by_bolt.value(&name_of(GREETER, "1.0")), "bolt");
        assert_eq!(by_bolt.value(&name_of(GREETER, "2.0")), "dubbo");
    }
    let clusters = rialto.admin.json("/clusters");
    let names: Vec<&str> = clusters
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|c| c["name"].as_str())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.contains(&"local/com.acme.Greeter:1.0@bolt"), "{names:?}");
}

#[test]
fn a_service_that_the_registry_does_not_have_is_named_and_found_once_it_is_there() {
    let up = Upstream::<Bolt>::greeting("it");
    let folder = folder();
    let services = folder.path("services");
    let rialto = Rialto::start_in(folder, &registry_config());
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let error = downstream.error(&name_of(GREETER, "1.0"));
    assert_eq!(error.kind, ErrorKind::NoService, "{error}");
    assert!(
        error
            .text
            .contains("registry local has no service com.acme.Greeter:1.0"),
        "{error}"
    );
    let error = downstream.error(&name_of("../../etc/passwd", ""));
    assert!(error.text.contains("cannot be the name of a file"), "{error}");
    let list = json!({"protocol": "bolt", "endpoints": [{"address": up.address.to_string()}]});
    std::fs::write(services.join("com.acme.Greeter.yaml"), list.to_string()).unwrap();
    eventually("the service is there", || {
        let reply = downstream.call(&name_of(GREETER, "1.0"));
        reply.answer.is_ok().then_some(())
    });
}

/// Calls that come while a service is looked up all go to it, and a change of its file moves the next ones.
#[test]
fn calls_follow_the_file_of_their_service() {
    let (one, two) = (
        Upstream::<Bolt>::greeting("one"),
        Upstream::<Bolt>::greeting("two"),
    );
    let folder = folder();
    write(&folder, "com.acme.Greeter.yaml", "bolt", &[one.address]);
    let services = folder.path("services");
    let rialto = Rialto::start_in(folder, &registry_config());
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let calls: Vec<u32> = (0..50).map(|_| downstream.send(&greet("Ada"))).collect();
    for _ in &calls {
        let (_, reply) = downstream.receive();
        assert_eq!(reply.answer.unwrap(), Answer::Value(json!("Hello, Ada")));
    }
    let list = json!({"protocol": "bolt", "endpoints": [{"address": two.address.to_string()}]});
    std::fs::write(services.join("com.acme.Greeter.yaml"), list.to_string()).unwrap();
    eventually("calls go to the other endpoint", || {
        // no call fails on the way
        (downstream.value(&name_of(GREETER, "1.0")) == "two").then_some(())
    });
}

#[test]
fn a_service_that_is_not_called_is_followed_no_more() {
    let up = Upstream::<Bolt>::greeting("it");
    let folder = folder();
    write(&folder, "com.acme.Greeter.yaml", "bolt", &[up.address]);
    let mut config = registry_config();
    config["registries"][0]["idle_timeout"] = json!("200ms");
    let rialto = Rialto::start_in(folder, &config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    for _ in 0..2 {
        assert_eq!(downstream.value(&name_of(GREETER, "1.0")), "it");
        eventually("it is forgotten", || {
            rialto
                .admin
                .json("/clusters")
                .as_array()
                .unwrap()
                .is_empty()
                .then_some(())
        });
    }
}

/// Names that strangers invent cost an error each, and nothing that lasts.
#[test]
fn invented_names_disturb_no_service() {
    let up = Upstream::<Bolt>::greeting("it");
    let folder = folder();
    write(&folder, "com.acme.Greeter.yaml", "bolt", &[up.address]);
    let rialto = Rialto::start_in(folder, &registry_config());
    let mut stranger = Downstream::<Bolt>::connect(rialto.entry());
    for i in 0..3000 {
        stranger.send(&name_of(&format!("invented.S{i}"), ""));
    }
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    let mut good = 0;
    for _ in 0..3000 {
        assert!(stranger.receive().1.answer.is_err());
        good += usize::from(downstream.call(&name_of(GREETER, "1.0")).answer.is_ok());
    }
    assert!(good > 0, "the service is found in spite of them");
    assert_eq!(downstream.value(&name_of(GREETER, "1.0")), "it");
    assert_eq!(rialto.admin.json("/clusters").as_array().unwrap().len(), 1);
}

#[test]
fn a_registry_can_be_changed_and_removed() {
    let (one, two) = (
        Upstream::<Bolt>::greeting("one"),
        Upstream::<Bolt>::greeting("two"),
    );
    let folder = folder();
    write(&folder, "com.acme.Greeter.yaml", "bolt", &[one.address]);
    std::fs::create_dir(folder.path("others")).unwrap();
    let list = json!({"protocol": "bolt", "endpoints": [{"address": two.address.to_string()}]});
    std::fs::write(folder.path("others/com.acme.Greeter.yaml"), list.to_string()).unwrap();
    let mut config = registry_config();
    let rialto = Rialto::start_in(folder, &config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    assert_eq!(downstream.value(&name_of(GREETER, "1.0")), "one");
    config["registries"][0]["directory"] = json!("others");
    rialto.reload(&config);
    assert_eq!(downstream.value(&name_of(GREETER, "1.0")), "two");
}

/// A registry lists a provider that takes connections and never says anything.
#[test]
fn endpoints_of_a_registry_are_checked_where_it_asks_for_that() {
    let up = Upstream::<Bolt>::greeting("well");
    let frozen = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = folder();
    let ports = [up.address, frozen.local_addr().unwrap()];
    write(&folder, "com.acme.Greeter.yaml", "bolt", &ports);
    let mut config = registry_config();
    config["registries"][0]["health_check"] = json!({"interval": "50ms", "timeout": "50ms"});
    let rialto = Rialto::start_in(folder, &config);
    let mut downstream = Downstream::<Dubbo>::connect(rialto.entry());
    // The first call makes the service known. It may begin at either endpoint.
    downstream.call(&name_of(GREETER, "1.0").within(1000));
    eventually("the frozen endpoint is found", || {
        let avoided = rialto.metric("rialto_cluster_endpoints", &["state=\"avoided\""]);
        (avoided == 1.0).then_some(())
    });
    for _ in 0..10 {
        assert_eq!(downstream.value(&name_of(GREETER, "1.0")), "well");
    }
}
