//! The result of one case of one pair, as the consumer reports it (`tests/peers/java/README.md`).
use serde::{Deserialize, Serialize};

/// One line of a consumer's output.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Cell {
    pub(crate) case: String,
    pub(crate) outcome: Outcome,
    pub(crate) expected: String,
    /// The actual result, or a throwable.
    pub(crate) got: String,
    /// The throwable with its causes.
    pub(crate) detail: String,
    /// The argument that the provider received; only in value cases.
    pub(crate) argument: Option<String>,
    pub(crate) ms: u64,
}

/// The outcome of a case, as the consumer judges it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The expected result.
    Ok,
    /// Another result or throwable.
    Different,
    /// A throwable instead of a result.
    Threw,
}

/// What happened to the argument on its way to the provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Argument {
    /// It arrived unchanged.
    #[default]
    Equal,
    /// Another value arrived, or none.
    Lost,
}

impl Cell {
    /// What happened to the argument; `None` if the case has none or the provider could not be asked.
    pub(crate) fn argument(&self) -> Option<Argument> {
        let text = self.argument.as_deref()?;
        match text.split(':').next().unwrap_or_default() {
            "equal" => Some(Argument::Equal),
            // The provider distinguishes these only if the method was never called before.
            "different" | "nothing" => Some(Argument::Lost),
            _ => None,
        }
    }

    /// Whether the case passes a value there and back.
    pub(crate) fn is_value(&self) -> bool {
        self.argument.is_some()
    }

    /// Whether the actual result or its detail contains a text.
    pub(crate) fn says(&self, text: &str) -> bool {
        [&self.got, &self.detail].iter().any(|t| t.contains(text))
            || self.argument.as_ref().is_some_and(|t| t.contains(text))
    }

    /// One line for people: the result, the reason, and what the provider received.
    pub(crate) fn note(&self) -> String {
        let mut note = format!("{:?}: ", self.outcome);
        note.push_str(&cut(
            if self.outcome == Outcome::Ok || self.detail.is_empty() {
                &self.got
            } else {
                &self.detail
            },
            700,
        ));
        if self.outcome == Outcome::Different && !self.detail.is_empty() {
            note.push_str(&format!("; got {}", cut(&self.got, 300)));
        }
        if let Some(argument) = self.argument.as_ref().filter(|a| *a != "equal") {
            note.push_str(&format!("; the provider saw {}", cut(argument, 300)));
        }
        note
    }
}

fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
