//! Conditions on texts of a call: equal, prefix, suffix or regular expression.

use std::borrow::Cow;
use std::fmt;

use regex::{Regex, RegexBuilder};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::{self, FromText};

/// A condition on one text of a call. A plain text in the configuration means [`TextMatch::Exact`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(into = "TextForm")]
pub enum TextMatch {
    /// The text equals this, compared by bytes.
    Exact(String),
    /// The text starts with this.
    Prefix(String),
    /// The text ends with this.
    Suffix(String),
    /// The whole text matches this expression.
    Regex(Pattern),
}

/// A condition on one attachment of a call. A plain text in the configuration means an exact match.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(into = "AttachmentForm")]
pub enum AttachmentMatch {
    /// The attachment exists and its value matches.
    Value(TextMatch),
    /// The attachment exists, with any value.
    Present,
    /// The attachment does not exist.
    Absent,
}

/// A compiled regular expression that has to match the whole text.
#[derive(Clone)]
pub struct Pattern {
    source: String,
    compiled: Regex,
}

/// The largest compiled size of one expression, in bytes.
const LARGEST_PATTERN: usize = 1 << 20;

impl TextMatch {
    /// Whether `text` meets the condition.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == text,
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::Suffix(suffix) => text.ends_with(suffix.as_str()),
            Self::Regex(pattern) => pattern.compiled.is_match(text),
        }
    }
}

impl Pattern {
    /// Compiles an expression. The error describes the mistake on one line.
    pub fn new(source: &str) -> Result<Self, String> {
        // It is first compiled alone: inside the group an unbalanced parenthesis could go unnoticed.
        let compile = |text: &str| RegexBuilder::new(text).size_limit(LARGEST_PATTERN).build();
        compile(source)
            .and_then(|_| compile(&format!("^(?:{source})$")))
            .map(|compiled| Self {
                source: source.to_owned(),
                compiled,
            })
            .map_err(|error| format!("bad regular expression \"{source}\": {}", last_line(&error)))
    }

    /// The compiled expression, which only matches a whole text.
    pub fn regex(&self) -> &Regex {
        &self.compiled
    }
}

/// The reason of an error. The library draws a caret over several lines and puts the reason last.
fn last_line(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "it compiles to more than 1MiB".to_owned(),
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default().trim();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.source)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

impl FromText<'_> for Pattern {
    const EXPECTING: &'static str = "a regular expression";

    fn from_text<E: de::Error>(text: &str) -> Result<Self, E> {
        Self::new(text).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

/// The object forms of [`TextMatch`]. A plain text stands for `exact`.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TextObject {
    Exact(String),
    Prefix(String),
    Suffix(String),
    Regex(Pattern),
}

/// The object forms of [`AttachmentMatch`].
#[derive(Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AttachmentObject {
    Exact(String),
    Prefix(String),
    Suffix(String),
    Regex(Pattern),
    Present(bool),
    Absent(bool),
}

/// The serialized form of a [`TextMatch`].
#[derive(Serialize)]
#[serde(untagged)]
enum TextForm {
    Plain(String),
    Prefix { prefix: String },
    Suffix { suffix: String },
    Regex { regex: String },
}

/// The serialized form of an [`AttachmentMatch`].
#[derive(Serialize)]
#[serde(untagged)]
enum AttachmentForm {
    Value(TextForm),
    Present { present: bool },
    Absent { absent: bool },
}

impl From<TextMatch> for TextForm {
    fn from(condition: TextMatch) -> Self {
        match condition {
            TextMatch::Exact(exact) => Self::Plain(exact),
            TextMatch::Prefix(prefix) => Self::Prefix { prefix },
            TextMatch::Suffix(suffix) => Self::Suffix { suffix },
            TextMatch::Regex(pattern) => Self::Regex {
                regex: pattern.source,
            },
        }
    }
}

impl From<AttachmentMatch> for AttachmentForm {
    fn from(condition: AttachmentMatch) -> Self {
        match condition {
            AttachmentMatch::Value(value) => Self::Value(value.into()),
            AttachmentMatch::Present => Self::Present { present: true },
            AttachmentMatch::Absent => Self::Absent { absent: true },
        }
    }
}

impl<'de> FromText<'de> for TextMatch {
    const EXPECTING: &'static str = "text, or one of {exact: …}, {prefix: …}, {suffix: …}, {regex: …}";

    fn from_text<E: de::Error>(text: &str) -> Result<Self, E> {
        Ok(Self::Exact(text.to_owned()))
    }

    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        Ok(
            match TextObject::deserialize(MapAccessDeserializer::new(object))? {
                TextObject::Exact(text) => Self::Exact(text),
                TextObject::Prefix(text) => Self::Prefix(text),
                TextObject::Suffix(text) => Self::Suffix(text),
                TextObject::Regex(pattern) => Self::Regex(pattern),
            },
        )
    }
}

impl<'de> FromText<'de> for AttachmentMatch {
    const EXPECTING: &'static str =
        "text, or one of {exact: …}, {prefix: …}, {suffix: …}, {regex: …}, {present: true}, {absent: true}";

    fn from_text<E: de::Error>(text: &str) -> Result<Self, E> {
        TextMatch::from_text(text).map(Self::Value)
    }

    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        Ok(
            match AttachmentObject::deserialize(MapAccessDeserializer::new(object))? {
                AttachmentObject::Exact(text) => Self::Value(TextMatch::Exact(text)),
                AttachmentObject::Prefix(text) => Self::Value(TextMatch::Prefix(text)),
                AttachmentObject::Suffix(text) => Self::Value(TextMatch::Suffix(text)),
                AttachmentObject::Regex(pattern) => Self::Value(TextMatch::Regex(pattern)),
                AttachmentObject::Present(true) | AttachmentObject::Absent(false) => Self::Present,
                AttachmentObject::Present(false) | AttachmentObject::Absent(true) => Self::Absent,
            },
        )
    }
}

impl<'de> Deserialize<'de> for TextMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

impl<'de> Deserialize<'de> for AttachmentMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

/// The schema of an object with exactly this one key.
fn one_key(key: &str, description: &str, kind: &str) -> Schema {
    json_schema!({
        "type": "object",
        "properties": { (key): { "type": kind, "description": description } },
        "required": [key],
        "additionalProperties": false
    })
}

fn text_forms() -> Vec<Schema> {
    vec![
        json_schema!({ "type": "string", "description": "Equal to this." }),
        one_key("exact", "Equal to this.", "string"),
        one_key("prefix", "Starts with this.", "string"),
        one_key("suffix", "Ends with this.", "string"),
        one_key(
            "regex",
            "The whole text matches this regular expression.",
            "string",
        ),
    ]
}

impl JsonSchema for TextMatch {
    fn schema_name() -> Cow<'static, str> {
        "TextMatch".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Text to be equal to, or one of `{exact: …}`, `{prefix: …}`, `{suffix: …}`, `{regex: …}`. A regular expression has to match the whole text: `.*Greeter`, not `Greeter`.",
            "oneOf": text_forms()
        })
    }
}

impl JsonSchema for AttachmentMatch {
    fn schema_name() -> Cow<'static, str> {
        "AttachmentMatch".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut forms = text_forms();
        forms.push(one_key(
            "present",
            "The attachment is there, whatever its value.",
            "boolean",
        ));
        forms.push(one_key("absent", "The attachment is not there.", "boolean"));
        json_schema!({
            "description": "Text to be equal to, or one of `{exact: …}`, `{prefix: …}`, `{suffix: …}`, `{regex: …}`, \
                            `{present: true}`, `{absent: true}`. A regular expression has to match the whole value.",
            "oneOf": forms
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_from_end_to_end() {
        let pattern = Pattern::new("a|b+").unwrap();
        let matches = |text| pattern.regex().is_match(text);
        assert!(matches("a") && matches("bbb"));
        assert!(!matches("ab") && !matches("xa"));
    }

    #[test]
    fn a_bad_pattern_says_why_on_one_line() {
        for (source, reason) in [
            ("a(", "unclosed group"),
            ("a)|(b", "unopened group"),
            ("(?:a{1000}){1000}", "it compiles to more than 1MiB"),
        ] {
            let error = Pattern::new(source).unwrap_err();
            assert!(error.contains(reason) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn conditions_on_texts() {
        assert!(TextMatch::Prefix("com.acme.".into()).matches("com.acme.Greeter"));
        assert!(!TextMatch::Suffix("Facade".into()).matches("com.acme.Greeter"));
    }
}
