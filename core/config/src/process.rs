//! Settings of the process as a whole: administration, threads, logs.

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
    /// Whether it is served.
    pub enabled: bool,
    /// The address that it listens on. Every client that reaches it sees addresses and names of services: keep
    /// it local, or set a `token`.
    pub address: Address,
    /// Host names under which clients may request it, besides IP addresses and `localhost`. A request for
    /// another name is refused, because it may come from a web page whose name was made to point here. Probes
    /// are always served.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// If set, clients must send it as `authorization: Bearer …`. Probes and metrics stay open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
}

/// Threads, drain time and process-wide limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Runtime {
    /// Number of data threads. `auto` starts one for each CPU that this process may use, container limits
    /// included.
    pub workers: Workers,
    /// Whether each worker is bound to one CPU. This helps only if nothing else runs on the machine.
    pub pin: bool,
    /// Time from the order to stop to the end of the process. After a third of it, downstream connections are
    /// closed between two calls, and after two thirds new calls are refused.
    pub drain_timeout: Period,
    /// Largest number of downstream connections of one worker, over all listeners. Further ones are closed at
    /// once.
    pub max_connections: NonZeroU32,
    /// Time limit of calls whose route sets no `timeout`. A request can ask for less, but not for more: calls
    /// without an end would use up what all downstream connections share.
    pub call_timeout: Timeout,
    /// Largest memory for bytes that peers do not take, for all connections together. Beyond it the connection
    /// with the most unsent bytes is closed. A connection whose peer takes nothing for some time is closed in
    /// any case.
    pub max_unsent_bytes: Size,
}

/// The number of data threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workers {
    /// One for each CPU that this process may use.
    #[default]
    Auto,
    /// A fixed number.
    Count(NonZeroU16),
}

/// The access log: one line for each call that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessLog {
    /// The output: `stdout`, `stderr`, `off`, or the path of a file.
    pub path: LogOutput,
    /// The format of a line.
    pub format: LogFormat,
    /// The share of successful calls that is written, from 0 to 1. Failed calls are always written.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sample: f64,
}

/// The log of the process itself, written to standard error.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The least important level that is written.
    pub level: LogLevel,
    /// The format of a line.
    pub format: LogFormat,
}

/// The output of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogOutput {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// No output.
    #[default]
    Off,
    /// This file. Lines are appended, and the file is created if it is missing.
    File(PathBuf),
}

/// The format of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One readable line.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// The levels of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// Only errors that keep the process from working.
    Error,
    /// Also warnings that an operator should look at.
    Warn,
    /// Also events of the process: start, reload, drain.
    #[default]
    Info,
    /// Also events of connections: opened, closed and why, taken out of use.
    Debug,
    /// Also a line for each call that ended: downstream, service, endpoint and result. This is slow, and lines
    /// that standard error does not take are dropped and counted.
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

/// A count for default values, which cannot be 0.
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
