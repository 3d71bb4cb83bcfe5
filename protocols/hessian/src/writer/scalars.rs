//! Writes scalars, strings and binary data in the shortest form that stock writers use.
use rialto_values::{Text, ValueError, text};

use super::Writer;
use crate::Grammar;
use crate::chars::split_at_units;

/// The largest chunk of a string, in UTF-16 units, in both grammars.
const STRING_CHUNK: u32 = 0x8000;
/// The largest chunk of binary data, in bytes: hessian-lite and hessian 4 fill a buffer of 8 KiB, minus the
/// chunk's header.
const FINAL_BINARY_CHUNK: usize = 0x2000 - 3;
const DRAFT_BINARY_CHUNK: usize = 0x8000;

impl Writer<'_> {
    /// Writes null.
    #[inline]
    pub fn write_null(&mut self) {
        self.element();
        self.out.push(b'N');
    }

    /// Writes a boolean. In the draft grammar, a first key `true` gives its map a type.
    ///
    /// # Errors
    /// Writing that type never fails in a map that this writer opened.
    #[inline]
    pub fn write_bool(&mut self, value: bool) -> Result<(), ValueError> {
        if value && self.grammar == Grammar::Draft {
            self.guard_first_key()?;
        }
        self.element();
        self.out.push(if value { b'T' } else { b'F' });
        Ok(())
    }

    /// Writes a 32-bit integer.
    #[inline]
    pub fn write_int(&mut self, value: i32) {
        self.element();
        int(self.out, value);
    }

    /// Writes a 64-bit integer.
    #[inline]
    pub fn write_long(&mut self, value: i64) {
        self.element();
        let out = &mut *self.out;
        match value {
            -8..=15 => out.push((value + 0xe0) as u8),
            -0x800..=0x7ff => out.extend_from_slice(&[((value >> 8) + 0xf8) as u8, value as u8]),
            -0x4_0000..=0x3_ffff => {
                out.extend_from_slice(&[((value >> 16) + 0x3c) as u8, (value >> 8) as u8, value as u8]);
            }
            -0x8000_0000..=0x7fff_ffff => {
                out.push(if self.grammar == Grammar::Final {
                    0x59
                } else {
                    0x77
                });
                out.extend_from_slice(&(value as i32).to_be_bytes());
            }
            _ => {
                out.push(b'L');
                out.extend_from_slice(&value.to_be_bytes());
            }
        }
    }

    /// Writes a double.
    pub fn write_double(&mut self, value: f64) {
        self.element();
        let is_final = self.grammar == Grammar::Final;
        // The first of four codes: 0.0, 1.0, a value of one byte, a value of two bytes. The draft has the
        // same codes, twelve higher.
        let base = if is_final { 0x5b } else { 0x67 };
        let out = &mut *self.out;
        let whole = value as i32;
        if f64::from(whole) == value && !(whole == 0 && value.is_sign_negative()) {
            match whole {
                0 | 1 => return out.push(base + whole as u8),
                -0x80..=0x7f => return out.extend_from_slice(&[base + 2, whole as u8]),
                -0x8000..=0x7fff => {
                    return out.extend_from_slice(&[base + 3, (whole >> 8) as u8, whole as u8]);
                }
                _ => {}
            }
        }
        if is_final {
            let mills = (value * 1000.0) as i32;
            if mills != 0 && 0.001 * f64::from(mills) == value {
                out.push(0x5f);
                return out.extend_from_slice(&mills.to_be_bytes());
            }
        } else if f64::from(value as f32) == value && value != 0.0 {
            out.push(0x6b);
            return out.extend_from_slice(&(value as f32).to_be_bytes());
        }
        out.push(b'D');
        out.extend_from_slice(&value.to_be_bytes());
    }

    /// Writes a date, in milliseconds since the epoch.
    pub fn write_date(&mut self, millis: i64) {
        self.element();
        let out = &mut *self.out;
        if self.grammar == Grammar::Draft {
            out.push(b'd');
        } else if let (0, Ok(minutes)) = (millis % 60_000, i32::try_from(millis / 60_000)) {
            out.push(0x4b);
            return out.extend_from_slice(&minutes.to_be_bytes());
        } else {
            out.push(0x4a);
        }
        out.extend_from_slice(&millis.to_be_bytes());
    }

    /// Writes a string.
    pub fn write_str(&mut self, value: &str) {
        if text::is_ascii(value.as_bytes()) {
            self.write_text(Text::of_ascii(value.as_bytes()));
        } else {
            self.write_wide(value);
        }
    }

    #[cold]
    fn write_wide(&mut self, value: &str) {
        self.write_text(Text::of(value, &mut Vec::new()));
    }

    /// Writes a text that is already CESU-8.
    #[inline]
    pub fn write_text(&mut self, value: Text<'_>) {
        self.element();
        let (bytes, units) = (value.bytes(), value.units());
        if units <= 31 {
            self.out.push(units as u8);
            self.out.extend_from_slice(bytes);
        } else {
            long_text(self.out, self.grammar, bytes, units);
        }
    }

    /// Writes binary data.
    pub fn write_binary(&mut self, mut bytes: &[u8]) {
        self.element();
        let out = &mut *self.out;
        let is_final = self.grammar == Grammar::Final;
        let (chunk, tag) = if is_final {
            (FINAL_BINARY_CHUNK, b'A')
        } else {
            (DRAFT_BINARY_CHUNK, b'b')
        };
        while bytes.len() > chunk {
            let (head, tail) = bytes.split_at(chunk);
            out.push(tag);
            out.extend_from_slice(&(chunk as u16).to_be_bytes());
            out.extend_from_slice(head);
            bytes = tail;
        }
        match bytes.len() {
            len @ 0..=15 => out.push(0x20 + len as u8),
            len @ 16..=1023 if is_final => out.extend_from_slice(&[0x34 + (len >> 8) as u8, len as u8]),
            len => {
                out.push(b'B');
                out.extend_from_slice(&(len as u16).to_be_bytes());
            }
        }
        out.extend_from_slice(bytes);
    }

    /// Writes a reference to the container with that index in this stream.
    pub fn write_ref(&mut self, index: u32) {
        self.element();
        let out = &mut *self.out;
        if self.grammar == Grammar::Final {
            out.push(b'Q');
            return int(out, index as i32);
        }
        match index {
            0..=0xff => out.extend_from_slice(&[0x4a, index as u8]),
            0x100..=0xffff => {
                out.push(0x4b);
                out.extend_from_slice(&(index as u16).to_be_bytes());
            }
            _ => {
                out.push(b'R');
                out.extend_from_slice(&index.to_be_bytes());
            }
        }
    }
}

/// Appends an int that is not a value: a count or an index.
#[inline]
pub(super) fn int(out: &mut Vec<u8>, value: i32) {
    match value {
        -0x10..=0x2f => out.push((value + 0x90) as u8),
        -0x800..=0x7ff => out.extend_from_slice(&[((value >> 8) + 0xc8) as u8, value as u8]),
        -0x4_0000..=0x3_ffff => {
            out.extend_from_slice(&[((value >> 16) + 0xd4) as u8, (value >> 8) as u8, value as u8]);
        }
        _ => {
            out.push(b'I');
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}

/// Appends a string that is not a value: the name of a class, field or type, always in one chunk.
pub(super) fn name(out: &mut Vec<u8>, grammar: Grammar, name: &str) -> Result<(), ValueError> {
    let mut encoded = Vec::new();
    let (bytes, units) = match Text::from_bmp(name) {
        Some(text) => (text.bytes(), text.units()),
        None => {
            let units = text::encode(name, &mut encoded);
            (&*encoded, units)
        }
    };
    if units > STRING_CHUNK {
        return Err(ValueError::too_large(format!(
            "a class, field or type name of {units} characters"
        )));
    }
    long_text(out, grammar, bytes, units);
    Ok(())
}

pub(super) fn long_text(out: &mut Vec<u8>, grammar: Grammar, mut bytes: &[u8], mut units: u32) {
    while units > STRING_CHUNK {
        let (len, count) = split_at_units(bytes, STRING_CHUNK);
        let (head, tail) = bytes.split_at(len);
        out.push(if grammar == Grammar::Final { b'R' } else { b's' });
        out.extend_from_slice(&(count as u16).to_be_bytes());
        out.extend_from_slice(head);
        bytes = tail;
        units -= count;
    }
    put_head(out, grammar, units);
    out.extend_from_slice(bytes);
}

/// The head of a string's last chunk.
#[inline]
fn put_head(out: &mut Vec<u8>, grammar: Grammar, units: u32) {
    match units {
        0..=31 => out.push(units as u8),
        32..=1023 if grammar == Grammar::Final => {
            out.extend_from_slice(&[0x30 + (units >> 8) as u8, units as u8]);
        }
        _ => {
            let [high, low] = (units as u16).to_be_bytes();
            out.extend_from_slice(&[b'S', high, low]);
        }
    }
}
