//! Reads values that need no tables: ASCII strings and scalars, which most calls consist of.
//!
//! They have no entry in a stream's tables and show their length in their first bytes. A codec can therefore
//! skip, read and copy them without a [`Reader`](crate::Reader), anywhere in a stream.
use rialto_values::{Sink, Text, Token, ValueError, text};

use crate::cursor::Cursor;
use crate::first_byte::FirstByte;
use crate::{Grammar, Library};

/// Walks plain values. At any other value, well-formed or not, every method stays where it is and reports
/// failure; the rest then needs a [`Reader`](crate::Reader).
#[derive(Clone, Debug)]
pub struct Plain<'a> {
    cursor: Cursor<'a>,
    library: Library,
    grammar: Grammar,
    /// The number of bytes at the end of the stream that are not yet known to be ASCII. All bytes between the
    /// cursor and them are.
    unchecked: usize,
}

/// How far beyond a string the ASCII check goes, in bytes: most messages are checked in one pass.
const AHEAD: usize = 4096;

impl<'a> Plain<'a> {
    /// A walk that starts at this offset of a stream.
    #[must_use]
    #[inline]
    pub fn new(stream: &'a [u8], at: usize, library: Library) -> Self {
        let mut cursor = Cursor::new(stream);
        cursor.seek(at);
        Plain {
            cursor,
            library,
            grammar: library.grammar(),
            unchecked: usize::MAX,
        }
    }

    /// A walk over values that were already walked, so their characters are not checked again.
    #[must_use]
    #[inline]
    pub fn again(stream: &'a [u8], at: usize, library: Library) -> Self {
        Plain {
            unchecked: 0,
            ..Plain::new(stream, at, library)
        }
    }

    /// The offset of the next value in the stream.
    #[must_use]
    #[inline]
    pub fn position(&self) -> usize {
        self.cursor.at()
    }

    /// The library that wrote the values.
    #[must_use]
    pub fn library(&self) -> Library {
        self.library
    }

    /// Consumes these bytes if they are next.
    #[inline]
    pub fn take(&mut self, bytes: &[u8]) -> bool {
        let rest = self.cursor.rest().strip_prefix(bytes);
        if let Some(rest) = rest {
            self.cursor.skip_to(rest);
        }
        rest.is_some()
    }

    /// Consumes one byte of any value.
    #[inline]
    pub fn byte(&mut self) -> Option<u8> {
        self.cursor.u8().ok()
    }

    /// Reads an ASCII string in one chunk.
    #[inline]
    pub fn text(&mut self) -> Option<&'a [u8]> {
        let (text, rest) = split_text(self.cursor.rest(), self.grammar, &mut self.unchecked)?;
        self.cursor.skip_to(rest);
        Some(text)
    }

    /// Reads `N` such strings and the offset after each. On `None` the walk has not moved.
    #[inline(always)] // otherwise the strings pass through memory, which doubles the time
    pub fn texts<const N: usize>(&mut self) -> Option<([&'a [u8]; N], [usize; N])> {
        let (mut rest, mut unchecked) = (self.cursor.rest(), self.unchecked);
        let whole = self.cursor.at() + rest.len();
        let (mut texts, mut ends) = ([&[][..]; N], [0; N]);
        for (text, end) in texts.iter_mut().zip(&mut ends) {
            (*text, rest) = split_text(rest, self.grammar, &mut unchecked)?;
            *end = whole - rest.len();
        }
        self.cursor.skip_to(rest);
        self.unchecked = unchecked;
        Some((texts, ends))
    }

    /// Reads an ASCII string in one chunk, or null, which gives an empty string.
    #[inline]
    pub fn text_or_null(&mut self) -> Option<&'a [u8]> {
        if self.take(b"N") { Some(&[]) } else { self.text() }
    }

    /// Reads a value as the token that a [`Copier`](crate::Copier) makes of it.
    #[inline]
    pub fn value(&mut self) -> Option<Token<'a>> {
        if let Some(bytes) = self.text() {
            return Some(Token::Text(Text::of_ascii(bytes)));
        }
        let mut cursor = self.cursor;
        let token = match cursor.first_byte(self.grammar) {
            Ok(FirstByte::Null) => Token::Null,
            Ok(FirstByte::Bool(value)) => Token::Bool(value),
            Ok(FirstByte::Int(value)) => Token::Int(value),
            Ok(FirstByte::Long(value)) => Token::Long(value),
            Ok(FirstByte::Double(value)) => Token::Double(value),
            Ok(FirstByte::Date(value)) => Token::Date(value),
            _ => return None,
        };
        self.cursor = cursor;
        Some(token)
    }

    /// Skips a value.
    #[inline]
    pub fn skip(&mut self) -> bool {
        self.text().is_some() || self.value().is_some()
    }

    /// Emits up to `count` values and returns how many it emitted.
    ///
    /// # Errors
    /// The sink's errors.
    pub fn copy(&mut self, count: u32, sink: &mut dyn Sink) -> Result<u32, ValueError> {
        for done in 0..count {
            match self.value() {
                Some(token) => sink.token(token)?,
                None => return Ok(done),
            }
        }
        Ok(count)
    }

    /// Enters the map if an untyped one begins here.
    #[inline]
    pub fn begin_map(&mut self) -> bool {
        self.take(if self.grammar == Grammar::Final {
            b"H"
        } else {
            b"M"
        })
    }

    /// Leaves the entered map if it ends here.
    #[inline]
    pub fn end_map(&mut self) -> bool {
        self.take(&[self.map_end()])
    }

    #[inline]
    fn map_end(&self) -> u8 {
        if self.grammar == Grammar::Final {
            b'Z'
        } else {
            b'z'
        }
    }

    /// Walks an untyped map in which all keys and values are ASCII strings. Returns `false` for any other
    /// value; `each` may then have seen some of its entries.
    #[inline]
    pub fn map(&mut self, mut each: impl FnMut(&'a [u8], &'a [u8])) -> bool {
        if !self.begin_map() {
            return false;
        }
        let end = self.map_end();
        let (mut rest, mut unchecked) = (self.cursor.rest(), self.unchecked);
        loop {
            if let [first, after @ ..] = rest
                && *first == end
            {
                self.cursor.skip_to(after);
                self.unchecked = unchecked;
                return true;
            }
            let Some((key, after)) = split_text(rest, self.grammar, &mut unchecked) else {
                return false;
            };
            let Some((value, after)) = split_text(after, self.grammar, &mut unchecked) else {
                return false;
            };
            each(key, value);
            rest = after;
        }
    }
}

/// Splits an ASCII string in one chunk off the start of `bytes`, which extend to the end of the stream.
#[inline(always)]
fn split_text<'a>(bytes: &'a [u8], grammar: Grammar, unchecked: &mut usize) -> Option<(&'a [u8], &'a [u8])> {
    let (text, rest) = match bytes {
        [len @ 0..=0x1f, rest @ ..] => rest.split_at_checked(usize::from(*len))?,
        _ => split_long_text(bytes, grammar)?,
    };
    if rest.len() < *unchecked {
        *unchecked = check_ascii(bytes, text.len(), rest.len(), *unchecked)?;
    }
    Some((text, rest))
}

/// Splits a string with a longer head off.
#[inline]
fn split_long_text(bytes: &[u8], grammar: Grammar) -> Option<(&[u8], &[u8])> {
    let (len, rest) = match bytes {
        [b'S', high, low, rest @ ..] => (usize::from(*high) << 8 | usize::from(*low), rest),
        [first @ 0x30..=0x33, low, rest @ ..] if grammar == Grammar::Final => {
            (usize::from(first - 0x30) << 8 | usize::from(*low), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(len)
}

/// Checks that the text before the last `rest` bytes is ASCII. Returns how many bytes of the stream are still
/// unchecked, because it checks ahead.
#[inline(never)]
fn check_ascii(bytes: &[u8], len: usize, rest: usize, unchecked: usize) -> Option<usize> {
    let bytes = &bytes[bytes.len() - len - rest..];
    let from = bytes.len() - unchecked.min(bytes.len());
    let far = (len + AHEAD).min(bytes.len());
    let mut to = from + text::ascii_prefix(&bytes[from..far]);
    if to < len {
        if !text::is_ascii(&bytes[to..len]) {
            return None;
        }
        to = len;
    }
    Some(bytes.len() - to)
}
