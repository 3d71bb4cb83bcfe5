//! The shape of an object: its class and its fields in wire order.
use std::sync::Arc;

/// A class definition as it stood in a stream. Cheap to clone; compared by content.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Class {
    name: Arc<str>,
    fields: Arc<[Box<str>]>,
}

impl Class {
    /// A class of this name whose objects hold these fields, in this order.
    pub fn new<F: Into<Box<str>>>(name: impl Into<Arc<str>>, fields: impl IntoIterator<Item = F>) -> Self {
        Class {
            name: name.into(),
            fields: fields.into_iter().map(Into::into).collect(),
        }
    }

    /// The class name, as `java.lang.Class.getName()` spells it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The field names in the order of their values.
    #[must_use]
    pub fn fields(&self) -> &[Box<str>] {
        &self.fields
    }

    /// Where the field of that name stands.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| **f == *name)
    }
}
