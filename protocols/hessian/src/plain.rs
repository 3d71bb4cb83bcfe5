//! Values that need no tables: strings of ASCII and scalars, which is nearly all that calls are made of.
//!
//! They take no place in a stream's tables and show their length in their first bytes. So a codec can step over
//! them, read them and copy them without a [`Reader`](crate::Reader), wherever in a stream they stand.
use rialto_values::{Sink, Text, Token, ValueError, text};

use crate::cursor::Cursor;
use crate::first_byte::FirstByte;
use crate::{Grammar, Library};

/// Walks plain values. In front of anything else, well-formed or not, it stays where it is: then it takes a
/// [`Reader`](crate::Reader) to tell what is there.
#[derive(Clone, Debug)]
pub struct Plain<'a> {
    cursor: Cursor<'a>,
    library: Library,
    grammar: Grammar,
    /// So many bytes at the end of the stream are not known to be ASCII; all between the cursor and them are.
    unknown: usize,
}

/// How far behind a string its look for other characters goes: most messages are looked through in one go.
const AHEAD: usize = 4096;

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
            grammar: library.grammar(),
            unknown: usize::MAX,
        }
    }

    /// A walk over values that were all walked before: what is known of them is not looked for again.
    #[must_use]
    #[inline]
    pub fn again(stream: &'a [u8], at: usize, library: Library) -> Self {
        Plain {
            unknown: 0,
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
        let rest = self.cursor.rest().strip_prefix(bytes);
        if let Some(rest) = rest {
            self.cursor.go_on(rest);
        }
        rest.is_some()
    }

    /// Takes a byte, whatever it is.
    #[inline]
    pub fn byte(&mut self) -> Option<u8> {
        self.cursor.u8().ok()
    }

    /// A string of one chunk of ASCII.
    #[inline]
    pub fn text(&mut self) -> Option<&'a [u8]> {
        let (text, rest) = split_text(self.cursor.rest(), self.grammar, &mut self.unknown)?;
        self.cursor.go_on(rest);
        Some(text)
    }

    /// So many of them, one after the other, and where each ends. `None` leaves the walk where it was.
    #[inline(always)] // else they go through memory, which takes as long as finding them
    pub fn texts<const N: usize>(&mut self) -> Option<([&'a [u8]; N], [usize; N])> {
        let (mut rest, mut unknown) = (self.cursor.rest(), self.unknown);
        let whole = self.cursor.at() + rest.len();
        let (mut texts, mut ends) = ([&[][..]; N], [0; N]);
        for (text, end) in texts.iter_mut().zip(&mut ends) {
            (*text, rest) = split_text(rest, self.grammar, &mut unknown)?;
            *end = whole - rest.len();
        }
        self.cursor.go_on(rest);
        self.unknown = unknown;
        Some((texts, ends))
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
        let token = match cursor.lead(self.grammar) {
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

    /// Steps over a value.
    #[inline]
    pub fn skip(&mut self) -> bool {
        self.text().is_some() || self.value().is_some()
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
        self.take(if self.grammar == Grammar::Final {
            b"H"
        } else {
            b"M"
        })
    }

    /// Whether the map that was entered ends here; then it is left.
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

    /// Walks an untyped map that holds nothing but strings of ASCII. Returns whether this is one; if not, `each`
    /// may have seen some of its entries.
    #[inline]
    pub fn map(&mut self, mut each: impl FnMut(&'a [u8], &'a [u8])) -> bool {
        if !self.begin_map() {
            return false;
        }
        let end = self.map_end();
        let (mut rest, mut unknown) = (self.cursor.rest(), self.unknown);
        loop {
            if let [lead, after @ ..] = rest
                && *lead == end
            {
                self.cursor.go_on(after);
                self.unknown = unknown;
                return true;
            }
            let Some((key, after)) = split_text(rest, self.grammar, &mut unknown) else {
                return false;
            };
            let Some((value, after)) = split_text(after, self.grammar, &mut unknown) else {
                return false;
            };
            each(key, value);
            rest = after;
        }
    }
}

/// A string of one chunk of ASCII at the start of these last bytes of a stream, and what follows it.
#[inline(always)]
fn split_text<'a>(bytes: &'a [u8], grammar: Grammar, unknown: &mut usize) -> Option<(&'a [u8], &'a [u8])> {
    let (text, rest) = match bytes {
        [len @ 0..=0x1f, rest @ ..] => rest.split_at_checked(usize::from(*len))?,
        _ => split_long_text(bytes, grammar)?,
    };
    if rest.len() < *unknown {
        *unknown = look(bytes, text.len(), rest.len(), *unknown)?;
    }
    Some((text, rest))
}

/// A string with a longer head, and what follows it.
#[inline]
fn split_long_text(bytes: &[u8], grammar: Grammar) -> Option<(&[u8], &[u8])> {
    let (len, rest) = match bytes {
        [b'S', high, low, rest @ ..] => (usize::from(*high) << 8 | usize::from(*low), rest),
        [lead @ 0x30..=0x33, low, rest @ ..] if grammar == Grammar::Final => {
            (usize::from(lead - 0x30) << 8 | usize::from(*low), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(len)
}

/// If the text that lies in front of the last `rest` of these bytes is ASCII: how many of them are unknown then,
/// for more behind it is looked at.
#[inline(never)]
fn look(bytes: &[u8], len: usize, rest: usize, unknown: usize) -> Option<usize> {
    let bytes = &bytes[bytes.len() - len - rest..];
    let from = bytes.len() - unknown.min(bytes.len());
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
