//! How calls are spread over connections and time.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

/// A load, written `8x32` (8 connections, 32 calls in flight on each), `64@20000` (64 connections, 20,000
/// calls a second, evenly spaced) or `64@20000p` (the same, Poisson).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Load {
    /// The number of connections.
    pub connections: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Closed { in_flight: usize },
    Open { rate: u32, pattern: Pattern },
}

/// The distances between the calls of an open loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Equal distances.
    Even,
    /// Exponentially distributed distances, as of independent clients.
    Poisson,
}

impl Load {
    /// Calls in flight on each connection of a closed loop.
    pub fn in_flight(&self) -> Option<usize> {
        match self.kind {
            Kind::Closed { in_flight } => Some(in_flight),
            Kind::Open { .. } => None,
        }
    }

    /// Calls per second of an open loop.
    pub fn rate(&self) -> Option<(u32, Pattern)> {
        match self.kind {
            Kind::Closed { .. } => None,
            Kind::Open { rate, pattern } => Some((rate, pattern)),
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connections = self.connections;
        match self.kind {
            Kind::Closed { in_flight } => write!(f, "{connections}x{in_flight}"),
            Kind::Open {
                rate,
                pattern: Pattern::Even,
            } => write!(f, "{connections}@{rate}"),
            Kind::Open {
                rate,
                pattern: Pattern::Poisson,
            } => write!(f, "{connections}@{rate}p"),
        }
    }
}

impl FromStr for Load {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form =
            "a load is CONNECTIONSxIN_FLIGHT (8x32) or CONNECTIONS@RATE (64@20000, 64@20000p for Poisson)";
        let (connections, kind) = if let Some((connections, in_flight)) = text.split_once('x') {
            (
                connections,
                Kind::Closed {
                    in_flight: in_flight.parse().context(form)?,
                },
            )
        } else {
            let (connections, rate) = text.split_once('@').context(form)?;
            let (rate, pattern) = match rate.strip_suffix('p') {
                Some(rate) => (rate, Pattern::Poisson),
                None => (rate, Pattern::Even),
            };
            (
                connections,
                Kind::Open {
                    rate: rate.parse().context(form)?,
                    pattern,
                },
            )
        };
        let load = Self {
            connections: connections.parse().context(form)?,
            kind,
        };
        ensure!(
            (1..=20_000).contains(&load.connections),
            "1 to 20000 connections are possible"
        );
        ensure!(
            load.in_flight().is_none_or(|n| (1..=4096).contains(&n)),
            "1 to 4096 calls in flight are possible"
        );
        ensure!(
            load.rate().is_none_or(|(rate, _)| rate > 0),
            "a rate of 0 is no load"
        );
        Ok(load)
    }
}

impl TryFrom<String> for Load {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Load> for String {
    fn from(load: Load) -> Self {
        load.to_string()
    }
}
