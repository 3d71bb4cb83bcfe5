//! `cargo xtask test`: everything that must hold before a change is merged.
use crate::command::{cargo, is_runnable};
use crate::steps::{End, Steps};
use crate::{deps, docs, fuzz, interop, metadata};
use anyhow::{Result, bail};
use std::process::ExitCode;

/// How long each target is fuzzed here, in seconds.
const FUZZ_SECONDS: &str = "5";

/// The most user instructions that calls may take in a worker, relayed and bridged, with 8 connections of 32
/// calls in flight each, and of one. These keep what was reached (docs/performance.md).
const MOST_INSTRUCTIONS: [&str; 8] = [
    "--max-8x32",
    "2500",
    "--max-8x1",
    "3800",
    "--max-bridged-8x32",
    "7500",
    "--max-bridged-8x1",
    "8400",
];

type Step = fn() -> Result<()>;

/// The steps, which do not depend on each other, cheap ones first.
const STEPS: &[(&str, Step)] = &[
    ("fmt", fmt),
    ("deps", deps::check),
    ("clippy", clippy),
    ("rustdoc", rustdoc),
    ("unit", unit),
    ("docs", docs::check),
    ("end-to-end", end_to_end),
    ("fuzz-replay", fuzz::replay),
    (FUZZ, short_fuzz),
    ("bench-smoke", bench_smoke),
    (INSTRUCTIONS, instructions),
    (PEERS, interop::build_peers),
    (INTEROP, interop_test),
];
const FUZZ: &str = "fuzz";
const INSTRUCTIONS: &str = "instructions";
const PEERS: &str = "java-peers";
const INTEROP: &str = interop::TEST;

/// The options of the command.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options<'a> {
    no_java: bool,
    only: Vec<&'a str>,
}

/// The names of all steps.
pub(crate) fn names() -> Vec<&'static str> {
    STEPS.iter().map(|(name, _)| *name).collect()
}

/// Runs the requested steps.
pub(crate) fn run(arguments: &[&str]) -> Result<ExitCode> {
    let options = Options::read(arguments)?;
    let mut steps = Steps::default();
    for (name, step) in STEPS {
        if !options.wants(name) {
            continue;
        }
        let obstacle = match *name {
            PEERS | INTEROP if options.no_java => Some("--no-java was given".to_owned()),
            INTEROP if options.wants(PEERS) && !steps.is_ok(PEERS) => {
                Some(format!("{PEERS} failed"))
            }
            FUZZ if !fuzz::is_installed() => Some(
                "cargo-fuzz is not installed, so only the stored inputs were replayed; install it with: cargo \
                 install cargo-fuzz"
                    .to_owned(),
            ),
            INSTRUCTIONS if !is_runnable("valgrind", "--version") => Some(
                "valgrind is not installed; install it with (Debian, Ubuntu): apt-get install valgrind".to_owned(),
            ),
            _ => None,
        };
        steps.run(name, || match obstacle {
            Some(why) => Ok(End::LeftOut(why)),
            None => step().map(|()| End::Ok),
        });
    }
    Ok(steps.finish())
}

impl<'a> Options<'a> {
    fn read(arguments: &[&'a str]) -> Result<Self> {
        let mut options = Options::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match (*argument, argument.strip_prefix("--only=")) {
                ("--no-java", _) => options.no_java = true,
                ("--only", _) => match rest.next() {
                    Some(name) => options.only.push(name),
                    None => bail!("--only needs the name of a step"),
                },
                (_, Some(name)) => options.only.push(name),
                (other, None) => bail!("unknown option {other}; there are --no-java and --only STEP"),
            }
        }
        if let Some(unknown) = options.only.iter().find(|name| !names().contains(name)) {
            bail!("there is no step {unknown}; the steps are {}", names().join(", "));
        }
        Ok(options)
    }

    fn wants(&self, name: &str) -> bool {
        // The test cannot run without its peers.
        let needed = name == PEERS && self.only.contains(&INTEROP);
        self.only.is_empty() || self.only.contains(&name) || needed
    }
}

fn fmt() -> Result<()> {
    cargo(["fmt", "--all", "--check"]).run()?;
    cargo(["fmt", "--manifest-path", fuzz::MANIFEST, "--check"]).run()
}

fn clippy() -> Result<()> {
    cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]).run()?;
    // The interop test is not part of a plain `cargo test`, and so not of `--all-targets` either.
    cargo([
        "clippy",
        "-p",
        "rialto",
        "--test",
        interop::TEST,
        "--",
        "-D",
        "warnings",
    ])
    .run()
}

fn rustdoc() -> Result<()> {
    cargo(["doc", "--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()
}

/// Everything but the integration tests of the root package, with the checks of debug builds.
fn unit() -> Result<()> {
    cargo(["test", "--workspace", "--exclude", "rialto", "--no-fail-fast"]).run()?;
    cargo(["test", "-p", "rialto", "--lib", "--bins"]).run()
}

/// The integration tests of the root package, which start the program; it is built to be fast.
fn end_to_end() -> Result<()> {
    let tests = metadata::root_tests()?;
    let wanted: Vec<_> = tests.iter().filter(|name| *name != interop::TEST).collect();
    if wanted.is_empty() {
        bail!("the root package has no integration tests");
    }
    // One by one, so that a test that does not compile hides no other.
    let failed: Vec<String> = wanted
        .iter()
        .filter_map(|name| {
            integration_test(name)
                .err()
                .map(|error| format!("{name}: {error:#}"))
        })
        .collect();
    if !failed.is_empty() {
        bail!("{}", failed.join("\n"));
    }
    Ok(())
}

fn integration_test(name: &str) -> Result<()> {
    cargo(["test", "--profile", "quick", "-p", "rialto", "--test", name]).run()
}

fn interop_test() -> Result<()> {
    interop::test(false)
}

fn short_fuzz() -> Result<()> {
    fuzz::run(FUZZ_SECONDS)
}

fn bench_smoke() -> Result<()> {
    compare("quick", &["--smoke"])
}

/// Instructions are the same in every run, unlike times.
fn instructions() -> Result<()> {
    let variants = "rialto-bolt,rialto-dubbo,rialto-bolt-to-dubbo,rialto-dubbo-to-bolt";
    let mut arguments = vec!["--callgrind", "--variants", variants];
    arguments.extend(MOST_INSTRUCTIONS);
    compare("release", &arguments)
}

fn compare(profile: &str, arguments: &[&str]) -> Result<()> {
    let program = ["-p", "rialto-benches", "--bin", "compare", "--"];
    cargo(["run", "--profile", profile])
        .args(program)
        .args(arguments)
        .run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_choose_steps() {
        let all = Options::read(&[]).unwrap();
        assert!(names().iter().all(|name| all.wants(name)));
        let some = Options::read(&["--only", "fmt", "--no-java", "--only=deps"]).unwrap();
        assert!(some.no_java && some.wants("fmt") && some.wants("deps") && !some.wants("unit"));
        let interop = Options::read(&["--only", "interop"]).unwrap();
        assert!(interop.wants(PEERS) && interop.wants(INTEROP) && !interop.wants("fmt"));
    }

    #[test]
    fn wrong_options_are_explained() {
        for (arguments, words) in [
            (&["--only"][..], "needs the name"),
            (
                &["--only", "formt"],
                "there is no step formt; the steps are fmt, deps",
            ),
            (&["--nojava"], "unknown option --nojava"),
        ] {
            let error = Options::read(arguments).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
