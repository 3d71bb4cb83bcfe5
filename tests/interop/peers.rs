//! The Java peers: their requirements, and how they are built, started and read
//! (`tests/peers/java/README.md`).
use super::cell::Cell;
use super::process::{Read, Running, within};
use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const START: Duration = Duration::from_secs(90);
const SUITE: Duration = Duration::from_secs(180);

const INSTALL: &str = "the peers need a JDK (17 or newer) and Maven (3.8 or newer): \
    on Debian and Ubuntu `apt-get install openjdk-17-jdk-headless maven`, and JAVA_HOME unset or set to that JDK";

/// All peers.
pub(crate) struct Peers {
    dir: PathBuf,
    config: PeersFile,
    java: PathBuf,
}

#[derive(Deserialize)]
struct PeersFile {
    jvm: Vec<String>,
    peers: BTreeMap<String, Peer>,
}

#[derive(Deserialize)]
struct Peer {
    main: String,
    jvm: Vec<String>,
    provider: Vec<String>,
    consumer: Vec<String>,
}

/// What a consumer is to call, with many calls in flight.
pub(crate) struct Flood<'a> {
    /// What the arguments of its calls begin with.
    pub(crate) mark: &'a str,
    pub(crate) calls: u64,
    /// The number of calls in flight.
    pub(crate) window: u64,
    /// How long it waits for each.
    pub(crate) timeout: Duration,
}

/// A provider that is ready.
pub(crate) struct Provider {
    /// What it reported about itself.
    pub(crate) ready: Ready,
    /// Ends the provider when dropped.
    _running: Running,
}

/// What a provider reports when it is ready.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ready {
    /// Its port on 127.0.0.1.
    pub(crate) port: u16,
    /// The version that the framework reports.
    pub(crate) framework_version: String,
}

/// A provider that is being started.
pub(crate) struct Starting(String, Running);

impl Peers {
    /// Finds the peers and builds them if they have changed.
    ///
    /// # Errors
    /// Something is missing; the error says what to install.
    pub(crate) fn prepare() -> anyhow::Result<Peers> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/java");
        let java =
            std::env::var_os("JAVA_HOME").map_or("java".into(), |home| Path::new(&home).join("bin/java"));
        for (tool, argument) in [(java.as_path(), "-version"), (Path::new("mvn"), "-version")] {
            let found = Command::new(tool).arg(argument).output();
            ensure!(
                found.is_ok_and(|o| o.status.success()),
                "`{} {argument}` does not run; {INSTALL}",
                tool.display()
            );
        }
        let file = dir.join("peers.json");
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let config = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
        let built = Command::new(dir.join("build.sh"))
            .status()
            .context("build.sh of the peers cannot be run")?;
        ensure!(built.success(), "the peers cannot be built ({built}); {INSTALL}");
        Ok(Peers { dir, config, java })
    }

    /// The same peers with additional options of the Java machine, which override those before.
    pub(crate) fn with_jvm(mut self, options: &[&str]) -> Peers {
        self.config.jvm.extend(options.iter().map(|&o| o.to_owned()));
        self
    }

    /// The first line of `java -version`.
    pub(crate) fn java_version(&self) -> anyhow::Result<String> {
        let said = Command::new(&self.java).arg("-version").output()?.stderr;
        let text = String::from_utf8_lossy(&said);
        let quoted = text.split('"').nth(1).context("java -version names no version")?;
        Ok(quoted.to_owned())
    }

    fn command(&self, peer: &str, side: &str, options: &[&str]) -> anyhow::Result<Command> {
        let it = self
            .config
            .peers
            .get(peer)
            .with_context(|| format!("peers.json knows no {peer}"))?;
        let entries = if side == "provider" {
            &it.provider
        } else {
            &it.consumer
        };
        let class_path = std::env::join_paths(entries.iter().map(|e| self.dir.join(e)))?;
        let mut command = Command::new(&self.java);
        command
            .args(&self.config.jvm)
            .args(&it.jvm)
            .arg("-cp")
            .arg(class_path)
            .args([&it.main, side])
            .args(options);
        Ok(command)
    }

    /// Begins to start a provider.
    pub(crate) fn provide(&self, peer: &str, options: &[&str], log: &Path) -> anyhow::Result<Starting> {
        let running = Running::start(
            &format!("provider {peer}"),
            self.command(peer, "provider", options)?,
            Read::Out,
            log,
        )?;
        Ok(Starting(
            format!("provider {peer}, whose log is {}", log.display()),
            running,
        ))
    }

    /// Runs a consumer's cases.
    pub(crate) fn consume(
        &self,
        peer: &str,
        port: u16,
        options: &[&str],
        log: &Path,
    ) -> anyhow::Result<Vec<Cell>> {
        let target = format!("127.0.0.1:{port}");
        let options = [&["--target", &target], options].concat();
        let running = Running::start(
            &format!("consumer {peer}"),
            self.command(peer, "consumer", &options)?,
            Read::Out,
            log,
        )?;
        cells(peer, running, log)
    }

    /// Starts a consumer that calls as fast as it can.
    pub(crate) fn load(&self, peer: &str, port: u16, millis: u64, log: &Path) -> anyhow::Result<Running> {
        let (target, millis) = (format!("127.0.0.1:{port}"), millis.to_string());
        let options = ["--target", &target, "--millis", &millis, "--threads", "2"];
        Running::start(
            &format!("load of {peer}"),
            self.command(peer, "load", &options)?,
            Read::Out,
            log,
        )
    }

    /// Starts a consumer that has many calls in flight and checks that each result is for its own argument.
    pub(crate) fn flood(
        &self,
        peer: &str,
        port: u16,
        flood: &Flood<'_>,
        log: &Path,
    ) -> anyhow::Result<Running> {
        let target = format!("127.0.0.1:{port}");
        let [calls, window] = [flood.calls, flood.window].map(|n| n.to_string());
        let timeout = flood.timeout.as_millis().to_string();
        let options = [
            ["--target", &target],
            ["--mark", flood.mark],
            ["--calls", &calls],
            ["--window", &window],
            ["--timeout", &timeout],
        ];
        Running::start(
            &format!("flood of {peer}"),
            self.command(peer, "flood", options.as_flattened())?,
            Read::Out,
            log,
        )
    }
}

/// The results of a consumer that has ended.
pub(crate) fn cells(peer: &str, running: Running, log: &Path) -> anyhow::Result<Vec<Cell>> {
    let (mut lines, code) = running.rest(within(SUITE))?;
    let last = lines.pop().unwrap_or_default();
    if code != Some(0) || last != format!(r#"{{"done":{}}}"#, lines.len()) {
        bail!(
            "consumer {peer} ended with code {code:?} after {last:?}; its log is {}",
            log.display()
        );
    }
    lines
        .iter()
        .map(|l| serde_json::from_str(l).with_context(|| l.clone()))
        .collect()
}

impl Starting {
    /// A process that prints a line once it serves.
    pub(crate) fn new(what: String, running: Running) -> Starting {
        Starting(what, running)
    }

    /// Waits until the provider is ready.
    pub(crate) fn ready(self) -> anyhow::Result<Provider> {
        let Starting(what, running) = self;
        let line = running
            .line(within(START))
            .with_context(|| what.clone())?
            .unwrap_or_default();
        let said = line
            .strip_prefix("READY ")
            .with_context(|| format!("{what} did not start: {line:?}"))?;
        Ok(Provider {
            ready: serde_json::from_str(said)?,
            _running: running,
        })
    }
}
