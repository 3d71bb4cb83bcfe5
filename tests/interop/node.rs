//! A stock `sofa-rpc-node` provider behind Rialto. It remembers, for each connection, the fields of a class as the
//! first message gave them, and downstreams do not agree on their order: `tests/peers/node/README.md`.
use super::cell::{Cell, Outcome};
use super::options::say;
use super::peers::{self, Peers, Provider, Starting};
use super::process::{Read, Running};
use super::proxy::Proxy;
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The name that filters of the command line use.
pub(crate) const NAME: &str = "sofa-rpc-node";
/// The Java consumers that call the provider.
const JAVA: [&str; 2] = ["sofa-5.13.2", "dubbo-3.3.6"];
const CASES: &str = "pojo,pojo_nulls";

const INSTALL: &str = "the provider in Node.js needs Node.js (18 or newer) with npm: on Debian and Ubuntu \
    `apt-get install nodejs npm`";

/// The provider with its packages installed.
pub(crate) struct NodePeer {
    dir: PathBuf,
}

/// How a consumer's calls reach the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Direct,
    Shared,
    PerDownstream,
    /// Over a shared connection, with a provider that does not remember.
    NothingRemembered,
}

/// The results of all consumers and ways.
pub(crate) struct NodeRuns {
    version: String,
    seen: Vec<(Way, &'static str, Vec<Cell>)>,
}

impl NodePeer {
    /// Installs the packages of the provider.
    ///
    /// # Errors
    /// Something is missing on the machine; the error says what to install.
    pub(crate) fn prepare() -> anyhow::Result<NodePeer> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/node");
        for tool in ["node", "npm"] {
            let found = Command::new(tool).arg("--version").output();
            ensure!(
                found.is_ok_and(|o| o.status.success()),
                "`{tool} --version` does not run; {INSTALL}"
            );
        }
        let modified = |name: &str| {
            let found = std::fs::metadata(dir.join(name));
            found.and_then(|of| of.modified()).ok()
        };
        if modified("node_modules/.package-lock.json") < modified("package-lock.json") {
            let mut npm = Command::new("npm");
            npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]);
            let done = npm.current_dir(&dir).status().context("npm ci")?;
            ensure!(done.success(), "npm ci in tests/peers/node failed ({done})");
        }
        Ok(NodePeer { dir })
    }

    fn start(&self, side: &str, options: &[&str], log: &Path) -> anyhow::Result<Running> {
        let mut command = Command::new("node");
        command.arg(self.dir.join("peer.js")).arg(side).args(options);
        Running::start(&format!("{side} {NAME}"), command, Read::Out, log)
    }

    fn provide(&self, options: &[&str], log: &Path) -> anyhow::Result<Provider> {
        let what = format!("provider {NAME}, whose log is {}", log.display());
        Starting::new(what, self.start("provider", options, log)?).ready()
    }

    fn consume(&self, port: u16, log: &Path) -> anyhow::Result<Vec<Cell>> {
        let target = format!("127.0.0.1:{port}");
        let running = self.start("consumer", &["--target", &target], log)?;
        peers::cells(NAME, running, log)
    }
}

impl Way {
    const PROXIED: [Way; 3] = [Way::Shared, Way::PerDownstream, Way::NothingRemembered];

    fn name(self) -> &'static str {
        match self {
            Way::Direct => "direct",
            Way::Shared => "shared",
            Way::PerDownstream => "per_downstream",
            Way::NothingRemembered => "nothing_remembered",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Way::Direct => "nothing between them",
            Way::Shared => "Rialto, `connections: shared`",
            Way::PerDownstream => "Rialto, `connections: per_downstream`",
            Way::NothingRemembered => {
                "Rialto, `connections: shared`, provider with `disableDecodeCache: true`"
            }
        }
    }
}

/// One worker, because with several the consumers would share a connection only by chance.
fn config(remembering: u16, forgetful: u16, access_log: &Path) -> Value {
    let each = |make: &dyn Fn(Way) -> Value| -> Value { Way::PROXIED.into_iter().map(make).collect() };
    let bridge = json!({ "versions": [{ "from": "1.0.0", "to": "1.0" }] });
    let cluster = |way: Way| {
        let (port, connections) = match way {
            Way::PerDownstream => (remembering, "per_downstream"),
            Way::NothingRemembered => (forgetful, "shared"),
            Way::Direct | Way::Shared => (remembering, "shared"),
        };
        json!({
            "name": way.name(), "protocol": "bolt", "connections": connections,
            "endpoints": [{ "address": format!("127.0.0.1:{port}") }],
        })
    };
    json!({
        "admin": { "address": "127.0.0.1:0" },
        "access_log": { "path": access_log, "format": "json", "sample": 1.0 },
        "log": { "level": "debug", "format": "json" },
        "runtime": { "workers": 1 },
        "listeners": each(&|w| json!({ "name": w.name(), "address": "127.0.0.1:0", "routes": [w.name()] })),
        "routes": each(&|w| json!({ "name": w.name(), "to": [{ "cluster": w.name() }], "bridge": bridge })),
        "clusters": each(&cluster),
    })
}

impl NodeRuns {
    /// Runs each consumer with each way.
    pub(crate) fn run(node: &NodePeer, java: &Peers, dir: &Path) -> anyhow::Result<NodeRuns> {
        let dir = dir.join(NAME);
        std::fs::create_dir_all(&dir)?;
        let log = |name: &str| dir.join(format!("{name}.log"));
        let remembering = node.provide(&[], &log("provider"))?;
        let forgetful = node.provide(&["--decode-cache", "off"], &log("provider-forgetful"))?;
        let ports = (remembering.ready.port, forgetful.ready.port);
        let proxy = Proxy::with(config(ports.0, ports.1, &dir.join("access.log")), &dir)?;
        let mut seen = vec![];
        let mut note = |way: Way, downstream, cells: Vec<Cell>| {
            let good = cells.iter().filter(|c| c.outcome == Outcome::Ok).count();
            say(&format!(
                "{downstream} -> {NAME}, {}: {good} of {} cases work",
                way.name(),
                cells.len()
            ));
            seen.push((way, downstream, cells));
        };
        for way in [Way::Direct].into_iter().chain(Way::PROXIED) {
            let port = match way {
                Way::Direct => ports.0,
                _ => proxy.port_of(way.name())?,
            };
            // the provider only speaks Bolt
            let downstreams = JAVA
                .into_iter()
                .filter(|c| way != Way::Direct || c.starts_with("sofa"));
            for downstream in downstreams {
                let file = log(&format!("{downstream}-{}", way.name()));
                note(
                    way,
                    downstream,
                    java.consume(downstream, port, &["--zoo", CASES], &file)?,
                );
            }
            let file = log(&format!("{NAME}-{}", way.name()));
            note(way, NAME, node.consume(port, &file)?);
        }
        proxy.stop()?;
        let version = remembering.ready.framework_version;
        Ok(NodeRuns { version, seen })
    }

    fn of(&self, way: Way) -> impl Iterator<Item = &Cell> {
        let runs = self.seen.iter().filter(move |(of, ..)| *of == way);
        runs.flat_map(|(_, _, cells)| cells)
    }

    /// The results that contradict the documentation.
    pub(crate) fn failures(&self) -> Vec<String> {
        let is_bad = |cell: &&Cell| cell.outcome != Outcome::Ok;
        let mut wrong = vec![];
        for (way, downstream, cells) in self.seen.iter().filter(|(way, ..)| *way != Way::Shared) {
            for cell in cells.iter().filter(is_bad) {
                wrong.push(format!(
                    "{downstream} -> {NAME}, {}: {}: {}",
                    way.name(),
                    cell.case,
                    cell.note()
                ));
            }
        }
        if !self.of(Way::Shared).any(|cell| is_bad(&cell)) {
            wrong.push(format!(
                "{NAME} is right over a shared connection too: docs/bridging.md says otherwise"
            ));
        }
        wrong
    }

    /// Writes this part of the document.
    pub(crate) fn describe(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "\n## A provider in Node.js\n\n`{NAME}` {} remembers, for each connection, the fields of a class as the first \
             message gave them. {} and two clients of `{NAME}` send one class with its fields in different orders. Calls \
             that end as they should:\n",
            self.version,
            JAVA.join(", ")
        )?;
        writeln!(
            out,
            "| between them | {} |\n|---|---|---|---|",
            [&JAVA[..], &[NAME]].concat().join(" | ")
        )?;
        for way in [Way::Direct].into_iter().chain(Way::PROXIED) {
            write!(out, "| {} |", way.words())?;
            for downstream in JAVA.into_iter().chain([NAME]) {
                let run = self
                    .seen
                    .iter()
                    .find(|(of, name, _)| *of == way && *name == downstream);
                let text = run.map_or("–".to_owned(), |(_, _, cells)| tally(cells));
                write!(out, " {text} |")?;
            }
            writeln!(out)?;
        }
        writeln!(
            out,
            "\nSo such a provider needs `connections: per_downstream` in its cluster ([why](bridging.md#providers-in-nodejs))."
        )
    }
}

fn tally(cells: &[Cell]) -> String {
    let count = |outcome| cells.iter().filter(|c| c.outcome == outcome).count();
    let (good, other, threw) = (
        count(Outcome::Ok),
        count(Outcome::Different),
        count(Outcome::Threw),
    );
    let mut text = format!("{good} of {}", cells.len());
    for (count, what) in [(other, "wrong without a word"), (threw, "failed")] {
        if count > 0 {
            write!(text, ", {count} {what}").unwrap_or_default();
        }
    }
    text
}
