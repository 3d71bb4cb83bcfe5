//! A fast hash for short names of the wire.
//!
//! Not secure, and need not be where it is used: keys of the tables come from the configuration, or a collision
//! costs a caller nothing but its own series in the metrics.
use std::hash::Hasher;

/// The state of a hash.
#[derive(Clone, Copy, Default)]
pub(crate) struct Mix(u64);

impl Mix {
    /// Takes a number.
    #[inline(always)]
    pub(crate) fn mix(&mut self, v: u64) {
        self.0 = (self.0.rotate_left(5) ^ v).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    /// Takes bytes, and their number.
    #[inline]
    pub(crate) fn bytes(&mut self, b: &[u8]) {
        let (words, rest) = b.as_chunks::<8>();
        for w in words {
            self.mix(u64::from_le_bytes(*w));
        }
        self.mix(rest.iter().fold(b.len() as u64, |v, x| v << 8 | u64::from(*x)));
    }

    /// The hash.
    #[inline(always)]
    pub(crate) fn get(self) -> u64 {
        self.0
    }
}

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32 // tables look at the low bits first, products are best in the high ones
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.bytes(bytes);
    }

    #[inline]
    fn write_usize(&mut self, v: usize) {
        self.mix(v as u64);
    }
}
