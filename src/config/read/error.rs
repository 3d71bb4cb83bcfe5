//! Errors of reading a typed value, in the words of a configuration.

use std::fmt;

use rialto_config::closest;
use serde::de::{self, Unexpected};

use super::super::source::Span;
use super::super::tree::Step;

/// The reason why a tree is not a value of the wanted type.
#[derive(Debug)]
pub(in crate::config) struct ReadError {
    pub(in crate::config) message: String,
    pub(in crate::config) hint: Option<String>,
    pub(in crate::config) kind: Kind,
    pub(in crate::config) span: Option<Span>,
    /// The steps to the error, from the inside out.
    steps: Vec<Step>,
}

#[derive(Debug, PartialEq, Eq)]
pub(in crate::config) enum Kind {
    /// A required key is missing.
    Missing(&'static str),
    /// An unknown key, and the key that was probably meant.
    UnknownKey(Option<String>),
    Other,
}

impl ReadError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            kind: Kind::Other,
            span: None,
            steps: Vec::new(),
        }
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets the place of the error, unless an inner value has set it.
    pub(super) fn at(mut self, span: impl FnOnce() -> Span) -> Self {
        if self.span.is_none() {
            self.span = Some(span());
        }
        self
    }

    pub(super) fn inside(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// The steps from the root to the error.
    pub(in crate::config) fn steps(&self) -> Vec<Step> {
        self.steps.iter().rev().cloned().collect()
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!(
            "expected {}, found {}",
            in_words(&expected.to_string()),
            describe(&found)
        ))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        let near = closest(key, known.iter().copied());
        let hint = match near {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("known keys: {}", known.join(", ")),
        };
        let kind = Kind::UnknownKey(near.map(str::to_owned));
        Self {
            kind,
            ..Self::new(format!("unknown key \"{key}\"")).with_hint(hint)
        }
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        let error = Self::new(format!("\"{word}\" is not one of {}", known.join(", ")));
        match closest(word, known.iter().copied()) {
            Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
            None => error,
        }
    }

    fn missing_field(key: &'static str) -> Self {
        let error = Self::new(format!("the key \"{key}\" is missing")).with_hint(format!("add {key}: …"));
        Self {
            kind: Kind::Missing(key),
            ..error
        }
    }
}

/// Translates the expectations of Rust types into the words of a configuration.
fn in_words(expected: &str) -> String {
    if expected.starts_with("a nonzero") {
        return "a whole number of at least 1".to_owned();
    }
    if expected.starts_with("struct ") || expected == "a map" {
        return "keys with values".to_owned();
    }
    match expected {
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a string" | "path string" => "text",
        "map with a single key" | "enum variant" | "variant identifier" => "an object with one key",
        other if other.starts_with("enum ") => "a name or an object with one key",
        other => other,
    }
    .to_owned()
}

fn describe(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(value) => value.to_string(),
        Unexpected::Signed(value) => value.to_string(),
        Unexpected::Float(value) => value.to_string(),
        Unexpected::Str(text) => format!("\"{text}\""),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "keys with values".to_owned(),
        other => other.to_string(),
    }
}
