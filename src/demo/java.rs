//! `rialto demo --java`: the demo with stock Java peers, whose own test cases become the rows of the table.
use super::table::{Row, Table};
use super::{About, Options, conclude, fleet, introduce};
use crate::control::Embedded;
use anyhow::{Context, bail, ensure};
use process::Process;
use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

mod process;

/// The folder of the peers in a checkout.
const FOLDER: &str = "tests/peers/java";
/// The oldest JDK that can run the peers.
const JDK: u32 = 17;

const DUBBO: &str = "dubbo-3.3.6";
const SOFA: &str = "sofa-5.13.2";

/// The cases that are shown: one of each kind, out of some three hundred. `tests/peers/java/README.md` describes
/// them.
const CASES: &str = "boolean_true,int_max,long_max,double_tenth,string_null,string_emoji,string_70k,bigdecimal,enum,\
date_millis,local_date_time,bytes_1024,strings,person_list,map_nested,pojo,pojo_nulls,shared_child,cycle_two,void,\
many_arguments,over_string_int,fail_checked,fail_jdk,timeout,one_way,attach,attach_back,unknown_service,\
unknown_method";

/// The time for a Java process to start and make its first call, which loads half of its framework.
const START: Duration = Duration::from_secs(60);
/// The time for a consumer to run its cases.
const SUITE: Duration = Duration::from_secs(150);

/// The part of `peers.json` that is used here.
#[derive(serde::Deserialize)]
struct Peers {
    jvm: Vec<String>,
    peers: BTreeMap<String, Peer>,
    #[serde(skip)]
    folder: PathBuf,
}

#[derive(serde::Deserialize)]
struct Peer {
    main: String,
    jvm: Vec<String>,
    provider: Vec<String>,
    consumer: Vec<String>,
}

/// The line that a provider prints once it serves.
#[derive(serde::Deserialize)]
struct Ready {
    port: u16,
}

/// A line that a consumer prints.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Line {
    Case(Case),
    End { done: usize },
}

#[derive(serde::Deserialize)]
struct Case {
    case: String,
    outcome: String,
    got: Option<String>,
    detail: Option<String>,
    argument: Option<String>,
    #[serde(default)]
    ms: u64,
}

/// A first call that takes at least this long may have run into its timeout of 5 s while two JVMs warmed up, and is
/// not counted.
const COLD_MS: u64 = 4_500;

/// Runs the demo with Java peers.
pub(super) fn run(options: &Options, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let folder = find()?;
    check_tools()?;
    writeln!(
        out,
        "Building the Java peers in {} (minutes the first time, then nothing) ...",
        folder.display()
    )?;
    out.flush()?;
    build(&folder)?;
    let peers = Peers::read(folder)?;
    writeln!(out, "Starting {DUBBO} and {SOFA} ...\n")?;
    out.flush()?;
    let (_dubbo, dubbo) = peers.provider(DUBBO)?;
    let (_sofa, sofa) = peers.provider(SOFA)?;
    let admin = fleet::admin_address(options.admin);
    let rialto = introduce(
        &fleet::Plan {
            service: "{ prefix: com.acme. }",
            dubbo,
            sofa,
            admin,
        },
        out,
    )?;
    let mut table = Table::new(out)?;
    peers.consume(DUBBO, &rialto, fleet::DUBBO_CALLERS, "dubbo -> sofa", &mut table)?;
    peers.consume(SOFA, &rialto, fleet::SOFA_CALLERS, "sofa -> dubbo", &mut table)?;
    let (rows, wrong) = (table.rows, table.wrong);
    let about = About {
        service: "com.acme.zoo.Zoo",
        source: "com.acme.zoo.Zoo and com.acme.Greeter, see tests/peers/java/api",
    };
    conclude(rialto, (rows, wrong), options, out, &about)
}

/// Finds the folder of the peers: in the current folder, or where this binary was built.
fn find() -> anyhow::Result<PathBuf> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let found = [PathBuf::from(FOLDER), built]
        .into_iter()
        .find(|f| f.join("peers.json").is_file());
    found.with_context(|| {
        format!("there is no {FOLDER} here: run `rialto demo --java` in a checkout of Rialto's sources")
    })
}

fn java() -> PathBuf {
    std::env::var_os("JAVA_HOME")
        .filter(|home| !home.is_empty())
        .map_or("java".into(), |home| Path::new(&home).join("bin").join("java"))
}

fn check_tools() -> anyhow::Result<()> {
    let install =
        format!("install JDK {JDK} or later and Maven 3.8 or later (Debian: openjdk-{JDK}-jdk, maven)");
    let said = Command::new(java()).arg("-version").output();
    let said = said.with_context(|| format!("`{}` cannot be started: {install}", java().display()))?;
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    let version = major(&text).with_context(|| format!("`java -version` says no version: {install}"))?;
    ensure!(
        version >= JDK,
        "Java {version} is too old for the peers: {install}, or point JAVA_HOME at it"
    );
    let maven = Command::new("mvn").arg("-version").output();
    let maven = maven.with_context(|| format!("`mvn` cannot be started: {install}"))?;
    ensure!(
        maven.status.success(),
        "`mvn -version` fails: {}",
        String::from_utf8_lossy(&maven.stderr).trim()
    );
    Ok(())
}

/// The major version of Java: 17 for `openjdk version "17.0.15" 2025-04-15`, and 8 for the old spelling `1.8.0_401`.
fn major(text: &str) -> Option<u32> {
    let mut numbers = text
        .split('"')
        .nth(1)?
        .split(['.', '_', '-', '+'])
        .map(str::parse::<u32>);
    match numbers.next()? {
        Ok(1) => numbers.next()?.ok(),
        first => first.ok(),
    }
}

fn build(folder: &Path) -> anyhow::Result<()> {
    let mut command = Command::new("sh");
    command.arg("build.sh").current_dir(folder).stdin(Stdio::null());
    let built = command.output().context("build.sh cannot be started")?;
    if !built.status.success() {
        let (out, err) = (
            String::from_utf8_lossy(&built.stdout),
            String::from_utf8_lossy(&built.stderr),
        );
        bail!(
            "the Java peers could not be built (Maven needs its central repository the first time):\n{out}{err}"
        );
    }
    Ok(())
}

impl Peers {
    fn read(folder: PathBuf) -> anyhow::Result<Peers> {
        let path = folder.join("peers.json");
        let what = || format!("{} cannot be read", path.display());
        let text = std::fs::read_to_string(&path).with_context(what)?;
        Ok(Peers {
            folder,
            ..serde_json::from_str(&text).with_context(what)?
        })
    }

    fn start(&self, name: &str, side: &str, options: &[&str]) -> anyhow::Result<Process> {
        let peer = self
            .peers
            .get(name)
            .with_context(|| format!("peers.json has no peer {name}"))?;
        let entries = if side == "provider" {
            &peer.provider
        } else {
            &peer.consumer
        };
        let path: Vec<_> = entries
            .iter()
            .map(|e| self.folder.join(e).display().to_string())
            .collect();
        let mut command = Command::new(java());
        command
            .args(&self.jvm)
            .args(&peer.jvm)
            .args(["-cp", &path.join(":"), &peer.main, side])
            .args(options);
        Process::start(command, &format!("the {side} {name}"))
    }

    /// Starts a provider and waits until it serves. Dropping the process ends it.
    fn provider(&self, name: &str) -> anyhow::Result<(Process, SocketAddr)> {
        let mut process = self.start(name, "provider", &[])?;
        let line = process.line(START)?;
        let ready = line
            .strip_prefix("READY ")
            .and_then(|json| serde_json::from_str::<Ready>(json).ok());
        let Ready { port } =
            ready.with_context(|| format!("the provider {name} said {line:?} instead of READY"))?;
        Ok((process, (Ipv4Addr::LOCALHOST, port).into()))
    }

    /// Runs the cases of a consumer and adds the results to the table.
    fn consume(
        &self,
        name: &str,
        rialto: &Embedded,
        listener: &str,
        way: &str,
        table: &mut Table<'_>,
    ) -> anyhow::Result<()> {
        let mut process = self.start(
            name,
            "consumer",
            &["--target", rialto.listener(listener)?, "--zoo", CASES],
        )?;
        for seen in 0.. {
            let line = process.line(SUITE)?;
            match serde_json::from_str(&line) {
                Ok(Line::Case(case)) => show(&case, way, seen == 0 && case.ms >= COLD_MS, table)?,
                Ok(Line::End { done }) => {
                    ensure!(
                        done == seen,
                        "the consumer {name} counts {done} cases, and {seen} came"
                    );
                    break;
                }
                Err(e) => bail!("the consumer {name} said {line:?}: {e}"),
            }
        }
        Ok(())
    }
}

fn show(case: &Case, way: &str, is_cold: bool, table: &mut Table<'_>) -> anyhow::Result<()> {
    let argument = case.argument.as_deref().filter(|a| *a != "equal");
    let is_right = case.outcome == "ok" && argument.is_none();
    let mut answer = case
        .got
        .clone()
        .or_else(|| case.detail.clone())
        .unwrap_or_default();
    if !is_right {
        let details = [case.detail.as_deref(), argument].into_iter().flatten();
        answer = [case.outcome.as_str(), answer.as_str()]
            .into_iter()
            .chain(details)
            .collect::<Vec<_>>()
            .join("; ");
    }
    let time = Duration::from_millis(case.ms);
    let mut row = Row {
        way,
        call: &case.case,
        answer: &answer,
        time,
        is_right,
    };
    if is_cold && !is_right {
        row.answer = "(the JVMs were still starting: not counted)";
        table.uncounted(&row)?;
    } else {
        table.row(&row)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_java_are_understood_in_both_spellings() {
        assert_eq!(major("openjdk version \"17.0.15\" 2025-04-15\n"), Some(17));
        assert_eq!(major("java version \"1.8.0_401\""), Some(8));
        assert_eq!(major("openjdk version \"22-ea\" 2024-03-19"), Some(22));
        assert_eq!(major("no such thing"), None);
    }

    #[test]
    fn lines_of_consumers_are_understood() {
        let line = r#"{"case":"int_max","outcome":"ok","expected":"1","got":"1","detail":"","argument":"equal","ms":2}"#;
        assert!(matches!(serde_json::from_str(line), Ok(Line::Case(c)) if c.case == "int_max" && c.ms == 2));
        assert!(matches!(
            serde_json::from_str(r#"{"done":7}"#),
            Ok(Line::End { done: 7 })
        ));
    }
}
