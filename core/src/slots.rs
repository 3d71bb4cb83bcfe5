//! A table whose keys are 32-bit sequence numbers. It contains connections and calls.
//!
//! A key fits into the ids of every protocol, so the key of a call *is* its id on the upstream wire. Keys are
//! given out in order, and a number returns only after 2^32 others, so that a late or repeated response finds
//! no entry, however many calls were made since.
use std::fmt;
use std::marker::PhantomData;

/// Identifies one entry of a [`Slots`] with the same tag. A stale key finds nothing.
pub struct Key<Tag>(u32, PhantomData<fn() -> Tag>);

/// The tag of connection keys.
pub enum ConnTag {}
/// The tag of call keys.
pub enum CallTag {}
/// Identifies a connection of a worker.
pub type ConnKey = Key<ConnTag>;
/// Identifies a call of a worker. Its bits are the call's id on the upstream wire.
pub type CallKey = Key<CallTag>;

/// The largest number of entries in a [`Slots`].
pub const CAPACITY: usize = 1 << 20;

/// A wire id that no call has. Our own heartbeats carry it.
pub const RESERVED_ID: u32 = u32::MAX;

/// The smallest length of the table. All lengths are powers of two.
const SMALLEST: usize = 16;

/// A table with O(1) insertion, look-up and removal.
///
/// The slot of an entry is its key modulo the length of the table. The table is at most half full, so that a
/// free key is found after one or two steps, and it shrinks when it is nearly empty.
pub struct Slots<Tag, T> {
    entries: Vec<Entry<T>>,
    /// The key that was given out last.
    last: u32,
    len: usize,
    tag: PhantomData<fn() -> Tag>,
}

struct Entry<T> {
    key: u32,
    value: Option<T>,
}

// === impl Key ===

impl<Tag> Key<Tag> {
    /// The key with these bits. It need not belong to an entry.
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Key(bits, PhantomData)
    }

    /// The number that the key consists of.
    #[inline(always)]
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }
}

impl<Tag> Clone for Key<Tag> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}
impl<Tag> Copy for Key<Tag> {}
impl<Tag> PartialEq for Key<Tag> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<Tag> Eq for Key<Tag> {}
impl<Tag> std::hash::Hash for Key<Tag> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<Tag> fmt::Debug for Key<Tag> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

// === impl Slots ===

impl<Tag, T> Default for Slots<Tag, T> {
    fn default() -> Self {
        Slots {
            entries: Vec::new(),
            last: RESERVED_ID,
            len: 0,
            tag: PhantomData,
        }
    }
}

impl<Tag, T> Slots<Tag, T> {
    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether another [`insert`](Self::insert) would fail.
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len >= CAPACITY
    }

    /// The key that the next `insert` will return, for values that have to know their own key.
    pub fn next_key(&mut self) -> Key<Tag> {
        self.make_room();
        Key::from_bits(self.free_slot().0)
    }

    /// Adds a value and returns its key.
    ///
    /// # Panics
    /// If [`is_full`](Self::is_full), which has to be checked before.
    #[inline]
    pub fn insert(&mut self, value: T) -> Key<Tag> {
        self.make_room();
        let (key, at) = self.free_slot();
        self.entries[at] = Entry {
            key,
            value: Some(value),
        };
        self.last = key;
        self.len += 1;
        Key::from_bits(key)
    }

    /// The value of a key; `None` for a stale key.
    #[inline(always)]
    #[must_use]
    pub fn get(&self, key: Key<Tag>) -> Option<&T> {
        match self.entries.get(self.slot(key.0)) {
            Some(e) if e.key == key.0 => e.value.as_ref(),
            _ => None,
        }
    }

    /// The value of a key, to change it.
    #[inline(always)]
    pub fn get_mut(&mut self, key: Key<Tag>) -> Option<&mut T> {
        let at = self.slot(key.0);
        match self.entries.get_mut(at) {
            Some(e) if e.key == key.0 => e.value.as_mut(),
            _ => None,
        }
    }

    /// Removes a value. Its key is stale from then on.
    #[inline]
    pub fn remove(&mut self, key: Key<Tag>) -> Option<T> {
        self.remove_if(key, |_| true)
    }

    /// Removes a value if it is as expected.
    #[inline]
    pub fn remove_if(&mut self, key: Key<Tag>, is_expected: impl FnOnce(&T) -> bool) -> Option<T> {
        let at = self.slot(key.0);
        let e = self.entries.get_mut(at).filter(|e| e.key == key.0)?;
        let value = e.value.take_if(|value| is_expected(value))?;
        self.len -= 1;
        Some(value)
    }

    /// Frees memory of a table that was much larger before.
    pub fn shrink(&mut self) {
        let mut size = self.entries.len();
        while size > SMALLEST && self.len <= size / 16 && self.resize(size / 2) {
            size /= 2;
        }
    }

    /// All entries, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (Key<Tag>, &T)> {
        self.entries
            .iter()
            .filter_map(|e| e.value.as_ref().map(|v| (Key::from_bits(e.key), v)))
    }

    /// A copy of all keys, so that the table can be changed while they are visited.
    #[must_use]
    pub fn keys(&self) -> Vec<Key<Tag>> {
        self.iter().map(|(k, _)| k).collect()
    }

    /// The slot of a key. In an empty table it lies beyond the end.
    #[inline(always)]
    fn slot(&self, key: u32) -> usize {
        key as usize & self.entries.len().wrapping_sub(1)
    }

    /// The next key whose slot is free, and the slot. One exists, because the table is at most half full.
    #[inline]
    fn free_slot(&self) -> (u32, usize) {
        let mut key = self.last;
        loop {
            key = key.wrapping_add(1);
            let at = self.slot(key);
            if key != RESERVED_ID && self.entries[at].value.is_none() {
                return (key, at);
            }
        }
    }

    #[inline]
    fn make_room(&mut self) {
        if self.len * 2 >= self.entries.len() {
            self.grow();
        }
    }

    #[cold]
    fn grow(&mut self) {
        assert!(self.len < CAPACITY, "the table is full");
        let size = (self.entries.len() * 2).max(SMALLEST);
        // keys with different slots keep different slots when the size doubles
        self.resize(size);
    }

    /// Moves all entries into a table of another size. Returns false and changes nothing if two entries would
    /// share a slot.
    fn resize(&mut self, size: usize) -> bool {
        let slot = |key: u32| key as usize & (size - 1);
        let mut taken = vec![false; size];
        let collides = |key: u32| std::mem::replace(&mut taken[slot(key)], true);
        if self.iter().map(|(key, _)| key.0).any(collides) {
            return false;
        }
        let mut entries: Vec<Entry<T>> = Vec::with_capacity(size);
        entries.resize_with(size, || Entry { key: 0, value: None });
        for entry in self.entries.drain(..).filter(|e| e.value.is_some()) {
            let at = slot(entry.key);
            entries[at] = entry;
        }
        self.entries = entries;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_keys_miss() {
        let mut s: Slots<CallTag, u8> = Slots::default();
        let a = s.insert(1);
        assert_eq!(s.remove(a), Some(1));
        assert_eq!(s.next_key(), s.insert(2));
        assert!(s.get(a).is_none() && s.remove(a).is_none());
        assert_eq!(s.len(), 1);
    }

    #[test]
    fn a_key_returns_only_after_all_others() {
        let mut s: Slots<CallTag, u8> = Slots::default();
        let stays = s.insert(1);
        let mut last = stays.bits();
        for _ in 0..100_000 {
            let key = s.insert(2);
            assert!(key.bits() > last, "{key:?} after {last}");
            last = key.bits();
            s.remove(key);
        }
        assert!(s.entries.len() <= SMALLEST);
        // the numbers wrap: keys in use and the reserved one are left out
        s.last = RESERVED_ID - 3;
        let keys: Vec<u32> = (0..4).map(|_| s.insert(3).bits()).collect();
        assert_eq!(keys, [RESERVED_ID - 2, RESERVED_ID - 1, 1, 2]);
        assert_eq!(s.get(stays), Some(&1));
    }

    #[test]
    fn entries_survive_growing_and_shrinking() {
        let mut s: Slots<CallTag, usize> = Slots::default();
        let mut rng = fastrand::Rng::with_seed(1);
        let mut live = vec![];
        for round in 0..20 {
            let target = if round % 2 == 0 { 3000 } else { 20 };
            while live.len() != target {
                if live.len() < target {
                    live.push((s.insert(live.len()), live.len()));
                } else {
                    let (key, value) = live.swap_remove(rng.usize(..live.len()));
                    assert_eq!(s.remove(key), Some(value));
                }
            }
            s.shrink();
            assert!(live.iter().all(|(key, value)| s.get(*key) == Some(value)));
            assert_eq!(s.len(), live.len());
        }
        assert!(live.into_iter().all(|(key, _)| s.remove(key).is_some()));
        s.shrink();
        assert_eq!(s.entries.len(), SMALLEST);
    }

    #[test]
    fn the_reserved_id_is_never_a_key() {
        let mut s: Slots<CallTag, u8> = Slots::default();
        assert!(s.get(Key::from_bits(RESERVED_ID)).is_none());
        for _ in 0..CAPACITY {
            s.insert(0);
        }
        assert!(s.is_full());
        assert!(s.get(Key::from_bits(RESERVED_ID)).is_none());
    }
}
