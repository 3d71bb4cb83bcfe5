//! Labels and buckets of the metrics of calls.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::text::{self, FromText};
use super::units::{UnitError, sum_of};

/// Labels and buckets of the metrics of calls. They are fixed when the process starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Upper bounds of the latency buckets, in rising order. One more bucket contains longer latencies.
    #[schemars(length(min = 1, max = 32))]
    pub buckets: Vec<Latency>,
    /// Largest number of series of calls in each worker, that is combinations of listener, route, cluster,
    /// service and method. Further ones replace series without a successful call, or count under the service
    /// `_OTHER`. Calls without a route use at most a quarter of them.
    #[schemars(range(max = 65536))]
    pub max_series: NonZeroU32,
    /// Labels that can be left out.
    pub labels: MetricLabels,
}

/// Labels of the metrics of calls that can be left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MetricLabels {
    /// The method. Without it a service has one series instead of one for each method.
    pub method: bool,
}

/// A short time greater than zero, exact to the microsecond: `500us`, `2ms`, `1.5s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Latency(u64);

const UNITS: [(&str, u64); 4] = [("us", 1), ("ms", 1_000), ("s", 1_000_000), ("m", 60_000_000)];
/// The largest value in microseconds: one day.
const LONGEST: u64 = 86_400_000_000;

impl Latency {
    /// Creates a time from microseconds. 0 is raised to 1.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Latency(if micros == 0 { 1 } else { micros })
    }

    /// The time in microseconds.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }
}

impl Default for Metrics {
    fn default() -> Self {
        const DEFAULT: [u64; 18] = [
            100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000,
            2_000_000, 5_000_000, 10_000_000, 20_000_000, 60_000_000,
        ];
        Metrics {
            buckets: DEFAULT.map(Latency::from_micros).to_vec(),
            max_series: super::process::at_least_one(4096),
            labels: MetricLabels::default(),
        }
    }
}

impl Default for MetricLabels {
    fn default() -> Self {
        MetricLabels { method: true }
    }
}

impl FromStr for Latency {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        match sum_of(text.trim(), &UNITS) {
            None => Err(UnitError::new(format!(
                "\"{text}\" is no short time; write it like 500us, 2ms or 1.5s"
            ))),
            Some(0) => Err(UnitError::new(format!(
                "the time \"{text}\" is 0; it must be at least 1us"
            ))),
            Some(micros) if micros > LONGEST => Err(UnitError::new(format!(
                "the time \"{text}\" is longer than a day"
            ))),
            Some(micros) => Ok(Latency(micros)),
        }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, scale) = UNITS
            .iter()
            .rev()
            .find(|(_, scale)| self.0.is_multiple_of(*scale))
            .unwrap_or(&UNITS[0]);
        write!(f, "{}{unit}", self.0 / scale)
    }
}

impl FromText<'_> for Latency {
    const EXPECTING: &'static str = "a short time such as 500us, 2ms or 1.5s";

    fn from_text<E: de::Error>(text: &str) -> Result<Self, E> {
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(E::custom(format_args!(
                "\"{text}\" has no unit; write it like 500us, 2ms or 1.5s"
            )));
        }
        text.parse().map_err(E::custom)
    }
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

impl JsonSchema for Latency {
    fn schema_name() -> Cow<'static, str> {
        "Latency".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A short time with its unit: `500us`, `2ms`, `1.5s`, `1m`.",
            "type": "string",
            "pattern": r"^([0-9]+(\.[0-9]+)?(us|ms|s|m) ?)+$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_times_are_read_and_written() {
        for (text, micros, written) in [
            ("500us", 500, "500us"),
            ("0.5ms", 500, "500us"),
            ("2ms", 2_000, "2ms"),
            ("1.5s", 1_500_000, "1500ms"),
            ("1m30s", 90_000_000, "90s"),
        ] {
            let time: Latency = text.parse().unwrap();
            assert_eq!(
                (time.micros(), time.to_string().as_str()),
                (micros, written),
                "{text}"
            );
        }
        for text in ["", "0us", "5", "1.s", "2d", "-1ms", "1441m"] {
            let yaml = serde_json::Value::from(text);
            assert!(serde_json::from_value::<Latency>(yaml).is_err(), "{text}");
        }
    }
}
