//! Fast hashes for short names from the wire.
//!
//! They are not secure, and need not be: keys of the tables come from the configuration, or a collision only
//! costs a downstream its own series in the metrics, or a look-up.
use std::hash::Hasher;

/// A cache slot out of `1 << bits` for calls of a service and method, and `more`. It reads only the last bytes
/// of the names, so the cache has to compare them.
#[inline]
#[must_use]
pub fn cache_slot(service: &[u8], method: &[u8], more: u64, bits: u32) -> usize {
    let end = |name: &[u8]| {
        if let Some(end) = name.last_chunk() {
            u64::from_le_bytes(*end)
        } else if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
            u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
        } else {
            name.iter().fold(0, |all, byte| all << 8 | u64::from(*byte))
        }
    };
    let mixed = end(service).rotate_left(23)
        ^ end(method)
        ^ (service.len() as u64) << 32
        ^ (method.len() as u64) << 16
        ^ more;
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - bits)) as usize
}

/// The state of a hash.
#[derive(Clone, Copy, Default)]
pub(crate) struct Mix(u64);

impl Mix {
    /// Adds a number.
    #[inline(always)]
    pub(crate) fn mix(&mut self, v: u64) {
        self.0 = (self.0.rotate_left(5) ^ v).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    /// Adds bytes and their number.
    #[inline]
    pub(crate) fn bytes(&mut self, b: &[u8]) {
        let (words, rest) = b.as_chunks::<8>();
        for w in words {
            self.mix(u64::from_le_bytes(*w));
        }
        self.mix(rest.iter().fold(b.len() as u64, |v, x| v << 8 | u64::from(*x)));
    }

    /// The hash of what was added.
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
