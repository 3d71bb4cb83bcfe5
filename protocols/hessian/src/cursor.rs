//! A position in a byte slice, with checked reads.
use rialto_values::ValueError;

/// Reads forward. Errors name the offset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    /// The part of `bytes` that is still to be read.
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        // Table entries store offsets as `u32`. Frames are far smaller than that.
        let end = bytes.len().min(u32::MAX as usize);
        let bytes = &bytes[..end];
        Cursor { bytes, rest: bytes }
    }

    #[inline]
    pub(crate) fn at(&self) -> usize {
        self.bytes.len() - self.rest.len()
    }

    /// Moves to an offset, or to the end if the offset is beyond it.
    #[inline]
    pub(crate) fn seek(&mut self, at: usize) {
        self.rest = &self.bytes[at.min(self.bytes.len())..];
    }

    /// Skips `len` bytes, which the downstream has checked to exist.
    #[inline]
    pub(crate) fn advance(&mut self, len: usize) {
        self.rest = &self.rest[len..];
    }

    /// Skips bytes that were already examined; `rest` is what follows them.
    #[inline]
    pub(crate) fn skip_to(&mut self, rest: &'a [u8]) {
        debug_assert!(self.rest.ends_with(rest));
        self.rest = rest;
    }

    #[inline]
    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The bytes between two offsets that were already read.
    pub(crate) fn slice(&self, from: usize, to: usize) -> &'a [u8] {
        &self.bytes[from..to]
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8, ValueError> {
        let (byte, rest) = self.rest.split_first().ok_or_else(|| self.ended())?;
        self.rest = rest;
        Ok(*byte)
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], ValueError> {
        let (array, rest) = self.rest.split_first_chunk().ok_or_else(|| self.ended())?;
        self.rest = rest;
        Ok(*array)
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16, ValueError> {
        self.array().map(u16::from_be_bytes)
    }

    #[inline]
    pub(crate) fn i32(&mut self) -> Result<i32, ValueError> {
        self.array().map(i32::from_be_bytes)
    }

    #[inline]
    pub(crate) fn i64(&mut self) -> Result<i64, ValueError> {
        self.array().map(i64::from_be_bytes)
    }

    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], ValueError> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or_else(|| self.ended())?;
        self.rest = rest;
        Ok(bytes)
    }

    #[cold]
    pub(crate) fn ended(&self) -> ValueError {
        ValueError::truncated(&format!(
            "a Hessian value (at byte {} of {})",
            self.at(),
            self.bytes.len()
        ))
    }

    #[cold]
    pub(crate) fn malformed(&self, what: impl std::fmt::Display) -> ValueError {
        ValueError::malformed(format!("Hessian: {what} (before byte {})", self.at()))
    }
}
