//! As much Hessian as the benchmark payloads need: strings in both grammars, and skipping any draft value.

use super::{Protocol, WireError};

/// Characters per chunk of a long string, as Java writers split them.
const CHUNK: usize = 0x8000;
/// The most class definitions in one payload.
const MAX_CLASSES: usize = 4;
/// The deepest nesting of a payload.
const MAX_DEPTH: usize = 32;

/// The two incompatible grammars of Hessian 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grammar {
    /// The grammar that SOFARPC writes by default.
    Draft,
    /// The grammar that Dubbo writes.
    Final,
}

impl Grammar {
    /// The grammar that stock peers of `protocol` write.
    pub fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Bolt => Self::Draft,
            Protocol::Dubbo => Self::Final,
        }
    }

    /// The first byte of a string chunk with a 16-bit length.
    fn chunk_tag(self, last: bool) -> u8 {
        match (self, last) {
            (_, true) => b'S',
            (Self::Draft, false) => b's',
            (Self::Final, false) => b'R',
        }
    }
}

/// The number of bytes before the first character of a string of `len` characters.
pub fn string_head_len(grammar: Grammar, len: usize) -> usize {
    match len {
        0..32 => 1,
        32..1024 if grammar == Grammar::Final => 2,
        _ => 3,
    }
}

/// Appends an ASCII string.
pub fn write_string(grammar: Grammar, text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while rest.len() > CHUNK {
        let (chunk, more) = rest.split_at(CHUNK);
        write_piece(grammar, chunk, false, out);
        rest = more;
    }
    write_piece(grammar, rest, true, out);
}

fn write_piece(grammar: Grammar, piece: &[u8], last: bool, out: &mut Vec<u8>) {
    let [high, low] = (piece.len() as u16).to_be_bytes();
    match string_head_len(grammar, piece.len()) {
        1 if last => out.push(low),
        2 if last => out.extend_from_slice(&[0x30 + high, low]),
        _ => out.extend_from_slice(&[grammar.chunk_tag(last), high, low]),
    }
    out.extend_from_slice(piece);
}

/// Appends a short string, such as a name.
pub fn write_text(grammar: Grammar, text: &str, out: &mut Vec<u8>) {
    write_string(grammar, text.as_bytes(), out);
}

/// The position of a class definition's field names.
#[derive(Clone, Copy, Debug, Default)]
pub struct Class {
    names_at: usize,
    fields: usize,
}

/// Reads one payload from start to end.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    grammar: Grammar,
    classes: [Class; MAX_CLASSES],
    class_count: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the first byte of `payload`.
    pub fn new(grammar: Grammar, payload: &'a [u8]) -> Self {
        Self {
            bytes: payload,
            at: 0,
            grammar,
            classes: [Class::default(); MAX_CLASSES],
            class_count: 0,
        }
    }

    /// The number of bytes read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next byte, without consuming it.
    pub fn peek(&self) -> Result<u8, WireError> {
        self.bytes
            .get(self.at)
            .copied()
            .ok_or(WireError::Truncated("the payload"))
    }

    fn byte(&mut self) -> Result<u8, WireError> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let end = self.at.checked_add(len).ok_or(WireError::Truncated("a value"))?;
        let taken = self
            .bytes
            .get(self.at..end)
            .ok_or(WireError::Truncated("a value"))?;
        self.at = end;
        Ok(taken)
    }

    fn u16(&mut self) -> Result<usize, WireError> {
        let bytes = self.take(2)?;
        Ok(usize::from(bytes[0]) << 8 | usize::from(bytes[1]))
    }

    fn unexpected<T>(&self, byte: u8, wanted: &'static str) -> Result<T, WireError> {
        Err(WireError::Unexpected {
            byte,
            at: self.at.saturating_sub(1),
            wanted,
        })
    }

    /// Reads characters, counted in UTF-16 units, as bytes.
    fn characters(&mut self, units: usize) -> Result<&'a [u8], WireError> {
        if self
            .bytes
            .get(self.at..self.at + units)
            .is_some_and(<[u8]>::is_ascii)
        {
            return self.take(units);
        }
        let start = self.at;
        let mut left = units;
        while left > 0 {
            let lead = self.byte()?;
            let (more, used) = match lead {
                0x00..0x80 => (0, 1),
                0xc0..0xe0 => (1, 1),
                0xe0..0xf0 => (2, 1),
                0xf0..0xf8 if left >= 2 => (3, 2),
                _ => return self.unexpected(lead, "a UTF-8 lead byte"),
            };
            self.take(more)?;
            left -= used;
        }
        Ok(&self.bytes[start..self.at])
    }

    /// Passes the chunks of a string to `piece`.
    pub fn string(&mut self, mut piece: impl FnMut(&'a [u8])) -> Result<(), WireError> {
        loop {
            let tag = self.byte()?;
            let units = match tag {
                0x00..0x20 => usize::from(tag),
                0x30..0x34 if self.grammar == Grammar::Final => {
                    usize::from(tag - 0x30) << 8 | usize::from(self.byte()?)
                }
                _ if tag == self.grammar.chunk_tag(false) || tag == b'S' => self.u16()?,
                _ => return self.unexpected(tag, "a string"),
            };
            piece(self.characters(units)?);
            if tag != self.grammar.chunk_tag(false) {
                return Ok(());
            }
        }
    }

    /// Reads a whole string or null as lossy text, for messages.
    pub fn text(&mut self) -> Result<String, WireError> {
        if self.peek()? == b'N' {
            self.at += 1;
            return Ok("null".into());
        }
        let mut bytes = Vec::new();
        self.string(|piece| bytes.extend_from_slice(piece))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Skips a string or null.
    pub fn skip_string(&mut self) -> Result<(), WireError> {
        if self.peek()? == b'N' {
            self.at += 1;
            return Ok(());
        }
        self.string(|_| {})
    }

    /// Reads an integer in any of its forms.
    pub fn int(&mut self) -> Result<i32, WireError> {
        let tag = self.byte()?;
        let tagged = i32::from(tag);
        Ok(match tag {
            0x80..=0xbf => tagged - 0x90,
            0xc0..=0xcf => (tagged - 0xc8) * 256 + i32::from(self.byte()?),
            0xd0..=0xd7 => (tagged - 0xd4) * 65536 + self.u16()? as i32,
            b'I' => {
                let bytes = self.take(4)?;
                i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
            }
            _ => return self.unexpected(tag, "an int"),
        })
    }

    fn length(&mut self) -> Result<usize, WireError> {
        usize::try_from(self.int()?).map_err(|_| WireError::Truncated("a value of negative length"))
    }

    /// Reads class definitions, if any, and the head of an object in the draft grammar; its field values
    /// follow.
    pub fn draft_object(&mut self) -> Result<Class, WireError> {
        loop {
            match self.byte()? {
                b'O' => self.draft_class()?,
                b'o' => {
                    let index = self.length()?;
                    let class = self.classes[..self.class_count].get(index).copied();
                    return class.ok_or(WireError::Truncated("an object of an undefined class"));
                }
                other => return self.unexpected(other, "an object"),
            }
        }
    }

    fn draft_class(&mut self) -> Result<(), WireError> {
        let name = self.length()?;
        self.characters(name)?;
        let fields = self.length()?;
        let class = Class {
            names_at: self.at,
            fields,
        };
        for _ in 0..fields {
            self.string(|_| {})?;
        }
        let slot = self.classes.get_mut(self.class_count);
        *slot.ok_or(WireError::Truncated(
            "more class definitions than a benchmark payload has",
        ))? = class;
        self.class_count += 1;
        Ok(())
    }

    /// Reads the values of an object: `value` gets each field's name and must read or skip its value.
    pub fn draft_fields(
        &mut self,
        class: Class,
        mut value: impl FnMut(&mut Self, &'a [u8]) -> Result<(), WireError>,
    ) -> Result<(), WireError> {
        let mut names = Reader {
            at: class.names_at,
            ..Reader::new(self.grammar, self.bytes)
        };
        for _ in 0..class.fields {
            let mut name: &[u8] = &[];
            names.string(|piece| name = piece)?;
            value(self, name)?;
        }
        Ok(())
    }

    /// Skips one value in the draft grammar.
    pub fn skip_draft(&mut self) -> Result<(), WireError> {
        self.skip_nested(MAX_DEPTH)
    }

    fn skip_nested(&mut self, depth: usize) -> Result<(), WireError> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(WireError::Truncated("values nested too deeply"));
        };
        let tag = self.peek()?;
        if matches!(tag, 0x00..0x20 | b'S' | b's') {
            return self.string(|_| {});
        }
        if tag == b'O' || tag == b'o' {
            let class = self.draft_object()?;
            return (0..class.fields).try_for_each(|_| self.skip_nested(depth));
        }
        self.at += 1;
        let fixed = match tag {
            b'N' | b'T' | b'F' | 0x67 | 0x68 | 0x80..=0xbf | 0xd8..=0xef => 0,
            0x20..0x30 => usize::from(tag - 0x20),
            b'J' | 0x69 | 0xc0..=0xcf | 0xf0..=0xff => 1,
            b'K' | 0x6a | 0x38..0x40 | 0xd0..=0xd7 => 2,
            b'I' | b'R' | 0x6b | 0x77 => 4,
            b'D' | b'L' | b'd' => 8,
            b'B' => self.u16()?,
            b'b' => {
                let chunk = self.u16()?;
                self.take(chunk)?;
                return self.skip_nested(depth);
            }
            b'M' => {
                self.draft_type()?;
                return self.skip_until_end(depth);
            }
            b'V' => {
                self.draft_type()?;
                match self.peek()? {
                    b'n' => self.at += 2,
                    b'l' => self.at += 5,
                    _ => {}
                }
                return self.skip_until_end(depth);
            }
            b'v' => {
                self.int()?;
                let count = self.length()?;
                return (0..count).try_for_each(|_| self.skip_nested(depth));
            }
            _ => return self.unexpected(tag, "a value"),
        };
        self.take(fixed).map(|_| ())
    }

    /// Skips the optional type of a list or map.
    fn draft_type(&mut self) -> Result<(), WireError> {
        match self.peek()? {
            b't' => {
                self.at += 1;
                let units = self.u16()?;
                self.characters(units).map(|_| ())
            }
            b'u' | b'T' => {
                self.at += 1;
                self.int().map(|_| ())
            }
            _ => Ok(()),
        }
    }

    fn skip_until_end(&mut self, depth: usize) -> Result<(), WireError> {
        while self.peek()? != b'z' {
            self.skip_nested(depth)?;
        }
        self.at += 1;
        Ok(())
    }
}
