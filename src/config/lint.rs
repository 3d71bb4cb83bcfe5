//! What is allowed and still looks like a slip.

use super::report::Finding;
use super::tree::{Node, Scalar, Value};
use rialto_core::config::{Path, Severity};

/// Shorter times are a mistake, or written with their unit.
const LEAST_MS: u64 = 10;

/// Keys of times. Those of attachments and metadata are not ours.
fn is_time(key: &str) -> bool {
    key == "max_age" || key == "heartbeat_interval" || key == "timeout" || key.ends_with("_timeout")
}

/// `timeout: 3` means 3 ms, but most people who write it mean seconds.
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
