//! Class definitions and type names, which are read once and found again by their index.
use rialto_values::{ValueError, check_name};

use super::Reader;
use crate::Grammar;
use crate::first_byte::FirstByte;
use crate::names;
use crate::tables::{ClassEntry, Span};

impl Reader<'_, '_> {
    /// Reads a class definition after its first byte.
    pub(crate) fn definition(&mut self) -> Result<(), ValueError> {
        let from = self.cursor.at();
        let name = match self.grammar {
            Grammar::Final => self.name("a class name")?,
            Grammar::Draft => {
                let units = self.cursor.count(Grammar::Draft)?;
                self.run(units)?
            }
        };
        let fields = self.cursor.count(self.grammar)?;
        for _ in 0..fields {
            self.name("a field name")?;
        }
        let index = self.next.class;
        if index as usize == self.tables.classes.len() {
            if index >= self.limits.table {
                return Err(ValueError::too_large(format!(
                    "more than {index} class definitions in one stream"
                )));
            }
            let raw = self.cursor.slice(name.from as usize, name.to as usize);
            let values = if fields == 0 && names::is_compact(raw, self.library) {
                1
            } else {
                fields
            };
            let whole = Span {
                from: from as u32,
                to: self.cursor.at() as u32,
            };
            self.tables.classes.push(ClassEntry {
                name,
                whole,
                fields,
                values,
                class: None,
            });
        }
        self.next.class += 1;
        Ok(())
    }

    /// The index of the type of a list or map: a new name, which is appended to the table, or an index into
    /// the table.
    pub(crate) fn type_index(&mut self) -> Result<u32, ValueError> {
        if matches!(self.cursor.peek(), Some(b'I' | 0x80..=0xd7)) {
            return self.type_by_index();
        }
        let name = self.name("a type")?;
        self.append_type(name)
    }

    /// The type before a draft list or map, if it has one.
    pub(crate) fn draft_type(&mut self) -> Result<Option<u32>, ValueError> {
        match self.cursor.peek() {
            Some(b't') => {
                self.cursor.u8()?;
                let units = u32::from(self.cursor.u16()?);
                let name = self.run(units)?;
                Ok(Some(self.append_type(name)?))
            }
            Some(b'u') => {
                self.cursor.u8()?;
                Ok(Some(self.type_by_index()?))
            }
            // Stock readers take 0x54 for a type index, but the only writer that emits it means the element
            // or key `true` (wire section 3.2), so it is read as a value.
            _ => Ok(None),
        }
    }

    pub(crate) fn type_by_index(&mut self) -> Result<u32, ValueError> {
        let index = self.cursor.int(self.grammar)?;
        match u32::try_from(index) {
            Ok(index) if index < self.next.name => Ok(index),
            _ => Err(self.cursor.malformed(format_args!(
                "type {index} of {} was not given before",
                self.next.name
            ))),
        }
    }

    fn append_type(&mut self, name: Span) -> Result<u32, ValueError> {
        let index = self.next.name;
        if index as usize == self.tables.types.len() {
            if index >= self.limits.table {
                return Err(ValueError::too_large(format!(
                    "more than {index} type names in one Hessian stream"
                )));
            }
            self.tables.types.push(name);
        }
        self.next.name += 1;
        Ok(index)
    }

    /// Reads a string in one chunk; names are never longer.
    fn name(&mut self, what: &str) -> Result<Span, ValueError> {
        if let Some(bytes) = self.cursor.short_ascii() {
            let to = self.cursor.at();
            return Ok(Span {
                from: (to - bytes.len()) as u32,
                to: to as u32,
            });
        }
        match self.cursor.first_byte(self.grammar)? {
            FirstByte::Text { units, last: true } => self.run(units),
            _ => Err(self
                .cursor
                .malformed(format_args!("{what} is not a string of one chunk"))),
        }
    }

    fn run(&mut self, units: u32) -> Result<Span, ValueError> {
        let from = self.cursor.at() as u32;
        self.cursor.run(units)?;
        Ok(Span {
            from,
            to: self.cursor.at() as u32,
        })
    }

    /// The type with that index, as it is in the stream.
    pub(crate) fn type_name(&self, index: u32) -> Result<&str, ValueError> {
        let span = self.tables.types[index as usize];
        check_name((span.to - span.from) as usize)?;
        names::plain(self.cursor.slice(span.from as usize, span.to as usize))
    }
}
