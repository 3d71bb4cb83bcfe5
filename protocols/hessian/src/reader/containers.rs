//! Reads containers by hand.
use std::borrow::Cow;

use rialto_values::{Class, ValueError};

use super::Reader;
use crate::first_byte::{FirstByte, ListForm};
use crate::{Grammar, names};

/// A list that is being read, see [`Reader::begin_list`].
#[derive(Clone, Copy, Debug)]
pub struct List {
    /// The number of elements that its header announces; `None` if it announces none. In the draft grammar
    /// the number is only a hint.
    pub len: Option<u32>,
    pub(crate) name: Option<u32>,
    pub(crate) left: Left,
}

/// What remains of an open container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// This number of values.
    Exactly(u32),
    /// Elements up to an end mark.
    Elements,
    /// Pairs up to an end mark; `inside` if the next value is the second of its pair.
    Pairs { inside: bool },
}

impl Left {
    /// Steps to the next value inside the container. Returns `false` at the end, whose mark it consumes.
    #[inline]
    pub(crate) fn step(&mut self, reader: &mut Reader<'_, '_>) -> Result<bool, ValueError> {
        match self {
            Left::Exactly(0) => Ok(false),
            Left::Exactly(left) => {
                *left -= 1;
                Ok(true)
            }
            Left::Elements => Ok(!reader.take_end()),
            Left::Pairs { inside } => {
                if !*inside && reader.take_end() {
                    return Ok(false);
                }
                *inside = !*inside;
                Ok(true)
            }
        }
    }
}

impl Reader<'_, '_> {
    /// Enters a list; read it with [`Reader::next_element`].
    ///
    /// # Errors
    /// The next value is not a list.
    pub fn begin_list(&mut self) -> Result<List, ValueError> {
        match self.first_byte_at()? {
            (at, FirstByte::List(form)) => self.list(at, form),
            (_, other) => Err(self.unexpected("a list", other)),
        }
    }

    /// Whether another element of the list follows. At the end, it leaves the list.
    ///
    /// # Errors
    /// The data ends.
    pub fn next_element(&mut self, list: &mut List) -> Result<bool, ValueError> {
        list.left.step(self)
    }

    /// The list's type under its neutral name.
    ///
    /// # Errors
    /// `Unsupported` if the name contains supplementary characters.
    pub fn list_class(&self, list: &List) -> Result<Option<Cow<'_, str>>, ValueError> {
        list.name
            .map(|index| self.type_name(index).map(names::to_neutral_type))
            .transpose()
    }

    /// Enters a map and returns its class under its neutral name; read it with [`Reader::next_entry`].
    ///
    /// # Errors
    /// The next value is not a map.
    pub fn begin_map(&mut self) -> Result<Option<Cow<'_, str>>, ValueError> {
        match self.first_byte_at()? {
            (at, FirstByte::Map { typed }) => {
                let (_, name) = self.map(at, typed)?;
                name.map(|index| self.type_name(index).map(names::to_neutral_type))
                    .transpose()
            }
            (_, other) => Err(self.unexpected("a map", other)),
        }
    }

    /// Whether another key and value of the map follow. At the end, it leaves the map.
    ///
    /// # Errors
    /// The data ends.
    pub fn next_entry(&mut self) -> Result<bool, ValueError> {
        if self.cursor.peek().is_none() {
            return Err(self.cursor.ended());
        }
        Ok(!self.take_end())
    }

    /// Enters an object: one value follows for each field of its class, in that order. The fields are those
    /// of the received definition; only a [`Copier`](crate::Copier) converts values.
    ///
    /// # Errors
    /// The next value is not an object.
    pub fn begin_object(&mut self) -> Result<Class, ValueError> {
        match self.first_byte_at()? {
            (at, FirstByte::Object(class)) => {
                let (_, class) = self.object(at, class)?;
                Ok(self.tables.known(class, self.stream, self.library)?.class.clone())
            }
            (_, other) => Err(self.unexpected("an object", other)),
        }
    }

    /// Numbers a list and reads the rest of its header.
    pub(crate) fn list(&mut self, at: usize, form: ListForm) -> Result<List, ValueError> {
        self.number(at)?;
        let exactly = |len, name| List {
            len: Some(len),
            name,
            left: Left::Exactly(len),
        };
        Ok(match form {
            ListForm::Short { typed, len } => {
                let name = self.optional_type(typed)?;
                exactly(len, name)
            }
            ListForm::Fixed { typed } => {
                let name = self.optional_type(typed)?;
                exactly(self.cursor.count(Grammar::Final)?, name)
            }
            ListForm::Variable { typed } => List {
                len: None,
                name: self.optional_type(typed)?,
                left: Left::Elements,
            },
            ListForm::Draft => {
                let name = self.draft_type()?;
                List {
                    len: self.draft_len()?,
                    name,
                    left: Left::Elements,
                }
            }
            ListForm::DraftRepeat => {
                let name = self.type_by_index()?;
                exactly(self.cursor.count(Grammar::Draft)?, Some(name))
            }
        })
    }

    /// Numbers a map and reads its type. Returns the index of the map and that of its type.
    pub(crate) fn map(&mut self, at: usize, typed: bool) -> Result<(u32, Option<u32>), ValueError> {
        let index = self.number(at)?;
        let name = match self.grammar {
            Grammar::Final => self.optional_type(typed)?,
            Grammar::Draft => self.draft_type()?,
        };
        Ok((index, name))
    }

    /// Numbers an object. Returns the index of the object and that of its class.
    pub(crate) fn object(&mut self, at: usize, class: i32) -> Result<(u32, u32), ValueError> {
        match u32::try_from(class) {
            Ok(class) if class < self.next.class => Ok((self.number(at)?, class)),
            _ => Err(self.cursor.malformed(format_args!(
                "class {class} of {} was not defined",
                self.next.class
            ))),
        }
    }

    fn optional_type(&mut self, typed: bool) -> Result<Option<u32>, ValueError> {
        if typed {
            self.type_index().map(Some)
        } else {
            Ok(None)
        }
    }

    /// Reads the draft's optional length. Like stock readers, it ignores a wrong one, because the list ends
    /// with an end mark anyway.
    fn draft_len(&mut self) -> Result<Option<u32>, ValueError> {
        let len = match self.cursor.peek() {
            Some(b'n') => {
                self.cursor.u8()?;
                i32::from(self.cursor.u8()?)
            }
            Some(b'l') => {
                self.cursor.u8()?;
                self.cursor.i32()?
            }
            _ => return Ok(None),
        };
        Ok(u32::try_from(len)
            .ok()
            .filter(|len| *len as usize <= self.cursor.remaining()))
    }

    /// Consumes an end mark if it is next.
    #[inline]
    pub(crate) fn take_end(&mut self) -> bool {
        let mark = if self.grammar == Grammar::Final {
            b'Z'
        } else {
            b'z'
        };
        let is_end = self.cursor.peek() == Some(mark);
        if is_end {
            self.cursor.advance(1);
        }
        is_end
    }

    #[cold]
    pub(crate) fn unexpected(&self, wanted: &str, found: FirstByte) -> ValueError {
        self.cursor
            .malformed(format_args!("{wanted} was expected, found {found:?}"))
    }
}
