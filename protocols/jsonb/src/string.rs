//! Strings: their position in a document, their text, and how they are written.
use std::borrow::Cow;

use rialto_values::{ErrorKind, Text, ValueError, text};

use crate::code;
use crate::output::put_int;

/// The encoding of a string's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Encoding {
    Latin1,
    Utf8,
    /// UTF-16 with a byte-order mark; big-endian without one.
    Utf16,
    Utf16Le,
    Utf16Be,
}

/// A string in a document, given by its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Str {
    pub(crate) encoding: Encoding,
    pub(crate) start: u32,
    pub(crate) len: u32,
}

impl Str {
    pub(crate) fn bytes(self, doc: &[u8]) -> &[u8] {
        &doc[self.start as usize..(self.start + self.len) as usize]
    }

    fn is_ascii(self, doc: &[u8]) -> bool {
        matches!(self.encoding, Encoding::Latin1 | Encoding::Utf8) && self.bytes(doc).is_ascii()
    }

    /// The text. It is borrowed from the document if possible, otherwise written to `scratch`.
    pub(crate) fn text<'t>(self, doc: &'t [u8], scratch: &'t mut Vec<u8>) -> Result<Text<'t>, ValueError> {
        if self.is_ascii(doc) {
            return Ok(Text::from_checked(self.bytes(doc), self.len));
        }
        scratch.clear();
        let units = self.decode(doc, scratch)?;
        Ok(Text::from_checked(scratch, units))
    }

    /// The text as CESU-8.
    pub(crate) fn cesu8(self, doc: &[u8]) -> Result<Cow<'_, [u8]>, ValueError> {
        if self.is_ascii(doc) {
            return Ok(Cow::Borrowed(self.bytes(doc)));
        }
        let mut out = Vec::new();
        self.decode(doc, &mut out)?;
        Ok(Cow::Owned(out))
    }

    /// The text as UTF-8; lone surrogates become U+FFFD.
    pub(crate) fn to_str(self, doc: &[u8]) -> Result<Cow<'_, str>, ValueError> {
        if matches!(self.encoding, Encoding::Utf8) || self.is_ascii(doc) {
            return std::str::from_utf8(self.bytes(doc))
                .map(Cow::Borrowed)
                .map_err(|_| self.bad("UTF-8"));
        }
        let mut out = Vec::new();
        let units = self.decode(doc, &mut out)?;
        Ok(Cow::Owned(Text::from_checked(&out, units).to_str().into_owned()))
    }

    /// Whether the text equals `other`; bytes that are not text never do.
    pub(crate) fn is(self, doc: &[u8], other: &str) -> bool {
        if self.is_ascii(doc) {
            return self.bytes(doc) == other.as_bytes();
        }
        self.to_str(doc).is_ok_and(|s| s == other)
    }

    fn decode(self, doc: &[u8], out: &mut Vec<u8>) -> Result<u32, ValueError> {
        let bytes = self.bytes(doc);
        match self.encoding {
            Encoding::Latin1 => {
                bytes.iter().for_each(|b| text::push_unit(u16::from(*b), out));
                Ok(self.len)
            }
            Encoding::Utf8 => Ok(text::encode(
                std::str::from_utf8(bytes).map_err(|_| self.bad("UTF-8"))?,
                out,
            )),
            Encoding::Utf16 => match bytes {
                [0xff, 0xfe, rest @ ..] => self.decode_utf16(rest, u16::from_le_bytes, out),
                [0xfe, 0xff, rest @ ..] => self.decode_utf16(rest, u16::from_be_bytes, out),
                _ => self.decode_utf16(bytes, u16::from_be_bytes, out),
            },
            Encoding::Utf16Le => self.decode_utf16(bytes, u16::from_le_bytes, out),
            Encoding::Utf16Be => self.decode_utf16(bytes, u16::from_be_bytes, out),
        }
    }

    fn decode_utf16(
        self,
        bytes: &[u8],
        unit: fn([u8; 2]) -> u16,
        out: &mut Vec<u8>,
    ) -> Result<u32, ValueError> {
        let (pairs, rest) = bytes.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.bad("UTF-16"));
        }
        pairs.iter().for_each(|pair| text::push_unit(unit(*pair), out));
        Ok(pairs.len() as u32)
    }

    #[cold]
    fn bad(self, encoding: &str) -> ValueError {
        let text = format!(
            "JSONB: the string of {} bytes at byte {} is not {encoding}",
            self.len, self.start
        );
        ValueError::new(ErrorKind::Malformed, text)
    }
}

/// Appends a string value.
///
/// A text that fits ISO-8859-1 must be written so: from the other forms, fastjson2 builds strings whose
/// internal encoding assumes wider characters, and which equal no other string.
pub(crate) fn put_text(value: Text<'_>, out: &mut Vec<u8>) {
    let bytes = value.bytes();
    if bytes.len() == value.units() as usize {
        put_latin1_head(bytes.len(), out);
        out.extend_from_slice(bytes);
        return;
    }
    let (mut widest, mut utf8_len, mut high) = (0, 0, None);
    let mut lone = false;
    for unit in value.utf16() {
        widest = widest.max(unit);
        utf8_len += match unit {
            0..=0x7f => 1,
            0x80..=0x7ff => 2,
            0xd800..=0xdfff => 2,
            _ => 3,
        };
        match (high.take(), unit) {
            (Some(()), 0xdc00..=0xdfff) => {}
            (None, 0xd800..=0xdbff) => high = Some(()),
            (None, unit) if !(0xdc00..=0xdfff).contains(&unit) => {}
            _ => lone = true,
        }
    }
    lone |= high.is_some();
    if widest <= 0xff {
        put_latin1_head(value.units() as usize, out);
        out.extend(value.utf16().map(|unit| unit as u8));
    } else if lone || value.units() as usize * 2 <= utf8_len {
        put_utf16(value, out);
    } else {
        out.push(code::UTF8);
        put_int(utf8_len as i32, out);
        let start = out.len();
        let mut buffer = [0; 4];
        for c in char::decode_utf16(value.utf16()) {
            out.extend_from_slice(c.unwrap_or('\u{fffd}').encode_utf8(&mut buffer).as_bytes());
        }
        debug_assert_eq!(out.len() - start, utf8_len);
    }
}

/// Appends a class or field name.
///
/// fastjson2 looks names up by a hash of their characters, which it computes correctly only for ASCII and
/// UTF-16.
pub(crate) fn put_name(name: &str, out: &mut Vec<u8>) {
    if name.is_ascii() {
        put_latin1_head(name.len(), out);
        out.extend_from_slice(name.as_bytes());
        return;
    }
    let mut cesu8 = Vec::new();
    let units = text::encode(name, &mut cesu8);
    put_utf16(Text::from_checked(&cesu8, units), out);
}

/// Appends a string that is known to be ASCII.
pub(crate) fn put_ascii(value: &str, out: &mut Vec<u8>) {
    debug_assert!(value.is_ascii());
    put_latin1_head(value.len(), out);
    out.extend_from_slice(value.as_bytes());
}

fn put_latin1_head(len: usize, out: &mut Vec<u8>) {
    if len <= usize::from(code::LATIN1_47 - code::LATIN1_0) {
        out.push(code::LATIN1_0 + len as u8);
    } else {
        out.push(code::LATIN1);
        put_int(len as i32, out);
    }
}

fn put_utf16(value: Text<'_>, out: &mut Vec<u8>) {
    out.push(code::UTF16_LE);
    put_int(value.units() as i32 * 2, out);
    out.extend(value.utf16().flat_map(u16::to_le_bytes));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Input;

    fn round_trip(units: &[u16]) -> (Vec<u8>, Vec<u16>) {
        let mut cesu8 = vec![];
        units.iter().for_each(|u| text::push_unit(*u, &mut cesu8));
        let mut out = vec![];
        put_text(Text::from_cesu8(&cesu8).unwrap(), &mut out);
        let read = Input::new(&out).string("test").unwrap();
        let back = read.text(&out, &mut vec![]).unwrap().utf16().collect();
        (out, back)
    }

    #[test]
    fn the_smallest_form_that_fastjson2_reads_correctly_is_chosen() {
        for (text, head) in [
            ("", 0x49),
            ("abc", 0x4c),
            ("héllo", 0x4e),
            ("中文", 0x7c),
            ("abcdefg中", 0x7a),
            ("a😀bcd", 0x7a),
        ] {
            let units: Vec<_> = text.encode_utf16().collect();
            let (out, back) = round_trip(&units);
            assert_eq!((out[0], back), (head, units), "{text}");
        }
    }

    #[test]
    fn lone_surrogates_survive() {
        for units in [
            &[0xd83d_u16][..],
            &[0x61, 0xde00, 0x62],
            &[0xd83d, 0xd83d, 0xde00],
            &[0x61; 1],
        ] {
            assert_eq!(round_trip(units).1, units);
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_refused() {
        for bad in [
            &[0x7a, 2, 0xc3, 0x28][..],
            &[0x7a, 1, 0x80],
            &[0x7c, 3, 0, 0, 0],
            &[0x7a, 3, 0xed, 0xa0, 0xbd],
        ] {
            let read = Input::new(bad).string("test").unwrap();
            assert!(read.text(bad, &mut vec![]).is_err(), "{bad:x?}");
        }
        assert!(Input::new(&[0x7e, 1, 0x41]).string("test").is_err());
    }

    #[test]
    fn a_byte_order_mark_decides() {
        for doc in [
            &[0x7b, 4, 0xff, 0xfe, 0x2d, 0x4e][..],
            &[0x7b, 4, 0xfe, 0xff, 0x4e, 0x2d],
            &[0x7b, 2, 0x4e, 0x2d],
        ] {
            assert_eq!(Input::new(doc).string("test").unwrap().to_str(doc).unwrap(), "中");
        }
    }
}
