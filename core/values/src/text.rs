//! Strings as Java peers send them.
use multiversion::multiversion;
use std::borrow::Cow;

/// A Java string: a sequence of UTF-16 units, each encoded in one to three bytes (CESU-8; U+0000 is a plain
/// zero byte). Lone surrogates are legal and kept. Lengths on the wire count units.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    bytes: &'a [u8],
    units: u32,
}

impl<'a> Text<'a> {
    /// A text over bytes that are known to be CESU-8 with `units` UTF-16 units.
    #[must_use]
    #[inline]
    pub fn from_checked(bytes: &'a [u8], units: u32) -> Self {
        debug_assert_eq!(count_units(bytes), Some(units));
        Text { bytes, units }
    }

    /// A text over CESU-8 bytes; `None` if they are not CESU-8.
    #[must_use]
    pub fn from_cesu8(bytes: &'a [u8]) -> Option<Self> {
        Some(Text {
            bytes,
            units: count_units(bytes)?,
        })
    }

    /// A text over a string without supplementary characters, such as ASCII; `None` for other strings, which
    /// [`encode`] converts.
    #[must_use]
    #[inline]
    pub fn from_bmp(s: &'a str) -> Option<Self> {
        let bytes = s.as_bytes();
        if is_ascii(bytes) {
            return Some(Text::of_ascii(bytes));
        }
        Text::from_cesu8(bytes)
    }

    /// A text over bytes that are known to be ASCII.
    #[must_use]
    #[inline]
    pub fn of_ascii(bytes: &'a [u8]) -> Self {
        Text::from_checked(bytes, bytes.len() as u32)
    }

    /// The text of any string. `room` holds its bytes if they differ from those of the string.
    #[must_use]
    #[inline]
    pub fn of(s: &'a str, room: &'a mut Vec<u8>) -> Self {
        if is_ascii(s.as_bytes()) {
            return Text::of_ascii(s.as_bytes());
        }
        room.clear();
        let units = encode(s, room);
        Text::from_checked(room, units)
    }

    /// The text's bytes in CESU-8.
    #[must_use]
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The number of UTF-16 units.
    #[must_use]
    #[inline]
    pub fn units(self) -> u32 {
        self.units
    }

    /// The text as UTF-8, borrowed if it contains no surrogates; lone surrogates become U+FFFD.
    #[must_use]
    pub fn to_str(self) -> Cow<'a, str> {
        if let Ok(s) = std::str::from_utf8(self.bytes) {
            return Cow::Borrowed(s);
        }
        let units = self.utf16();
        Cow::Owned(
            char::decode_utf16(units)
                .map(|r| r.unwrap_or('\u{fffd}'))
                .collect(),
        )
    }

    /// The text's UTF-16 units.
    pub fn utf16(self) -> impl Iterator<Item = u16> + 'a {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let (unit, len) = unit_at(rest)?;
            rest = &rest[len..];
            Some(unit)
        })
    }
}

impl std::fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.to_str())
    }
}

/// Appends UTF-8 text as CESU-8 and returns its number of UTF-16 units.
pub fn encode(s: &str, out: &mut Vec<u8>) -> u32 {
    if is_ascii(s.as_bytes()) {
        out.extend_from_slice(s.as_bytes());
        return s.len() as u32;
    }
    let mut units = 0;
    for c in s.chars() {
        let mut pair = [0; 2];
        for &unit in c.encode_utf16(&mut pair).iter() {
            push_unit(unit, out);
            units += 1;
        }
    }
    units
}

/// Appends one UTF-16 unit as CESU-8.
pub fn push_unit(unit: u16, out: &mut Vec<u8>) {
    match unit {
        0..=0x7f => out.push(unit as u8),
        0x80..=0x7ff => out.extend_from_slice(&[0xc0 | (unit >> 6) as u8, 0x80 | (unit & 0x3f) as u8]),
        _ => out.extend_from_slice(&[
            0xe0 | (unit >> 12) as u8,
            0x80 | (unit >> 6 & 0x3f) as u8,
            0x80 | (unit & 0x3f) as u8,
        ]),
    }
}

/// The unit at the start of `b` and its length in bytes; `None` at the end, or if the bytes are not CESU-8.
#[must_use]
pub fn unit_at(b: &[u8]) -> Option<(u16, usize)> {
    let tail = |i: usize| {
        b.get(i)
            .filter(|x| **x & 0xc0 == 0x80)
            .map(|x| u16::from(x & 0x3f))
    };
    match *b.first()? {
        b0 @ 0..=0x7f => Some((u16::from(b0), 1)),
        b0 @ 0xc0..=0xdf => Some((u16::from(b0 & 0x1f) << 6 | tail(1)?, 2)),
        b0 @ 0xe0..=0xef => Some((u16::from(b0 & 0x0f) << 12 | tail(1)? << 6 | tail(2)?, 3)),
        _ => None,
    }
}

/// Does the same as [`slice::is_ascii`], tuned for the lengths of names and of whole messages.
#[must_use]
#[inline]
pub fn is_ascii(bytes: &[u8]) -> bool {
    if bytes.len() < STEP {
        is_short_ascii(bytes)
    } else {
        ascii_prefix(bytes) == bytes.len()
    }
}

const STEP: usize = 16;

/// The number of ASCII bytes at the start. Unless all bytes are ASCII, up to 15 more may be: many bytes are
/// checked in one step, and the last step overlaps the one before it instead of going byte by byte.
#[must_use]
#[multiversion(targets("x86_64+avx2"))]
pub fn ascii_prefix(bytes: &[u8]) -> usize {
    // It works on 64-bit words, because vectors of them are cheaper to build than vectors of bytes.
    #[inline(always)]
    fn all<const N: usize>(chunk: &[u8; N]) -> bool {
        let (words, _) = chunk.as_chunks::<8>();
        words.iter().fold(0, |all, word| all | u64::from_ne_bytes(*word)) & HIGH == 0
    }
    #[inline(always)]
    fn steps<const N: usize>(mut bytes: &[u8]) -> &[u8] {
        while let Some((chunk, rest)) = bytes.split_first_chunk::<N>()
            && all(chunk)
        {
            bytes = rest;
        }
        bytes
    }
    #[inline(always)]
    fn ends<const N: usize>(bytes: &[u8], rest: &[u8]) -> bool {
        rest.len() < N && bytes.last_chunk::<N>().is_some_and(all)
    }
    let rest = steps::<64>(steps::<256>(bytes));
    if ends::<64>(bytes, rest) {
        return bytes.len();
    }
    let rest = steps::<STEP>(rest);
    if ends::<STEP>(bytes, rest) {
        return bytes.len();
    }
    bytes.len() - rest.len()
}

const HIGH: u64 = 0x8080_8080_8080_8080;

/// Checks less than 16 bytes.
#[inline]
fn is_short_ascii(bytes: &[u8]) -> bool {
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        (u64::from_ne_bytes(*first) | u64::from_ne_bytes(*last)) & HIGH == 0
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        (u32::from_ne_bytes(*first) | u32::from_ne_bytes(*last)) & HIGH as u32 == 0
    } else {
        bytes.iter().fold(0, |all, byte| all | byte) < 0x80
    }
}

/// The number of UTF-16 units in these CESU-8 bytes; `None` if they are not CESU-8.
#[must_use]
pub fn count_units(bytes: &[u8]) -> Option<u32> {
    if is_ascii(bytes) {
        return u32::try_from(bytes.len()).ok();
    }
    let (mut at, mut units) = (0, 0u32);
    while at < bytes.len() {
        at += unit_at(&bytes[at..])?.1;
        units += 1;
    }
    Some(units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supplementary_characters_are_two_units() {
        let mut out = vec![];
        assert_eq!(encode("a😀中\0", &mut out), 5);
        assert_eq!(
            out,
            [b'a', 0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80, 0xe4, 0xb8, 0xad, 0]
        );
        let text = Text::from_cesu8(&out).unwrap();
        assert_eq!((text.units(), &*text.to_str()), (5, "a😀中\0"));
    }

    #[test]
    fn a_single_other_byte_is_found_at_every_position() {
        for len in (0..70).chain(250..300).chain([511, 512, 513]) {
            let mut bytes = vec![b'x'; len];
            assert!(is_ascii(&bytes), "{len}");
            assert!(len < STEP || ascii_prefix(&bytes) == len, "{len}");
            for at in 0..len {
                bytes[at] = 0x80;
                assert!(!is_ascii(&bytes), "{at} of {len}");
                let seen = ascii_prefix(&bytes);
                assert!(seen <= at && at < seen + STEP, "{at} of {len}: {seen}");
                bytes[at] = 0x7f;
            }
        }
    }

    #[test]
    fn four_byte_and_truncated_sequences_are_refused() {
        for bad in ["😀".as_bytes(), &[0xe4, 0xb8], &[0x80], &[0xc3, 0x28]] {
            assert_eq!(Text::from_cesu8(bad), None, "{bad:x?}");
        }
    }

    #[test]
    fn a_lone_surrogate_is_kept() {
        let text = Text::from_cesu8(&[0xed, 0xa0, 0xbd]).unwrap();
        assert_eq!(text.utf16().collect::<Vec<_>>(), [0xd83d]);
        assert_eq!(text.to_str(), "\u{fffd}");
    }
}
