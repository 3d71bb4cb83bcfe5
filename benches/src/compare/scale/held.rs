//! Memory that changes take while calls are in flight that last longer. A call must not hold more of the old
//! configuration than its own route.

use std::io::{self, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::ensure;
use serde::Serialize;

use super::super::lab::Lab;
use super::super::memory::settled_bytes;
use super::super::options::Options;
use super::super::output::Output;
use super::super::table::Table;
use super::churn::wait_until_calm;
use super::site::{Kind, Site, Size};
use super::{Sizes, mb};
use crate::process::complain;
use crate::wire::{Protocol, RequestTemplate};

/// The time between two changes of one file, so that they do not become one.
const APART: Duration = Duration::from_millis(220);

/// The calls last for longer than all changes.
const CALL_TIMEOUT_MS: u32 = 600_000;

#[derive(Debug, Serialize)]
struct Held {
    section: &'static str,
    services: usize,
    calls: usize,
    changes: u64,
    before_bytes: u64,
    /// After the first two changes. New ids make each list of endpoints grow, once for many changes.
    first_bytes: u64,
    after_bytes: u64,
}

pub(super) fn measure(
    lab: &Lab,
    options: &Options,
    sizes: &Sizes,
    output: &mut Output,
) -> anyhow::Result<()> {
    let legend = "Resident memory with calls in flight that are not answered: before, after the first two \
                  changes, and after all. Half of the changes are of the cluster that the calls are in. New \
                  endpoints make each list of endpoints grow, which happens once for many changes.";
    let heads = [
        "services",
        "calls",
        "changes",
        "before MB",
        "after two MB",
        "after all MB",
        "growth MB",
    ];
    let mut table = Table::new("Changes under calls in flight", legend, &heads);
    if let Some(&services) = sizes.services.last() {
        complain(format_args!("scale: changes under calls, {services} services"));
        let held = held(lab, options, sizes, services)?;
        table.row(vec![
            services.to_string(),
            held.calls.to_string(),
            held.changes.to_string(),
            mb(held.before_bytes),
            mb(held.first_bytes),
            mb(held.after_bytes),
            format!(
                "{:.2}",
                (held.after_bytes as f64 - held.before_bytes as f64) / 1e6
            ),
        ]);
        output.record(&held)?;
    }
    output.table(&table)
}

fn held(lab: &Lab, options: &Options, sizes: &Sizes, services: usize) -> anyhow::Result<Held> {
    // It reads what arrives, and answers no call.
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let address = silent.local_addr()?;
    thread::spawn(move || {
        for connection in silent.incoming().flatten() {
            thread::spawn(move || io::copy(&mut &connection, &mut io::sink()));
        }
    });
    let size = Size {
        kind: Kind::ServicesInFiles,
        count: services,
    };
    let site = Site::prepare(lab, size, address, Protocol::Bolt)?;
    let (proxy, _) = site.start(lab)?;
    let mut template = RequestTemplate::new(Protocol::Bolt, options.argument_len)?;
    template.set_timeout(CALL_TIMEOUT_MS);
    let call = |id: usize| -> anyhow::Result<TcpStream> {
        let mut stream = TcpStream::connect(proxy.address)?;
        let mut bytes = Vec::new();
        template.append(id as u64, id as u64, &mut bytes);
        stream.write_all(&bytes)?;
        Ok(stream)
    };
    let calls: Vec<TcpStream> = (1..=sizes.held_calls).map(call).collect::<anyhow::Result<_>>()?;
    wait_until_calm(&proxy)?;
    let before_bytes = settled_bytes(&proxy)?;
    let mut first_bytes = before_bytes;
    for pair in 1..=sizes.held_changes / 2 {
        if pair == 2 {
            first_bytes = settled_bytes(&proxy)?;
        }
        site.write_endpoints(site.middle(), pair)?;
        let other = (site.middle() + pair) % services;
        site.write_endpoints(if other == site.middle() { 0 } else { other }, pair)?;
        thread::sleep(APART);
    }
    wait_until_calm(&proxy)?;
    let after_bytes = settled_bytes(&proxy)?;
    let still = calls.iter().filter(|call| is_open(call)).count();
    let mut said = [0; 600];
    let length = calls[0].peek(&mut said).unwrap_or(0);
    ensure!(
        still == calls.len(),
        "only {still} of {} calls are still in flight; the first one got {:?}",
        calls.len(),
        String::from_utf8_lossy(&said[..length])
    );
    Ok(Held {
        section: "scale-held",
        services,
        calls: calls.len(),
        changes: site.changes_made()?,
        before_bytes,
        first_bytes,
        after_bytes,
    })
}

/// Whether nothing has come back on a connection, not even its end.
fn is_open(call: &TcpStream) -> bool {
    let quiet = call.set_nonblocking(true).and_then(|()| call.peek(&mut [0]));
    quiet.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}
