//! Writes strings and untyped maps without a [`Writer`](crate::Writer), for the parts of a message that a
//! codec knows. Nothing counts them here: a writer that [continues](crate::Writer::behind) the stream must be
//! given the number of maps.
use rialto_values::{Text, text};

use super::scalars::long_text;
use crate::{Grammar, Library};

/// Appends a string.
pub fn put_str(out: &mut Vec<u8>, library: Library, value: &str) {
    if value.len() <= 31 && text::is_ascii(value.as_bytes()) {
        out.push(value.len() as u8);
        out.extend_from_slice(value.as_bytes());
    } else {
        let mut room = Vec::new();
        let text = Text::of(value, &mut room);
        long_text(out, library.grammar(), text.bytes(), text.units());
    }
}

/// Begins a map, whose keys and values follow.
#[inline]
pub fn begin_map(out: &mut Vec<u8>, library: Library) {
    out.push(match library.grammar() {
        Grammar::Final => b'H',
        Grammar::Draft => b'M',
    });
}

/// Ends a map.
#[inline]
pub fn end_map(out: &mut Vec<u8>, library: Library) {
    out.push(match library.grammar() {
        Grammar::Final => b'Z',
        Grammar::Draft => b'z',
    });
}
