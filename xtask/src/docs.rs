//! Pages that the program generates about itself.
use crate::command::{cargo, root};
use anyhow::{Context, Result, bail};
use std::fs;

/// Each page, and the command of `rialto` that prints it.
const PAGES: &[(&str, &str)] = &[
    ("docs/configuration.md", "reference"),
    ("docs/rialto.schema.json", "schema"),
];

/// Writes all pages.
pub(crate) fn write() -> Result<()> {
    for (page, command) in PAGES {
        fs::write(root().join(page), printed(command)?).with_context(|| format!("cannot write {page}"))?;
        println!("wrote {page}");
    }
    Ok(())
}

/// Fails if a page differs from what the program prints.
pub(crate) fn check() -> Result<()> {
    let mut stale = Vec::new();
    for (page, command) in PAGES {
        match fs::read_to_string(root().join(page)) {
            Ok(text) if text == printed(command)? => println!("{page} is up to date"),
            Ok(_) => stale.push(format!("{page} is out of date")),
            Err(error) => stale.push(format!("{page}: {error}")),
        }
    }
    if !stale.is_empty() {
        bail!(
            "{}; run `cargo xtask docs` and commit what it writes",
            stale.join(", ")
        );
    }
    Ok(())
}

fn printed(command: &str) -> Result<String> {
    let fixed = [
        "run",
        "-q",
        "--profile",
        "quick",
        "-p",
        "rialto",
        "--bin",
        "rialto",
        "--",
    ];
    cargo(fixed).args([command]).output()
}
