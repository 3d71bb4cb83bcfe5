//! Warnings about values that are valid but probably not meant.

use super::report::Finding;
use super::tree::{Node, Scalar, Value};
use rialto_config::{Path, Severity};

/// Times below this many milliseconds without a unit are probably meant in seconds.
const LEAST_MS: u64 = 10;

/// Whether the value of a key is a time. Attachments and metadata belong to the user and may use such names too.
fn is_time(key: &str) -> bool {
    let names = ["max_age", "interval", "heartbeat_interval", "timeout"];
    names.contains(&key) || key.ends_with("_timeout")
}

/// Warns about short times without a unit: `timeout: 3` means 3 ms, but most people mean seconds.
pub(super) fn bare_milliseconds(root: &Node, findings: &mut Vec<Finding>) {
    walk(root, &Path::root(), findings);
}

fn walk(node: &Node, path: &Path, findings: &mut Vec<Finding>) {
    match &node.value {
        Value::Scalar(_) => {}
        Value::List(items) => {
            for item in items {
                walk(&item.node, &path.index(item.index), findings);
            }
        }
        Value::Map(entries) => {
            for entry in entries
                .iter()
                .filter(|e| e.key != "attachments" && e.key != "metadata")
            {
                let path = path.key(&entry.key);
                if let Value::Scalar(scalar) = &entry.node.value
                    && is_time(&entry.key)
                {
                    findings.extend(judge(scalar, &entry.node, &path));
                }
                walk(&entry.node, &path, findings);
            }
        }
    }
}

fn judge(scalar: &Scalar, node: &Node, path: &Path) -> Option<Finding> {
    let number: u64 = scalar.text.parse().ok()?;
    (1..LEAST_MS).contains(&number).then(|| Finding {
        severity: Severity::Warning,
        ..Finding::error(
            path.as_str(),
            node.mark(),
            format!("{number} without a unit means {number} ms"),
        )
        .hint(format!("write {number}s, or {number}ms if that is meant"))
    })
}
