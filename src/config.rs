//! Reads configurations: from YAML or JSON text to a checked [`Config`], or to a [`Report`] of mistakes.
//!
//! The stages are text, tree with places, typed value, checks. Each stage continues after a mistake as far as it can,
//! so that one run shows all mistakes. `${NAME}` and `${NAME:-default}` in plain and double-quoted text are replaced
//! by variables of the environment.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path as FilePath;
use std::sync::Arc;

use rialto_config::{Config, Path, Problem, Protocol, Severity, validate};
use serde::Deserialize;

mod collect;
mod dump;
mod interpolate;
mod lint;
mod parse;
mod read;
mod reference;
mod report;
mod schema;
mod source;
mod substitutions;
mod surroundings;
#[cfg(test)]
mod tests;
mod tree;

pub use dump::Dump;
pub use reference::reference_markdown;
pub use report::{Finding, Report};
pub use schema::schema;
pub use source::Source;
pub use substitutions::Substitutions;
pub use surroundings::surroundings;

use collect::{Collected, collect};
use source::Span;
use tree::{Node, Value};

/// A valid configuration.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration with its defaults filled in.
    pub config: Config,
    /// Places that are valid but look like mistakes.
    pub warnings: Report,
    /// The text that it was read from.
    pub source: Arc<Source>,
    /// The values that came from the environment.
    pub substitutions: Substitutions,
}

impl Loaded {
    /// The place of each value in the text.
    fn places(&self) -> Places {
        let text = self.source.text();
        let root = parse::parse(text, &|_| Some(String::new())).root;
        root.as_ref().map_or_else(Places::new, places_of)
    }
}

/// By the path of a value in the tree: its path in the text, and the span to mark in messages. The two paths differ
/// behind aliases and removed list elements.
type Places = HashMap<String, (Path, Span)>;

fn places_of(root: &Node) -> Places {
    let mut places = Places::new();
    root.walk(&mut |now, written, mark| {
        places.insert(now.to_string(), (written.clone(), mark));
    });
    places
}

/// Loads the configuration file at `path`.
///
/// # Errors
/// The file cannot be read, or the configuration is invalid. The report lists all mistakes.
pub fn load(path: impl AsRef<FilePath>) -> Result<Loaded, Report> {
    load_source(read(path).map_err(|unreadable| unreadable.report)?)
}

/// Why a configuration file could not be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Unreadable {
    /// The report for the user.
    pub report: Report,
    /// Whether the file itself is the reason.
    pub cause: Cause,
}

/// Why reading a file failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The file: it does not exist, may not be read, is too large or is not text.
    File,
    /// Something else, such as no free descriptor or a failing disk. A later attempt may succeed.
    Circumstances,
}

/// Reads the text of the configuration file at `path` without parsing it.
///
/// # Errors
/// The file cannot be read, is too large or is not text.
pub fn read(path: impl AsRef<FilePath>) -> Result<Source, Unreadable> {
    let path = path.as_ref();
    if path == FilePath::new("-") {
        return Ok(Source::new("standard input", read_input()?));
    }
    let name = path.display().to_string();
    match read_file(path) {
        Ok(text) => Ok(Source::new(name, text)),
        Err((cause, reason)) => Err(Unreadable {
            report: Report::new(Arc::new(Source::new(name, "")), vec![unreadable(&reason)]),
            cause,
        }),
    }
}

/// Loads a configuration from text. `name` stands for the file in messages.
///
/// # Errors
/// The configuration is invalid. The report lists all mistakes.
pub fn load_str(name: &str, text: &str) -> Result<Loaded, Report> {
    load_source(Source::new(name, text))
}

/// Loads a configuration from a text that was [`read`]. An empty text is an error, because it is more likely the work
/// of a full disk or a failed template than of a person.
///
/// # Errors
/// The configuration is empty or invalid. The report lists all mistakes.
pub fn load_source(source: Source) -> Result<Loaded, Report> {
    let says_nothing = |line: &str| matches!(line.trim(), "" | "---" | "...") || line.trim().starts_with('#');
    if source.text().lines().all(says_nothing) {
        let finding = Finding::error("", 0..0, "the file is empty").hint("write {} to run without listeners");
        return Err(Report::new(Arc::new(source), vec![finding]));
    }
    load_with(source, &|variable| std::env::var(variable).ok())
}

/// Reads a value of any type from YAML or JSON text, such as a list of endpoints, with the same reports as for a
/// configuration.
///
/// # Errors
/// The text is not such a value. The report lists all mistakes.
pub fn parse_as<T: for<'t> Deserialize<'t>>(name: &str, text: &str) -> Result<T, Report> {
    let source = Arc::new(Source::new(name, text));
    let (_, collected, substitutions) =
        read_document(source.text(), &|variable| std::env::var(variable).ok());
    let report = Report::new(source, collected.findings).without(&substitutions);
    match collected.value {
        Some(value) if !report.has_errors() => Ok(value),
        _ => Err(report),
    }
}

fn load_with(source: Source, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Report> {
    let source = Arc::new(source);
    let (root, mut collected, substitutions) = read_document::<Config>(source.text(), env);
    let mut findings = std::mem::take(&mut collected.findings);
    if let Some(config) = &collected.value {
        findings.extend(check(config, root.as_ref(), &collected, &findings));
        root.iter()
            .for_each(|root| lint::bare_milliseconds(root, &mut findings));
    }
    let report = Report::new(Arc::clone(&source), findings).without(&substitutions);
    match collected.value {
        Some(config) if !report.has_errors() => Ok(Loaded {
            config,
            warnings: report,
            source,
            substitutions,
        }),
        _ => Err(report),
    }
}

fn read_document<T: for<'t> Deserialize<'t>>(
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> (Option<Node>, Collected<T>, Substitutions) {
    let document = parse::parse(text, env);
    let failed = document.root.is_none() && !document.findings.is_empty();
    if failed {
        let nothing = Collected {
            value: None,
            findings: document.findings,
            lost: Vec::new(),
            hidden: Vec::new(),
            incomplete: true,
        };
        return (None, nothing, Substitutions::new(document.replaced, None));
    }
    // An empty text is an empty object: every section has defaults.
    let mut root = document.root.unwrap_or(Node {
        span: 0..0,
        value: Value::Map(Vec::new()),
    });
    drop_extensions(&mut root);
    let collected = collect::<T>(&mut root, document.findings);
    let substitutions = Substitutions::new(document.replaced, Some(&root));
    (Some(root), collected, substitutions)
}

/// Removes top-level keys that begin with `x-`. Users can put anchors there, for use in other places.
fn drop_extensions(root: &mut Node) {
    if let Value::Map(entries) = &mut root.value {
        entries.retain(|entry| !entry.key.starts_with("x-"));
    }
}

/// Runs [`validate()`] and adds places in the text to what it finds. Leaves out what only follows from mistakes that
/// are already reported.
fn check(
    config: &Config,
    root: Option<&Node>,
    collected: &Collected<Config>,
    reported: &[Finding],
) -> Vec<Finding> {
    let problems = validate(config, &|protocol, attachment| match protocol {
        Protocol::Dubbo => rialto_protocols::dubbo::address(attachment),
        Protocol::Bolt => None,
    });
    let root = root.filter(|_| !problems.is_empty());
    let places = root.map_or_else(Places::new, places_of);
    let mut findings = Vec::new();
    for problem in problems {
        let (path, span) = place(&problem.path, &places);
        let known = reported.iter().any(|finding| finding.is_error_at(&span));
        let missing = problem.missing.as_ref();
        let certain = missing.is_some_and(|(section, name)| !collected.may_hide(section, name));
        let follows = (problem.relational && collected.incomplete && !certain)
            || collected.lost.iter().any(|lost| lost.is_within(&path));
        if !known && !follows {
            let Problem {
                severity,
                message,
                hint,
                ..
            } = problem;
            findings.push(Finding {
                severity,
                path: path.to_string(),
                message,
                hint,
                span: Some(span),
            });
        }
    }
    findings
}

/// The path in the text and the span of a value. If the value is not in the text, those of the nearest value around
/// it.
fn place(path: &Path, places: &Places) -> (Path, Span) {
    let mut text = path.as_str();
    loop {
        if let Some((written, span)) = places.get(text) {
            return (written.join(&path.as_str()[text.len()..]), span.clone());
        }
        text = match text.rfind(['.', '[']) {
            Some(end) => &text[..end],
            None if text.is_empty() => return (path.clone(), 0..0),
            None => "",
        };
    }
}

fn read_file(path: &FilePath) -> Result<String, (Cause, String)> {
    let failed = |error: io::Error| (cause_of(&error), error.to_string());
    let length = fs::metadata(path).map_err(failed)?.len();
    if length > parse::LARGEST_FILE as u64 {
        let reason = format!(
            "the file has {length} bytes, more than the {} that are read",
            parse::LARGEST_FILE
        );
        return Err((Cause::File, reason));
    }
    let bytes = fs::read(path).map_err(failed)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let reason = format!("the file is not UTF-8 text: byte {at} does not start a character");
        (Cause::File, reason)
    })
}

/// Reads standard input to its end.
fn read_input() -> Result<String, Unreadable> {
    let mut text = String::new();
    let read = io::stdin()
        .lock()
        .take(parse::LARGEST_FILE as u64)
        .read_to_string(&mut text);
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(Unreadable {
            report: Report::new(
                Arc::new(Source::new("standard input", "")),
                vec![unreadable(&error.to_string())],
            ),
            cause: Cause::File,
        }),
    }
}

/// Decides by the error whether the file itself is the reason.
fn cause_of(error: &io::Error) -> Cause {
    use io::ErrorKind::{InvalidFilename, IsADirectory, NotADirectory, NotFound, PermissionDenied};
    match error.kind() {
        NotFound | PermissionDenied | NotADirectory | IsADirectory | InvalidFilename => Cause::File,
        _ => Cause::Circumstances,
    }
}

fn unreadable(reason: &str) -> Finding {
    Finding {
        severity: Severity::Error,
        path: String::new(),
        message: format!("cannot read the configuration: {reason}"),
        hint: None,
        span: None,
    }
}
