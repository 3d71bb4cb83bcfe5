//! The fuzz targets of `fuzz/`: a workspace of its own.
use crate::command::{answers, cargo, root};
use anyhow::{Context, Result, bail};
use std::fs;

pub(crate) const MANIFEST: &str = "fuzz/Cargo.toml";
/// The tests that replay the corpora, one named as each target.
const REPLAY: &str = "fuzz/tests/replay.rs";
/// What cargo-fuzz is told in place of a sanitizer: the code is safe Rust, and without one it runs on stable.
const NO_SANITIZER: [&str; 2] = ["--sanitizer", "none"];

/// Fuzzes every target for so many seconds.
pub(crate) fn run(seconds: &str) -> Result<()> {
    let seconds: u32 = seconds
        .parse()
        .with_context(|| format!("\"{seconds}\" is no number of seconds"))?;
    if !is_installed() {
        bail!("cargo-fuzz is missing; install it with: cargo install cargo-fuzz");
    }
    every(|target| fuzz(target, seconds))
}

/// Whether new inputs can be looked for.
pub(crate) fn is_installed() -> bool {
    answers("cargo-fuzz", "--version")
}

/// Shows every stored input to its target, by the tests of the fuzz workspace. Needs no cargo-fuzz.
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
    // CI tries the same inputs each time, as many as a slow machine can: what chance finds must not stop a change that
    // has nothing to do with it
    let inputs: &[&str] = match std::env::var_os("CI") {
        Some(_) => &["-seed=1", "-runs=50000"],
        None => &["-seed=0"],
    };
    // what is found goes beside the build, not into the stored corpus
    let scratch = format!("fuzz/target/corpus/{target}");
    fs::create_dir_all(root().join(&scratch))?;
    let corpus = format!("fuzz/corpus/{target}");
    cargo(["fuzz", "run"])
        .args(NO_SANITIZER)
        .args([target, &scratch, &corpus, "--", &limit])
        .args(inputs)
        .run()
}

/// Does something with every target, whatever became of the others.
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
