//! Writes lists, maps and objects: headers, types, definitions and ends.
use std::borrow::Cow;

use rialto_values::{Class, Text, ValueError};

use super::Writer;
use super::scalars::{int, name};
use crate::{Grammar, names};

/// A container that is being written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    kind: Kind,
    /// The number of values written so far.
    pub(super) count: u32,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    List(List),
    Map { typed: bool },
    Object { fields: u32 },
}

/// Where a list's header is, so that its count can be corrected at the end.
#[derive(Clone, Copy, Debug)]
struct List {
    /// The length that the header announces.
    len: u32,
    head: usize,
    /// The end of the type, which begins after the first byte.
    type_end: usize,
    body: usize,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Untyped,
    Typed,
    /// The draft's form for a type that was written before.
    Repeat,
}

/// The type given to an untyped map of the draft grammar whose first key would be read as a type.
const MAP_TYPE: &str = "java.util.HashMap";

impl Writer<'_> {
    /// Begins a list of that collection class or array type. If `len` turns out to be wrong, or is `None`,
    /// the header is corrected when the list ends.
    ///
    /// # Errors
    /// `Unsupported` for a type that the library does not know.
    pub fn begin_list(&mut self, class: Option<&str>, len: Option<u32>) -> Result<(), ValueError> {
        let class = self.spelled(class)?;
        self.open();
        let len = len.unwrap_or(0);
        let name = class
            .as_deref()
            .map(|class| (class, self.tables.type_name(class)));
        let form = match name {
            None => Form::Untyped,
            Some((_, (_, false))) if self.grammar == Grammar::Draft => Form::Repeat,
            Some(_) => Form::Typed,
        };
        let head = self.out.len();
        self.out.push(list_first_byte(self.grammar, form, len));
        match name {
            Some((_, (index, _))) if form == Form::Repeat => int(self.out, index as i32),
            Some((class, entry)) => self.put_type(class, entry)?,
            None => {}
        }
        let type_end = self.out.len();
        list_len(self.out, self.grammar, form, len);
        let list = List {
            len,
            head,
            type_end,
            body: self.out.len(),
            form,
        };
        self.tables.open.push(Open {
            kind: Kind::List(list),
            count: 0,
        });
        Ok(())
    }

    /// Begins a map, of that class if one is given.
    ///
    /// # Errors
    /// `Unsupported` for a class that the library does not know.
    pub fn begin_map(&mut self, class: Option<&str>) -> Result<(), ValueError> {
        let class = self.spelled(class)?;
        self.open();
        let typed = class.is_some();
        self.out.push(if self.grammar == Grammar::Final && !typed {
            b'H'
        } else {
            b'M'
        });
        if let Some(class) = class.as_deref() {
            self.write_type(class)?;
        }
        self.tables.open.push(Open {
            kind: Kind::Map { typed },
            count: 0,
        });
        Ok(())
    }

    /// Begins an object. One value for each field of its class must follow, in that order. The definition is
    /// written if this is the first object of its class.
    ///
    /// # Errors
    /// `Unsupported` for a class that the library does not know.
    pub fn begin_object(&mut self, class: &Class) -> Result<(), ValueError> {
        self.begin_instance(class)?;
        let kind = Kind::Object {
            fields: class.fields().len() as u32,
        };
        self.tables.open.push(Open { kind, count: 0 });
        Ok(())
    }

    /// Ends the innermost container.
    ///
    /// # Errors
    /// `Malformed` if none is open, an object has too few or too many values, or the last key of a map has no
    /// value.
    pub fn end(&mut self) -> Result<(), ValueError> {
        let Some(Open { kind, count }) = self.tables.open.pop() else {
            return Err(ValueError::malformed("an end token without a container"));
        };
        match kind {
            Kind::List(list) => {
                if count != list.len {
                    self.correct_header(list, count);
                }
                if self.grammar == Grammar::Draft && list.form != Form::Repeat {
                    self.out.push(b'z');
                }
            }
            Kind::Map { .. } if count % 2 == 1 => {
                return Err(ValueError::malformed("a map key without a value"));
            }
            Kind::Map { .. } => self.out.push(if self.grammar == Grammar::Final {
                b'Z'
            } else {
                b'z'
            }),
            Kind::Object { fields } if count != fields => {
                return Err(ValueError::malformed(format!(
                    "an object of {fields} fields got {count} values"
                )));
            }
            Kind::Object { .. } => {}
        }
        Ok(())
    }

    /// The library's spelling of a type; an empty one counts as none.
    fn spelled<'n>(&self, class: Option<&'n str>) -> Result<Option<Cow<'n, str>>, ValueError> {
        class
            .filter(|name| !name.is_empty())
            .map(|name| names::to_library(name, self.library))
            .transpose()
    }

    /// Counts a container as a value of its parent and gives it its index.
    #[inline]
    fn open(&mut self) {
        self.element();
        self.next += 1;
    }

    /// Writes the head of an instance, after its definition if that is new.
    fn begin_instance(&mut self, class: &Class) -> Result<(), ValueError> {
        let (index, is_new) = self.tables.class(class);
        if is_new {
            self.define(class)?;
        }
        self.open();
        match (self.grammar, index) {
            (Grammar::Final, 0..=15) => self.out.push(0x60 + index as u8),
            (Grammar::Final, _) => {
                self.out.push(b'O');
                int(self.out, index as i32);
            }
            (Grammar::Draft, _) => {
                self.out.push(b'o');
                int(self.out, index as i32);
            }
        }
        Ok(())
    }

    fn define(&mut self, class: &Class) -> Result<(), ValueError> {
        names::check_writable(class, self.library)?;
        let spelled = names::to_library(class.name(), self.library)?;
        if self.grammar == Grammar::Final {
            self.out.push(b'C');
            name(self.out, self.grammar, &spelled)?;
        } else {
            self.out.push(b'O');
            let name = Text::of(&spelled, &mut self.tables.scratch);
            int(self.out, name.units() as i32);
            self.out.extend_from_slice(name.bytes());
        }
        int(self.out, class.fields().len() as i32);
        for field in class.fields() {
            name(self.out, self.grammar, field)?;
        }
        Ok(())
    }

    /// Writes a type: its name the first time, its index from then on.
    fn write_type(&mut self, class: &str) -> Result<(), ValueError> {
        let entry = self.tables.type_name(class);
        self.put_type(class, entry)
    }

    fn put_type(&mut self, class: &str, (index, is_new): (u32, bool)) -> Result<(), ValueError> {
        match (self.grammar, is_new) {
            (Grammar::Final, true) => name(self.out, Grammar::Final, class)?,
            (Grammar::Final, false) => int(self.out, index as i32),
            (Grammar::Draft, true) => {
                let name = Text::of(class, &mut self.tables.scratch);
                let units = u16::try_from(name.units())
                    .map_err(|_| ValueError::too_large("a type name of more than 65535 characters"))?;
                self.out.push(b't');
                self.out.extend_from_slice(&units.to_be_bytes());
                self.out.extend_from_slice(name.bytes());
            }
            (Grammar::Draft, false) => {
                self.out.push(b'u');
                int(self.out, index as i32);
            }
        }
        Ok(())
    }

    /// Writes a type for an untyped draft map whose first key is `true`, because peers read such a key as a
    /// type (wire section 3.2).
    pub(super) fn guard_first_key(&mut self) -> Result<(), ValueError> {
        if let Some(Open {
            kind: Kind::Map { typed },
            count: 0,
        }) = self.tables.open.last_mut()
            && !std::mem::replace(typed, true)
        {
            self.write_type(MAP_TYPE)?;
        }
        Ok(())
    }

    /// Rewrites the header of the list that ends here, which has `count` elements.
    #[cold]
    fn correct_header(&mut self, list: List, count: u32) {
        let mut header = std::mem::take(&mut self.tables.scratch);
        header.clear();
        header.push(list_first_byte(self.grammar, list.form, count));
        header.extend_from_slice(&self.out[list.head + 1..list.type_end]);
        list_len(&mut header, self.grammar, list.form, count);
        self.out.splice(list.head..list.body, header.iter().copied());
        self.tables.scratch = header;
    }
}

/// The longest list whose length fits into the first byte, in the final grammar.
const SHORT_LIST: u32 = 7;

fn list_first_byte(grammar: Grammar, form: Form, len: u32) -> u8 {
    match (grammar, form) {
        (Grammar::Final, Form::Untyped) if len <= SHORT_LIST => 0x78 + len as u8,
        (Grammar::Final, Form::Untyped) => b'X',
        (Grammar::Final, _) if len <= SHORT_LIST => 0x70 + len as u8,
        (Grammar::Final, _) | (Grammar::Draft, Form::Untyped | Form::Typed) => b'V',
        (Grammar::Draft, Form::Repeat) => b'v',
    }
}

fn list_len(out: &mut Vec<u8>, grammar: Grammar, form: Form, len: u32) {
    match (grammar, form) {
        (Grammar::Final, _) if len <= SHORT_LIST => {}
        (Grammar::Final, _) | (Grammar::Draft, Form::Repeat) => int(out, len as i32),
        (Grammar::Draft, _) => match u8::try_from(len) {
            Ok(len) => out.extend_from_slice(&[b'n', len]),
            Err(_) => {
                out.push(b'l');
                out.extend_from_slice(&len.to_be_bytes());
            }
        },
    }
}
