//! Texts of peers, for people.
use std::borrow::Cow;

/// The first line, and not more of it than a person reads: stock texts carry whole stacks and lists of keys.
pub(crate) fn first_line(text: &str) -> Cow<'_, str> {
    const LONG: usize = 400;
    let line = text
        .lines()
        .map(str::trim)
        .find(|l| !l.is_empty())
        .unwrap_or_default();
    match line.char_indices().nth(LONG) {
        Some((at, _)) => Cow::Owned(format!("{} ...", &line[..at])),
        None => Cow::Borrowed(line),
    }
}

/// Bytes that should be text, and nearly always are; what is none becomes U+FFFD.
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    // The general way costs several times as much, also where nothing has to be replaced.
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}
