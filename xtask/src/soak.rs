//! Long runs with stock Java peers that prove something by numbers. They are no part of `cargo xtask test`.
use crate::command::cargo;
use crate::interop;
use anyhow::{Result, bail};

/// The runs. Each is the first argument of the interop test for it.
const RUNS: [&str; 1] = ["doubled"];

/// Builds the peers and makes the run that the first argument names. The other arguments are the run's own.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        [name, ..] if RUNS.contains(name) => {}
        _ => bail!("soak needs the name of a run; the runs are {}", RUNS.join(", ")),
    }
    interop::build_peers()?;
    cargo(["test", "--profile", "quick", "-p", "rialto"])
        .args(["--test", interop::TEST, "--"])
        .args(arguments)
        .run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_needs_its_name() {
        for arguments in [&[][..], &["--calls", "1"], &["twice"]] {
            let error = run(arguments).unwrap_err().to_string();
            assert!(error.contains("the runs are doubled"), "{error}");
        }
    }
}
