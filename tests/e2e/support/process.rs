//! A running `rialto`.
use super::http::Http;
use super::lines::Lines;
use super::{Json, Upstream, config, eventually, json};
use rialto_core::framed::Codec;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_rialto");

pub(crate) struct Rialto {
    process: Process,
    pub(crate) admin: Http,
}

/// A process that may not be ready yet.
pub(crate) struct Process {
    child: Child,
    pub(crate) stderr: Lines,
    pub(crate) stdout: Lines,
    pub(crate) folder: Folder,
}

impl Deref for Rialto {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Rialto {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// A folder of one test, removed at its end.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// A command without the environment variables of the test run.
pub(crate) fn command() -> Command {
    let mut command = Command::new(BINARY);
    command
        .env_remove("RIALTO_CONFIG")
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::null());
    command
}

impl Rialto {
    /// Starts it and waits until it is ready.
    pub(crate) fn start(config: &Json) -> Rialto {
        Rialto::start_in(Folder::new(), config)
    }

    /// Starts it with this upstream as its only endpoint.
    pub(crate) fn before<C: Codec>(up: &Upstream<C>) -> Rialto {
        Rialto::start(&config::<C>(&[up.address]))
    }

    /// Does the same as [`Rialto::start`], with files that the configuration names.
    pub(crate) fn start_in(folder: Folder, config: &Json) -> Rialto {
        Rialto::when_ready(Process::new_in(folder, config))
    }

    /// Does the same as [`Rialto::start`], after a shell has run `first`.
    pub(crate) fn start_after(first: &str, config: &Json) -> Rialto {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("{first}; exec \"$0\" \"$@\""), BINARY])
            .env_remove("RIALTO_CONFIG")
            .stdin(Stdio::null());
        Rialto::when_ready(Process::spawn(shell, Folder::new(), config))
    }

    fn when_ready(process: Process) -> Rialto {
        let line = process
            .stderr
            .wait("the admin address", |l| l.contains("admin on "));
        let at = line.split("admin on ").nth(1).unwrap();
        let at = at.split('"').next().unwrap().parse().unwrap();
        process.stderr.wait("readiness", |l| l.contains("is ready"));
        let admin = Http(at);
        Rialto { process, admin }
    }

    /// The real address of a listener, as `/listeners` shows it.
    pub(crate) fn listener(&self, name: &str) -> SocketAddr {
        let all = self.admin.json("/listeners");
        let found = all.as_array().unwrap().iter().find(|l| l["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {all}"))["address"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    /// The address of the listener in [`super::config()`].
    pub(crate) fn entry(&self) -> SocketAddr {
        self.listener("in")
    }

    /// Replaces the configuration file.
    pub(crate) fn write(&self, config: &str) {
        replace(&self.folder.path("rialto.json"), config);
    }

    /// Replaces the configuration file and waits until the change is in use.
    pub(crate) fn reload(&self, config: &Json) {
        let before = self.reloads("accepted");
        self.write(&config.to_string());
        self.signal("HUP");
        eventually("a reload", || (self.reloads("accepted") > before).then_some(()));
    }

    /// How many changed configurations were `accepted` or `refused`.
    pub(crate) fn reloads(&self, what: &str) -> u64 {
        self.admin.json("/config_dump")["reload"][what].as_u64().unwrap()
    }

    /// A number of `/metrics`: the sum of all samples of that name whose labels contain all these parts.
    pub(crate) fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        // Few pages are made at once, and the place of the last one may not be free yet.
        let text = eventually("a page of metrics", || {
            let (code, text) = self.admin.get("/metrics");
            (code == 200).then_some(text)
        });
        let of = |line: &str| {
            let rest = line.strip_prefix(name)?;
            let (labels_here, value) = match rest.strip_prefix('{') {
                Some(rest) => rest.split_once("} ")?,
                None => ("", rest.strip_prefix(' ')?),
            };
            labels
                .iter()
                .all(|l| labels_here.contains(l))
                .then(|| value.parse::<f64>().unwrap())
        };
        text.lines().filter_map(of).sum()
    }

    /// A value of `/proc/<pid>/status` in kilobytes.
    pub(crate) fn memory_kb(&self, key: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = text.lines().find(|l| l.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// The endpoint at this index of a cluster, as `/clusters` shows it.
    pub(crate) fn endpoint(&self, cluster: &str, index: usize) -> Json {
        let all = self.admin.json("/clusters");
        let found = all
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["name"] == cluster)
            .unwrap();
        found["endpoints"][index].clone()
    }

    /// Waits until this number of calls is in flight.
    pub(crate) fn wait_in_flight(&self, calls: u64) {
        eventually("calls in flight", || {
            let all = self.admin.json("/listeners");
            let sum: u64 = all
                .as_array()
                .unwrap()
                .iter()
                .map(|l| l["in_flight"].as_u64().unwrap())
                .sum();
            (sum == calls).then_some(())
        });
    }
}

impl Process {
    pub(crate) fn new(config: &Json) -> Process {
        Process::new_in(Folder::new(), config)
    }

    fn new_in(folder: Folder, config: &Json) -> Process {
        Process::spawn(command(), folder, config)
    }

    fn spawn(mut command: Command, folder: Folder, config: &Json) -> Process {
        let path = folder.path("rialto.json");
        replace(&path, &config.to_string());
        let mut child = command
            .args(["run", "-c"])
            .arg(&path)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = Lines::follow(child.stderr.take().unwrap());
        let stdout = Lines::follow(child.stdout.take().unwrap());
        Process {
            child,
            stderr,
            stdout,
            folder,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.pid().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for the end of the process.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        eventually("the end of the process", || self.child.try_wait().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- rialto said:\n{}", self.stderr.all().join("\n"));
        }
    }
}

/// Replaces a file by a rename, because the watcher may read it at any time.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}

/// Runs a command to its end: its code, and what it printed.
pub(crate) fn output(args: &[&str]) -> (i32, String, String) {
    let out = command().args(args).output().unwrap();
    let text = |b: &[u8]| String::from_utf8(b.to_vec()).unwrap();
    (out.status.code().unwrap(), text(&out.stdout), text(&out.stderr))
}

/// Does the same for a command that reads `input`.
pub(crate) fn output_of(args: &[&str], input: &str) -> (i32, String, String) {
    let mut command = command();
    let child = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = child.stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let text = |b: &[u8]| String::from_utf8(b.to_vec()).unwrap();
    (out.status.code().unwrap(), text(&out.stdout), text(&out.stderr))
}

/// The JSON values of a file that may still be written to.
pub(crate) fn json_lines(text: &str) -> Vec<Json> {
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap_or_else(|e| json!({"unreadable": e.to_string()})))
        .collect()
}
