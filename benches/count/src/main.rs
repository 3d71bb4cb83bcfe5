//! Makes a number of calls through one worker, between in-memory clients and a backend. Every run makes the
//! same calls in the same turns, so that the instructions of a turn can be counted and compared.
//!
//! `compare --callgrind` runs it under valgrind and counts only [`Worker::turn`], without the links' own
//! `read` and `write`; nothing else here is counted. As `rialto-count changes` it makes no calls and times
//! changes of endpoints instead. See `benches/README.md`.
//!
//! [`Worker::turn`]: rialto_core::worker::Worker::turn
#![forbid(unsafe_code)]

mod changes;
mod grow;
mod lab;
mod link;
mod peers;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use lab::Lab;
use rialto_benches::flags::Flags;
use rialto_benches::loadgen::Load;
use rialto_benches::wire::{Protocol, RequestTemplate};
use rialto_config::Config;

/// Runs `rialto-count --config FILE --client PROTOCOL --load CONNECTIONSxIN_FLIGHT --calls N [--argument N]`, or
/// `rialto-count changes --config FILE --changes N --counted N --per-second N --longest SECONDS`. With
/// `--services N` or `--routes N` the configuration is grown to that size.
fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).peekable();
    let times_changes = arguments.next_if(|word| word == "changes").is_some();
    let mut flags = Flags::new(arguments);
    let config = config(&mut flags)?;
    if times_changes {
        time_changes(&config, flags)
    } else {
        make_calls(&config, flags)
    }
}

fn config(flags: &mut Flags) -> anyhow::Result<Config> {
    let path: PathBuf = flags.required("--config")?;
    let mut config = rialto::config::load(path)
        .map_err(|report| anyhow::anyhow!("{report}"))?
        .config;
    if let Some(services) = flags.value("--services")? {
        grow::to_services(&mut config, services)?;
    }
    if let Some(routes) = flags.value("--routes")? {
        grow::to_routes(&mut config, routes)?;
    }
    Ok(config)
}

fn time_changes(config: &Config, mut flags: Flags) -> anyhow::Result<()> {
    let plan = changes::Plan {
        changes: flags.required("--changes")?,
        counted: flags.required("--counted")?,
        per_second: flags.required("--per-second")?,
        longest: Duration::from_secs(flags.required("--longest")?),
    };
    flags.finish()?;
    let costs = changes::measure(config, plan)?;
    writeln!(io::stdout(), "{}", serde_json::to_string(&costs)?)?;
    Ok(())
}

fn make_calls(config: &Config, mut flags: Flags) -> anyhow::Result<()> {
    let client: Protocol = flags.required("--client")?;
    let load: Load = flags.required("--load")?;
    let calls = flags.required("--calls")?;
    let argument_len = flags.value("--argument")?.unwrap_or(1024);
    flags.finish()?;
    let in_flight = load
        .in_flight()
        .with_context(|| format!("--load {load}: there is no clock here, only closed loops like 8x32"))?;
    let mut lab = Lab::new(config, RequestTemplate::new(client, argument_len)?);
    let turns = lab.run(load.connections, in_flight, calls)?;
    writeln!(io::stdout(), "{calls} calls in {turns} turns")?;
    Ok(())
}
