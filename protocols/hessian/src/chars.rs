//! The characters of strings: counted in UTF-16 units and encoded unit by unit.
use rialto_values::text::{self, is_ascii};
use rialto_values::{Text, ValueError};

use crate::cursor::Cursor;

/// A string that was read: a slice of the stream, or joined from its chunks.
#[derive(Clone, Debug)]
pub enum Chars<'a> {
    /// A single chunk, borrowed from the stream.
    Borrowed(Text<'a>),
    /// CESU-8 joined from several chunks, or from one with four-byte characters; with its number of UTF-16
    /// units.
    Joined(Vec<u8>, u32),
}

impl Chars<'_> {
    /// The string's text.
    #[must_use]
    pub fn text(&self) -> Text<'_> {
        match self {
            Chars::Borrowed(text) => *text,
            Chars::Joined(bytes, units) => Text::from_checked(bytes, *units),
        }
    }

    /// Whether the string equals this ASCII text.
    #[must_use]
    pub fn is(&self, ascii: &str) -> bool {
        self.text().bytes() == ascii.as_bytes()
    }
}

/// A stretch of string characters as they are in the stream.
pub(crate) struct Run<'a> {
    pub(crate) bytes: &'a [u8],
    /// Whether some characters take four bytes, so that the bytes are not CESU-8.
    pub(crate) four: bool,
}

impl<'a> Cursor<'a> {
    /// Reads the next value if it is a short ASCII string, as most values of a call are. Short strings have
    /// the same encoding in both grammars.
    #[inline]
    pub(crate) fn short_ascii(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest();
        let units = *rest.first().filter(|first| **first <= 0x1f)?;
        let bytes = rest.get(1..1 + usize::from(units))?;
        if !is_ascii(bytes) {
            return None;
        }
        self.advance(1 + bytes.len());
        Some(bytes)
    }

    /// Reads `units` UTF-16 units and validates each of them.
    #[inline]
    pub(crate) fn run(&mut self, units: u32) -> Result<Run<'a>, ValueError> {
        let units = units as usize;
        if let Some(bytes) = self.rest().get(..units)
            && is_ascii(bytes)
        {
            self.advance(units);
            return Ok(Run { bytes, four: false });
        }
        self.encoded_run(units)
    }

    fn encoded_run(&mut self, units: usize) -> Result<Run<'a>, ValueError> {
        let rest = self.rest();
        let (mut at, mut left, mut four) = (0, units, false);
        while left > 0 {
            let Some(&first) = rest.get(at) else {
                return Err(self.cut_string(units));
            };
            let (len, takes) = match first {
                0..=0x7f => (1, 1),
                0xc0..=0xdf => (2, 1),
                0xe0..=0xef => (3, 1),
                // Some writers encode supplementary characters in plain UTF-8 and still count two units.
                0xf0..=0xf4 => (4, 2),
                _ => return Err(self.bad_utf8(at)),
            };
            let Some(tail) = rest.get(at + 1..at + len) else {
                return Err(self.cut_string(units));
            };
            if tail.iter().any(|b| b & 0xc0 != 0x80)
                || takes > left
                || (len == 4 && !is_supplementary(rest, at))
            {
                return Err(self.bad_utf8(at));
            }
            four |= len == 4;
            left -= takes;
            at += len;
        }
        self.advance(at);
        Ok(Run {
            bytes: &rest[..at],
            four,
        })
    }

    #[cold]
    fn cut_string(&self, units: usize) -> ValueError {
        ValueError::truncated(&format!(
            "a Hessian string of {units} characters (from byte {})",
            self.at()
        ))
    }

    #[cold]
    fn bad_utf8(&self, at: usize) -> ValueError {
        ValueError::malformed(format!(
            "Hessian: bad UTF-8 in a string at byte {}",
            self.at() + at
        ))
    }
}

fn is_supplementary(bytes: &[u8], at: usize) -> bool {
    bytes
        .get(at..at + 4)
        .is_some_and(|b| std::str::from_utf8(b).is_ok())
}

impl Run<'_> {
    /// Appends the characters as CESU-8.
    pub(crate) fn append(&self, out: &mut Vec<u8>) {
        if !self.four {
            out.extend_from_slice(self.bytes);
            return;
        }
        let mut rest = self.bytes;
        while let Some(&first) = rest.first() {
            let len = match first {
                0..=0x7f => 1,
                0x80..=0xdf => 2,
                0xe0..=0xef => 3,
                _ => 4,
            };
            let (one, tail) = rest.split_at(len.min(rest.len()));
            match std::str::from_utf8(one) {
                Ok(s) if len == 4 => {
                    text::encode(s, out);
                }
                _ => out.extend_from_slice(one),
            }
            rest = tail;
        }
    }
}

/// Where to split CESU-8 text after `units` units, as bytes and units. It is one unit less if a surrogate
/// pair would be split.
pub(crate) fn split_at_units(bytes: &[u8], units: u32) -> (usize, u32) {
    if is_ascii(&bytes[..(units as usize).min(bytes.len())]) {
        return ((units as usize).min(bytes.len()), units);
    }
    let (mut at, mut last) = (0, (0, 0u16));
    for _ in 0..units {
        let Some((unit, len)) = text::unit_at(&bytes[at..]) else {
            break;
        };
        last = (len, unit);
        at += len;
    }
    if (0xd800..0xdc00).contains(&last.1) {
        (at - last.0, units - 1)
    } else {
        (at, units)
    }
}
