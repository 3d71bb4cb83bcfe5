//! Generational slots: the one container of connections and of calls.
//!
//! A key is a slot (20 bits) and a generation (12 bits), so it fits the 32-bit id of every protocol: the key
//! of a call *is* its id on the upstream wire, and an answer that comes late or twice finds nothing.
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

const SLOT_BITS: u32 = 20;
const SLOT_MASK: u32 = (1 << SLOT_BITS) - 1;
const NO_SLOT: u32 = u32::MAX;

/// How many entries a [`Slots`] takes. The last slot is never used: [`RESERVED_ID`] lies in it.
pub const CAPACITY: usize = SLOT_MASK as usize;

/// A wire id that no call ever has; heartbeats that we send carry it.
pub const RESERVED_ID: u32 = u32::MAX;

/// A growing table with O(1) insert, look-up and removal.
pub struct Slots<Tag, T> {
    entries: Vec<Entry<T>>,
    free: u32,
    len: usize,
    tag: PhantomData<fn() -> Tag>,
}

struct Entry<T> {
    key: u32,
    next_free: u32,
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

    #[inline(always)]
    const fn slot(self) -> usize {
        (self.0 & SLOT_MASK) as usize
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
impl<Tag> fmt::Debug for Key<Tag> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 & SLOT_MASK, self.0 >> SLOT_BITS)
    }
}

// === impl Slots ===

impl<Tag, T> Default for Slots<Tag, T> {
    fn default() -> Self {
        Slots {
            entries: Vec::new(),
            free: NO_SLOT,
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
    #[must_use]
    pub fn next_key(&self) -> Key<Tag> {
        match self.entries.get(self.free as usize) {
            Some(e) => Key::from_bits(e.key),
            None => Key::from_bits(self.entries.len() as u32),
        }
    }

    /// Puts a value into a free slot.
    ///
    /// # Panics
    /// When [`is_full`](Self::is_full): callers ask before they take on more.
    #[inline]
    pub fn insert(&mut self, value: T) -> Key<Tag> {
        self.len += 1;
        if let Some(e) = self.entries.get_mut(self.free as usize) {
            self.free = e.next_free;
            e.value = Some(value);
            return Key::from_bits(e.key);
        }
        let key = self.entries.len() as u32;
        assert!((key as usize) < CAPACITY, "slots are exhausted");
        self.entries.push(Entry {
            key,
            next_free: NO_SLOT,
            value: Some(value),
        });
        Key::from_bits(key)
    }

    /// The value of a key that is still in use.
    #[inline(always)]
    #[must_use]
    pub fn get(&self, key: Key<Tag>) -> Option<&T> {
        match self.entries.get(key.slot()) {
            Some(e) if e.key == key.0 => e.value.as_ref(),
            _ => None,
        }
    }

    /// As [`get`](Self::get), to change it.
    #[inline(always)]
    pub fn get_mut(&mut self, key: Key<Tag>) -> Option<&mut T> {
        match self.entries.get_mut(key.slot()) {
            Some(e) if e.key == key.0 => e.value.as_mut(),
            _ => None,
        }
    }

    /// Takes the value out; its key is stale from now on.
    #[inline]
    pub fn remove(&mut self, key: Key<Tag>) -> Option<T> {
        let e = self.entries.get_mut(key.slot())?;
        if e.key != key.0 {
            return None;
        }
        let value = e.value.take()?;
        e.key = e.key.wrapping_add(1 << SLOT_BITS);
        e.next_free = self.free;
        self.free = key.slot() as u32;
        self.len -= 1;
        Some(value)
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
    fn the_reserved_id_names_nothing() {
        let mut s: Slots<CallTag, u8> = Slots::default();
        for _ in 0..CAPACITY {
            s.insert(0);
        }
        assert!(s.is_full());
        assert!(s.get(Key::from_bits(RESERVED_ID)).is_none());
    }
}
