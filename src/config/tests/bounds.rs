//! Tests with hostile and very large files.

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

/// Every prefix and many small changes of a valid file are either read, or refused with places inside the file.
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

#[test]
fn a_message_does_not_repeat_the_whole_file() {
    for text in [
        format!("'{}'", "x".repeat(5_000_000)),
        format!("listeners: [{{ name: in, address: {} }}]", "y".repeat(5_000_000)),
    ] {
        let report = broken(&text);
        assert!(report.to_string().len() < 5_000, "{}", report.to_string().len());
        assert!(report.to_json().to_string().len() < 5_000);
    }
}

/// A file as programs write it: one line, with thousands of unused routes.
#[test]
fn warnings_of_one_long_line_are_few_and_soon_there() {
    let routes: Vec<_> = (0..8_000)
        .map(|i| {
            format!(r#"{{"name":"r{i}","match":{{"service":"com.acme.S{i}"}},"to":[{{"cluster":"c"}}]}}"#)
        })
        .collect();
    let text = format!(
        r#"{{"listeners":[{{"name":"in","address":"127.0.0.1:1","routes":["r0"]}}],"routes":[{}],"clusters":[{{"name":"c","protocol":"bolt","endpoints":[{{"address":"1.1.1.1:1"}}]}}]}}"#,
        routes.join(",")
    );
    let began = std::time::Instant::now();
    let warnings = read(&text).unwrap().warnings;
    let shown = warnings.to_string();
    let json = warnings.to_json();
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    assert_eq!(warnings.findings().len(), 7_999);
    assert!(shown.len() < 100_000, "{}", shown.len());
    assert!(
        shown.ends_with("7999 warnings (7899 of them not shown)"),
        "{shown}"
    );
    let json = json.as_array().unwrap();
    assert_eq!(json.len(), 101);
    assert_eq!(json[100]["message"], "7899 more are not shown");
}

#[test]
fn mistakes_are_shown_before_warnings() {
    let mut text = "log: { level: debug }\nlisteners: [{ name: in, address: '127.0.0.1:1', routes: [r0, none] }]\nclusters: [{ name: c, protocol: bolt, endpoints: [{ address: '1.1.1.1:1' }] }]\nroutes:\n".to_owned();
    for i in 0..500 {
        writeln!(text, "  - {{ name: r{i}, to: [{{ cluster: c }}] }}").unwrap();
    }
    writeln!(text, "  - {{ name: last, to: [{{ cluster: nowhere }}] }}").unwrap();
    let shown = broken(&text).to_string();
    assert!(shown.contains("no cluster named \"nowhere\""), "{shown}");
    assert!(shown.contains("no route named \"none\""), "{shown}");
}

/// The time for each route and cluster does not grow with their number.
#[test]
fn large_configurations_take_time_in_proportion() {
    let text = |n: usize| {
        let mut text = String::new();
        let names: Vec<_> = (0..n).map(|i| format!("r{i}")).collect();
        writeln!(
            text,
            "listeners: [{{ name: in, address: '127.0.0.1:1', routes: [{}] }}]\nroutes:",
            names.join(", ")
        )
        .unwrap();
        for i in 0..n {
            writeln!(
                text,
                "  - {{ name: r{i}, match: {{ service: s{i} }}, to: [{{ cluster: c{i} }}] }}"
            )
            .unwrap();
        }
        text.push_str("clusters:\n");
        for i in 0..n {
            writeln!(
                text,
                "  - {{ name: c{i}, protocol: dubbo, endpoints: [{{ address: '1.1.1.1:1' }}] }}"
            )
            .unwrap();
        }
        text
    };
    let time = |n: usize| {
        let text = text(n);
        let began = std::time::Instant::now();
        assert!(read(&text).unwrap().warnings.is_empty());
        began.elapsed()
    };
    time(500);
    let (small, large) = (time(1_000), time(16_000));
    // There are 16 times as many, so quadratic time would be 256 times as long. The limit leaves room for a busy
    // machine.
    assert!(large < small * 100, "{small:?} for 1,000, {large:?} for 16,000");
}
