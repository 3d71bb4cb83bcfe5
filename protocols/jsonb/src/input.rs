//! A cursor over a document, which reads values of a fixed form.
use rialto_values::{ErrorKind, ValueError};

use crate::code;
use crate::string::{Encoding, Str};

/// The position of the next value in a document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    doc: &'a [u8],
    pos: usize,
}

impl<'a> Input<'a> {
    pub(crate) fn new(doc: &'a [u8]) -> Self {
        Input { doc, pos: 0 }
    }

    pub(crate) fn doc(&self) -> &'a [u8] {
        self.doc
    }

    pub(crate) fn pos(&self) -> usize {
        self.pos
    }

    /// Continues at a position where a value is known to start.
    pub(crate) fn jump(&mut self, pos: usize) {
        self.pos = pos;
    }

    pub(crate) fn remaining(&self) -> usize {
        self.doc.len() - self.pos
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.pos == self.doc.len()
    }

    /// A grammar error at the current position.
    #[cold]
    pub(crate) fn malformed(&self, what: &str) -> ValueError {
        ValueError::malformed(format!(
            "JSONB: {what} at byte {} of {}",
            self.pos,
            self.doc.len()
        ))
    }

    #[cold]
    fn truncated(&self, what: &str) -> ValueError {
        let text = format!(
            "JSONB: the document of {} bytes ends inside {what}",
            self.doc.len()
        );
        ValueError::new(ErrorKind::Truncated, text)
    }

    pub(crate) fn peek(&self) -> Result<u8, ValueError> {
        self.doc
            .get(self.pos)
            .copied()
            .ok_or_else(|| self.truncated("a value"))
    }

    pub(crate) fn byte(&mut self, what: &str) -> Result<u8, ValueError> {
        let b = *self.doc.get(self.pos).ok_or_else(|| self.truncated(what))?;
        self.pos += 1;
        Ok(b)
    }

    pub(crate) fn take(&mut self, len: usize, what: &str) -> Result<&'a [u8], ValueError> {
        if self.remaining() < len {
            return Err(self.truncated(what));
        }
        let bytes = &self.doc[self.pos..self.pos + len];
        self.pos += len;
        Ok(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], ValueError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N, what)?);
        Ok(out)
    }

    /// Reads an int in any of its forms.
    pub(crate) fn int(&mut self, what: &str) -> Result<i32, ValueError> {
        let b = self.peek()?;
        if !code::is_int(b) {
            return Err(self.malformed(&format!("{what} must be an int, found {}", code::describe(b))));
        }
        self.pos += 1;
        Ok(match b {
            code::INT_TWO..=code::INT_TWO_LAST => {
                (i32::from(b) - i32::from(code::INT_TWO_ZERO)) << 8 | i32::from(self.byte(what)?)
            }
            code::INT_THREE..=code::INT_THREE_LAST => {
                let low = u16::from_be_bytes(self.array(what)?);
                (i32::from(b) - i32::from(code::INT_THREE_ZERO)) << 16 | i32::from(low)
            }
            code::INT => i32::from_be_bytes(self.array(what)?),
            _ => i32::from(b as i8),
        })
    }

    /// Reads a long in any of its forms, or an int.
    pub(crate) fn long(&mut self, what: &str) -> Result<i64, ValueError> {
        let b = self.peek()?;
        if code::is_int(b) {
            return self.int(what).map(i64::from);
        }
        if !(code::INT64..=code::INT64_ONE_LAST).contains(&b) {
            return Err(self.malformed(&format!("{what} must be a long, found {}", code::describe(b))));
        }
        self.pos += 1;
        Ok(match b {
            code::INT64 => i64::from_be_bytes(self.array(what)?),
            code::INT64_INT => i64::from(i32::from_be_bytes(self.array(what)?)),
            code::INT64_THREE..code::INT64_TWO => {
                let low = u16::from_be_bytes(self.array(what)?);
                (i64::from(b) - i64::from(code::INT64_THREE_ZERO)) << 16 | i64::from(low)
            }
            code::INT64_TWO..code::INT64_ONE => {
                (i64::from(b) - i64::from(code::INT64_TWO_ZERO)) << 8 | i64::from(self.byte(what)?)
            }
            _ => i64::from(b) - i64::from(code::INT64_ONE_ZERO),
        })
    }

    /// Reads a number of bytes or elements and checks it against the rest of the document: an element takes
    /// at least one byte.
    pub(crate) fn count(&mut self, what: &str) -> Result<usize, ValueError> {
        let at = *self;
        let n = usize::try_from(self.int(what)?)
            .map_err(|_| at.malformed(&format!("{what} has a negative length")))?;
        if n > self.remaining() {
            return Err(at.truncated(&format!("{what} of {n}")));
        }
        Ok(n)
    }

    /// Reads the number of elements of an array, whose first byte is next.
    pub(crate) fn array_len(&mut self) -> Result<usize, ValueError> {
        match self.byte("an array")? {
            code::ARRAY => self.count("an array"),
            b => {
                let n = usize::from(b - code::ARRAY_0);
                if n > self.remaining() {
                    Err(self.truncated("an array"))
                } else {
                    Ok(n)
                }
            }
        }
    }

    pub(crate) fn binary(&mut self) -> Result<&'a [u8], ValueError> {
        self.byte("binary data")?;
        let len = self.count("binary data")?;
        self.take(len, "binary data")
    }

    /// Reads a string, whose first byte is next.
    pub(crate) fn string(&mut self, what: &str) -> Result<Str, ValueError> {
        let b = self.peek()?;
        let encoding = match b {
            code::LATIN1_0..=code::LATIN1 => Encoding::Latin1,
            code::UTF8 => Encoding::Utf8,
            code::UTF16 => Encoding::Utf16,
            code::UTF16_LE => Encoding::Utf16Le,
            code::UTF16_BE => Encoding::Utf16Be,
            code::GB18030 => {
                let text = format!(
                    "JSONB: {what} at byte {} is in GB18030, which is not read",
                    self.pos
                );
                return Err(ValueError::unsupported(text));
            }
            _ => return Err(self.malformed(&format!("{what} must be a string, found {}", code::describe(b)))),
        };
        self.pos += 1;
        let len = if b <= code::LATIN1_47 {
            usize::from(b - code::LATIN1_0)
        } else {
            self.count(what)?
        };
        let start = self.pos;
        self.take(len, what)?;
        // `Reader::new` limits documents to sizes below 2^31.
        Ok(Str {
            encoding,
            start: start as u32,
            len: len as u32,
        })
    }
}
