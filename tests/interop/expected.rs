//! What cannot work, and why (`tests/interop/expected.json`), with a rule for each reason. A rule that a cell
//! contradicts, by another error or by success, fails the command, so the file stays true.
use super::cell::{Argument, Cell, Outcome};
use super::groups::matches;
use super::plan::Pair;
use anyhow::Context;
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// What cannot work. The first rule that matches a cell applies.
    pub(crate) rules: Vec<Rule>,
    /// Texts that errors must contain.
    pub(crate) telling: Vec<Telling>,
}

/// A reason why cells are not ok.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Patterns of consumers, separated by spaces, of which one must match; `*` stands for anything.
    pub(crate) consumers: String,
    /// The same for providers.
    pub(crate) providers: String,
    /// The same for cases.
    pub(crate) cases: String,
    /// The outcome that these cells must have.
    pub(crate) outcome: Outcome,
    /// What happens to the argument, in cases that have one.
    #[serde(default)]
    pub(crate) argument: Argument,
    /// A text that the consumer must report, which identifies the error.
    pub(crate) says: String,
    /// The reason, for readers of the document.
    pub(crate) reason: String,
}

/// Cases whose text must contain another.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Telling {
    consumers: String,
    providers: String,
    cases: String,
    says: String,
}

impl Expected {
    pub(crate) fn read() -> anyhow::Result<Expected> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/expected.json");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    }

    /// The index of the rule for a cell.
    pub(crate) fn rule(&self, pair: &Pair, case: &str) -> Option<usize> {
        let fits = |r: &Rule| is_about([&r.consumers, &r.providers, &r.cases], pair, case);
        self.rules.iter().position(fits)
    }

    /// The texts that must occur in the result of a case.
    pub(crate) fn texts(&self, pair: &Pair, case: &str) -> impl Iterator<Item = &str> {
        let fits = move |t: &&Telling| is_about([&t.consumers, &t.providers, &t.cases], pair, case);
        self.telling.iter().filter(fits).map(|t| t.says.as_str())
    }
}

/// Whether patterns of consumers, providers and cases match.
fn is_about(patterns: [&String; 3], pair: &Pair, case: &str) -> bool {
    let names = [&pair.consumer.name(), &pair.provider.name(), case];
    let any = |(patterns, name): (&String, &str)| patterns.split_whitespace().any(|p| matches(p, name));
    patterns.into_iter().zip(names).all(any)
}

impl Rule {
    /// Checks the cell against the rule; the error says what differs.
    pub(crate) fn judge(&self, cell: &Cell) -> Result<(), String> {
        if cell.outcome == Outcome::Ok {
            return Err(format!(
                "works, although it was expected not to, because {}",
                self.reason
            ));
        }
        if cell.outcome != self.outcome {
            return Err(format!("expected {:?}, because {}", self.outcome, self.reason));
        }
        if !cell.says(&self.says) {
            return Err(format!(
                "expected to tell {:?}, because {}",
                self.says, self.reason
            ));
        }
        if cell.is_value() && cell.argument() != Some(self.argument) {
            return Err(format!(
                "expected the argument to be {:?}, because {}",
                self.argument, self.reason
            ));
        }
        Ok(())
    }
}
