//! Values that need no tables: strings of ASCII and scalars, which is nearly all that calls are made of.
//!
//! They take no place in a stream's tables and show their length in their first bytes. So a codec can step over
//! them, read them and copy them without a [`Reader`](crate::Reader), wherever in a stream they stand.
use rialto_values::{Sink, Text, Token, ValueError, text};

use crate::cursor::Cursor;
use crate::lead::Lead;
use crate::{Dialect, Library};

/// Walks plain values. In front of anything else, well-formed or not, it stays where it is: then it takes a
/// [`Reader`](crate::Reader) to tell what is there.
#[derive(Clone, Debug)]
pub struct Plain<'a> {
    cursor: Cursor<'a>,
    library: Library,
    dialect: Dialect,
    /// From the cursor up to here all bytes are known to be ASCII.
    ascii: usize,
}

/// How far behind a string its look for other characters goes: attachments are looked through in one go.
const AHEAD: usize = 256;

impl<'a> Plain<'a> {
    /// A walk from this offset of a stream.
    #[must_use]
    #[inline]
    pub fn new(stream: &'a [u8], at: usize, library: Library) -> Self {
        let mut cursor = Cursor::new(stream);
        cursor.seek(at);
        Plain {
            cursor,
            library,
            dialect: library.dialect(),
            ascii: 0,
        }
    }

    /// A walk over values that were all walked before: what is known of them is not looked for again.
    #[must_use]
    #[inline]
    pub fn again(stream: &'a [u8], at: usize, library: Library) -> Self {
        Plain {
            ascii: usize::MAX,
            ..Plain::new(stream, at, library)
        }
    }

    /// The offset of the next value in the stream.
    #[must_use]
    #[inline]
    pub fn position(&self) -> usize {
        self.cursor.at()
    }

    /// The library whose values these are.
    #[must_use]
    pub fn library(&self) -> Library {
        self.library
    }

    /// Takes these bytes if they are next.
    #[inline]
    pub fn take(&mut self, bytes: &[u8]) -> bool {
        let is_next = self.cursor.rest().starts_with(bytes);
        if is_next {
            self.cursor.advance(bytes.len());
        }
        is_next
    }

    /// Takes a byte, whatever it is.
    #[inline]
    pub fn byte(&mut self) -> Option<u8> {
        self.cursor.u8().ok()
    }

    /// A string of one chunk of ASCII.
    #[inline]
    pub fn text(&mut self) -> Option<&'a [u8]> {
        let (head, len) = match self.cursor.peek()? {
            len @ 0..=0x1f => (1, usize::from(len)),
            lead => self.long_text(lead)?,
        };
        let from = self.cursor.at() + head;
        let text = self.cursor.rest().get(head..head + len)?;
        if from + len > self.ascii && !self.look(from, len) {
            return None;
        }
        self.cursor.advance(head + len);
        Some(text)
    }

    /// Whether these bytes are ASCII, and if so, how many more behind them. They lie in front of the end.
    #[inline(never)]
    fn look(&mut self, from: usize, len: usize) -> bool {
        let (start, rest) = (self.cursor.at(), self.cursor.rest());
        let (seen, near) = (self.ascii.max(from) - start, from + len - start);
        for to in [(near + AHEAD).min(rest.len()), near] {
            if text::is_ascii(&rest[seen..to]) {
                self.ascii = start + to;
                return true;
            }
        }
        false
    }

    /// Length of a string's head and number of its characters, if that is what this byte leads.
    #[inline]
    fn long_text(&self, lead: u8) -> Option<(usize, usize)> {
        match (lead, self.cursor.rest()) {
            (b'S', [_, high, low, ..]) => Some((3, usize::from(*high) << 8 | usize::from(*low))),
            (0x30..=0x33, [_, low, ..]) if self.dialect == Dialect::Final => {
                Some((2, usize::from(lead - 0x30) << 8 | usize::from(*low)))
            }
            _ => None,
        }
    }

    /// A string of one chunk of ASCII, or null, which is empty.
    #[inline]
    pub fn text_or_null(&mut self) -> Option<&'a [u8]> {
        if self.take(b"N") { Some(&[]) } else { self.text() }
    }

    /// A value as the token that a [`Copier`](crate::Copier) makes of it.
    #[inline]
    pub fn value(&mut self) -> Option<Token<'a>> {
        if let Some(bytes) = self.text() {
            return Some(Token::Text(Text::of_ascii(bytes)));
        }
        let mut cursor = self.cursor;
        let token = match cursor.lead(self.dialect) {
            Ok(Lead::Null) => Token::Null,
            Ok(Lead::Bool(value)) => Token::Bool(value),
            Ok(Lead::Int(value)) => Token::Int(value),
            Ok(Lead::Long(value)) => Token::Long(value),
            Ok(Lead::Double(value)) => Token::Double(value),
            Ok(Lead::Date(value)) => Token::Date(value),
            _ => return None,
        };
        self.cursor = cursor;
        Some(token)
    }

    /// Emits up to `count` values, and says how many it was.
    ///
    /// # Errors
    /// The sink's.
    pub fn copy(&mut self, count: u32, sink: &mut dyn Sink) -> Result<u32, ValueError> {
        for done in 0..count {
            match self.value() {
                Some(token) => sink.token(token)?,
                None => return Ok(done),
            }
        }
        Ok(count)
    }

    /// Whether an untyped map begins here; then it is entered.
    #[inline]
    pub fn begin_map(&mut self) -> bool {
        self.take(if self.dialect == Dialect::Final {
            b"H"
        } else {
            b"M"
        })
    }

    /// Whether the map that was entered ends here; then it is left.
    #[inline]
    pub fn end_map(&mut self) -> bool {
        self.take(if self.dialect == Dialect::Final {
            b"Z"
        } else {
            b"z"
        })
    }

    /// Walks an untyped map that holds nothing but strings of ASCII. Returns whether this is one; if not, `each`
    /// may have seen some of its entries.
    #[inline]
    pub fn map(&mut self, mut each: impl FnMut(&'a [u8], &'a [u8])) -> bool {
        if !self.begin_map() {
            return false;
        }
        while !self.end_map() {
            let (Some(key), Some(value)) = (self.text(), self.text()) else {
                return false;
            };
            each(key, value);
        }
        true
    }
}
