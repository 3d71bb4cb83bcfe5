//! The one Rialto between all peers, with a listener, a route and a cluster for each provider.
use super::plan::{Side, Variant};
use super::process::{Read, Running, within};
use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const START: Duration = Duration::from_secs(15);
const ANSWER: Duration = Duration::from_secs(10);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// How the message ends with which it says that it is ready.
const READY: &str = " is ready";
/// A number of bytes that heartbeats do not reach, so that it proves calls.
const SEVERAL_CALLS: u64 = 20_000;

/// A running Rialto.
pub(crate) struct Proxy {
    running: Running,
    file: PathBuf,
    config: Value,
    /// What it called itself when it was ready, with its version.
    pub(crate) version: String,
    admin: String,
    ports: BTreeMap<String, u16>,
    /// The warnings and errors in its log so far.
    complaints: Vec<String>,
}

/// The configuration for providers and their ports. Consumers of both protocols use a provider's listener;
/// the bridge of a route only affects calls between protocols.
fn config(providers: &[(Side, u16)], access_log: &Path) -> Value {
    let each = |make: &dyn Fn(&Side, u16) -> Value| -> Value {
        providers.iter().map(|(p, port)| make(p, *port)).collect()
    };
    let listeners = each(&|p, _| json!({ "name": p.name(), "address": "127.0.0.1:0", "routes": [p.name()] }));
    let routes =
        each(&|p, _| json!({ "name": p.name(), "to": [{ "cluster": p.name() }], "bridge": bridge(p) }));
    let clusters = each(&|p, port| {
        let protocol = if p.is_sofa() { "bolt" } else { "dubbo" };
        json!({ "name": p.name(), "protocol": protocol, "endpoints": [{ "address": format!("127.0.0.1:{port}") }] })
    });
    json!({
        "admin": { "address": "127.0.0.1:0" },
        "access_log": { "path": access_log, "format": "json", "sample": 1.0 },
        "log": { "level": "debug", "format": "json" },
        "listeners": listeners, "routes": routes, "clusters": clusters,
    })
}

/// The bridge of a provider's route. Dubbo applications use version 1.0.0 where SOFARPC ones use 1.0. Types
/// and time zones that Dubbo does not send are configured here.
fn bridge(provider: &Side) -> Value {
    let unique_id = if provider.variant == Variant::Version {
        "version"
    } else {
        "group"
    };
    let (from, to) = if provider.is_sofa() {
        ("1.0.0", "1.0")
    } else {
        ("1.0", "1.0.0")
    };
    json!({
        "unique_id": unique_id, "versions": [{ "from": from, "to": to }], "time_zone": "Z",
        "fields": {
            "com.acme.zoo.SqlTimes.created": "java.sql.Timestamp",
            "com.acme.zoo.SqlTimes.day": "java.sql.Date",
            "com.acme.zoo.SqlTimes.at": "java.sql.Time",
            "com.acme.zoo.JdkFields.sqlTimestamp": "java.sql.Timestamp",
            "com.acme.zoo.JdkFields.sqlDate": "java.sql.Date",
            "com.acme.zoo.JdkFields.sqlTime": "java.sql.Time",
        },
    })
}

impl Proxy {
    /// Starts it with the providers as endpoints. Its output goes to the directory.
    pub(crate) fn start(providers: &[(Side, u16)], dir: &Path) -> anyhow::Result<Proxy> {
        Proxy::with(config(providers, &dir.join("access.log")), dir)
    }

    /// Starts it with a configuration.
    pub(crate) fn with(config: Value, dir: &Path) -> anyhow::Result<Proxy> {
        let file = dir.join("rialto.json");
        let listeners = config["listeners"].as_array().map_or(0, Vec::len);
        std::fs::write(&file, format!("{config:#}\n"))?;
        let program = std::env::var_os("RIALTO_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_rialto").into());
        let mut command = Command::new(program);
        command.arg("run").arg("--config").arg(&file);
        let running = Running::start("rialto", command, Read::Err, &dir.join("rialto.log"))?;
        let mut proxy = Proxy {
            running,
            file,
            config,
            version: String::new(),
            admin: String::new(),
            ports: BTreeMap::new(),
            complaints: vec![],
        };
        let ready = proxy
            .await_message(START, |p, message| {
                p.note_address(message) || message.ends_with(READY)
            })
            .context("rialto did not start")?;
        proxy.version = ready.trim_end_matches(READY).to_owned();
        ensure!(
            proxy.ports.len() == listeners,
            "rialto listens on {:?} only",
            proxy.ports.keys()
        );
        Ok(proxy)
    }

    /// Records the address in a message. Always returns `false`, because no such message is waited for.
    fn note_address(&mut self, message: &str) -> bool {
        if let Some(address) = message.strip_prefix("admin on ") {
            self.admin = address.to_owned();
        } else if let Some((name, address)) = message
            .strip_prefix("listener ")
            .and_then(|m| m.split_once(" on "))
        {
            let port = address.rsplit(':').next().and_then(|p| p.parse().ok());
            self.ports.extend(port.map(|p| (name.to_owned(), p)));
        }
        false
    }

    /// Reads its log up to a message.
    fn await_message(
        &mut self,
        time: Duration,
        mut found: impl FnMut(&mut Proxy, &str) -> bool,
    ) -> anyhow::Result<String> {
        let end = within(time);
        loop {
            let line = self
                .running
                .line(end)?
                .context("rialto has ended: its log tells why")?;
            if let Some(message) = self.heed(&line)
                && found(self, &message)
            {
                return Ok(message);
            }
        }
    }

    /// The message of a line of the log. Warnings and errors are recorded.
    fn heed(&mut self, line: &str) -> Option<String> {
        let Ok(entry) = serde_json::from_str::<Value>(line) else {
            // A panic is not written in the log's format.
            self.complaints.push(line.to_owned());
            return None;
        };
        if entry["level"] == "ERROR" {
            self.complaints.push(line.to_owned());
        }
        entry["message"].as_str().map(str::to_owned)
    }

    /// The port that leads to a provider.
    pub(crate) fn port(&self, provider: &Side) -> anyhow::Result<u16> {
        self.port_of(&provider.name())
    }

    /// The port of a listener.
    pub(crate) fn port_of(&self, listener: &str) -> anyhow::Result<u16> {
        let port = self.ports.get(listener).copied();
        port.with_context(|| format!("there is no listener {listener}"))
    }

    /// The ports that lead to these providers.
    pub(crate) fn ports(&self, providers: &[(Side, u16)]) -> anyhow::Result<BTreeMap<Side, u16>> {
        providers
            .iter()
            .map(|(p, _)| Ok((p.clone(), self.port(p)?)))
            .collect()
    }

    /// Changes the configuration file and waits until the change is in use.
    pub(crate) fn reload(&mut self, change: impl FnOnce(&mut Value)) -> anyhow::Result<()> {
        change(&mut self.config);
        self.rewrite(&format!("{:#}\n", self.config), "was taken over")
    }

    /// Makes the configuration file invalid, waits until it was refused, and restores it.
    pub(crate) fn reload_wrong(&mut self) -> anyhow::Result<()> {
        self.rewrite("{ \"listeners\": 5 }\n", "was refused")?;
        self.complaints.retain(|c| !c.contains("was refused"));
        self.rewrite(&format!("{:#}\n", self.config), "was taken over")
    }

    fn rewrite(&mut self, text: &str, answer: &str) -> anyhow::Result<()> {
        // The file is replaced by a rename, because it may be read at any moment.
        let fresh = self.file.with_extension("fresh");
        std::fs::write(&fresh, text)?;
        std::fs::rename(&fresh, &self.file)?;
        self.await_message(ANSWER, |_, m| {
            m.contains("the changed configuration") || m.contains("was taken over")
        })
        .and_then(|m| if m.contains(answer) { Ok(()) } else { bail!("{m}") })
    }

    /// Waits until no call is in flight, including calls whose consumers stopped waiting.
    pub(crate) fn await_quiet(&self, time: Duration) -> anyhow::Result<()> {
        self.await_page("/clusters", time, "calls are left in flight", |clusters| {
            clusters.iter().all(|c| c["in_flight"] == 0)
        })
    }

    /// Waits until each of these providers got more calls.
    pub(crate) fn await_calls(&self, providers: [&Side; 2], time: Duration) -> anyhow::Result<()> {
        let bytes = |listeners: &[Value]| {
            providers.map(|p| {
                listeners
                    .iter()
                    .find(|l| l["name"] == p.name())
                    .and_then(|l| l["bytes_in"].as_u64())
            })
        };
        let mut before = None;
        self.await_page("/listeners", time, "no calls come", |listeners| {
            let now = bytes(listeners);
            let before = before.get_or_insert(now);
            now.iter()
                .zip(before)
                .all(|(now, before)| *now > before.map(|b| b + SEVERAL_CALLS))
        })
    }

    /// Polls a page until its list is as wanted.
    fn await_page(
        &self,
        path: &str,
        time: Duration,
        otherwise: &str,
        mut wanted: impl FnMut(&[Value]) -> bool,
    ) -> anyhow::Result<()> {
        let end = within(time);
        loop {
            let page: Vec<Value> = serde_json::from_str(&self.page(path)?)?;
            if wanted(&page) {
                return Ok(());
            }
            ensure!(
                Instant::now() < end,
                "{otherwise}: {path} says {}",
                Value::from(page)
            );
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }

    /// A page of the admin interface.
    pub(crate) fn page(&self, path: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(&self.admin).context("the admin interface")?;
        stream.set_read_timeout(Some(ANSWER))?;
        write!(stream, "GET {path} HTTP/1.0\r\nhost: {}\r\n\r\n", self.admin)?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let (head, body) = text.split_once("\r\n\r\n").context("no HTTP answer")?;
        ensure!(head.contains(" 200 "), "{path}: {head}");
        Ok(body.to_owned())
    }

    /// Ends it gracefully; returns the warnings and errors of its whole life.
    pub(crate) fn stop(mut self) -> anyhow::Result<Vec<String>> {
        self.running.terminate()?;
        let end = within(ANSWER);
        while let Some(line) = self.running.line(end)? {
            self.heed(&line);
        }
        Ok(self.complaints)
    }
}
