//! Checks that names are unique and well formed, and that references to them exist.

use std::cell::Cell;
use std::collections::HashMap;

use super::Problems;
use crate::{Path, closest};

/// The longest name in bytes, so that it fits into a log line and a metric label.
const LONGEST_NAME: usize = 128;
/// The largest number of unknown names with a suggestion, since each one is compared with all known names.
const MOST_GUESSES: u32 = 50;

/// The names in one section, in the order of the file.
pub(super) struct Names<'a> {
    /// The singular of the section, such as "listener".
    kind: &'static str,
    /// The section, such as "listeners".
    section: &'static str,
    first: HashMap<&'a str, usize>,
    all: Vec<&'a str>,
    /// The number of unknown names that may still be compared with all known ones.
    guesses: Cell<u32>,
}

impl<'a> Names<'a> {
    /// Collects the names of a section.
    pub(super) fn new(section: &'static str, names: impl IntoIterator<Item = &'a str>) -> Self {
        let all: Vec<&str> = names.into_iter().collect();
        let mut first = HashMap::with_capacity(all.len());
        for (index, name) in all.iter().enumerate() {
            first.entry(*name).or_insert(index);
        }
        Self {
            kind: match section {
                "registries" => "registry",
                _ => section.strip_suffix('s').unwrap_or(section),
            },
            section,
            first,
            all,
            guesses: Cell::new(MOST_GUESSES),
        }
    }

    /// The index of the entry with this name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.first.get(name).copied()
    }

    /// Checks the name of the entry at `index` of `section`.
    pub(super) fn check_own(&self, index: usize, section: &Path, problems: &mut Problems) {
        let path = section.index(index).key("name");
        let name = self.all[index];
        let kind = self.kind;
        if name.is_empty() {
            problems.error(path, format!("the name of a {kind} is empty"));
        } else if name.len() > LONGEST_NAME {
            problems.error(
                path,
                format!("the name of a {kind} has at most {LONGEST_NAME} bytes"),
            );
        } else if name.chars().any(|c| c.is_control() || c.is_whitespace()) {
            problems
                .error(
                    path,
                    format!("the name {name:?} holds white space or control characters"),
                )
                .hint("use letters, digits, -, _, ., : and /");
        } else if let Some(first) = self.find(name).filter(|first| *first != index) {
            problems
                .error(
                    path,
                    format!(
                        "there is already a {kind} named \"{name}\": {}",
                        section.index(first)
                    ),
                )
                .hint(format!("give each {kind} its own name"));
        }
    }

    /// Checks that a name used at `path` exists, and returns its index.
    pub(super) fn resolve(&self, name: &str, path: Path, problems: &mut Problems) -> Option<usize> {
        let found = self.find(name);
        if found.is_none() {
            let problem = problems
                .error(path, format!("there is no {} named \"{name}\"", self.kind))
                .missing(self.section, name);
            match self.closest(name) {
                Some(near) => problem.hint(format!("did you mean \"{near}\"?")),
                None => problem.hint(self.known()),
            };
        }
        found
    }

    fn closest(&self, name: &str) -> Option<&'a str> {
        let left = self.guesses.get().checked_sub(1)?;
        self.guesses.set(left);
        closest(name, self.all.iter().copied())
    }

    fn known(&self) -> String {
        const SHOWN: usize = 8;
        let kind = self.kind;
        match self.all.len() {
            0 => format!("no {kind} is defined; add one under {}", self.section),
            count => {
                let shown = self.all[..count.min(SHOWN)].join(", ");
                let more = if count > SHOWN {
                    format!(" and {} more", count - SHOWN)
                } else {
                    String::new()
                };
                format!("known {}: {shown}{more}", self.section)
            }
        }
    }
}
