//! Files that mean to do harm.

use std::fmt::Write;

use super::{broken, read};

#[test]
fn aliases_cannot_mean_billions() {
    let mut text = "x-0: &a0 [0,0,0,0,0,0,0,0,0,0]\n".to_owned();
    for level in 1..10 {
        let before = level - 1;
        let uses = vec![format!("*a{before}"); 10].join(",");
        writeln!(text, "x-{level}: &a{level} [{uses}]").unwrap();
    }
    assert!(broken(&text).to_string().contains("more than 1048576 values"));
}

#[test]
fn depth_is_bounded() {
    for text in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000)] {
        assert!(broken(&text).has_errors());
    }
}

#[test]
fn an_alias_cannot_hold_itself() {
    assert!(broken("x-a: &a [*a]\n").has_errors());
}

#[test]
fn many_mistakes_are_cut_off() {
    let mut text = "listeners:\n".to_owned();
    for index in 0..500 {
        writeln!(text, "  - {{ name: l{index}, address: x, routes: [a] }}").unwrap();
    }
    let report = broken(&text);
    assert_eq!(report.findings().len(), 51);
    assert!(report.to_string().contains("there are more mistakes after these"));
}

#[test]
fn a_large_configuration_is_read_whole() {
    let mut text = "routes: [{ name: r, to: [{ cluster: c0 }] }]\nlisteners: [{ name: l, address: '127.0.0.1:1', routes: [r] }]\nclusters:\n".to_owned();
    for index in 0..20_000 {
        writeln!(
            text,
            "  - name: c{index}\n    protocol: bolt\n    endpoints: [{{ address: 10.0.0.1:12200 }}]"
        )
        .unwrap();
    }
    let loaded = read(&text).unwrap();
    assert_eq!(loaded.config.clusters.len(), 20_000);
    assert_eq!(loaded.warnings.findings().len(), 19_999);
}

/// Every prefix and many small changes of a good file are either read or refused with places inside of it.
#[test]
fn damaged_files_never_break_the_reader() {
    let example = include_str!("../../../docs/examples/rialto.yaml");
    let mut damaged: Vec<String> = (0..example.len())
        .step_by(23)
        .filter(|end| example.is_char_boundary(*end))
        .map(|end| example[..end].to_owned())
        .collect();
    for (at, c) in example.char_indices().step_by(37) {
        for change in ["", "\"", "{", "]", ": ", "&", "*", "\t", "\u{0}", "${", "é"] {
            damaged.push(format!(
                "{}{change}{}",
                &example[..at],
                &example[at + c.len_utf8()..]
            ));
        }
    }
    for text in damaged {
        if let Err(report) = read(&text) {
            let lines = text.lines().count() as u64 + 1;
            assert!(!report.to_string().is_empty());
            for finding in report.to_json().as_array().unwrap() {
                assert!(finding["line"].as_u64().unwrap() <= lines);
            }
        }
    }
}
