//! What concerns the process as a whole: administration, threads, logs.

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::text::{self, FromText};
use super::units::{Period, Size, Timeout};
use super::{Address, Secret};

/// The administration interface (HTTP).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Whether it is served at all.
    pub enabled: bool,
    /// Where it listens. Every client that reaches it sees addresses and names of services: keep it local, or set a `token`.
    pub address: Address,
    /// Names under which browsers and other clients may ask for it, besides IP addresses and `localhost`. A request for
    /// another name is refused: it may come from a web page whose name was made to point here. Probes are always answered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// If set, a caller must send it as `authorization: Bearer …`. Probes and metrics stay open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
}

/// Threads, drain time and process-wide limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Runtime {
    /// Data threads. `auto` takes one for each CPU this process may use, container limits included.
    pub workers: Workers,
    /// Whether each worker is bound to one CPU. Helps only if nothing else runs on the machine.
    pub pin: bool,
    /// How long the process may go on after it was told to stop. Callers' connections are closed between two calls after a
    /// third of it, and new calls refused after two.
    pub drain_timeout: Period,
    /// Most connections from callers to one worker, over all listeners. Further ones are closed at once.
    pub max_connections: NonZeroU32,
    /// Longest time of a call whose route sets no `timeout`. A caller may ask for less, not for more: calls that nothing
    /// ends would fill up what all callers share.
    pub call_timeout: Timeout,
    /// Most memory for bytes that peers do not take, of all connections together. Beyond it the connection for which
    /// the most waits is closed. A connection whose peer takes nothing for some time is closed anyway.
    pub max_unsent_bytes: Size,
}

/// How many data threads there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workers {
    /// One for each CPU this process may use.
    #[default]
    Auto,
    /// This many.
    Count(NonZeroU16),
}

/// One line for every finished call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessLog {
    /// Where lines go: `stdout`, `stderr`, `off`, or the path of a file.
    pub path: LogOutput,
    /// How a line looks.
    pub format: LogFormat,
    /// Share of successful calls that is written, from 0 to 1. Failed calls are always written.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sample: f64,
}

/// The process's own messages, written to standard error.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The least important level that is written.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
}

/// Where a log goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogOutput {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// Nowhere.
    #[default]
    Off,
    /// This file; it is appended to and created if missing.
    File(PathBuf),
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One readable line.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Only what keeps the process from doing its work.
    Error,
    /// Also what an operator should look at.
    Warn,
    /// Also what happened to the process: start, reload, drain.
    #[default]
    Info,
    /// Also what happens to connections: made, closed and why, taken out of use.
    Debug,
    /// Also a line for each call that ended: who called what, where it went, and how it ended. Slow; lines that standard
    /// error does not take are dropped and counted.
    Trace,
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            enabled: true,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 9901)).into(),
            hosts: vec![],
            token: None,
        }
    }
}

impl Default for Runtime {
    fn default() -> Self {
        Self {
            workers: Workers::Auto,
            pin: false,
            drain_timeout: Period::from_secs(30),
            max_connections: at_least_one(100_000),
            call_timeout: Timeout::secs(60),
            max_unsent_bytes: Size::from_bytes(256 << 20),
        }
    }
}

impl Default for AccessLog {
    fn default() -> Self {
        Self {
            path: LogOutput::Off,
            format: LogFormat::Text,
            sample: 1.0,
        }
    }
}

/// For defaults: a count that is never 0.
pub(super) const fn at_least_one(count: u32) -> NonZeroU32 {
    match NonZeroU32::new(count) {
        Some(count) => count,
        None => NonZeroU32::MIN,
    }
}

impl fmt::Display for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Count(count) => count.fmt(f),
        }
    }
}

impl FromText<'_> for Workers {
    const EXPECTING: &'static str = "auto or a number of threads";

    fn from_text<E: de::Error>(text: &str) -> Result<Self, E> {
        match (text, text.parse::<u16>().map(NonZeroU16::new)) {
            ("auto", _) => Ok(Self::Auto),
            (_, Ok(Some(count))) if count.get() <= 1024 => Ok(Self::Count(count)),
            (_, Ok(None)) => Err(E::custom(
                "0 workers could serve nobody; write auto or a number from 1 to 1024",
            )),
            _ => Err(E::custom(format_args!(
                "\"{text}\" is neither auto nor a number from 1 to 1024"
            ))),
        }
    }
}

impl<'de> Deserialize<'de> for Workers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

impl Serialize for Workers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Count(count) => serializer.serialize_u16(count.get()),
        }
    }
}

impl JsonSchema for Workers {
    fn schema_name() -> Cow<'static, str> {
        "Workers".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "`auto` or a number of threads.",
            "oneOf": [{ "const": "auto" }, { "type": "integer", "minimum": 1, "maximum": 1024 }]
        })
    }
}

impl fmt::Display for LogOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::Stderr => f.write_str("stderr"),
            Self::Off => f.write_str("off"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl FromText<'_> for LogOutput {
    const EXPECTING: &'static str = "stdout, stderr, off or the path of a file";

    fn from_text<E: de::Error>(text: &str) -> Result<Self, E> {
        Ok(match text {
            "stdout" => Self::Stdout,
            "stderr" => Self::Stderr,
            "off" => Self::Off,
            path if path.contains('/') => Self::File(PathBuf::from(path)),
            other => {
                return Err(E::custom(format_args!(
                    "\"{other}\" is none of stdout, stderr and off, and a file needs a directory: write ./{other} or /var/log/{other}"
                )));
            }
        })
    }
}

impl<'de> Deserialize<'de> for LogOutput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

impl Serialize for LogOutput {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for LogOutput {
    fn schema_name() -> Cow<'static, str> {
        "LogOutput".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "`stdout`, `stderr`, `off`, or the path of a file (with at least one `/`).",
            "type": "string",
            "pattern": "^(stdout|stderr|off|.*/.*)$"
        })
    }
}
