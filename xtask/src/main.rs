//! The repository's tasks, as `cargo xtask COMMAND`, in plain Rust, so that only the toolchain is needed.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to its user"
)]

mod command;
mod deps;
mod docs;
mod fuzz;
mod interop;
mod metadata;
mod soak;
mod steps;
mod suite;

use anyhow::{Result, bail};
use command::cargo;
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask COMMAND

  test [--no-java] [--only STEP]   everything that must hold; --only STEP may be given several times
  bench [ARGS...]                  the comparison with other proxies, built for release (--help for its arguments)
  interop [--update-docs]          stock Java peers call each other through Rialto
  soak doubled [ARGS...]           millions of calls between stock Java peers, every response sent twice (--help)
  fuzz SECONDS                     every fuzz target for that long
  docs [--check]                   write the generated pages, or tell whether they are up to date
  deps                             licences and origins of all dependencies

Steps of test, in their order:
  ";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    run(&arguments).unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(arguments: &[&str]) -> Result<ExitCode> {
    match arguments {
        ["test", options @ ..] => return suite::run(options),
        ["bench", rest @ ..] => {
            let fixed = [
                "run",
                "--release",
                "-p",
                "rialto-benches",
                "--bin",
                "compare",
                "--",
            ];
            cargo(fixed).args(rest).run()?;
        }
        ["interop"] => interop::run(false)?,
        ["interop", "--update-docs"] => interop::run(true)?,
        ["soak", rest @ ..] => soak::run(rest)?,
        ["fuzz", seconds] => fuzz::run(seconds)?,
        ["docs"] => docs::write()?,
        ["docs", "--check"] => docs::check()?,
        ["deps"] => deps::check()?,
        [] | ["help" | "--help" | "-h"] => println!("{USAGE}{}", suite::names().join(" ")),
        _ => bail!(
            "unknown command: {}\n\n{USAGE}{}",
            arguments.join(" "),
            suite::names().join(" ")
        ),
    }
    Ok(ExitCode::SUCCESS)
}
