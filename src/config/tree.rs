//! The tree of a document, whose values keep their spelling and their place.

use rialto_config::Path;

use super::source::Span;

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Scalar(Scalar),
    List(Vec<Item>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// Whether it was written without quotes, so that it can be a number, a boolean or null.
    pub(super) plain: bool,
}

/// An element of a list. It keeps its index when others are removed.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) index: usize,
    pub(super) node: Node,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) node: Node,
}

/// One step from a value to a value inside of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl Scalar {
    pub(super) fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}

impl Node {
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.is_null())
    }

    pub(super) fn is_scalar(&self) -> bool {
        matches!(self.value, Value::Scalar(_))
    }

    /// Whether it is an empty list or object.
    pub(super) fn is_hollow(&self) -> bool {
        match &self.value {
            Value::Scalar(_) => false,
            Value::List(items) => items.is_empty(),
            Value::Map(entries) => entries.is_empty(),
        }
    }

    /// The span to mark when a message is about the whole value: the first key of an object or the first element of a
    /// list.
    pub(super) fn mark(&self) -> Span {
        match &self.value {
            Value::Scalar(_) => self.span.clone(),
            Value::List(items) => items
                .first()
                .map_or_else(|| self.span.clone(), |item| item.node.mark()),
            Value::Map(entries) => entries
                .first()
                .map_or_else(|| self.span.clone(), |entry| entry.key_span.clone()),
        }
    }

    /// The value at the end of the steps.
    pub(super) fn get(&self, steps: &[Step]) -> Option<&Node> {
        let Some((first, rest)) = steps.split_first() else {
            return Some(self);
        };
        match (&self.value, first) {
            (Value::Map(entries), Step::Key(key)) => {
                entries.iter().find(|entry| entry.key == *key)?.node.get(rest)
            }
            (Value::List(items), Step::Index(index)) => {
                items.iter().find(|item| item.index == *index)?.node.get(rest)
            }
            _ => None,
        }
    }

    /// Removes the value at the end of the steps from the tree. The root cannot be removed.
    pub(super) fn remove(&mut self, steps: &[Step]) -> Option<Node> {
        let (first, rest) = steps.split_first()?;
        match (&mut self.value, first) {
            (Value::Map(entries), Step::Key(key)) => {
                let at = entries.iter().position(|entry| entry.key == *key)?;
                if rest.is_empty() {
                    Some(entries.remove(at).node)
                } else {
                    entries[at].node.remove(rest)
                }
            }
            (Value::List(items), Step::Index(index)) => {
                let at = items.iter().position(|item| item.index == *index)?;
                if rest.is_empty() {
                    Some(items.remove(at).node)
                } else {
                    items[at].node.remove(rest)
                }
            }
            _ => None,
        }
    }

    /// Calls `visit` for every value with its path in the current tree, its path in the text, and the span to mark.
    pub(super) fn walk(&self, visit: &mut impl FnMut(&Path, &Path, Span)) {
        self.walk_from(&Path::root(), &Path::root(), self.mark(), visit);
    }

    fn walk_from(&self, now: &Path, written: &Path, mark: Span, visit: &mut impl FnMut(&Path, &Path, Span)) {
        visit(now, written, mark);
        match &self.value {
            Value::Scalar(_) => {}
            Value::List(items) => {
                for (position, item) in items.iter().enumerate() {
                    item.node.walk_from(
                        &now.index(position),
                        &written.index(item.index),
                        item.node.mark(),
                        visit,
                    );
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    let whole = entry.node.is_scalar() && !entry.node.is_null();
                    let mark = if whole {
                        entry.node.mark()
                    } else {
                        entry.key_span.clone()
                    };
                    entry
                        .node
                        .walk_from(&now.key(&entry.key), &written.key(&entry.key), mark, visit);
                }
            }
        }
    }
}

/// The steps as a path.
pub(super) fn path_of(steps: &[Step]) -> Path {
    steps.iter().fold(Path::root(), |path, step| match step {
        Step::Key(key) => path.key(key),
        Step::Index(index) => path.index(*index),
    })
}
