//! Reports of mistakes in a configuration, with the lines that they are about.

use std::fmt;
use std::sync::Arc;

use rialto_config::Severity;
use serde_json::{Value, json};

use super::source::{Source, Span};
use super::substitutions::Substitutions;

/// All findings about one configuration, in the order of the file. `Display` shows each one with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    source: Arc<Source>,
    findings: Vec<Finding>,
}

/// One error or warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is. A configuration with warnings and notes only can be used.
    pub severity: Severity,
    /// Where in the configuration, such as `routes[0].to[1].cluster`; empty if it is about the file as a whole.
    pub path: String,
    /// The mistake.
    pub message: String,
    /// How to correct it.
    pub hint: Option<String>,
    /// The place in the text; `None` if the file could not be read.
    pub(super) span: Option<Span>,
}

/// Keys whose values are not shown, because someone may have written a secret there.
const SECRET_KEYS: [&str; 3] = ["token", "password", "secret"];

impl Finding {
    pub(super) fn error(path: impl Into<String>, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            path: path.into(),
            message: message.into(),
            hint: None,
            span: Some(span),
        }
    }

    /// Whether this is an error at exactly this place. A warning is not enough, because it must not hide an error.
    pub(super) fn is_error_at(&self, span: &Span) -> bool {
        self.severity == Severity::Error && self.span.as_ref() == Some(span) && !span.is_empty()
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The longest message, in bytes. Messages quote the file, so they could be very long.
const LONGEST_MESSAGE: usize = 1_000;
/// How many findings are shown, errors before warnings. The others are only counted.
const MOST_SHOWN: usize = 100;

impl Report {
    pub(super) fn new(source: Arc<Source>, mut findings: Vec<Finding>) -> Self {
        for finding in &mut findings {
            clip(&mut finding.path);
            clip(&mut finding.message);
            finding.hint.iter_mut().for_each(clip);
        }
        findings.sort_by_key(|finding| finding.span.as_ref().map_or(0, |span| span.start));
        Self { source, findings }
    }

    /// The report with values from the environment hidden.
    pub(super) fn without(mut self, substitutions: &Substitutions) -> Self {
        for finding in &mut self.findings {
            let span = finding.span.as_ref();
            finding.message = substitutions.hide(&finding.message, span);
            finding.hint = finding.hint.take().map(|hint| substitutions.hide(&hint, span));
        }
        self
    }

    /// The errors and warnings, in the order of the file.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The line of the first finding.
    pub(super) fn first_line(&self) -> Option<usize> {
        let span = self.findings.first()?.span.as_ref()?;
        Some(self.source.place(span.start).line)
    }

    /// True if nothing was found.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// True if the configuration cannot be used.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// True if there is no error and no warning.
    pub fn has_notes_only(&self) -> bool {
        self.count(Severity::Note) == self.findings.len()
    }

    /// How many findings of this severity there are.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    }

    /// The findings that are shown, and the number of the others.
    fn shown(&self) -> (Vec<&Finding>, usize) {
        let is_error = |f: &&Finding| f.severity == Severity::Error;
        let mut room = MOST_SHOWN - self.findings.iter().filter(is_error).count().min(MOST_SHOWN);
        let mut errors = MOST_SHOWN;
        let shown: Vec<&Finding> = (self.findings.iter())
            .filter(|f| {
                let left = if is_error(f) { &mut errors } else { &mut room };
                let fits = *left > 0;
                *left -= usize::from(fits);
                fits
            })
            .collect();
        let more = self.findings.len() - shown.len();
        (shown, more)
    }

    /// The findings for programs: a list of objects with `severity`, `file`, `line`, `column`, `end_line`,
    /// `end_column`, `path`, `message` and `hint`. Lines and columns start at 1, and columns are counted in
    /// characters. If there are too many findings, the last object says how many are left out.
    pub fn to_json(&self) -> Value {
        let (shown, more) = self.shown();
        let mut all: Vec<Value> = shown.into_iter().map(|f| self.finding_to_json(f)).collect();
        if more > 0 {
            all.push(json!({
                "severity": if self.has_errors() { "error" } else { "warning" },
                "file": self.source.name(),
                "path": "",
                "message": format!("{more} more are not shown"),
                "hint": null,
            }));
        }
        all.into()
    }

    fn finding_to_json(&self, finding: &Finding) -> Value {
        let mut object = json!({
            "severity": finding.severity.to_string(),
            "file": self.source.name(),
            "path": finding.path,
            "message": finding.message,
            "hint": finding.hint,
        });
        if let Some(span) = &finding.span {
            let (start, end) = (self.source.place(span.start), self.source.place(span.end));
            object["line"] = start.line.into();
            object["column"] = start.column.into();
            object["end_line"] = end.line.into();
            object["end_column"] = end.column.into();
        }
        object
    }

    fn write_finding(&self, finding: &Finding, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source.name())?;
        let place = finding.span.as_ref().map(|span| self.source.place(span.start));
        if let Some(place) = place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        write!(f, ": {}: ", finding.severity)?;
        if !finding.path.is_empty() {
            write!(f, "{}: ", Printable(&finding.path))?;
        }
        writeln!(f, "{}", Printable(&finding.message))?;
        let mut margin = 1;
        if let (Some(span), Some(place)) = (&finding.span, place) {
            let (mut line, before, length) = self.source.marked_line(span);
            if SECRET_KEYS.iter().any(|key| finding.path.ends_with(key)) {
                line = line
                    .chars()
                    .enumerate()
                    .map(|(at, c)| if at < before { c } else { '*' })
                    .collect();
            }
            let number = place.line.to_string();
            margin = number.len();
            writeln!(f, " {:margin$} |", "")?;
            writeln!(f, " {number} | {line}")?;
            writeln!(f, " {:margin$} | {:before$}{}", "", "", "^".repeat(length))?;
        }
        match &finding.hint {
            Some(hint) => writeln!(f, " {:margin$} = help: {}", "", Printable(hint)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, more) = self.shown();
        for finding in shown {
            self.write_finding(finding, f)?;
            writeln!(f)?;
        }
        let counted = |count: usize, word: &str| match count {
            0 => None,
            1 => Some(format!("1 {word}")),
            _ => Some(format!("{count} {word}s")),
        };
        let counts = [
            counted(self.count(Severity::Error), "error"),
            counted(self.count(Severity::Warning), "warning"),
            counted(self.count(Severity::Note), "note"),
        ];
        let counts: Vec<String> = counts.into_iter().flatten().collect();
        if counts.is_empty() {
            write!(f, "{}: no problems", self.source.name())
        } else {
            write!(f, "{}: {}", self.source.name(), counts.join(", "))?;
            match more {
                0 => Ok(()),
                _ => write!(f, " ({more} of them not shown)"),
            }
        }
    }
}

impl std::error::Error for Report {}

fn clip(text: &mut String) {
    if text.len() > LONGEST_MESSAGE {
        let end = text.floor_char_boundary(LONGEST_MESSAGE);
        text.truncate(end);
        text.push('…');
    }
}

/// Shows text from a file with its control characters escaped, because a message must not control a terminal.
struct Printable<'a>(&'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.split_inclusive(char::is_control) {
            let plain = part.trim_end_matches(char::is_control);
            write!(f, "{plain}{}", part[plain.len()..].escape_debug())?;
        }
        Ok(())
    }
}
