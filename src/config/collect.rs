//! Collects all mistakes of a document, although `serde` stops at the first one.
//!
//! A value with a mistake is reported and removed from the tree, and reading starts again. What is missing only
//! because of the removal is not reported.

use rialto_config::Path;
use serde::Deserialize;

use super::read::{Kind, ReadError, Reader};
use super::report::Finding;
use super::source::Span;
use super::tree::{Node, Step, Value, path_of};

/// How many mistakes are listed. Each costs another reading, and nobody needs more.
const MOST_MISTAKES: usize = 50;

/// Keys whose values other parts of a configuration refer to or depend on.
const REFERRED_TO: [&str; 6] = ["name", "cluster", "listener", "protocol", "address", "token"];

/// The result of reading a document.
pub(super) struct Collected<T> {
    /// The value without the parts that have mistakes; `None` if nothing could be read.
    pub(super) value: Option<T>,
    pub(super) findings: Vec<Finding>,
    /// Paths that are missing because of a reported mistake.
    pub(super) lost: Vec<Path>,
    /// Sections with removed elements, each with the element's name if it is known.
    pub(super) hidden: Vec<(String, Option<String>)>,
    /// Whether a part is missing that others may refer to.
    pub(super) incomplete: bool,
}

/// Reads a value. Adds its mistakes to `reported`, and removes the parts with mistakes from the tree.
pub(super) fn collect<T: for<'t> Deserialize<'t>>(root: &mut Node, reported: Vec<Finding>) -> Collected<T> {
    let limit = reported.len() + MOST_MISTAKES;
    let mut collected = Collected {
        value: None,
        findings: reported,
        lost: Vec::new(),
        hidden: Vec::new(),
        incomplete: false,
    };
    loop {
        let error = match T::deserialize(Reader(root)) {
            Ok(value) => {
                collected.value = Some(value);
                return collected;
            }
            Err(error) => error,
        };
        let steps = error.steps();
        let span = error.span.clone().unwrap_or_else(|| root.mark());
        if collected.findings.len() >= limit {
            collected
                .findings
                .push(Finding::error("", span, "there are more mistakes after these"));
            return collected;
        }
        if !collected.explains(&error, &steps, &span, root) {
            let finding = Finding::error(path_of(&steps).as_str(), span, error.message.clone());
            collected.findings.push(Finding {
                hint: error.hint.clone(),
                ..finding
            });
        }
        let Some(removed) = root.remove(&steps) else {
            return collected;
        };
        collected.note_loss(&error, &steps, &removed);
    }
}

impl<T> Collected<T> {
    /// Whether an element of this name may be among those removed from the section.
    pub(super) fn may_hide(&self, section: &str, name: &str) -> bool {
        let mut hidden = self.hidden.iter().filter(|(of, _)| of == section);
        hidden.any(|(_, called)| called.as_deref().is_none_or(|called| called == name))
    }

    /// Whether the error only follows from a reported one.
    fn explains(&self, error: &ReadError, steps: &[Step], span: &Span, root: &Node) -> bool {
        let path = path_of(steps);
        if let Kind::Missing(key) = error.kind {
            return self.lost.contains(&path.key(key));
        }
        // The same text was reported: an alias repeats it, or a variable in it could not be replaced.
        if self.findings.iter().any(|finding| finding.is_error_at(span)) {
            return true;
        }
        let hollow = root.get(steps).is_some_and(Node::is_hollow);
        hollow && self.lost.iter().any(|lost| lost.is_within(&path))
    }

    fn note_loss(&mut self, error: &ReadError, steps: &[Step], removed: &Node) {
        self.lost.push(path_of(steps));
        let meant = match &error.kind {
            Kind::UnknownKey(meant) => meant.as_deref(),
            _ => None,
        };
        if let (Some(meant), Some((_, parent))) = (meant, steps.split_last()) {
            self.lost.push(path_of(parent).key(meant));
        }
        self.hidden.extend(hidden(steps, meant, removed));
        let harmless = match (&error.kind, steps.last()) {
            (Kind::UnknownKey(None), _) => true,
            (_, Some(Step::Key(key))) => {
                removed.is_scalar() && !REFERRED_TO.contains(&meant.unwrap_or(key.as_str()))
            }
            _ => false,
        };
        self.incomplete |= !harmless;
    }
}

/// The section that has lost an element by a removal, and the element's name if it is known.
fn hidden(steps: &[Step], meant: Option<&str>, removed: &Node) -> Option<(String, Option<String>)> {
    let name = || match &removed.get(&[Step::Key("name".into())])?.value {
        Value::Scalar(scalar) => Some(scalar.text.clone()),
        _ => None,
    };
    match steps {
        [Step::Key(section)] => Some((meant.unwrap_or(section).to_owned(), None)),
        [Step::Key(section), Step::Index(_)] => Some((section.clone(), name())),
        [Step::Key(section), Step::Index(_), Step::Key(key)] if meant.unwrap_or(key) == "name" => {
            Some((section.clone(), None))
        }
        _ => None,
    }
}
