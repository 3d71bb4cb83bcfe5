//! The fuzz targets of `fuzz/`, which is a workspace of its own.
use crate::command::{cargo, is_runnable, root};
use anyhow::{Context, Result, bail};
use std::fs;

pub(crate) const MANIFEST: &str = "fuzz/Cargo.toml";
/// The tests that replay the corpora, one named like each target.
const REPLAY: &str = "fuzz/tests/replay.rs";
/// The option against sanitizers: the code is safe Rust, and without a sanitizer it runs on stable.
const NO_SANITIZER: [&str; 2] = ["--sanitizer", "none"];

/// Fuzzes every target for this many seconds.
pub(crate) fn run(seconds: &str) -> Result<()> {
    let seconds: u32 = seconds
        .parse()
        .with_context(|| format!("\"{seconds}\" is not a number of seconds"))?;
    if !is_installed() {
        bail!("cargo-fuzz is missing; install it with: cargo install cargo-fuzz");
    }
    every(|target| fuzz(target, seconds))
}

/// Whether cargo-fuzz is installed, which searches for new inputs.
pub(crate) fn is_installed() -> bool {
    is_runnable("cargo-fuzz", "--version")
}

/// Replays every stored input through its target, with the tests of the fuzz workspace. This needs no
/// cargo-fuzz.
pub(crate) fn replay() -> Result<()> {
    let tests = fs::read_to_string(root().join(REPLAY)).with_context(|| format!("cannot read {REPLAY}"))?;
    every(|target| {
        if !tests.contains(&format!("fn {target}()")) {
            bail!("{REPLAY} has no test of this name, so its inputs would not be replayed");
        }
        Ok(())
    })?;
    cargo(["test", "--manifest-path", MANIFEST]).run()
}

fn fuzz(target: &str, seconds: u32) -> Result<()> {
    let limit = format!("-max_total_time={seconds}");
    // CI tries the same inputs each time, as many as a slow machine can: a chance finding must not stop an
    // unrelated change.
    let inputs: &[&str] = match std::env::var_os("CI") {
        Some(_) => &["-seed=1", "-runs=50000"],
        None => &["-seed=0"],
    };
    // New inputs are stored beside the build, not in the corpus.
    let scratch = format!("fuzz/target/corpus/{target}");
    fs::create_dir_all(root().join(&scratch))?;
    let corpus = format!("fuzz/corpus/{target}");
    cargo(["fuzz", "run"])
        .args(NO_SANITIZER)
        .args([target, &scratch, &corpus, "--", &limit])
        .args(inputs)
        .run()
}

/// Runs `what` for every target, even after failures.
fn every(mut what: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let manifest =
        fs::read_to_string(root().join(MANIFEST)).with_context(|| format!("cannot read {MANIFEST}"))?;
    let targets = targets(&manifest);
    if targets.is_empty() {
        bail!("{MANIFEST} has no [[bin]], so there is nothing to fuzz");
    }
    let failed: Vec<String> = targets
        .iter()
        .filter_map(|target| what(target).err().map(|error| format!("{target}: {error:#}")))
        .collect();
    if !failed.is_empty() {
        bail!("{}", failed.join("\n"));
    }
    Ok(())
}

/// The names of the programs in a manifest.
fn targets(manifest: &str) -> Vec<String> {
    let mut in_bin = false;
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            in_bin = line == "[[bin]]";
        } else if let (true, Some(name)) = (in_bin, line.strip_prefix("name = ")) {
            found.push(name.trim_matches('"').to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_the_programs_of_the_manifest() {
        let manifest = "[package]\nname = \"p\"\n[[bin]]\nname = \"a\"\npath = \"a.rs\"\n\n[[bin]]\nname = \"b\"\n[x]\nname = \"c\"\n";
        assert_eq!(targets(manifest), ["a", "b"]);
    }
}
