//! The proxy's resident memory: at the start, and with idle connections after one call on each.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::Serialize;

use super::lab::{Lab, Running};
use super::options::Options;
use super::output::Output;
use super::table::{Table, figure};
use super::variant::{Proxy, Variant};
use crate::process::{complain, resident_bytes};
use crate::wire::RequestTemplate;

/// The longest time for one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Memory is read once it has not changed for this long.
const SETTLED: Duration = Duration::from_millis(300);
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);
/// Open files that a proxy needs besides connections.
const SPARE_FILES: usize = 200;
const POLL: Duration = Duration::from_millis(50);

/// The resident memory of one variant.
#[derive(Debug, Serialize)]
struct Footprint {
    section: &'static str,
    variant: &'static str,
    start_bytes: u64,
    /// The numbers of idle connections, each with the memory at that number.
    idle: Vec<(usize, u64)>,
}

/// Measures the chosen variants that represent a program.
pub(super) fn measure(
    lab: &Lab,
    options: &Options,
    open_files: u64,
    output: &mut Output,
) -> anyhow::Result<()> {
    let mut found = Vec::new();
    for variant in options
        .variants
        .iter()
        .filter(|variant| variant.memory && variant.proxy != Proxy::Direct)
    {
        if !lab.has(variant) {
            continue;
        }
        complain(format_args!("memory: {}", variant.name));
        match footprint(lab, options, open_files, variant) {
            Ok(footprint) => {
                output.record(&footprint)?;
                found.push(footprint);
            }
            Err(error) => output.failure(format!("memory of {}: {error:#}", variant.name)),
        }
    }
    let legend = "Resident memory of the proxy's process in MB; B/connection is what each idle connection adds, after \
                  one call on each. There are fewer of them than asked for where the limit of open files is in the way.";
    let mut table = Table::new(
        "Memory",
        legend,
        &["variant", "idle connections", "RSS MB", "B/connection"],
    );
    for footprint in found {
        let mb = |bytes: u64| figure(Some(bytes as f64 / 1e6));
        table.row(vec![
            footprint.variant.into(),
            "0".into(),
            mb(footprint.start_bytes),
            "-".into(),
        ]);
        for (connections, bytes) in footprint.idle {
            let each = bytes.saturating_sub(footprint.start_bytes) as f64 / connections as f64;
            let cells = [connections.to_string(), mb(bytes), format!("{each:.0}")];
            table.row([footprint.variant.to_owned()].into_iter().chain(cells).collect());
        }
    }
    output.table(&table)
}

fn footprint(lab: &Lab, options: &Options, open_files: u64, variant: &Variant) -> anyhow::Result<Footprint> {
    let placement = lab.anywhere();
    let backend = lab.backend(&placement)?;
    let proxy = lab
        .proxy(variant, backend.address, 1, &placement)?
        .context("a variant without proxy")?;
    let template = RequestTemplate::new(variant.client, options.argument_len)?;
    let start_bytes = settled_bytes(&proxy)?;
    let (mut held, mut idle) = (Vec::new(), Vec::new());
    let most = (open_files as usize).saturating_sub(SPARE_FILES) / variant.files_per_connection();
    for &connections in &options.idle {
        let connections = connections.min(most);
        while held.len() < connections {
            let stream = connect_and_call(proxy.address, &template, held.len() as u64 + 1);
            held.push(stream.with_context(|| format!("connection {}", held.len() + 1))?);
        }
        idle.push((connections, settled_bytes(&proxy)?));
    }
    Ok(Footprint {
        section: "memory",
        variant: variant.name,
        start_bytes,
        idle,
    })
}

/// Opens a connection and makes one checked call on it.
pub(super) fn connect_and_call(
    proxy: SocketAddr,
    template: &RequestTemplate,
    nonce: u64,
) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(proxy)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(CALL_TIMEOUT))?;
    let mut bytes = Vec::new();
    template.append(nonce, nonce, &mut bytes);
    stream.write_all(&bytes)?;
    bytes.clear();
    let mut buffer = [0; 8192];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => bail!("closed before its response came"),
            Ok(len) => bytes.extend_from_slice(&buffer[..len]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("no response"),
        }
        if let Some(frame) = template.protocol().frame(&bytes)? {
            template.check(&bytes[..frame.len], nonce)?;
            return Ok(stream);
        }
    }
}

/// The resident memory once it no longer changes.
pub(super) fn settled_bytes(proxy: &Running) -> anyhow::Result<u64> {
    let deadline = Instant::now() + SETTLE_TIMEOUT;
    let mut bytes = resident_bytes(proxy.pid())?;
    let mut since = Instant::now();
    while since.elapsed() < SETTLED && Instant::now() < deadline {
        thread::sleep(POLL);
        let now = resident_bytes(proxy.pid())?;
        if now != bytes {
            (bytes, since) = (now, Instant::now());
        }
    }
    Ok(bytes)
}
