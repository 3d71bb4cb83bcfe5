//! The shape of an object: its class and its fields in wire order.
use std::collections::HashSet;
use std::sync::Arc;

/// A class definition as it stood in a stream. Cheap to clone; compared by content.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Class {
    /// Compared first: definitions that differ mostly differ in it.
    weight: usize,
    /// Whether one of very many fields comes twice.
    repeats: bool,
    name: Arc<str>,
    fields: Arc<[Box<str>]>,
}

/// Up to so many fields are looked through each time; of more it is remembered whether one comes twice.
const FEW: usize = 64;

impl Class {
    /// A class of this name whose objects hold these fields, in this order.
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

    /// The bytes of its name and of those of its fields: what it may cost to look at the definition.
    #[must_use]
    #[inline]
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// Where the field of that name stands.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| **f == *name)
    }

    /// Whether the name of the field at this place comes again behind it. For classes of very many fields this may be
    /// said of a field because another one comes twice.
    #[must_use]
    pub fn comes_again(&self, at: usize) -> bool {
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
    fn fields_that_come_again_are_known_without_a_look_at_each_pair() {
        let few = Class::new("A", ["a", "b", "a"]);
        assert_eq!(
            [0, 1, 2, 3].map(|at| few.comes_again(at)),
            [true, false, false, false]
        );
        let names: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        assert!(!Class::new("A", names.iter().map(String::as_str)).comes_again(0));
        let twice = names.iter().chain(&names[..1]);
        assert!(Class::new("A", twice.map(String::as_str)).comes_again(0));
        assert_eq!(few.weight(), 4);
    }
}
