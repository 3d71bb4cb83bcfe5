//! Reads scalars and strings by hand.
use rialto_values::{Text, ValueError};

use super::{Kind, Reader};
use crate::chars::Chars;
use crate::first_byte::FirstByte;

/// A string or binary value of the stream.
pub(crate) enum Piece<T> {
    /// A single chunk, borrowed from the stream.
    Whole(T),
    /// Chunks that are joined in the tables' scratch buffer; for text, with the number of UTF-16 units.
    Joined(u32),
}

impl<'a> Reader<'a, '_> {
    /// Consumes a null if it is next.
    ///
    /// # Errors
    /// The data ends.
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

    /// Reads a boolean.
    ///
    /// # Errors
    /// The next value has another type.
    pub fn read_bool(&mut self) -> Result<bool, ValueError> {
        match self.first_byte()? {
            FirstByte::Bool(value) => Ok(value),
            other => Err(self.unexpected("a boolean", other)),
        }
    }

    /// Reads a 32-bit integer.
    ///
    /// # Errors
    /// The next value has another type.
    pub fn read_int(&mut self) -> Result<i32, ValueError> {
        match self.first_byte()? {
            FirstByte::Int(value) => Ok(value),
            other => Err(self.unexpected("an int", other)),
        }
    }

    /// Reads a 64-bit integer, or a 32-bit one in its place.
    ///
    /// # Errors
    /// The next value has another type.
    pub fn read_long(&mut self) -> Result<i64, ValueError> {
        match self.first_byte()? {
            FirstByte::Long(value) => Ok(value),
            FirstByte::Int(value) => Ok(value.into()),
            other => Err(self.unexpected("a long", other)),
        }
    }

    /// Reads a double.
    ///
    /// # Errors
    /// The next value has another type.
    pub fn read_double(&mut self) -> Result<f64, ValueError> {
        match self.first_byte()? {
            FirstByte::Double(value) => Ok(value),
            other => Err(self.unexpected("a double", other)),
        }
    }

    /// Reads a date, in milliseconds since the epoch.
    ///
    /// # Errors
    /// The next value has another type.
    pub fn read_date(&mut self) -> Result<i64, ValueError> {
        match self.first_byte()? {
            FirstByte::Date(value) => Ok(value),
            other => Err(self.unexpected("a date", other)),
        }
    }

    /// Reads a string.
    ///
    /// # Errors
    /// The next value has another type, or is null.
    #[inline]
    pub fn read_text(&mut self) -> Result<Chars<'a>, ValueError> {
        if let Some(bytes) = self.cursor.short_ascii() {
            return Ok(Chars::Borrowed(Text::from_checked(bytes, bytes.len() as u32)));
        }
        match self.first_byte()? {
            FirstByte::Text { units, last } => self.chars(units, last),
            other => Err(self.unexpected("a string", other)),
        }
    }

    /// Reads a string or null.
    ///
    /// # Errors
    /// The next value has another type.
    pub fn read_optional_text(&mut self) -> Result<Option<Chars<'a>>, ValueError> {
        if self.take_null()? {
            Ok(None)
        } else {
            self.read_text().map(Some)
        }
    }

    /// Reads a string; any other value is skipped and gives `None`.
    ///
    /// # Errors
    /// The value is not well-formed.
    pub fn text_or_skip(&mut self) -> Result<Option<Chars<'a>>, ValueError> {
        if self.kind()? == Kind::Text {
            self.read_text().map(Some)
        } else {
            self.skip_value().map(|()| None)
        }
    }

    /// Reads binary data. It is copied only if it is in several chunks.
    ///
    /// # Errors
    /// The next value has another type.
    pub fn read_binary(&mut self) -> Result<std::borrow::Cow<'a, [u8]>, ValueError> {
        match self.first_byte()? {
            FirstByte::Binary { len, last } => Ok(match self.binary(len, last)? {
                Piece::Whole(bytes) => bytes.into(),
                Piece::Joined(_) => self.tables.joined.clone().into(),
            }),
            other => Err(self.unexpected("bytes", other)),
        }
    }

    /// Reads a reference: the index of a container of this stream, see [`Reader::container`].
    ///
    /// # Errors
    /// The next value has another type, or the reference names no earlier container.
    pub fn read_ref(&mut self) -> Result<u32, ValueError> {
        match self.first_byte()? {
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

    /// Reads the string whose first byte was read.
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

    /// Reads the binary data whose first byte was read.
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
        match self.cursor.first_byte(self.grammar)? {
            FirstByte::Text { units, last } => Ok((units, last)),
            other => Err(self.unexpected("the next chunk of a string", other)),
        }
    }

    pub(crate) fn binary_chunk(&mut self) -> Result<(u32, bool), ValueError> {
        match self.cursor.first_byte(self.grammar)? {
            FirstByte::Binary { len, last } => Ok((len, last)),
            other => Err(self.unexpected("the next chunk of bytes", other)),
        }
    }
}
