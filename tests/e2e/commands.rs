//! Tests of the command line.
use super::support::process::{Folder, output, output_of};
use super::support::{Json, idle_config, json};
use std::net::TcpListener;

fn file(folder: &Folder, text: &str) -> String {
    let path = folder.path("config.yaml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_valid_configuration_is_reported_as_fine() {
    let folder = Folder::new();
    let mut config = idle_config();
    // Its listener detects protocols, and its route has no rules for versions.
    let path = file(&folder, &config.to_string());
    let (code, out, err) = output(&["check", &path]);
    assert!(
        code == 0 && out.contains("the configuration is fine"),
        "{out}{err}"
    );
    assert!(
        err.contains("note: routes[0].name: if bolt consumers call this route") && err.contains("1 note\n"),
        "{err}"
    );
    config["routes"][0]["match"] = json!({"protocol": "dubbo"});
    let path = file(&folder, &config.to_string());
    for verb in ["check", "validate"] {
        let (code, out, err) = output(&[verb, "-c", &path]);
        assert_eq!((code, &*err), (0, ""), "{out}");
        assert!(out.contains("the configuration is fine"), "{out}");
    }
    let (code, out, _) = output(&["check", "-c", &path, "--format", "json"]);
    assert_eq!(code, 0);
    assert!(serde_json::from_str::<Json>(&out).is_ok(), "{out}");
}

#[test]
fn the_example_in_the_documentation_is_valid() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/rialto.yaml");
    let (code, out, err) = output(&["check", "-c", path]);
    assert_eq!(code, 0, "{out}{err}");
}

const BAD: &str = "\
listeners:
  - name: in
    address: 127.0.0.1
    routes: [nowhere]
routes:
  - name: all
    timeout: soon
    too: [{ cluster: up }]
    to: [{ cluster: up }]
";

#[test]
fn all_mistakes_are_shown_at_once_with_their_positions() {
    let folder = Folder::new();
    let path = file(&folder, BAD);
    let (code, out, err) = output(&["check", "-c", &path]);
    assert_eq!((code, &*out), (78, ""));
    for part in [
        "config.yaml:3",
        "the port is missing",
        "config.yaml:7",
        "soon",
        "config.yaml:8",
        "too",
    ] {
        assert!(err.contains(part), "no {part} in\n{err}");
    }
    let (code, out, _) = output(&["check", "-c", &path, "--format", "json"]);
    assert_eq!(code, 78);
    let report: Json = serde_json::from_str(&out).unwrap();
    assert!(report.to_string().matches("\"error\"").count() >= 3, "{report}");
}

#[test]
fn an_invalid_configuration_does_not_start() {
    let folder = Folder::new();
    let path = file(&folder, BAD);
    let (code, out, err) = output(&["run", "-c", &path]);
    assert_eq!((code, &*out), (78, ""));
    assert!(err.contains("the port is missing"), "{err}");
    let (code, _, err) = output(&["run", "-c", "/no/such/file.yaml"]);
    assert_eq!(code, 78);
    assert!(
        err.contains("/no/such/file.yaml") && err.contains("cannot read"),
        "{err}"
    );
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let folder = Folder::new();
    let mut busy = idle_config();
    busy["listeners"][0]["address"] = json!(at);
    let (code, _, err) = output(&["run", "-c", &file(&folder, &busy.to_string())]);
    assert_eq!(code, 1);
    assert!(
        err.contains(&format!("listener in: cannot listen on {at}")),
        "{err}"
    );
    let mut busy = idle_config();
    busy["admin"]["address"] = json!(at);
    let (code, _, err) = output(&["run", "-c", &file(&folder, &busy.to_string())]);
    assert_eq!(code, 1);
    assert!(err.contains(&format!("admin: cannot listen on {at}")), "{err}");
    assert!(err.contains("choose another admin.address"), "{err}");
    let mut lost = idle_config();
    lost["access_log"] = json!({"path": "/nonexistent/calls.log"});
    let (code, _, err) = output(&["run", "-c", &file(&folder, &lost.to_string())]);
    assert_eq!(code, 1);
    assert!(
        err.contains("access_log.path: /nonexistent/calls.log cannot be opened"),
        "{err}"
    );
}

#[test]
fn the_schema_describes_configurations() {
    let (code, out, _) = output(&["schema"]);
    assert_eq!(code, 0);
    let schema: Json = serde_json::from_str(&out).unwrap();
    for section in [
        "admin",
        "runtime",
        "access_log",
        "log",
        "listeners",
        "routes",
        "clusters",
    ] {
        assert!(schema["properties"][section].is_object(), "{section}");
    }
    let (code, out, _) = output(&["reference"]);
    assert!(code == 0 && out.contains("max_request_bytes"), "{out}");
}

#[test]
fn shells_can_complete_it() {
    for (shell, part) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef rialto"),
        ("fish", "complete -c rialto"),
    ] {
        let (code, out, _) = output(&["completions", shell]);
        assert!(code == 0 && out.contains(part), "{shell}: {out}");
    }
}

#[test]
fn version_and_help_are_printed() {
    let (code, out, _) = output(&["--version"]);
    assert!(
        code == 0 && out.starts_with(&format!("rialto {}", env!("CARGO_PKG_VERSION"))),
        "{out}"
    );
    assert!(out.contains("protocols: bolt, dubbo"), "{out}");
    let (code, out, _) = output(&["-V"]);
    assert!(code == 0 && out.lines().count() == 1, "{out}");
    let (code, _, err) = output(&[]);
    assert!(code == 2 && err.contains("Usage: rialto"), "{err}");
    let (code, _, err) = output(&["runn"]);
    assert!(code == 2 && err.contains("run"), "{err}");
    let (code, out, _) = output(&["--help"]);
    assert!(
        code == 0 && out.contains("demo") && out.contains("check"),
        "{out}"
    );
}

#[test]
fn the_demo_prints_every_expected_response() {
    let (code, out, err) = output(&["demo", "--once"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(
        out.contains("all results are right") && !out.contains('✗'),
        "{out}"
    );
    assert_eq!(out.matches('✓').count(), 24, "{out}");
    let table = out.lines().skip_while(|l| !l.contains("from -> to"));
    assert!(
        table.clone().count() > 24 && table.clone().all(|l| l.chars().count() <= 100),
        "{out}"
    );
    for part in [
        "dubbo -> sofa",
        "sofa -> dubbo",
        "throws EmptyOrderException",
        "timeout",
        "\"gold\"",
        "com.acme.demo.Nowhere",
        "built in",
        "rialto demo --java",
    ] {
        assert!(out.contains(part), "no {part} in\n{out}");
    }
    assert!(!out.contains(":9901"), "the port that guides use: {out}");
}

#[test]
fn a_configuration_is_checked_without_a_flag_and_from_standard_input() {
    let folder = Folder::new();
    let path = file(&folder, &idle_config().to_string());
    let (code, out, err) = output(&["check", &path]);
    assert!(
        code == 0 && out.contains("the configuration is fine"),
        "{out}{err}"
    );
    let (code, out, err) = output_of(&["check", "-"], &idle_config().to_string());
    assert!(
        code == 0 && out.contains("the configuration is fine"),
        "{out}{err}"
    );
    let (code, _, err) = output_of(&["check", "-"], BAD);
    assert!(code == 78 && err.contains("standard input:3:"), "{err}");
    let (code, _, err) = output(&["check"]);
    assert!(code == 2 && err.contains("--config <FILE>"), "{err}");
}

#[test]
fn an_empty_file_does_not_start_either() {
    let folder = Folder::new();
    let path = file(&folder, "# nothing was rendered\n");
    for verb in ["check", "run"] {
        let (code, _, err) = output(&[verb, "-c", &path]);
        assert!(code == 78 && err.contains("the file is empty"), "{verb}: {err}");
    }
}

#[test]
fn files_and_variables_that_a_configuration_needs_are_checked() {
    let folder = Folder::new();
    let mut config = idle_config();
    config["admin"]["token"] = json!({"env": "RIALTO_TEST_NO_SUCH_TOKEN"});
    config["clusters"][0] = json!({"name": "up", "protocol": "dubbo", "endpoints_file": "hosts.yaml"});
    let path = file(&folder, &config.to_string());
    let hosts = folder.path("hosts.yaml");
    let check = || {
        let (code, _, err) = output(&["check", &path]);
        assert_eq!(code, 0, "{err}");
        err
    };
    let err = check();
    assert!(
        err.contains("clusters[0].endpoints_file: ") && err.contains("hosts.yaml cannot be read"),
        "{err}"
    );
    assert!(
        err.contains("admin.token: ") && err.contains("RIALTO_TEST_NO_SUCH_TOKEN"),
        "{err}"
    );
    for (text, says) in [
        ("", "hosts.yaml is empty"),
        ("[]", "hosts.yaml lists no endpoint"),
        (
            "\n- { adress: '1.1.1.1:1' }",
            "hosts.yaml:2 is not a list of endpoints: ",
        ),
    ] {
        std::fs::write(&hosts, text).unwrap();
        let err = check();
        assert!(err.contains(says), "no {says} in {err}");
    }
    std::fs::write(&hosts, "- address: 1.1.1.1:1").unwrap();
    assert!(!check().contains("hosts.yaml"));
}

const ROUTES: &str = r#"
listeners:
  - { name: dubbo-domain, address: 127.0.0.1:1, protocol: dubbo, routes: [canary, old, greeter] }
  - { name: any, address: 127.0.0.1:2, routes: [orders] }
routes:
  - { name: canary, match: { service: com.acme.Greeter, attachments: { tenant: gold } }, to: [{ cluster: up }] }
  - { name: old, match: { service: com.acme.Greeter, version: { prefix: "0." } }, to: [{ cluster: up }] }
  - name: greeter
    match: { service: com.acme.Greeter }
    to: [{ cluster: up }]
    bridge: { versions: [{ from: 1.0.0, to: "1.0" }] }
  - { name: orders, match: { service: { suffix: Orders } }, to: [{ cluster: up }] }
clusters:
  - { name: up, protocol: bolt, endpoints: [{ address: 127.0.0.1:3 }] }
"#;

#[test]
fn the_route_of_a_call_is_explained() {
    let folder = Folder::new();
    let path = file(&folder, ROUTES);
    let ask = |more: &[&str]| {
        let call = [
            "route",
            "-c",
            &path,
            "--service",
            "com.acme.Greeter",
            "--method",
            "hello",
        ];
        output(&[&call, more].concat())
    };
    let (code, out, err) = ask(&["--version", "1.0.0", "--attachment", "tenant=tin"]);
    assert_eq!(code, 0, "{out}{err}");
    for line in [
        "listener dubbo-domain, a dubbo call:",
        "  canary: no, it asks for attachment tenant \"gold\", and the call has \"tin\"",
        "  old: no, it asks for version {\"prefix\":\"0.\"}, and the call has \"1.0.0\"",
        "  greeter: takes it",
        "    to cluster up (bolt), bridged; version \"1.0.0\" becomes \"1.0\"",
        "listener any, a bolt call:",
        "  orders: no, it asks for service {\"suffix\":\"Orders\"}, and the call has \"com.acme.Greeter\"",
    ] {
        assert!(out.lines().any(|l| l == line), "no {line} in\n{out}");
    }
    let (code, out, _) = ask(&["--attachment", "tenant=gold", "--listener", "dubbo-domain"]);
    assert!(code == 0 && out.contains("canary: takes it"), "{out}");
    // without a version a SOFARPC provider is asked for its default
    let (code, out, _) = ask(&["--listener", "dubbo-domain"]);
    let wanted = "bridged; version \"\" becomes \"1.0\"";
    assert!(code == 0 && out.contains(wanted), "{out}");
    let (code, out, _) = ask(&["--listener", "any", "--protocol", "bolt"]);
    assert!(code == 1 && out.contains("no route takes it"), "{out}");
    let (code, _, err) = ask(&["--listener", "nowhere"]);
    assert!(code == 1 && err.contains("no listener named nowhere"), "{err}");
}

/// The two most common mistakes: a canary behind the general route, and versions that only one side knows.
#[test]
fn hidden_routes_and_missing_versions_are_pointed_out() {
    let folder = Folder::new();
    let config = |routes: &str, bridge: &str| {
        format!(
            r#"
listeners: [{{ name: in, address: 127.0.0.1:1, protocol: dubbo, routes: [{routes}] }}]
routes:
  - {{ name: general, match: {{ service: {{ prefix: com.acme. }} }}, to: [{{ cluster: up }}]{bridge} }}
  - {{ name: same, match: {{ service: {{ prefix: com.acme. }} }}, to: [{{ cluster: up }}]{bridge} }}
  - {{ name: canary, match: {{ service: com.acme.Greeter, method: hello }}, to: [{{ cluster: up }}]{bridge} }}
clusters: [{{ name: up, protocol: bolt, endpoints: [{{ address: 127.0.0.1:3 }}] }}]
"#
        )
    };
    let rules = ", bridge: { versions: [{ from: 1.0.0, to: \"1.0\" }] }";
    let check = |text: &str| {
        let (code, out, err) = output(&["check", "-c", &file(&folder, text)]);
        assert_eq!(code, 0, "{err}");
        out + &err
    };
    let said = check(&config("general, same, canary", rules));
    for hidden in ["same", "canary"] {
        let line = format!("route \"{hidden}\" is never reached: \"general\" before it takes all");
        assert!(said.contains(&line), "no {line} in {said}");
    }
    let said = check(&config("canary, general", ""));
    assert!(
        said.contains("keep their version, and the two write versions differently")
            && !said.contains("is never reached"),
        "{said}"
    );
}

/// The guide in the README: its configuration, its commands, and what they print.
#[test]
fn the_guide_shows_what_its_commands_print() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let blocks: Vec<&str> = readme.split("```").skip(1).step_by(2).collect();
    let at = blocks
        .iter()
        .position(|b| b.contains("rialto check rialto.yaml"))
        .unwrap();
    let [config, commands, shown] = [at - 1, at, at + 1].map(|i| blocks[i].split_once('\n').unwrap().1);
    let folder = Folder::new();
    let path = file(&folder, config);
    let mut printed = String::new();
    for line in commands.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if words[0] != "target/release/rialto" || words[1] == "run" {
            continue;
        }
        let args: Vec<&str> = words[1..]
            .iter()
            .map(|w| if *w == "rialto.yaml" { &*path } else { *w })
            .collect();
        let (code, out, err) = output(&args);
        assert_eq!((code, &*err), (0, ""), "{line}");
        printed += &out.replace(&path, "rialto.yaml");
    }
    let shown: String = shown
        .lines()
        .take_while(|l| !l.starts_with("..."))
        .map(|l| format!("{l}\n"))
        .collect();
    assert!(shown.lines().count() > 3);
    assert_eq!(printed, shown);
}
