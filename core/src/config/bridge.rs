//! How a call is translated between protocols.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TextMatch;
use std::collections::BTreeMap;

/// How a call is translated if its cluster speaks another protocol than its caller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Bridge {
    /// What stands for the uniqueId of SOFARPC on the Dubbo side.
    pub unique_id: UniqueIdFrom,
    /// Versions as the caller sends them and as the provider knows them. The first that fits is applied; a version
    /// that none fits stays. Dubbo providers often say `1.0.0` where SOFARPC always says `1.0`.
    pub versions: Vec<VersionRule>,
    /// Which exceptions keep their class.
    pub exceptions: ExceptionBridge,
    /// Which attachments cross the bridge.
    pub attachments: AttachmentBridge,
    /// Fields of objects that are declared as one of the classes of `java.sql`, as `CLASS.FIELD`. Dubbo writes them as
    /// plain dates, which do not tell that, and SOFARPC's readers refuse plain dates for them.
    pub fields: BTreeMap<String, SqlDate>,
    /// The zone of texts such as `2026-01-02 03:04:05` that generic calls give for dates, as an offset from UTC: `+08:00`,
    /// `-03:30` or `Z`. A Dubbo provider takes its own zone; without this key such texts are refused.
    pub time_zone: Option<String>,
    /// How many objects, lists and maps may lie inside of each other in what is translated (16 to 4096). Stock peers
    /// carry about 800 levels on the stacks that threads have by default.
    #[schemars(range(min = 16, max = 4096))]
    pub max_depth: u32,
}

/// Classes that Java's database access has for dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SqlDate {
    /// A moment.
    #[serde(rename = "java.sql.Timestamp")]
    Timestamp,
    /// A day.
    #[serde(rename = "java.sql.Date")]
    Date,
    /// A time of day.
    #[serde(rename = "java.sql.Time")]
    Time,
}

/// What stands for the uniqueId of SOFARPC on the Dubbo side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UniqueIdFrom {
    /// The Dubbo group.
    #[default]
    Group,
    /// The Dubbo version; SOFARPC's own version stays `1.0`.
    Version,
    /// Nothing: a uniqueId is dropped, and none is made.
    Ignore,
}

/// One version as each side knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VersionRule {
    /// The version the caller sends; empty for a call without one.
    pub from: String,
    /// The version the provider is asked for; empty for none.
    pub to: String,
}

/// Which exceptions keep their class. Those that do not reach the caller as `java.lang.RuntimeException`, whose
/// message begins with the original class, because a class that the caller does not have would break its decoder.
///
/// Unless said otherwise here, an application's own exceptions and the unchecked ones of `java.lang` keep theirs;
/// those of the frameworks and the rest of the JDK do not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExceptionBridge {
    /// Classes that keep theirs although they are of the JDK or of a framework.
    pub forward: Vec<TextMatch>,
    /// Classes that do not keep theirs: the caller does not have them.
    pub substitute: Vec<TextMatch>,
}

/// Which attachments cross the bridge. Those by which a protocol addresses and times a call are always translated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AttachmentBridge {
    /// If not empty, only attachments whose name fits one of these cross.
    pub allow: Vec<TextMatch>,
    /// Attachments whose name fits one of these never cross.
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
    /// The class's name.
    pub fn name(self) -> &'static str {
        match self {
            SqlDate::Timestamp => "java.sql.Timestamp",
            SqlDate::Date => "java.sql.Date",
            SqlDate::Time => "java.sql.Time",
        }
    }
}

impl Bridge {
    /// Seconds east of UTC of [`Bridge::time_zone`]: outside `None` if it is no offset.
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

    /// The version the provider is asked for.
    pub fn version<'a>(&'a self, sent: &'a str) -> &'a str {
        self.versions
            .iter()
            .find(|rule| rule.from == sent)
            .map_or(sent, |rule| rule.to.as_str())
    }
}

impl AttachmentBridge {
    /// Whether there are no rules.
    pub fn passes_all(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// Whether the attachment of this name crosses.
    pub fn crosses(&self, name: &str) -> bool {
        let fits = |rules: &[TextMatch]| rules.iter().any(|rule| rule.matches(name));
        (self.allow.is_empty() || fits(&self.allow)) && !fits(&self.deny)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fitting_version_rule_is_applied() {
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
    fn zones_are_offsets() {
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

    #[test]
    fn denial_outranks_permission() {
        let prefix = |text: &str| vec![TextMatch::Prefix(text.into())];
        let attachments = AttachmentBridge {
            allow: prefix("x-"),
            deny: prefix("x-internal"),
        };
        assert!(attachments.crosses("x-tenant"));
        assert!(!attachments.crosses("x-internal-id") && !attachments.crosses("tenant"));
        assert!(AttachmentBridge::default().crosses("tenant"));
    }
}
