//! What a reader remembers of one stream: positions of containers, class definitions, type names.
use rialto_values::{Class, ValueError};

use crate::Library;
use crate::names::{self, Form};
use crate::reader::Left;

/// The tables of one stream. Reuse them for further streams: their memory stays, within bounds, and so do the
/// class definitions seen last, so reading the same classes again allocates nothing.
#[derive(Debug, Default)]
pub struct ReadTables {
    pub(crate) values: Vec<ValueEntry>,
    pub(crate) classes: Vec<ClassEntry>,
    pub(crate) types: Vec<Span>,
    /// The containers that are open while skipping.
    pub(crate) open: Vec<Left>,
    /// The last string or binary value that had to be joined.
    pub(crate) joined: Vec<u8>,
    known: KnownClasses,
}

/// Clears a buffer for reuse, and frees the memory that an unusually large stream needed.
#[inline]
pub(crate) fn empty<T>(buffer: &mut Vec<T>) {
    const KEEP_BYTES: usize = 256 << 10;
    buffer.clear();
    buffer.shrink_to(KEEP_BYTES / size_of::<T>().max(1));
}

/// The position of a container's header, and the number of classes and types known there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueEntry {
    pub(crate) at: u32,
    pub(crate) classes: u32,
    pub(crate) types: u32,
}

/// A part of the stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) from: u32,
    pub(crate) to: u32,
}

#[derive(Debug)]
pub(crate) struct ClassEntry {
    pub(crate) name: Span,
    /// The name and all fields as they are in the stream, which identify the definition.
    pub(crate) whole: Span,
    /// The number of fields in the definition.
    pub(crate) fields: u32,
    /// The number of values in an instance. It differs from the fields in hessian-lite's compact dates.
    pub(crate) values: u32,
    pub(crate) class: Option<Known>,
}

/// A class that was used: its definition with neutral names, and the form of its instances.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) class: Class,
    pub(crate) form: Form,
}

impl ReadTables {
    /// Clears the tables for a new stream.
    pub(crate) fn clear(&mut self) {
        empty(&mut self.values);
        empty(&mut self.classes);
        empty(&mut self.types);
        empty(&mut self.open);
        empty(&mut self.joined);
    }

    /// The class with that index, built at its first use.
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

/// The definitions used most recently, found by their bytes.
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
