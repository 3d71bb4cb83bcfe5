//! A table whose keys are 32-bit sequence numbers: the one container of connections and of calls.
//!
//! A key fits the id of every protocol, so the key of a call *is* its id on the upstream wire. Keys are given out in
//! order and a number comes round only after 2^32 others: a response that arrives late or twice finds nothing, however
//! many calls were made since.
use std::fmt;
use std::marker::PhantomData;

/// Names one entry of a [`Slots`] of the same tag; stale keys are harmless.
pub struct Key<Tag>(u32, PhantomData<fn() -> Tag>);

/// Tag of connection keys.
pub enum ConnTag {}
/// Tag of call keys.
pub enum CallTag {}
/// Names a connection of a worker.
pub type ConnKey = Key<ConnTag>;
/// Names a call of a worker; its bits are the call's id on the upstream wire.
pub type CallKey = Key<CallTag>;

/// How many entries a [`Slots`] takes.
pub const CAPACITY: usize = 1 << 20;

/// A wire id that no call ever has; heartbeats that we send carry it.
pub const RESERVED_ID: u32 = u32::MAX;

/// The smallest table. It is a power of two, as all sizes are.
const SMALLEST: usize = 16;

/// A table with O(1) insert, look-up and removal.
///
/// An entry lies at its key modulo the length of the table. The table is at most half full, so that the next free key
/// is found after a look or two, and it shrinks again when it is nearly empty.
pub struct Slots<Tag, T> {
    entries: Vec<Entry<T>>,
    /// The last key that was given out.
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
    /// The key that has these bits; whether it names anything is found out at the look-up.
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Key(bits, PhantomData)
    }

    /// The bits of the key.
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
    /// Entries in use.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is in use.
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

    /// The key that the next `insert` will return (a value may have to know its own key).
    pub fn next_key(&mut self) -> Key<Tag> {
        self.make_room();
        Key::from_bits(self.free_key())
    }

    /// Puts a value into the table.
    ///
    /// # Panics
    /// When [`is_full`](Self::is_full): callers ask before they take on more.
    #[inline]
    pub fn insert(&mut self, value: T) -> Key<Tag> {
        self.make_room();
        let key = self.free_key();
        let at = self.place(key);
        self.entries[at] = Entry {
            key,
            value: Some(value),
        };
        self.last = key;
        self.len += 1;
        Key::from_bits(key)
    }

    /// The value of a key that is still in use.
    #[inline(always)]
    #[must_use]
    pub fn get(&self, key: Key<Tag>) -> Option<&T> {
        match self.entries.get(self.place(key.0)) {
            Some(e) if e.key == key.0 => e.value.as_ref(),
            _ => None,
        }
    }

    /// As [`get`](Self::get), to change it.
    #[inline(always)]
    pub fn get_mut(&mut self, key: Key<Tag>) -> Option<&mut T> {
        let at = self.place(key.0);
        match self.entries.get_mut(at) {
            Some(e) if e.key == key.0 => e.value.as_mut(),
            _ => None,
        }
    }

    /// Takes the value out; its key is stale from now on.
    #[inline]
    pub fn remove(&mut self, key: Key<Tag>) -> Option<T> {
        let at = self.place(key.0);
        let e = self.entries.get_mut(at)?;
        if e.key != key.0 {
            return None;
        }
        let value = e.value.take()?;
        self.len -= 1;
        Some(value)
    }

    /// Gives back the memory of a table that was much larger once.
    pub fn shrink(&mut self) {
        let mut size = self.entries.len();
        while size > SMALLEST && self.len <= size / 16 && self.resize(size / 2) {
            size /= 2;
        }
    }

    /// All entries in use.
    pub fn iter(&self) -> impl Iterator<Item = (Key<Tag>, &T)> {
        self.entries
            .iter()
            .filter_map(|e| e.value.as_ref().map(|v| (Key::from_bits(e.key), v)))
    }

    /// The keys in use, as they are now: the table may be changed while they are walked.
    #[must_use]
    pub fn keys(&self) -> Vec<Key<Tag>> {
        self.iter().map(|(k, _)| k).collect()
    }

    /// Where a key lies. In an empty table this is beyond its end.
    #[inline(always)]
    fn place(&self, key: u32) -> usize {
        key as usize & self.entries.len().wrapping_sub(1)
    }

    /// The next number whose place is free. There is one, because the table is at most half full.
    #[inline]
    fn free_key(&self) -> u32 {
        let mut key = self.last;
        loop {
            key = key.wrapping_add(1);
            if key != RESERVED_ID && self.entries[self.place(key)].value.is_none() {
                return key;
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
        // keys that differ modulo the old size differ modulo the new one
        self.resize(size);
    }

    /// Moves all entries into a table of another size. False, and nothing changed, if two of them would meet there.
    fn resize(&mut self, size: usize) -> bool {
        let place = |key: u32| key as usize & (size - 1);
        let mut taken = vec![false; size];
        let meet = |key: u32| std::mem::replace(&mut taken[place(key)], true);
        if self.iter().map(|(key, _)| key.0).any(meet) {
            return false;
        }
        let mut entries: Vec<Entry<T>> = Vec::with_capacity(size);
        entries.resize_with(size, || Entry { key: 0, value: None });
        for entry in self.entries.drain(..).filter(|e| e.value.is_some()) {
            let at = place(entry.key);
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
    fn a_key_comes_round_after_all_others_only() {
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
        // the numbers begin anew: those in use and the reserved one are left out
        s.last = RESERVED_ID - 3;
        let keys: Vec<u32> = (0..4).map(|_| s.insert(3).bits()).collect();
        assert_eq!(keys, [RESERVED_ID - 2, RESERVED_ID - 1, 1, 2]);
        assert_eq!(s.get(stays), Some(&1));
    }

    #[test]
    fn what_is_in_use_stays_while_the_table_grows_and_shrinks() {
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
    fn the_reserved_id_names_nothing() {
        let mut s: Slots<CallTag, u8> = Slots::default();
        assert!(s.get(Key::from_bits(RESERVED_ID)).is_none());
        for _ in 0..CAPACITY {
            s.insert(0);
        }
        assert!(s.is_full());
        assert!(s.get(Key::from_bits(RESERVED_ID)).is_none());
    }
}
