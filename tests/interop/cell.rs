//! What came of one case of one pair, as the consumer tells it (`tests/peers/java/README.md`).
use serde::{Deserialize, Serialize};

/// A consumer's line.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Cell {
    /// The name of the case.
    pub(crate) case: String,
    /// What came of it.
    pub(crate) outcome: Outcome,
    /// What was due.
    pub(crate) expected: String,
    /// What came.
    pub(crate) got: String,
    /// The throwable with its causes.
    pub(crate) detail: String,
    /// What the provider says it got; value cases only.
    pub(crate) argument: Option<String>,
    /// Milliseconds.
    pub(crate) ms: u64,
}

/// What came of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// As it should be.
    Ok,
    /// Another result or throwable.
    Different,
    /// A throwable where a result was due.
    Threw,
}

/// What became of the argument on its way to the provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Argument {
    /// It arrived whole.
    #[default]
    Equal,
    /// Another value arrived, or none.
    Lost,
}

impl Cell {
    /// What became of the argument; none if the case has none or the provider could not be asked.
    pub(crate) fn argument(&self) -> Option<Argument> {
        let text = self.argument.as_deref()?;
        match text.split(':').next().unwrap_or_default() {
            "equal" => Some(Argument::Equal),
            // the provider tells one from the other only if nobody called the method before
            "different" | "nothing" => Some(Argument::Lost),
            _ => None,
        }
    }

    /// Whether the case passes a value there and back.
    pub(crate) fn is_value(&self) -> bool {
        self.argument.is_some()
    }

    /// Whether a text occurs in what came.
    pub(crate) fn says(&self, text: &str) -> bool {
        [&self.got, &self.detail].iter().any(|t| t.contains(text))
            || self.argument.as_ref().is_some_and(|t| t.contains(text))
    }

    /// One line for people: what came, why, and what the provider saw.
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

/// The beginning of a text.
fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
