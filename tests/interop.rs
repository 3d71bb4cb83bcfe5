//! The proof that stock peers work together through Rialto: real Dubbo and SOFARPC processes, one real
//! `rialto run` between them, and every case of every consumer against every provider.
//!
//! It needs a JDK and Maven and takes minutes, so it is a command of its own: its manifest entry keeps it out
//! of a plain `cargo test`, and it runs only when named.
//!
//!     cargo xtask interop cargo test --profile quick --test interop -- [FILTER...] [OPTIONS]
//!
//! `--help` lists the options. Anything missing on the machine is an error, never a reason to skip.
mod interop {
    pub(crate) mod baseline;
    pub(crate) mod cell;
    pub(crate) mod document;
    pub(crate) mod doubled;
    pub(crate) mod expected;
    pub(crate) mod groups;
    pub(crate) mod judge;
    pub(crate) mod node;
    pub(crate) mod options;
    pub(crate) mod peers;
    pub(crate) mod plan;
    pub(crate) mod process;
    pub(crate) mod proxy;
    pub(crate) mod reload;
    pub(crate) mod run;
    pub(crate) mod summary;
}

use interop::doubled;
use interop::options::{Options, say};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).peekable();
    let done = match args.next_if(|first| first == doubled::NAME) {
        Some(_) => doubled::run(args),
        None => Options::parse(args).and_then(|options| interop::run::run(&options)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            say(&format!("interop: {e:#}"));
            ExitCode::FAILURE
        }
    }
}
