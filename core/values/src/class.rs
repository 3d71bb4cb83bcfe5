//! The shape of an object: its class, and its fields in wire order.
use std::collections::HashSet;
use std::sync::Arc;

/// A class definition as a stream gives it. It is cheap to clone, and compared by content.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Class {
    /// Compared first, because different definitions usually differ here.
    weight: usize,
    /// Whether a name occurs twice among more than [`FEW`] fields.
    repeats: bool,
    name: Arc<str>,
    fields: Arc<[Box<str>]>,
}

/// Up to this number of fields are searched at each call; for more, it is stored whether any name occurs
/// twice.
const FEW: usize = 64;

impl Class {
    /// A class of this name whose objects have these fields, in this order.
    pub fn new<F: Into<Box<str>>>(name: impl Into<Arc<str>>, fields: impl IntoIterator<Item = F>) -> Self {
        let name = name.into();
        let fields: Arc<[Box<str>]> = fields.into_iter().map(Into::into).collect();
        let weight = name.len() + fields.iter().map(|field| field.len()).sum::<usize>();
        let repeats = fields.len() > FEW && fields.iter().collect::<HashSet<_>>().len() < fields.len();
        Class {
            weight,
            repeats,
            name,
            fields,
        }
    }

    /// The class name as `java.lang.Class.getName()` returns it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The field names in the order of their values.
    #[must_use]
    pub fn fields(&self) -> &[Box<str>] {
        &self.fields
    }

    /// The length of the class name and all field names in bytes, which bounds the cost of processing the
    /// definition.
    #[must_use]
    #[inline]
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// The index of the field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| **f == *name)
    }

    /// Whether the name of the field at index `at` occurs again after it. Among a great many fields, this may
    /// be true because some other name occurs twice.
    #[must_use]
    pub fn is_repeated_after(&self, at: usize) -> bool {
        if self.fields.len() > FEW {
            return self.repeats;
        }
        match self.fields.get(at..) {
            Some([field, later @ ..]) => later.contains(field),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_fields_are_found_without_comparing_each_pair() {
        let few = Class::new("A", ["a", "b", "a"]);
        assert_eq!(
            [0, 1, 2, 3].map(|at| few.is_repeated_after(at)),
            [true, false, false, false]
        );
        let names: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        assert!(!Class::new("A", names.iter().map(String::as_str)).is_repeated_after(0));
        let twice = names.iter().chain(&names[..1]);
        assert!(Class::new("A", twice.map(String::as_str)).is_repeated_after(0));
        assert_eq!(few.weight(), 4);
    }
}
