//! Scalars and strings, read by hand.
use rialto_values::{Text, ValueError};

use super::{Kind, Reader};
use crate::chars::Chars;
use crate::first_byte::FirstByte;

/// A string or binary value of the stream.
pub(crate) enum Piece<T> {
    /// One chunk, where it lies.
    Whole(T),
    /// Joined in the tables' scratch buffer; so many UTF-16 units, if it is text.
    Joined(u32),
}

impl<'a> Reader<'a, '_> {
    /// Steps over a null if it is next.
    ///
    /// # Errors
    /// If there is no value.
    pub fn take_null(&mut self) -> Result<bool, ValueError> {
        match self.cursor.peek() {
            Some(b'N') => {
                self.cursor.u8()?;
                Ok(true)
            }
            Some(_) => Ok(false),
            None => Err(self.cursor.ended()),
        }
    }

    /// A boolean.
    ///
    /// # Errors
    /// If the next value is another.
    pub fn read_bool(&mut self) -> Result<bool, ValueError> {
        match self.lead()? {
            FirstByte::Bool(value) => Ok(value),
            other => Err(self.unexpected("a boolean", other)),
        }
    }

    /// A 32-bit integer.
    ///
    /// # Errors
    /// If the next value is another.
    pub fn read_int(&mut self) -> Result<i32, ValueError> {
        match self.lead()? {
            FirstByte::Int(value) => Ok(value),
            other => Err(self.unexpected("an int", other)),
        }
    }

    /// A 64-bit integer, or a 32-bit one in its place.
    ///
    /// # Errors
    /// If the next value is another.
    pub fn read_long(&mut self) -> Result<i64, ValueError> {
        match self.lead()? {
            FirstByte::Long(value) => Ok(value),
            FirstByte::Int(value) => Ok(value.into()),
            other => Err(self.unexpected("a long", other)),
        }
    }

    /// A double.
    ///
    /// # Errors
    /// If the next value is another.
    pub fn read_double(&mut self) -> Result<f64, ValueError> {
        match self.lead()? {
            FirstByte::Double(value) => Ok(value),
            other => Err(self.unexpected("a double", other)),
        }
    }

    /// A date, in milliseconds since the epoch.
    ///
    /// # Errors
    /// If the next value is another.
    pub fn read_date(&mut self) -> Result<i64, ValueError> {
        match self.lead()? {
            FirstByte::Date(value) => Ok(value),
            other => Err(self.unexpected("a date", other)),
        }
    }

    /// A string.
    ///
    /// # Errors
    /// If the next value is another, null included.
    #[inline]
    pub fn read_text(&mut self) -> Result<Chars<'a>, ValueError> {
        if let Some(bytes) = self.cursor.short_ascii() {
            return Ok(Chars::Borrowed(Text::from_checked(bytes, bytes.len() as u32)));
        }
        match self.lead()? {
            FirstByte::Text { units, last } => self.chars(units, last),
            other => Err(self.unexpected("a string", other)),
        }
    }

    /// A string or null.
    ///
    /// # Errors
    /// If the next value is another.
    pub fn read_optional_text(&mut self) -> Result<Option<Chars<'a>>, ValueError> {
        if self.take_null()? {
            Ok(None)
        } else {
            self.read_text().map(Some)
        }
    }

    /// A string; any other value is stepped over and gives `None`.
    ///
    /// # Errors
    /// If the value is not well-formed.
    pub fn text_or_skip(&mut self) -> Result<Option<Chars<'a>>, ValueError> {
        if self.kind()? == Kind::Text {
            self.read_text().map(Some)
        } else {
            self.skip_value().map(|()| None)
        }
    }

    /// Bytes; joined if they came in several chunks.
    ///
    /// # Errors
    /// If the next value is another.
    pub fn read_binary(&mut self) -> Result<std::borrow::Cow<'a, [u8]>, ValueError> {
        match self.lead()? {
            FirstByte::Binary { len, last } => Ok(match self.binary(len, last)? {
                Piece::Whole(bytes) => bytes.into(),
                Piece::Joined(_) => self.tables.joined.clone().into(),
            }),
            other => Err(self.unexpected("bytes", other)),
        }
    }

    /// A reference: the index of a container of this stream, see [`Reader::container`].
    ///
    /// # Errors
    /// If the next value is another, or the reference names no earlier container.
    pub fn read_ref(&mut self) -> Result<u32, ValueError> {
        match self.lead()? {
            FirstByte::Ref(index) => self.earlier(index),
            other => Err(self.unexpected("a reference", other)),
        }
    }

    fn chars(&mut self, units: u32, last: bool) -> Result<Chars<'a>, ValueError> {
        Ok(match self.text(units, last)? {
            Piece::Whole(text) => Chars::Borrowed(text),
            Piece::Joined(units) => Chars::Joined(self.tables.joined.clone(), units),
        })
    }

    /// The string whose first lead was read.
    #[inline]
    pub(crate) fn text(&mut self, units: u32, last: bool) -> Result<Piece<Text<'a>>, ValueError> {
        let run = self.cursor.run(units)?;
        if last && !run.four {
            return Ok(Piece::Whole(Text::from_checked(run.bytes, units)));
        }
        self.tables.joined.clear();
        run.append(&mut self.tables.joined);
        let (mut total, mut last) = (units, last);
        while !last {
            let (units, is_last) = self.text_chunk()?;
            self.cursor.run(units)?.append(&mut self.tables.joined);
            total += units;
            last = is_last;
        }
        Ok(Piece::Joined(total))
    }

    /// The bytes whose first lead was read.
    #[inline]
    pub(crate) fn binary(&mut self, len: u32, last: bool) -> Result<Piece<&'a [u8]>, ValueError> {
        let bytes = self.cursor.take(len as usize)?;
        if last {
            return Ok(Piece::Whole(bytes));
        }
        self.tables.joined.clear();
        self.tables.joined.extend_from_slice(bytes);
        let mut last = false;
        while !last {
            let (len, is_last) = self.binary_chunk()?;
            self.tables
                .joined
                .extend_from_slice(self.cursor.take(len as usize)?);
            last = is_last;
        }
        Ok(Piece::Joined(0))
    }

    pub(crate) fn text_chunk(&mut self) -> Result<(u32, bool), ValueError> {
        match self.cursor.lead(self.grammar)? {
            FirstByte::Text { units, last } => Ok((units, last)),
            other => Err(self.unexpected("the next chunk of a string", other)),
        }
    }

    pub(crate) fn binary_chunk(&mut self) -> Result<(u32, bool), ValueError> {
        match self.cursor.lead(self.grammar)? {
            FirstByte::Binary { len, last } => Ok((len, last)),
            other => Err(self.unexpected("the next chunk of bytes", other)),
        }
    }
}
