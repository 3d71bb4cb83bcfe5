//! What a reader remembers of one stream: where values stand, class definitions, type names.
use rialto_values::{Class, ValueError};

use crate::Library;
use crate::names::{self, Form};
use crate::reader::Left;

/// The tables of one stream. Reuse one for stream after stream: its memory stays (within bounds), and so do the
/// class definitions seen last, which makes reading the same classes again free of allocation.
#[derive(Debug, Default)]
pub struct ReadTables {
    pub(crate) values: Vec<ValueEntry>,
    pub(crate) classes: Vec<ClassEntry>,
    pub(crate) types: Vec<Span>,
    /// Containers open while skipping.
    pub(crate) open: Vec<Left>,
    /// The last string or binary that had to be joined.
    pub(crate) joined: Vec<u8>,
    known: KnownClasses,
}

/// Empties a buffer that is used again, and gives back what an uncommonly large stream made of it.
#[inline]
pub(crate) fn empty<T>(buffer: &mut Vec<T>) {
    const KEEP_BYTES: usize = 256 << 10;
    buffer.clear();
    buffer.shrink_to(KEEP_BYTES / size_of::<T>().max(1));
}

/// Where a container's header stands, and how many classes and types the stream had by then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueEntry {
    pub(crate) at: u32,
    pub(crate) classes: u32,
    pub(crate) types: u32,
}

/// A piece of the stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) from: u32,
    pub(crate) to: u32,
}

#[derive(Debug)]
pub(crate) struct ClassEntry {
    pub(crate) name: Span,
    /// The name as it stands and all fields: what identifies the definition.
    pub(crate) whole: Span,
    /// How many fields the definition lists.
    pub(crate) fields: u32,
    /// How many values an instance has: the fields, except in hessian-lite's compact dates.
    pub(crate) values: u32,
    pub(crate) class: Option<Known>,
}

/// A class that was looked at: its definition with neutral names, and what instances need.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) class: Class,
    pub(crate) form: Form,
}

impl ReadTables {
    /// Forgets the stream.
    pub(crate) fn clear(&mut self) {
        empty(&mut self.values);
        empty(&mut self.classes);
        empty(&mut self.types);
        empty(&mut self.open);
        empty(&mut self.joined);
    }

    /// The class of that index, built at its first use.
    #[inline]
    pub(crate) fn known(
        &mut self,
        index: u32,
        stream: &[u8],
        library: Library,
    ) -> Result<&Known, ValueError> {
        let entry = &mut self.classes[index as usize];
        if entry.class.is_none() {
            let whole = &stream[entry.whole.from as usize..entry.whole.to as usize];
            let known = match self.known.find(library, whole) {
                Some(known) => known,
                None => {
                    let known = names::define(entry, stream, library)?;
                    self.known.keep(library, whole, &known);
                    known
                }
            };
            entry.class = Some(known);
        }
        entry
            .class
            .as_ref()
            .ok_or_else(|| ValueError::malformed("Hessian: no such class definition"))
    }
}

/// The definitions used lately, by their bytes.
#[derive(Debug, Default)]
struct KnownClasses {
    entries: Vec<(Library, Box<[u8]>, Known)>,
    oldest: usize,
}

impl KnownClasses {
    const ENTRIES: usize = 32;
    const BYTES: usize = 2048;

    fn find(&self, library: Library, whole: &[u8]) -> Option<Known> {
        self.entries
            .iter()
            .find(|(l, bytes, _)| *l == library && **bytes == *whole)
            .map(|(_, _, known)| known.clone())
    }

    fn keep(&mut self, library: Library, whole: &[u8], known: &Known) {
        if whole.len() > Self::BYTES {
            return;
        }
        let entry = (library, whole.into(), known.clone());
        if self.entries.len() < Self::ENTRIES {
            self.entries.push(entry);
        } else {
            self.entries[self.oldest] = entry;
            self.oldest = (self.oldest + 1) % Self::ENTRIES;
        }
    }
}
