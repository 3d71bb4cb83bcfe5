//! Rules for translating calls between protocols.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TextMatch;
use std::collections::BTreeMap;

/// How a call is translated if its cluster speaks another protocol than its downstream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Bridge {
    /// What corresponds to the uniqueId of SOFARPC on the Dubbo side.
    pub unique_id: UniqueIdFrom,
    /// Versions as the downstream sends them and as the provider expects them. The first matching rule applies,
    /// and a version that matches none stays the same. Dubbo providers often use `1.0.0` where SOFARPC always
    /// uses `1.0`.
    pub versions: Vec<VersionRule>,
    /// Which exceptions keep their class.
    pub exceptions: ExceptionBridge,
    /// Which attachments are passed on.
    pub attachments: AttachmentBridge,
    /// Fields declared with a class of `java.sql`, as `CLASS.FIELD`. Dubbo writes them as plain dates, which do
    /// not contain the class, and SOFARPC's readers refuse plain dates for them.
    pub fields: BTreeMap<String, SqlDate>,
    /// The time zone of texts such as `2026-01-02 03:04:05` that generic calls contain for dates, as an offset
    /// from UTC: `+08:00`, `-03:30` or `Z`. A Dubbo provider uses its own zone. Without this key such texts are
    /// refused.
    pub time_zone: Option<String>,
    /// How deep objects, lists and maps may be nested in translated values (16 to 4096). Stock peers support
    /// about 800 levels with the default stack size of a thread.
    #[schemars(range(min = 16, max = 4096))]
    pub max_depth: u32,
}

/// The date classes of `java.sql`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SqlDate {
    /// A date with a time of day.
    #[serde(rename = "java.sql.Timestamp")]
    Timestamp,
    /// A date.
    #[serde(rename = "java.sql.Date")]
    Date,
    /// A time of day.
    #[serde(rename = "java.sql.Time")]
    Time,
}

/// What corresponds to the uniqueId of SOFARPC on the Dubbo side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UniqueIdFrom {
    /// The Dubbo group.
    #[default]
    Group,
    /// The Dubbo version. SOFARPC's own version stays `1.0`.
    Version,
    /// Nothing: a uniqueId is removed, and none is added.
    Ignore,
}

/// A version on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VersionRule {
    /// The version that the downstream sends; empty for a call without a version.
    pub from: String,
    /// The version that the provider is sent; empty for none.
    pub to: String,
}

/// Which exceptions keep their class. All others reach the downstream as `java.lang.RuntimeException` with a
/// message that begins with the original class, because a class that the downstream does not have would break
/// its decoder.
///
/// By default an application's own exceptions and the unchecked ones of `java.lang` keep their class. Those of
/// the frameworks and the rest of the JDK do not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExceptionBridge {
    /// Classes of the JDK or of a framework that keep their class, too.
    pub forward: Vec<TextMatch>,
    /// Classes that are replaced, because the downstream does not have them.
    pub substitute: Vec<TextMatch>,
}

/// Which attachments are passed on. Those that a protocol itself needs for the destination and timeout of a
/// call are always translated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AttachmentBridge {
    /// If not empty, only attachments whose name matches one of these are passed on.
    pub allow: Vec<TextMatch>,
    /// Attachments whose name matches one of these are never passed on.
    pub deny: Vec<TextMatch>,
}

impl Default for Bridge {
    fn default() -> Self {
        Bridge {
            unique_id: UniqueIdFrom::default(),
            versions: vec![],
            exceptions: ExceptionBridge::default(),
            attachments: AttachmentBridge::default(),
            fields: BTreeMap::new(),
            time_zone: None,
            max_depth: 1024,
        }
    }
}

impl SqlDate {
    /// The name of the class.
    pub fn name(self) -> &'static str {
        match self {
            SqlDate::Timestamp => "java.sql.Timestamp",
            SqlDate::Date => "java.sql.Date",
            SqlDate::Time => "java.sql.Time",
        }
    }
}

impl Bridge {
    /// The offset of [`Bridge::time_zone`] in seconds east of UTC, `Some(None)` if none is set. `None` if the
    /// text is no offset.
    pub fn utc_offset(&self) -> Option<Option<i32>> {
        let Some(zone) = &self.time_zone else {
            return Some(None);
        };
        if zone == "Z" {
            return Some(Some(0));
        }
        let (sign, rest) = match zone.split_at_checked(1)? {
            ("+", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            _ => return None,
        };
        let (hours, minutes) = rest.split_once(':')?;
        let number = |s: &str| {
            let digits = s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit());
            s.parse::<i32>().ok().filter(|_| digits)
        };
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        (hours <= 18 && minutes < 60).then_some(Some(sign * (hours * 3600 + minutes * 60)))
    }

    /// The version that the provider is sent for a call with the version `sent`.
    pub fn version<'a>(&'a self, sent: &'a str) -> &'a str {
        self.versions
            .iter()
            .find(|rule| rule.from == sent)
            .map_or(sent, |rule| rule.to.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_matching_version_rule_applies() {
        let rule = |from: &str, to: &str| VersionRule {
            from: from.into(),
            to: to.into(),
        };
        let bridge = Bridge {
            versions: vec![rule("1.0.0", "1.0"), rule("1.0.0", "2.0")],
            ..Bridge::default()
        };
        assert_eq!((bridge.version("1.0.0"), bridge.version("3.0")), ("1.0", "3.0"));
    }

    #[test]
    fn time_zones_are_offsets_from_utc() {
        let offset = |zone: &str| {
            let time_zone = Some(zone.to_owned());
            let bridge = Bridge {
                time_zone,
                ..Bridge::default()
            };
            bridge.utc_offset()
        };
        assert_eq!(Bridge::default().utc_offset(), Some(None));
        assert_eq!(
            (offset("Z"), offset("+08:00")),
            (Some(Some(0)), Some(Some(28_800)))
        );
        assert_eq!(offset("-03:30"), Some(Some(-12_600)));
        for bad in [
            "",
            "8",
            "+8:00",
            "08:00",
            "+08",
            "+25:00",
            "+08:60",
            "Asia/Shanghai",
            "é08:00",
        ] {
            assert_eq!(offset(bad), None, "{bad}");
        }
    }
}
