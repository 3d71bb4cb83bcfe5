//! Ids of names, for the life of the process.
use std::collections::HashMap;
use std::sync::Arc;

/// Names that were seen, each with its place in the order in which they came.
#[derive(Default)]
pub(super) struct Interned {
    names: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, usize>,
}

impl Interned {
    /// The name's id, a new one if it was never seen.
    pub(super) fn id(&mut self, name: &str) -> usize {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.ids.insert(name, self.names.len() - 1);
        self.names.len() - 1
    }

    /// The name's id, if it was seen.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.ids.get(name).copied()
    }

    /// The name that has this id.
    pub(super) fn name(&self, id: usize) -> Option<&Arc<str>> {
        self.names.get(id)
    }

    /// How many names there would be with these.
    pub(super) fn len_with<'a>(&self, names: impl Iterator<Item = &'a str>) -> usize {
        self.names.len() + names.filter(|name| self.find(name).is_none()).count()
    }
}
