//! Texts in messages of peers.
use std::borrow::Cow;

/// The first line, shortened to what a person reads: stock texts contain whole stack traces and lists of
/// keys.
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

/// Bytes that should be UTF-8 and nearly always are; invalid sequences become U+FFFD.
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    // `from_utf8_lossy` takes several times as long, even if nothing has to be replaced.
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// A text of a message that becomes UTF-8 only if it is kept. Most keys and values of a call are compared as
/// bytes and then dropped.
pub(crate) trait Piece<'a> {
    fn bytes(&self) -> &[u8];

    /// The text as a name; `None` if it is not UTF-8.
    fn name(self) -> Option<Cow<'a, str>>;

    /// The text with invalid sequences replaced by U+FFFD.
    fn text(self) -> Cow<'a, str>;

    /// The text after the first `len` bytes, which must end at a character boundary.
    fn after(self, len: usize) -> Self;
}

impl<'a> Piece<'a> for &'a [u8] {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self
    }

    #[inline]
    fn name(self) -> Option<Cow<'a, str>> {
        std::str::from_utf8(self).ok().map(Cow::Borrowed)
    }

    #[inline]
    fn text(self) -> Cow<'a, str> {
        lossy(self)
    }

    #[inline]
    fn after(self, len: usize) -> Self {
        &self[len..]
    }
}

impl<'a> Piece<'a> for Cow<'a, str> {
    fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }

    fn name(self) -> Option<Cow<'a, str>> {
        Some(self)
    }

    fn text(self) -> Cow<'a, str> {
        self
    }

    fn after(self, len: usize) -> Self {
        match self {
            Cow::Borrowed(text) => Cow::Borrowed(&text[len..]),
            Cow::Owned(text) if len == 0 => Cow::Owned(text),
            Cow::Owned(text) => Cow::Owned(text[len..].to_owned()),
        }
    }
}

/// A number in decimal digits, without an allocation.
pub(crate) struct Decimal {
    digits: [u8; 10],
    from: usize,
}

impl Decimal {
    pub(crate) fn of(mut number: u32) -> Self {
        let (mut digits, mut from) = ([0; 10], 10);
        loop {
            from -= 1;
            digits[from] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return Decimal { digits, from };
            }
        }
    }

    /// The digits in ASCII.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.digits[self.from..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_digits() {
        for number in [0, 9, 10, 3000, 1_000_000_000, u32::MAX] {
            assert_eq!(Decimal::of(number).bytes(), number.to_string().as_bytes());
        }
    }
}
