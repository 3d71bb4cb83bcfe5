//! Replays every file of the corpora through its target.
use rialto_fuzz::{bridge, config, detect, hessian, jsonb, reframe, session};
use std::path::Path;

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut files = 0;
    for file in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = file.expect("a file of the corpus").path();
        println!("{}", path.display());
        run(&std::fs::read(path).expect("a file of the corpus"));
        files += 1;
    }
    assert!(files > 0, "{} is empty", folder.display());
}

#[test]
fn bolt_session() {
    replay("bolt_session", session::bolt);
}

#[test]
fn dubbo_session() {
    replay("dubbo_session", session::dubbo);
}

#[test]
fn bridge() {
    replay("bridge", bridge::cross);
}

#[test]
fn config() {
    replay("config", config::load);
}

#[test]
fn detect() {
    replay("detect", detect::tell);
}

#[test]
fn hessian_read() {
    replay("hessian_read", hessian::read);
}

#[test]
fn hessian_splice() {
    replay("hessian_splice", hessian::splice);
}

#[test]
fn jsonb_read() {
    replay("jsonb_read", jsonb::read);
}

#[test]
fn jsonb_roundtrip() {
    replay("jsonb_roundtrip", jsonb::roundtrip);
}

#[test]
fn reframe() {
    replay("reframe", reframe::edit);
}
