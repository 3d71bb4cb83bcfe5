//! Configurations: any text is accepted or explained.
use rialto::config::{Dump, Loaded, Report, load_str};
use serde_json::Value;
use std::sync::Arc;

const NAME: &str = "rialto.yaml";

/// Any text is loaded, or refused with positions. A loaded configuration is the same after it was dumped and
/// loaded again.
pub fn load(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match load_str(NAME, text) {
        Err(report) => {
            assert!(report.has_errors(), "refused without an error");
            check(&report, text);
        }
        Ok(loaded) => {
            assert!(!loaded.warnings.has_errors(), "accepted with errors");
            check(&loaded.warnings, text);
            let written = dump(loaded);
            // JSON has no escape for variables; `$` and what follows would be read as one.
            let again = written.to_string().replace("${", "$${");
            let again = load_str(NAME, &again).unwrap_or_else(|e| panic!("its own dump is refused:\n{e}"));
            assert_eq!(dump(again), written);
        }
    }
}

/// A configuration as it is shown.
fn dump(loaded: Loaded) -> Value {
    let dump = Dump::new(Arc::new(loaded.config), loaded.substitutions);
    serde_json::to_value(dump).expect("a configuration has a form in JSON")
}

/// Every finding has a form for people and one for programs, and its position is within the text.
fn check(report: &Report, text: &str) {
    let shown = report.to_string();
    assert!(
        !shown.chars().any(|c| c.is_control() && c != '\n'),
        "a report steers the terminal: {shown:?}"
    );
    let lines = text.strip_prefix('\u{feff}').unwrap_or(text).split('\n').count() as u64;
    let Value::Array(findings) = report.to_json() else {
        panic!("not a list")
    };
    assert_eq!(findings.len(), report.findings().len());
    for (json, finding) in findings.iter().zip(report.findings()) {
        assert!(!finding.message.is_empty() && json["message"] == *finding.message && json["file"] == NAME);
        let number = |key: &str| json[key].as_u64().unwrap_or_else(|| panic!("no {key}: {json}"));
        let (start, end) = (
            (number("line"), number("column")),
            (number("end_line"), number("end_column")),
        );
        assert!(
            start.0 >= 1 && start.1 >= 1 && start <= end && end.0 <= lines,
            "{json} of {lines} lines"
        );
    }
}
