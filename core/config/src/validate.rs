//! Checks of names, references and options that depend on each other, which no single type can check.
//!
//! All problems are reported together, in the order of the file.

use std::fmt;

use super::{Config, Path, Protocol};

mod clusters;
mod listeners;
mod names;
mod process;
mod reach;
mod registries;
mod routes;
#[cfg(test)]
mod tests;
mod versions;

/// An error in a configuration, or something that is probably a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The position of the value in the configuration.
    pub path: Path,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether the configuration can still be used.
    pub severity: Severity,
    /// Whether the problem was found by comparing parts of the configuration. A reader that left out parts it
    /// could not read should not show such a problem, because the missing part may be its cause.
    pub relational: bool,
    /// The section and name that the problem reports as missing. It is true whatever other parts could not be
    /// read, unless one of these may have that name.
    pub missing: Option<(&'static str, String)>,
}

/// Whether a configuration with a [`Problem`] can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It cannot be used.
    Error,
    /// It can be used, but something in it has no effect or is dangerous.
    Warning,
    /// It is right for some calls and a mistake for others, and the configuration does not say which ones come.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.severity, self.path, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// In a protocol, the key of `rewrite` that an attachment with this name would bypass; `None` for most names.
pub type Addresses<'a> = &'a dyn Fn(Protocol, &str) -> Option<&'static str>;

/// Lists the errors in a configuration, and what is probably a mistake.
pub fn validate(config: &Config, addresses: Addresses<'_>) -> Vec<Problem> {
    let mut problems = Problems::default();
    process::check(config, &mut problems);
    listeners::check(config, addresses, &mut problems);
    routes::check(config, addresses, &mut problems);
    versions::check(config, &mut problems);
    clusters::check(config, &mut problems);
    registries::check(config, &mut problems);
    problems.0
}

/// What a reader of the configuration should know although it may be meant.
pub fn notes(config: &Config) -> Vec<Problem> {
    let mut problems = Problems::default();
    versions::note(config, &mut problems);
    problems.0
}

/// The list that the checks add to.
#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn error(&mut self, path: Path, message: impl Into<String>) -> &mut Problem {
        self.add(Severity::Error, path, message.into())
    }

    fn warning(&mut self, path: Path, message: impl Into<String>) -> &mut Problem {
        self.add(Severity::Warning, path, message.into())
    }

    fn note(&mut self, path: Path, message: impl Into<String>) -> &mut Problem {
        self.add(Severity::Note, path, message.into())
    }

    fn add(&mut self, severity: Severity, path: Path, message: String) -> &mut Problem {
        self.0.push(Problem {
            path,
            message,
            hint: None,
            severity,
            relational: false,
            missing: None,
        });
        let last = self.0.len() - 1;
        &mut self.0[last]
    }
}

impl Problem {
    fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = Some(hint.into());
        self
    }

    fn missing(&mut self, section: &'static str, name: &str) -> &mut Self {
        self.missing = Some((section, name.to_owned()));
        self.relational()
    }

    fn relational(&mut self) -> &mut Self {
        self.relational = true;
        self
    }
}
