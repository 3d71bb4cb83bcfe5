//! A proxy with a configuration of a given size, and the files of its endpoints.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::Serialize;

use super::super::lab::{Lab, Running, is_ready, tail};
use crate::net::free_address;
use crate::process::{CpuClock, threads_cpu_ns};
use crate::wire::{Protocol, SERVICE};

/// The endpoints of each cluster.
const ENDPOINTS: usize = 10;
/// The clusters that many routes lead to.
const CLUSTERS: usize = 4;
/// The longest time until a proxy is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(1);

/// What there is much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// Services with their endpoints in the configuration.
    Services,
    /// Services with their endpoints in files.
    ServicesInFiles,
    /// Routes to a few clusters.
    Routes,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Services => "services",
            Self::ServicesInFiles => "services, endpoints in files",
            Self::Routes => "routes",
        }
    }
}

/// A kind and its number.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Size {
    pub(super) kind: Kind,
    pub(super) count: usize,
}

/// A proxy of some size, prepared or running. The benchmark's service is in the middle of its configuration.
pub(super) struct Site {
    size: Size,
    folder: PathBuf,
    config: PathBuf,
    admin: SocketAddr,
    listen: SocketAddr,
    backend: SocketAddr,
    protocol: Protocol,
}

/// CPU time by what used it, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cpu {
    /// The control thread and its helpers: watching, reading and parsing files, and compiling changes.
    pub(super) control: u64,
    pub(super) workers: u64,
}

impl Site {
    /// Writes the configuration. Calls of the benchmark's service go to `backend`, in this protocol.
    pub(super) fn prepare(
        lab: &Lab,
        size: Size,
        backend: SocketAddr,
        protocol: Protocol,
    ) -> anyhow::Result<Self> {
        let folder = lab.file("scale");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let site = Self {
            size,
            config: folder.join("rialto.yaml"),
            folder,
            admin: free_address()?,
            listen: free_address()?,
            backend,
            protocol,
        };
        fs::write(&site.config, site.text())?;
        if size.kind == Kind::ServicesInFiles {
            (0..size.count).try_for_each(|service| site.write_endpoints(service, 0))?;
        }
        Ok(site)
    }

    /// Starts the proxy, and returns it with the time until it was ready.
    pub(super) fn start(&self, lab: &Lab) -> anyhow::Result<(Running, Duration)> {
        let began = Instant::now();
        let mut running = lab.rialto("scale", &self.config, self.listen)?;
        let log = lab.file("scale.log");
        while !is_ready(self.admin) {
            running.still_runs().with_context(|| tail(&log))?;
            ensure!(began.elapsed() < READY_TIMEOUT, "it is not ready: {}", tail(&log));
            thread::sleep(POLL);
        }
        Ok((running, began.elapsed()))
    }

    pub(super) fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The service whose calls the benchmark makes.
    pub(super) fn middle(&self) -> usize {
        self.size.count / 2
    }

    /// Writes the endpoints of a service. Each revision has one endpoint that the one before did not have.
    pub(super) fn write_endpoints(&self, service: usize, revision: usize) -> anyhow::Result<()> {
        let path = self.folder.join(format!("{service}.yaml"));
        let text = self.endpoints(service, revision).join("\n") + "\n";
        // As operators do it: a reader never sees half of it.
        let new = self.folder.join(format!("{service}.new"));
        fs::write(&new, text).with_context(|| format!("cannot write {}", new.display()))?;
        fs::rename(&new, &path).with_context(|| format!("cannot replace {}", path.display()))
    }

    /// The number of changes that were made since the start. The page is large, so this takes memory.
    pub(super) fn changes_made(&self) -> anyhow::Result<u64> {
        let page = get(self.admin, "/config_dump")?;
        let page = String::from_utf8_lossy(&page[page.len().saturating_sub(1000)..]).into_owned();
        let version = page.rsplit_once("\"version\":").map(|(_, after)| after);
        let version = version.context("the page names no version")?;
        let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
        Ok(digits.parse::<u64>().context("the version is no number")? - 1)
    }

    /// The endpoints of a service, as items of a list. Nobody connects to any but the backend, which gets all
    /// calls of the benchmark's service.
    fn endpoints(&self, service: usize, revision: usize) -> Vec<String> {
        let ip = Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 0).to_bits() + service as u32);
        let changed = 20_000 + revision % 40_000;
        if service == self.middle() {
            return vec![
                format!("- {{ address: {} }}", self.backend),
                format!("- {{ address: {ip}:{changed}, weight: 0 }}"),
            ];
        }
        let fixed = (1..ENDPOINTS).map(|i| 10_000 + i);
        let ports = std::iter::once(changed).chain(fixed);
        ports.map(|port| format!("- address: {ip}:{port}")).collect()
    }

    fn text(&self) -> String {
        let Size { kind, count } = self.size;
        let (admin, listen) = (self.admin, self.listen);
        let mut text = format!(
            "admin: {{ address: {admin} }}\nruntime: {{ workers: 1 }}\nlisteners:\n- name: in\n  address: {listen}\n  \
             routes:\n"
        );
        for service in 0..count {
            text += &format!("  - service-{service}\n");
        }
        text += "routes:\n";
        for service in 0..count {
            let name = if service == self.middle() {
                SERVICE.to_owned()
            } else {
                format!("com.acme.bench.Service{service}")
            };
            let cluster = if kind == Kind::Routes {
                service % CLUSTERS
            } else {
                service
            };
            text += &format!(
                "- {{ name: service-{service}, match: {{ service: {name} }}, to: [ {{ cluster: cluster-{cluster} }} ], \
                 timeout: 10m }}\n"
            );
        }
        text += "clusters:\n";
        let clusters = if kind == Kind::Routes { CLUSTERS } else { count };
        for cluster in 0..clusters {
            text += &format!("- name: cluster-{cluster}\n  protocol: {}\n", self.protocol);
            // A backend that answers no call answers no heartbeat either.
            if cluster == self.middle() {
                text += "  heartbeat_interval: off\n";
            }
            match kind {
                Kind::ServicesInFiles => text += &format!("  endpoints_file: {cluster}.yaml\n"),
                Kind::Services => {
                    text += "  endpoints:\n";
                    for endpoint in self.endpoints(cluster, 0) {
                        text += &format!("  {endpoint}\n");
                    }
                }
                Kind::Routes => text += &format!("  endpoints: [ {{ address: {} }} ]\n", self.backend),
            }
        }
        text
    }
}

impl Cpu {
    /// What a proxy has used so far.
    pub(super) fn of(proxy: &Running) -> anyhow::Result<Self> {
        let mut cpu = Self::default();
        let mut others = 0;
        for (name, used) in threads_cpu_ns(proxy.pid())? {
            match name.as_str() {
                "admin" | "acceptor" | "access-log" | "log" => others += used,
                worker if worker.starts_with("worker-") => cpu.workers += used,
                _ => {}
            }
        }
        // Helpers come and go, and only the clock of the process knows those that have ended.
        let all = CpuClock::of_process(proxy.pid())?.read()?;
        cpu.control = all.saturating_sub(cpu.workers + others);
        Ok(cpu)
    }

    pub(super) fn since(self, before: Self) -> Self {
        Self {
            control: self.control.saturating_sub(before.control),
            workers: self.workers.saturating_sub(before.workers),
        }
    }
}

/// The body of a page, or all of the response before it.
fn get(admin: SocketAddr, path: &str) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(admin)?;
    stream.set_read_timeout(Some(READY_TIMEOUT))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    )?;
    let mut page = Vec::new();
    stream.read_to_end(&mut page)?;
    ensure!(page.starts_with(b"HTTP/1.1 200"), "{path} is not there");
    Ok(page)
}
