//! The test with stock Java peers.
use crate::command::{cargo, is_runnable, program};
use anyhow::{Result, bail};

/// The integration test that starts the peers.
pub(crate) const TEST: &str = "interop";
/// The variable that makes the test write its table into the documentation.
const UPDATE: &str = "RIALTO_UPDATE_DOCS";

/// Builds the peers and runs the test.
pub(crate) fn run(update_docs: bool) -> Result<()> {
    build_peers()?;
    test(update_docs)
}

/// Builds the peers, if they have changed.
pub(crate) fn build_peers() -> Result<()> {
    let needed = [("javac", "-version"), ("java", "-version"), ("mvn", "-version")];
    let missing: Vec<_> = needed
        .iter()
        .filter(|(name, argument)| !is_runnable(name, argument))
        .map(|(name, _)| *name)
        .collect();
    if !missing.is_empty() {
        bail!(
            "missing: {}. The Java peers need a JDK 17 or later and Maven.\n  Debian, Ubuntu: apt-get install \
             openjdk-17-jdk-headless maven\n  macOS: brew install openjdk@17 maven\nor leave them out: cargo xtask \
             test --no-java",
            missing.join(", ")
        );
    }
    program("sh").args(["tests/peers/java/build.sh"]).run()
}

/// Runs the test; the peers must have been built.
pub(crate) fn test(update_docs: bool) -> Result<()> {
    let test = cargo(["test", "--profile", "quick", "-p", "rialto", "--test", TEST]);
    match update_docs {
        true => test.env(UPDATE, "1").run(),
        false => test.run(),
    }
}
