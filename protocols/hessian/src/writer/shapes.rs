//! What a writer remembers of one stream: classes and types already written, and open containers.
use std::collections::HashMap;

use rialto_values::{Class, handle};

use super::containers::Open;
use crate::tables;

/// The tables of one stream that is written. Reuse them for further streams: their memory stays.
#[derive(Debug, Default)]
pub struct WriteTables {
    classes: Classes,
    types: Types,
    pub(super) open: Vec<Open>,
    /// For each container that came as a token, its index in the stream.
    pub(super) numbers: Vec<u32>,
    /// Scratch space for rebuilding a header.
    pub(super) scratch: Vec<u8>,
    uuid: Option<Class>,
}

impl WriteTables {
    #[inline]
    pub(super) fn clear(&mut self) {
        self.classes.skipped = 0;
        let is_empty = self.open.is_empty()
            && self.numbers.is_empty()
            && self.scratch.is_empty()
            && self.classes.entries.is_empty()
            && self.types.ends.is_empty();
        if !is_empty {
            self.empty();
        }
    }

    #[inline(never)]
    fn empty(&mut self) {
        self.classes.clear();
        self.types.clear();
        tables::empty(&mut self.open);
        tables::empty(&mut self.numbers);
        tables::empty(&mut self.scratch);
    }

    /// The index of that class, and whether it is new.
    #[inline]
    pub(super) fn class(&mut self, class: &Class) -> (u32, bool) {
        self.classes.index(class)
    }

    /// Records the definitions and type names that were written before all others.
    pub(super) fn skip(&mut self, classes: u32, types: &[&str]) {
        self.classes.skipped = classes;
        for name in types {
            self.types.index(name);
        }
    }

    /// The index of that type, and whether it is new.
    pub(super) fn type_name(&mut self, name: &str) -> (u32, bool) {
        self.types.index(name)
    }

    /// Whether this is the neutral form of a UUID.
    #[inline]
    pub(super) fn is_uuid(&self, class: &Class) -> bool {
        class.name() == handle::UUID
            && class.fields().len() == 2
            && handle::UUID_FIELDS
                .iter()
                .all(|field| class.field(field).is_some())
    }

    /// hessian-lite's form of a UUID.
    pub(super) fn uuid_class(&mut self) -> Class {
        self.uuid
            .get_or_insert_with(|| Class::new(handle::UUID, ["value"]))
            .clone()
    }
}

/// Above this number of entries a hash index replaces the linear search, so that a stream with a great many
/// classes takes no more time per value.
const SCAN: usize = 24;

/// The memory kept for type names, in bytes.
const KEEP_NAMES: usize = 64 << 10;

/// Clears an index, and frees the memory that an unusually large stream needed.
fn empty_index<K: std::hash::Hash + Eq>(index: &mut HashMap<K, u32>) {
    const KEEP_ENTRIES: usize = 4096;
    index.clear();
    index.shrink_to(KEEP_ENTRIES);
}

/// Classes in the order of their definitions.
#[derive(Debug, Default)]
struct Classes {
    entries: Vec<Class>,
    index: HashMap<Class, u32>,
    last: u32,
    /// The number of definitions before all of these, which nothing refers to.
    skipped: u32,
}

impl Classes {
    fn clear(&mut self) {
        if self.entries.len() > SCAN {
            empty_index(&mut self.index);
        }
        tables::empty(&mut self.entries);
        self.last = 0;
    }

    #[inline]
    fn index(&mut self, class: &Class) -> (u32, bool) {
        let (index, is_new) = self.index_of(class);
        (index + self.skipped, is_new)
    }

    #[inline]
    fn index_of(&mut self, class: &Class) -> (u32, bool) {
        if self.entries.get(self.last as usize) == Some(class) {
            return (self.last, false);
        }
        let found = if self.entries.len() <= SCAN {
            self.entries
                .iter()
                .position(|entry| entry == class)
                .map(|at| at as u32)
        } else {
            self.index.get(class).copied()
        };
        if let Some(index) = found {
            self.last = index;
            return (index, false);
        }
        let index = self.entries.len() as u32;
        self.entries.push(class.clone());
        self.last = index;
        match self.entries.len() {
            0..=SCAN => {}
            n if n == SCAN + 1 => self.index.extend(self.entries.iter().cloned().zip(0..)),
            _ => {
                self.index.insert(class.clone(), index);
            }
        }
        (index, true)
    }
}

/// Type names in the order of their first use, in one string.
#[derive(Debug, Default)]
struct Types {
    names: String,
    ends: Vec<u32>,
    index: HashMap<Box<str>, u32>,
}

impl Types {
    fn clear(&mut self) {
        if self.ends.len() > SCAN {
            empty_index(&mut self.index);
        }
        self.names.clear();
        self.names.shrink_to(KEEP_NAMES);
        tables::empty(&mut self.ends);
    }

    fn name(&self, at: usize) -> &str {
        let from = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.names[from..self.ends[at] as usize]
    }

    fn find(&self, name: &str) -> Option<u32> {
        if self.ends.len() <= SCAN {
            return (0..self.ends.len())
                .find(|at| self.name(*at) == name)
                .map(|at| at as u32);
        }
        self.index.get(name).copied()
    }

    fn index(&mut self, name: &str) -> (u32, bool) {
        if let Some(index) = self.find(name) {
            return (index, false);
        }
        let index = self.ends.len() as u32;
        self.names.push_str(name);
        self.ends.push(self.names.len() as u32);
        match self.ends.len() {
            0..=SCAN => {}
            n if n == SCAN + 1 => {
                for at in 0..n {
                    let name = self.name(at).into();
                    self.index.insert(name, at as u32);
                }
            }
            _ => {
                self.index.insert(name.into(), index);
            }
        }
        (index, true)
    }
}
