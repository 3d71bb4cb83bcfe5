//! Skips values without building or copying anything, while keeping the tables (wire section 3.5).
use rialto_values::ValueError;

use super::{Left, Reader};
use crate::first_byte::FirstByte;

impl Reader<'_, '_> {
    /// Skips the next value.
    ///
    /// # Errors
    /// The value is not well-formed, or exceeds a limit.
    pub fn skip_value(&mut self) -> Result<(), ValueError> {
        self.skip_rest(Left::Exactly(1))
    }

    /// Skips what remains of an open container.
    pub(crate) fn skip_rest(&mut self, left: Left) -> Result<(), ValueError> {
        let mut open = std::mem::take(&mut self.tables.open);
        open.clear();
        let done = self.skip_all(left, &mut open);
        self.tables.open = open;
        done
    }

    fn skip_all(&mut self, left: Left, open: &mut Vec<Left>) -> Result<(), ValueError> {
        let mut top = left;
        loop {
            if !top.step(self)? {
                match open.pop() {
                    Some(outer) => top = outer,
                    None => return Ok(()),
                }
                continue;
            }
            if self.skip_small() {
                continue;
            }
            if let Some(inner) = self.skip_scalar_or_enter()? {
                if open.len() >= self.limits.depth as usize {
                    return Err(self.too_deep());
                }
                open.push(std::mem::replace(&mut top, inner));
            }
        }
    }

    /// Skips the next value if it is a single byte or a short string, which have the same encoding in both
    /// grammars.
    #[inline]
    fn skip_small(&mut self) -> bool {
        match self.cursor.peek() {
            Some(0x00..=0x1f) => self.cursor.short_ascii().is_some(),
            Some(b'F' | b'N' | b'T' | 0x80..=0xbf | 0xd8..=0xef) => {
                self.cursor.advance(1);
                true
            }
            _ => false,
        }
    }

    /// Skips a scalar, or enters a container.
    fn skip_scalar_or_enter(&mut self) -> Result<Option<Left>, ValueError> {
        let (at, first) = self.first_byte_at()?;
        match first {
            FirstByte::Null
            | FirstByte::Bool(_)
            | FirstByte::Int(_)
            | FirstByte::Long(_)
            | FirstByte::Double(_)
            | FirstByte::Date(_) => {}
            FirstByte::Text { units, last } => self.skip_text(units, last)?,
            FirstByte::Binary { len, last } => self.skip_binary(len, last)?,
            FirstByte::List(form) => return Ok(Some(self.list(at, form)?.left)),
            FirstByte::Map { typed } => {
                self.map(at, typed)?;
                return Ok(Some(Left::Pairs { inside: false }));
            }
            FirstByte::Object(class) => {
                let (_, class) = self.object(at, class)?;
                return Ok(Some(Left::Exactly(self.tables.classes[class as usize].values)));
            }
            FirstByte::Ref(index) => {
                self.earlier(index)?;
            }
            FirstByte::Remote => self.skip_remote()?,
            FirstByte::End | FirstByte::Definition => {
                return Err(self.cursor.malformed("an end mark where a value should be"));
            }
        }
        Ok(None)
    }

    #[inline]
    fn skip_text(&mut self, mut units: u32, mut last: bool) -> Result<(), ValueError> {
        loop {
            self.cursor.run(units)?;
            if last {
                return Ok(());
            }
            (units, last) = self.text_chunk()?;
        }
    }

    fn skip_binary(&mut self, mut len: u32, mut last: bool) -> Result<(), ValueError> {
        loop {
            self.cursor.take(len as usize)?;
            if last {
                return Ok(());
            }
            (len, last) = self.binary_chunk()?;
        }
    }

    fn skip_remote(&mut self) -> Result<(), ValueError> {
        self.draft_type()?;
        match self.cursor.first_byte(self.grammar)? {
            FirstByte::Text { units, last } => self.skip_text(units, last),
            other => Err(self.unexpected("the URL of a remote reference", other)),
        }
    }

    /// The index of a reference, which must name a container that began before it.
    #[inline]
    pub(crate) fn earlier(&self, index: i32) -> Result<u32, ValueError> {
        match u32::try_from(index) {
            Ok(index) if index < self.next.value => Ok(index),
            _ => Err(self
                .cursor
                .malformed(format_args!("reference {index} names no earlier container"))),
        }
    }

    #[cold]
    pub(crate) fn too_deep(&self) -> ValueError {
        ValueError::too_large(format!(
            "a Hessian value nests deeper than {} containers (at byte {})",
            self.limits.depth,
            self.cursor.at()
        ))
    }
}
