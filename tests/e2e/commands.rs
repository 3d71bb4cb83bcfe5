//! The command line.
use super::support::process::{Folder, output};
use super::support::{Json, idle_config, json};
use std::net::TcpListener;

fn file(folder: &Folder, text: &str) -> String {
    let path = folder.path("config.yaml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_good_configuration_is_called_fine() {
    let folder = Folder::new();
    let path = file(&folder, &idle_config().to_string());
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
fn the_example_in_the_documentation_is_good() {
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
fn all_mistakes_are_shown_at_once_each_at_its_place() {
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
fn a_wrong_configuration_does_not_start() {
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
fn it_tells_its_version_and_how_to_be_used() {
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
fn the_demo_shows_every_answer_as_it_must_be() {
    let (code, out, err) = output(&["demo", "--once"]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(
        out.contains("every answer as it must be") && !out.contains('✗'),
        "{out}"
    );
    assert_eq!(out.matches('✓').count(), 24, "{out}");
    for part in [
        "dubbo -> sofa",
        "sofa -> dubbo",
        "throws EmptyOrderException",
        "timeout",
        "\"gold\"",
    ] {
        assert!(out.contains(part), "no {part} in\n{out}");
    }
}
