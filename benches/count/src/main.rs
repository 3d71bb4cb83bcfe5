//! Makes a number of calls through one worker, between in-memory clients and a backend. Every run makes the
//! same calls in the same turns, so that the instructions of a turn can be counted and compared.
//!
//! `compare --callgrind` runs it under valgrind and counts only [`Worker::turn`], without the links' own
//! `read` and `write`; nothing else here is counted. See `benches/README.md`.
//!
//! [`Worker::turn`]: rialto_core::worker::Worker::turn
#![forbid(unsafe_code)]

mod lab;
mod link;
mod peers;

use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use lab::Lab;
use rialto_benches::flags::Flags;
use rialto_benches::loadgen::Load;
use rialto_benches::wire::{Protocol, RequestTemplate};

/// Runs `rialto-count --config FILE --client PROTOCOL --load CONNECTIONSxIN_FLIGHT --calls N [--argument N]`.
fn main() -> anyhow::Result<()> {
    let mut flags = Flags::new(std::env::args().skip(1));
    let config: PathBuf = flags.required("--config")?;
    let client: Protocol = flags.required("--client")?;
    let load: Load = flags.required("--load")?;
    let calls = flags.required("--calls")?;
    let argument_len = flags.value("--argument")?.unwrap_or(1024);
    flags.finish()?;
    let in_flight = load
        .in_flight()
        .with_context(|| format!("--load {load}: there is no clock here, only closed loops like 8x32"))?;
    let config = rialto::config::load(config)
        .map_err(|report| anyhow::anyhow!("{report}"))?
        .config;
    let mut lab = Lab::new(&config, RequestTemplate::new(client, argument_len)?);
    let turns = lab.run(load.connections, in_flight, calls)?;
    writeln!(io::stdout(), "{calls} calls in {turns} turns")?;
    Ok(())
}
