//! Durations and sizes in the usual notation.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::text::{self, FromText};

/// A duration greater than zero, exact to the millisecond: `250ms`, `2s`, `1.5s`, `1m30s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(Duration);

/// A [`Period`], or `off` where a limit can be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timeout {
    /// The limit is this time.
    After(Period),
    /// There is no limit.
    Off,
}

/// A number of bytes greater than zero: `512`, `64KiB`, `8MiB`, `1GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

/// A duration or size that could not be read. The text contains the reason and a correct example.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnitError(String);

impl UnitError {
    pub(super) fn new(text: String) -> Self {
        UnitError(text)
    }
}

const TIME_UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];
/// The longest duration. The bound keeps additions to an `Instant` from overflowing.
const LONGEST_MS: u64 = 365 * 86_400_000;

const SIZE_UNITS: [(&str, u64); 8] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

impl Period {
    /// Creates a period from milliseconds. 0 is raised to 1.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(Duration::from_millis(if milliseconds == 0 {
            1
        } else {
            milliseconds
        }))
    }

    /// Creates a period from seconds. 0 is raised to one millisecond.
    pub const fn from_secs(seconds: u64) -> Self {
        Self::from_millis(seconds.saturating_mul(1_000))
    }

    /// The period as the standard library's type.
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// The period in whole milliseconds.
    pub const fn millis(self) -> u64 {
        self.0.as_millis() as u64
    }
}

impl From<Period> for Duration {
    fn from(period: Period) -> Self {
        period.0
    }
}

impl FromStr for Period {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let trimmed = text.trim();
        let milliseconds = whole(trimmed).or_else(|| sum_of(trimmed, &TIME_UNITS));
        let milliseconds = milliseconds.ok_or_else(|| {
            UnitError(format!(
                "\"{text}\" is no duration; write it like 250ms, 2s, 1m30s or 1h"
            ))
        })?;
        if milliseconds == 0 {
            return Err(UnitError(format!(
                "the duration \"{text}\" is 0; it must be at least 1ms"
            )));
        }
        if milliseconds > LONGEST_MS {
            return Err(UnitError(format!("the duration \"{text}\" is longer than 365d")));
        }
        Ok(Self::from_millis(milliseconds))
    }
}

/// A bare number. It counts milliseconds, as in Dubbo.
fn whole(text: &str) -> Option<u64> {
    let is_whole = text.bytes().all(|b| b.is_ascii_digit());
    is_whole.then(|| text.parse().ok())?
}

/// The sum of `<number><unit>` pairs; `None` if the text is malformed or the sum overflows.
pub(super) fn sum_of(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let mut rest = text;
    let mut total = 0u64;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let scale = units.iter().find(|(name, _)| *name == unit)?.1;
        total = total.checked_add(scaled(number, scale)?)?;
        rest = tail.trim_start();
        if rest.is_empty() {
            return Some(total);
        }
    }
    None
}

/// `number * scale` with up to 9 decimals, rounded down; `None` for a malformed or too large number.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    if decimals.is_empty() || decimals.len() > 9 || decimals.contains('.') {
        return None;
    }
    let fraction = decimals.parse::<u64>().ok()?.checked_mul(scale)? / 10u64.pow(decimals.len() as u32);
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(scale)?
        .checked_add(fraction)
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.millis();
        let (unit, scale) = TIME_UNITS
            .iter()
            .rev()
            .find(|(_, scale)| milliseconds.is_multiple_of(*scale))
            .unwrap_or(&TIME_UNITS[0]);
        write!(f, "{}{unit}", milliseconds / scale)
    }
}

impl Timeout {
    /// The limit; `None` if there is none.
    pub const fn duration(self) -> Option<Duration> {
        match self {
            Self::After(period) => Some(period.duration()),
            Self::Off => None,
        }
    }

    pub(super) const fn secs(seconds: u64) -> Self {
        Self::After(Period::from_secs(seconds))
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(period) => period.fmt(f),
            Self::Off => f.write_str("off"),
        }
    }
}

impl Size {
    /// Creates a size from bytes. 0 is raised to 1.
    pub(crate) const fn from_bytes(bytes: u64) -> Self {
        Self(if bytes == 0 { 1 } else { bytes })
    }

    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let trimmed = text.trim();
        let number_end = trimmed
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(number_end);
        let unit = if unit.is_empty() { "B" } else { unit.trim_start() };
        let bytes = SIZE_UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .and_then(|(_, scale)| scaled(number, *scale))
            .ok_or_else(|| {
                UnitError(format!(
                    "\"{text}\" is no size; write it like 512, 64KiB, 8MiB or 1GiB"
                ))
            })?;
        if bytes == 0 {
            return Err(UnitError(format!(
                "the size \"{text}\" is 0; it must be at least 1 byte"
            )));
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitting = SIZE_UNITS[1..5]
            .iter()
            .rev()
            .find(|(_, scale)| self.0.is_multiple_of(*scale));
        match fitting {
            Some((unit, scale)) => write!(f, "{}{unit}", self.0 / scale),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl FromText<'_> for Period {
    const EXPECTING: &'static str = "a duration such as 250ms, 2s or 1m";

    fn from_text<E: de::Error>(text: &str) -> Result<Self, E> {
        text.parse().map_err(E::custom)
    }
}

impl FromText<'_> for Timeout {
    const EXPECTING: &'static str = "a duration such as 250ms, 2s or 1m, or off";

    fn from_text<E: de::Error>(text: &str) -> Result<Self, E> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse()
            .map(Self::After)
            .map_err(|error| E::custom(format_args!("{error}, or off to lift the limit")))
    }
}

impl FromText<'_> for Size {
    const EXPECTING: &'static str = "a size such as 64KiB or 8MiB";

    fn from_text<E: de::Error>(text: &str) -> Result<Self, E> {
        text.parse().map_err(E::custom)
    }
}

/// Implements the traits of a type that is written and read as text, with this schema.
macro_rules! written_as_text {
    ($type:ty, $name:literal, $schema:tt) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text::deserialize(deserializer)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

written_as_text!(Period, "Duration", {
    "description": "A duration: `250ms`, `2s`, `1.5s`, `1m30s`, `1h`, `1d`. A bare number is milliseconds.",
    "oneOf": [
        { "type": "string", "pattern": r"^([0-9]+|([0-9]+(\.[0-9]+)?(ms|s|m|h|d) ?)+)$" },
        { "type": "integer", "minimum": 1 }
    ]
});

written_as_text!(Timeout, "Timeout", {
    "description": "A duration such as `30s`, or `off`. A bare number is milliseconds.",
    "oneOf": [
        { "type": "string", "pattern": r"^(off|[0-9]+|([0-9]+(\.[0-9]+)?(ms|s|m|h|d) ?)+)$" },
        { "type": "integer", "minimum": 1 }
    ]
});

written_as_text!(Size, "Size", {
    "description": "A number of bytes: `512`, `64KiB`, `8MiB`, `1GiB`, also `8 MiB`, and `8MB` for 8,000,000.",
    "oneOf": [
        { "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? ?(B|KiB|MiB|GiB|TiB|KB|MB|GB)?$" },
        { "type": "integer", "minimum": 1 }
    ]
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_every_common_spelling() {
        for (text, milliseconds) in [
            ("250ms", 250),
            ("2s", 2_000),
            ("1.5s", 1_500),
            ("1m30s", 90_000),
            ("1h 5m", 3_900_000),
            ("1d", 86_400_000),
            ("750", 750),
        ] {
            assert_eq!(text.parse::<Period>().unwrap().millis(), milliseconds, "{text}");
        }
    }

    #[test]
    fn wrong_durations_say_what_is_wrong() {
        for text in [
            "",
            "s",
            "2 s",
            "2sec",
            "-1s",
            "1.s",
            "1..5s",
            "99999999999999999999s",
            "1m30",
            ".5s",
        ] {
            let error = text.parse::<Period>().unwrap_err().to_string();
            assert!(error.contains("is no duration; write it like"), "{text}: {error}");
        }
        assert!("0s".parse::<Period>().unwrap_err().to_string().contains("is 0"));
        assert!(
            "366d"
                .parse::<Period>()
                .unwrap_err()
                .to_string()
                .contains("longer than 365d")
        );
    }

    #[test]
    fn durations_are_written_in_their_largest_exact_unit() {
        for text in ["250ms", "2s", "90s", "5m", "1h", "2d", "1500ms"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes, written) in [
            ("512", 512, "512B"),
            ("64KiB", 65_536, "64KiB"),
            ("1.5 MiB", 1_572_864, "1536KiB"),
            ("8MiB", 8_388_608, "8MiB"),
            ("1MB", 1_000_000, "1000000B"),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!(
                (size.bytes(), size.to_string().as_str()),
                (bytes, written),
                "{text}"
            );
            assert_eq!(size.to_string().parse::<Size>().unwrap(), size);
        }
        for text in ["", "MiB", "8 mib", "-1", "1.2.3KiB", "0"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
