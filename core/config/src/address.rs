//! Socket addresses as they are written: `10.0.0.1:20880`, `[::1]:20880`, `greeter.prod:12200`,
//! `unix:/run/a.sock`.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::text::{self, FromText};

/// An address to listen on or to connect to. A host name is kept as written and resolved when it is used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// A numeric address and port.
    Socket(SocketAddr),
    /// A host name to be resolved, and a port.
    Name {
        /// The name, without its port.
        host: String,
        /// The TCP port.
        port: u16,
    },
    /// The absolute path of a Unix stream socket.
    Unix(PathBuf),
}

/// An address that could not be read. The text contains the reason and a correct example.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is no address: {reason}")]
pub struct AddressError {
    text: String,
    reason: &'static str,
}

/// The longest path in bytes: the kernel's `sun_path` has 108 bytes, the closing zero included.
const LONGEST_UNIX_PATH: usize = 107;

impl Address {
    /// Whether only processes on this machine can reach it. The only host name that counts is `localhost`.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Self::Socket(address) => address.ip().is_loopback(),
            Self::Name { host, .. } => host == "localhost",
            Self::Unix(_) => true,
        }
    }

    /// The TCP port; `None` for a Unix socket.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Socket(address) => Some(address.port()),
            Self::Name { port, .. } => Some(*port),
            Self::Unix(_) => None,
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Socket(address)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        parse(text).map_err(|reason| AddressError {
            text: text.to_owned(),
            reason,
        })
    }
}

fn parse(text: &str) -> Result<Address, &'static str> {
    if let Some(path) = text.strip_prefix("unix:") {
        return match path {
            _ if !path.starts_with('/') => {
                Err("the path after unix: must be absolute, like unix:/run/rialto.sock")
            }
            _ if path.len() > LONGEST_UNIX_PATH => Err("a Unix socket path has at most 107 bytes"),
            _ if path.contains('\0') => Err("a path cannot hold a zero byte"),
            _ => Ok(Address::Unix(PathBuf::from(path))),
        };
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(Address::Socket(address));
    }
    if text.contains("://") {
        return Err("leave the scheme out and write host:port");
    }
    if text.parse::<IpAddr>().is_ok() {
        return Err("the port is missing; write host:port, and an IPv6 address as [::1]:20880");
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err("the port is missing; write host:port or unix:/path");
    };
    let port = match port.parse::<u16>() {
        Ok(port) if port.to_string() == text[host.len() + 1..] => port,
        _ => return Err("the port must be a number from 0 to 65535"),
    };
    match host {
        "" => Err("the host is missing; write 0.0.0.0 or [::] to mean every interface"),
        "*" => Err("write 0.0.0.0 or [::] to mean every interface"),
        _ if is_host_name(host) => Ok(Address::Name {
            host: host.to_owned(),
            port,
        }),
        _ => Err("the host is neither an IP address nor a host name"),
    }
}

/// Whether this is a host name: letters, digits, `-`, `_` and dots. Digits and dots alone are a mistyped IPv4
/// address.
fn is_host_name(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    host.len() <= 253
        && host.strip_suffix('.').unwrap_or(host).split('.').all(label)
        && !host.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => address.fmt(f),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromText<'_> for Address {
    const EXPECTING: &'static str = "an address such as 127.0.0.1:20880 or unix:/run/rialto.sock";

    fn from_text<E: de::Error>(text: &str) -> Result<Self, E> {
        text.parse().map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Address {
    fn schema_name() -> Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "`host:port` (IPv6 in quotes, as `\"[::1]:20880\"`) or `unix:/absolute/path`.",
            "type": "string",
            "pattern": r"^(unix:/.+|.+:[0-9]{1,5})$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_it_was_read() {
        for text in [
            "127.0.0.1:20880",
            "[::1]:20880",
            "greeter.prod.svc:12200",
            "unix:/run/rialto.sock",
            "a_b-c:1",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn wrong_addresses_say_what_is_wrong() {
        for (text, part) in [
            ("127.0.0.1", "the port is missing"),
            ("::1", "write host:port, and an IPv6 address as [::1]:20880"),
            ("greeter", "the port is missing"),
            (":20880", "the host is missing"),
            ("*:20880", "every interface"),
            ("a:70000", "from 0 to 65535"),
            ("a:+1", "from 0 to 65535"),
            ("256.1.1.1:80", "neither an IP address nor a host name"),
            ("a b:80", "neither an IP address nor a host name"),
            ("dubbo://a:80", "leave the scheme out"),
            ("unix:run/a", "must be absolute"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn only_loopback_and_unix_are_local() {
        let local = |text: &str| text.parse::<Address>().unwrap().is_local();
        assert!(local("127.0.0.1:1") && local("[::1]:1") && local("localhost:1") && local("unix:/a"));
        assert!(!local("0.0.0.0:1") && !local("10.0.0.1:1") && !local("example.com:1"));
    }
}
