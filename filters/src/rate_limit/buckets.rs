//! One worker's buckets of one limit, by key, in bounded memory.
use super::bucket::{Bucket, Terms};
use std::collections::HashMap;

/// The longest key with a bucket of its own, in bytes. Longer ones use the shared bucket, because peers must
/// not decide how much memory is used.
const LONGEST_KEY: usize = 512;
/// How often full buckets are searched for while there is no room for a new one, in milliseconds.
const SWEEP_MS: u64 = 1_000;

/// The key of a call's bucket.
#[derive(Clone, Copy)]
pub(super) enum Key<'a> {
    /// All calls share one bucket.
    Whole,
    /// One bucket per name.
    Name(&'a [u8]),
    /// One bucket per pair of names.
    Pair(&'a [u8], &'a [u8]),
}

/// Buckets, and the clock that fills them.
#[derive(Default)]
pub(super) struct Buckets {
    clock: Clock,
    by_key: HashMap<Box<[u8]>, Bucket>,
    /// The bucket of [`Key::Whole`], and of keys for which there is no room.
    shared: Option<Bucket>,
    swept_ms: u64,
    scratch: Vec<u8>,
}

/// Turns the worker's milliseconds, which wrap after 49 days, into a time that does not.
#[derive(Default)]
struct Clock {
    last: Option<u32>,
    ms: u64,
}

impl Buckets {
    /// Takes the cost of one call from the bucket of `key`. Returns `false` if its level is too low. `most`
    /// limits the number of buckets with a key.
    pub(super) fn take(&mut self, key: Key<'_>, terms: Terms, most: usize, now_ms: u32) -> bool {
        let now = self.clock.at(now_ms);
        let mut scratch = std::mem::take(&mut self.scratch);
        let taken = match key {
            Key::Whole => self.take_shared(terms, now),
            Key::Name(name) => self.take_keyed(name, terms, most, now),
            Key::Pair(a, b) if a.len() + b.len() + 4 > LONGEST_KEY => self.take_shared(terms, now),
            Key::Pair(a, b) => {
                scratch.clear();
                // The length keeps ("ab", "c") and ("a", "bc") apart.
                scratch.extend_from_slice(&(a.len() as u32).to_le_bytes());
                scratch.extend_from_slice(a);
                scratch.extend_from_slice(b);
                self.take_keyed(&scratch, terms, most, now)
            }
        };
        self.scratch = scratch;
        taken
    }

    fn take_keyed(&mut self, key: &[u8], terms: Terms, most: usize, now: u64) -> bool {
        if let Some(bucket) = self.by_key.get_mut(key) {
            return bucket.take(terms, now);
        }
        if key.len() > LONGEST_KEY || !self.has_room(terms, most, now) {
            return self.take_shared(terms, now);
        }
        let mut bucket = Bucket::full(terms, now);
        let taken = bucket.take(terms, now);
        self.by_key.insert(key.into(), bucket);
        taken
    }

    fn take_shared(&mut self, terms: Terms, now: u64) -> bool {
        self.shared
            .get_or_insert_with(|| Bucket::full(terms, now))
            .take(terms, now)
    }

    /// Whether one more bucket may be kept. Full buckets are dropped to make room, because a new one would be
    /// full, too.
    fn has_room(&mut self, terms: Terms, most: usize, now: u64) -> bool {
        if self.by_key.len() >= most && now - self.swept_ms >= SWEEP_MS {
            self.swept_ms = now;
            self.by_key.retain(|_, bucket| !bucket.is_full(terms, now));
        }
        self.by_key.len() < most
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.by_key.len()
    }
}

impl Clock {
    fn at(&mut self, now_ms: u32) -> u64 {
        let passed = now_ms.wrapping_sub(self.last.unwrap_or(now_ms));
        // More than half the range means a step back, which the clock ignores.
        if passed <= u32::MAX / 2 {
            self.ms += u64::from(passed);
            self.last = Some(now_ms);
        }
        self.ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONCE: fn() -> Terms = || Terms::new(1, 1, 1);

    #[test]
    fn different_keys_have_different_buckets() {
        let mut buckets = Buckets::default();
        for key in [
            Key::Name(b""),
            Key::Name(b"ab"),
            Key::Pair(b"ab", b"c"),
            Key::Pair(b"a", b"bc"),
            Key::Pair(b"", b"abc"),
            Key::Whole,
        ] {
            assert!(buckets.take(key, ONCE(), 100, 0));
            assert!(!buckets.take(key, ONCE(), 100, 0));
        }
    }

    #[test]
    fn keys_beyond_the_bound_share_one_bucket() {
        let mut buckets = Buckets::default();
        assert!(buckets.take(Key::Name(b"a"), ONCE(), 2, 0));
        assert!(buckets.take(Key::Name(b"b"), ONCE(), 2, 0));
        assert!(buckets.take(Key::Name(b"c"), ONCE(), 2, 0));
        assert!(!buckets.take(Key::Name(b"d"), ONCE(), 2, 0));
        assert_eq!(buckets.count(), 2);
    }

    #[test]
    fn buckets_that_are_full_again_make_room() {
        let mut buckets = Buckets::default();
        let slow = Terms::new(1, 2, 1);
        buckets.take(Key::Name(b"a"), slow, 2, 0);
        buckets.take(Key::Name(b"b"), slow, 2, 0);
        buckets.take(Key::Name(b"b"), slow, 2, 0);
        // After a second, a has its second call back, b only one of two.
        buckets.take(Key::Name(b"c"), slow, 2, 1_000);
        assert_eq!(buckets.count(), 2);
        assert!(buckets.take(Key::Name(b"b"), slow, 2, 1_000));
        assert!(!buckets.take(Key::Name(b"b"), slow, 2, 1_000));
    }

    #[test]
    fn long_keys_take_no_memory() {
        let mut buckets = Buckets::default();
        let long = vec![b'x'; LONGEST_KEY + 1];
        assert!(buckets.take(Key::Name(&long), ONCE(), 100, 0));
        assert!(!buckets.take(Key::Pair(&long, b"m"), ONCE(), 100, 0));
        assert_eq!(buckets.count(), 0);
        assert!(buckets.scratch.capacity() <= LONGEST_KEY);
    }

    #[test]
    fn the_clock_outlives_the_wrap_and_never_goes_back() {
        let mut clock = Clock::default();
        assert_eq!(clock.at(u32::MAX - 9), 0);
        assert_eq!(clock.at(10), 20);
        assert_eq!(clock.at(5), 20);
        assert_eq!(clock.at(11), 21);
    }
}
