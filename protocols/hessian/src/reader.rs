//! Reads values of one stream.
//!
//! The tables of a stream only grow while the reader goes forward. A [`Mark`] stores how much of them was
//! known at a position, so the reader can return to it, or go to the value that a reference names, at any
//! time.
mod containers;
mod definition;
pub(crate) mod scalars;
mod skip;

use rialto_values::{Limits, ValueError};

use crate::cursor::Cursor;
use crate::first_byte::FirstByte;
use crate::{Grammar, Library, ReadTables};
pub(crate) use containers::Left;
pub use containers::List;

/// Reads one stream: the body of a Dubbo2 message, the content of a Bolt message, or one argument of a Triple
/// message.
pub struct Reader<'a, 't> {
    pub(crate) cursor: Cursor<'a>,
    pub(crate) stream: &'a [u8],
    pub(crate) library: Library,
    pub(crate) grammar: Grammar,
    pub(crate) limits: Limits,
    /// The indexes of the next container, class definition and type name.
    pub(crate) next: Next,
    pub(crate) tables: &'t mut ReadTables,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) value: u32,
    pub(crate) class: u32,
    pub(crate) name: u32,
}

/// A position in a stream, before a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    at: u32,
    next: Next,
}

/// The kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after the values")]
pub enum Kind {
    Null,
    Bool,
    Int,
    Long,
    Double,
    Date,
    Text,
    Binary,
    List,
    Map,
    Object,
    Ref,
    /// The end mark of a container that is read by hand.
    End,
    /// The draft's remote reference.
    Remote,
}

impl<'a, 't> Reader<'a, 't> {
    /// A reader at the start of a stream written by `library`. It clears the tables first.
    #[must_use]
    pub fn new(stream: &'a [u8], library: Library, tables: &'t mut ReadTables) -> Self {
        tables.clear();
        Reader {
            cursor: Cursor::new(stream),
            stream,
            library,
            grammar: library.grammar(),
            limits: Limits::default(),
            next: Next::default(),
            tables,
        }
    }

    /// Sets other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whether all bytes were read.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.cursor.remaining() == 0
    }

    /// The number of bytes read.
    #[must_use]
    pub fn position(&self) -> usize {
        self.cursor.at()
    }

    /// The library that wrote the values.
    #[must_use]
    pub fn library(&self) -> Library {
        self.library
    }

    /// The current position, for [`Reader::seek`].
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            at: self.cursor.at() as u32,
            next: self.next,
        }
    }

    /// Moves to a position where this reader was before. With a mark of another reader, which may need tables
    /// that this one does not have, the reader ends up at the end of its stream.
    pub fn seek(&mut self, mark: Mark) {
        let tables = &*self.tables;
        let is_known = mark.next.value as usize <= tables.values.len()
            && mark.next.class as usize <= tables.classes.len()
            && mark.next.name as usize <= tables.types.len();
        if is_known {
            self.cursor.seek(mark.at as usize);
            self.next = mark.next;
        } else {
            self.cursor.seek(self.stream.len());
        }
    }

    /// The position of the container with that index, to [seek](Reader::seek) the target of a reference.
    ///
    /// # Errors
    /// `Malformed` if no container before this position has that index.
    pub fn container(&self, index: u32) -> Result<Mark, ValueError> {
        match self
            .tables
            .values
            .get(index as usize)
            .filter(|_| index < self.next.value)
        {
            Some(entry) => Ok(Mark {
                at: entry.at,
                next: Next {
                    value: index,
                    class: entry.classes,
                    name: entry.types,
                },
            }),
            None => Err(self
                .cursor
                .malformed(format_args!("reference {index} names no earlier container"))),
        }
    }

    /// The kind of the next value. Class definitions before it are read.
    ///
    /// # Errors
    /// No well-formed value begins here.
    pub fn kind(&mut self) -> Result<Kind, ValueError> {
        let (at, first_byte) = self.first_byte_at()?;
        self.cursor.seek(at);
        Ok(match first_byte {
            FirstByte::Null => Kind::Null,
            FirstByte::Bool(_) => Kind::Bool,
            FirstByte::Int(_) => Kind::Int,
            FirstByte::Long(_) => Kind::Long,
            FirstByte::Double(_) => Kind::Double,
            FirstByte::Date(_) => Kind::Date,
            FirstByte::Text { .. } => Kind::Text,
            FirstByte::Binary { .. } => Kind::Binary,
            FirstByte::List(_) => Kind::List,
            FirstByte::Map { .. } => Kind::Map,
            FirstByte::Object(_) | FirstByte::Definition => Kind::Object,
            FirstByte::Ref(_) => Kind::Ref,
            FirstByte::End => Kind::End,
            FirstByte::Remote => Kind::Remote,
        })
    }

    /// Reads the first byte of the next value, and returns its position too. Class definitions before it are
    /// read.
    #[inline]
    pub(crate) fn first_byte_at(&mut self) -> Result<(usize, FirstByte), ValueError> {
        loop {
            let at = self.cursor.at();
            match self.cursor.first_byte(self.grammar)? {
                FirstByte::Definition => self.definition()?,
                first_byte => return Ok((at, first_byte)),
            }
        }
    }

    #[inline]
    pub(crate) fn first_byte(&mut self) -> Result<FirstByte, ValueError> {
        self.first_byte_at().map(|(_, first_byte)| first_byte)
    }

    /// Gives the container that starts at `at` its index.
    #[inline]
    pub(crate) fn number(&mut self, at: usize) -> Result<u32, ValueError> {
        let index = self.next.value;
        if index as usize == self.tables.values.len() {
            if index >= self.limits.table {
                return Err(ValueError::too_large(format!(
                    "more than {index} containers in one Hessian stream"
                )));
            }
            self.tables.values.push(crate::tables::ValueEntry {
                at: at as u32,
                classes: self.next.class,
                types: self.next.name,
            });
        }
        self.next.value += 1;
        Ok(index)
    }
}
