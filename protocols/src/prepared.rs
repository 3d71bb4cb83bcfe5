//! Caches the parts of encoded requests that are the same in all calls of a method by one application.
//! Applications repeat their calls, so most requests are a few cached pieces and what is their own.
use rialto_core::call::NeutralCall;
use rialto_core::hash::cache_slot;
use std::cell::RefCell;
use std::thread::LocalKey;

/// The cache. Each call has one slot, chosen by a hash.
pub(crate) struct Prepared {
    slots: Vec<Entry>,
}

#[derive(Default)]
struct Entry {
    /// The names that the pieces depend on, each followed by [`END`].
    names: Vec<u8>,
    /// Whatever else the pieces depend on; 0 for an empty slot.
    variant: u8,
    pieces: Pieces,
}

/// Parts of a message, in the order in which they were added.
#[derive(Default)]
pub(crate) struct Pieces {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// Separates names; UTF-8 never contains this byte.
const END: &[u8] = &[0xff];

const SLOT_BITS: u32 = 7;
/// Entries with longer names or pieces are not kept.
const NAMES_MAX: usize = 512;
const BYTES_MAX: usize = 2048;

impl Prepared {
    pub(crate) const fn new() -> Self {
        Prepared { slots: Vec::new() }
    }

    /// Runs `work` on the pieces of a call. If they are not cached, `make` builds them first. The `variant`,
    /// which is not 0, stands for whatever the pieces depend on besides the names of the call.
    ///
    /// # Errors
    /// Those of `make` and `work`.
    pub(crate) fn with<T, E>(
        cache: &'static LocalKey<RefCell<Prepared>>,
        call: &NeutralCall<'_>,
        variant: u8,
        make: impl FnOnce(&mut Pieces) -> Result<(), E>,
        work: impl FnOnce(&Pieces) -> Result<T, E>,
    ) -> Result<T, E> {
        cache.with(|cache| match cache.try_borrow_mut() {
            Ok(mut cache) => {
                let entry = cache.entry(call);
                if !entry.is_of(call, variant) {
                    entry.fill(call, variant, make)?;
                }
                let done = work(&entry.pieces);
                entry.bound();
                done
            }
            Err(_) => {
                let mut pieces = Pieces::default();
                make(&mut pieces)?;
                work(&pieces)
            }
        })
    }

    #[inline]
    fn entry(&mut self, call: &NeutralCall<'_>) -> &mut Entry {
        if self.slots.is_empty() {
            self.slots.resize_with(1 << SLOT_BITS, Entry::default);
        }
        let (service, method) = (call.service.as_bytes(), call.method.as_bytes());
        &mut self.slots[cache_slot(service, method, call.types.len() as u64, SLOT_BITS)]
    }
}

/// What the pieces may depend on, besides the parameter types and the variant.
#[inline]
fn names<'c>(call: &'c NeutralCall<'_>) -> [&'c str; 5] {
    [
        &call.service,
        &call.method,
        &call.version,
        &call.group,
        &call.application,
    ]
}

impl Entry {
    #[inline]
    fn is_of(&self, call: &NeutralCall<'_>, variant: u8) -> bool {
        let mut rest = &self.names[..];
        let mut take = |name: &str| {
            // Skips the comparison of an absent name, which is empty and has no valid address: memcmp takes a
            // tenth of a microsecond for it on machines with AVX-512.
            let behind = if name.is_empty() {
                Some(rest)
            } else {
                rest.strip_prefix(name.as_bytes())
            };
            let Some(tail) = behind.and_then(|b| b.strip_prefix(END)) else {
                return false;
            };
            rest = tail;
            true
        };
        self.variant == variant
            && names(call).into_iter().all(&mut take)
            && call.types.iter().all(|name| take(name))
            && rest.is_empty()
    }

    #[inline(never)]
    fn fill<E>(
        &mut self,
        call: &NeutralCall<'_>,
        variant: u8,
        make: impl FnOnce(&mut Pieces) -> Result<(), E>,
    ) -> Result<(), E> {
        self.variant = 0;
        self.names.clear();
        self.pieces.bytes.clear();
        self.pieces.ends.clear();
        make(&mut self.pieces)?;
        let types = call.types.iter().map(|name| &**name);
        for name in names(call).into_iter().chain(types) {
            self.names.extend_from_slice(name.as_bytes());
            self.names.extend_from_slice(END);
        }
        self.variant = variant;
        Ok(())
    }

    /// Drops an entry that is too long to keep.
    #[inline]
    fn bound(&mut self) {
        if self.names.len() > NAMES_MAX || self.pieces.bytes.len() > BYTES_MAX {
            *self = Entry::default();
        }
    }
}

impl Pieces {
    /// Adds a piece.
    pub(crate) fn put(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        put(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// All pieces.
    ///
    /// # Panics
    /// If their number is not `N`.
    #[inline]
    pub(crate) fn all<const N: usize>(&self) -> [&[u8]; N] {
        let mut from = 0;
        std::array::from_fn(|i| {
            let piece = &self.bytes[from..self.ends[i]];
            from = self.ends[i];
            piece
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        static CACHE: RefCell<Prepared> = const { RefCell::new(Prepared::new()) };
    }

    /// The piece of a call, and whether it was built for this call.
    fn piece(call: &NeutralCall<'_>, variant: u8) -> (String, bool) {
        let built = Cell::new(false);
        let make = |pieces: &mut Pieces| {
            built.set(true);
            pieces.put(|out| out.extend_from_slice(format!("{variant} {call:?}").as_bytes()));
            Ok::<_, ()>(())
        };
        let piece = Prepared::with(&CACHE, call, variant, make, |pieces| {
            let [piece] = pieces.all();
            Ok(String::from_utf8(piece.to_vec()).unwrap())
        });
        (piece.unwrap(), built.get())
    }

    #[test]
    fn calls_that_differ_in_anything_have_pieces_of_their_own() {
        let call = |texts: [&'static str; 5], types: &[&'static str]| NeutralCall {
            service: texts[0].into(),
            method: texts[1].into(),
            version: texts[2].into(),
            group: texts[3].into(),
            application: texts[4].into(),
            types: types.iter().map(|t| (*t).into()).collect(),
            ..NeutralCall::default()
        };
        let calls = [
            call(["a.Service", "say", "1.0", "g", "app"], &["int"]),
            call(["a.Service", "say", "1.0", "ga", "pp"], &["int"]),
            call(["a.Service", "say", "1.0", "", "gapp"], &["int"]),
            call(["a.Service", "say", "", "1.0", "app"], &["int"]),
            call(["b.Service", "say", "1.0", "g", "app"], &["int"]),
            call(["a.Service", "say", "1.0", "g", "app"], &["int", ""]),
            call(["a.Service", "say", "1.0", "g", "app"], &["long"]),
            call(["a.Service", "say", "1.0", "g", "app"], &[]),
        ];
        for _ in 0..2 {
            for (call, variant) in calls.iter().flat_map(|c| [(c, 1), (c, 2)]) {
                let own = format!("{variant} {call:?}");
                assert_eq!(piece(call, variant).0, own);
                assert_eq!(piece(call, variant), (own, false));
            }
        }
    }

    #[test]
    fn long_and_failed_entries_are_not_kept() {
        let long = NeutralCall {
            application: "x".repeat(NAMES_MAX + 1).into(),
            ..NeutralCall::default()
        };
        assert!(piece(&long, 1).1 && piece(&long, 1).1);
        let call = NeutralCall::default();
        assert!(!piece(&call, 1).0.is_empty());
        let failed = Prepared::with(&CACHE, &call, 3, |_| Err("no"), |_| Ok(()));
        assert_eq!(failed, Err("no"));
        assert!(piece(&call, 1).1, "the failed entry was emptied");
    }
}
