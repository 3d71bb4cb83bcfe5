//! What is the same in all calls of a method by an application, as it is written. Callers repeat themselves, so most
//! calls are put together of a few pieces and what is their own.
use rialto_core::call::NeutralCall;
use rialto_core::hash::cache_slot;
use std::cell::RefCell;
use std::thread::LocalKey;

/// Pieces of messages by the facts that they are made of: a cache in which each call has one place.
pub(crate) struct Prepared {
    places: Vec<Entry>,
}

#[derive(Default)]
struct Entry {
    /// The names, each with [`END`] behind it.
    names: Vec<u8>,
    /// Whatever else the pieces depend on; 0 for an empty place.
    variant: u8,
    pieces: Pieces,
}

/// Parts of a message, in the order in which they were put.
#[derive(Default)]
pub(crate) struct Pieces {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// No text holds this byte.
const END: &[u8] = &[0xff];

const PLACE_BITS: u32 = 7;
/// What is longer is put together anew each time.
const NAMES_MAX: usize = 512;
const BYTES_MAX: usize = 2048;

impl Prepared {
    pub(crate) const fn new() -> Self {
        Prepared { places: Vec::new() }
    }

    /// Runs `work` on the pieces for a call, which `make` puts together if they are not there yet. The variant, which
    /// is not 0, stands for whatever they depend on besides the names of the call.
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
        if self.places.is_empty() {
            self.places.resize_with(1 << PLACE_BITS, Entry::default);
        }
        let (service, method) = (call.service.as_bytes(), call.method.as_bytes());
        &mut self.places[cache_slot(service, method, call.types.len() as u64, PLACE_BITS)]
    }
}

/// What pieces may be made of, besides types of parameters and a variant.
#[inline]
fn names<'c>(call: &'c NeutralCall<'_>) -> [&'c str; 5] {
    [
        &call.service,
        &call.method,
        &call.version,
        &call.group,
        &call.caller,
    ]
}

impl Entry {
    #[inline]
    fn is_of(&self, call: &NeutralCall<'_>, variant: u8) -> bool {
        let mut rest = &self.names[..];
        let mut is_next = |name: &str| {
            // Absent names are empty and point nowhere. To compare nothing with nothing there takes the memcmp of AVX-512
            // machines a tenth of a microsecond.
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
            && names(call).into_iter().all(&mut is_next)
            && call.types.iter().all(|name| is_next(name))
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

    /// Forgets what is too long to be kept.
    #[inline]
    fn bound(&mut self) {
        if self.names.len() > NAMES_MAX || self.pieces.bytes.len() > BYTES_MAX {
            *self = Entry::default();
        }
    }
}

impl Pieces {
    /// Puts another piece.
    pub(crate) fn put(&mut self, put: impl FnOnce(&mut Vec<u8>)) {
        put(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// All pieces.
    ///
    /// # Panics
    /// If not as many were put.
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

    /// The piece of a call, and whether it was made for it.
    fn piece(call: &NeutralCall<'_>, variant: u8) -> (String, bool) {
        let made = Cell::new(false);
        let make = |pieces: &mut Pieces| {
            made.set(true);
            pieces.put(|out| out.extend_from_slice(format!("{variant} {call:?}").as_bytes()));
            Ok::<_, ()>(())
        };
        let piece = Prepared::with(&CACHE, call, variant, make, |pieces| {
            let [piece] = pieces.all();
            Ok(String::from_utf8(piece.to_vec()).unwrap())
        });
        (piece.unwrap(), made.get())
    }

    #[test]
    fn calls_that_differ_in_anything_have_pieces_of_their_own() {
        let call = |texts: [&'static str; 5], types: &[&'static str]| NeutralCall {
            service: texts[0].into(),
            method: texts[1].into(),
            version: texts[2].into(),
            group: texts[3].into(),
            caller: texts[4].into(),
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
    fn what_is_long_and_what_fails_is_not_kept() {
        let long = NeutralCall {
            caller: "x".repeat(NAMES_MAX + 1).into(),
            ..NeutralCall::default()
        };
        assert!(piece(&long, 1).1 && piece(&long, 1).1);
        let call = NeutralCall::default();
        assert!(!piece(&call, 1).0.is_empty());
        let failed = Prepared::with(&CACHE, &call, 3, |_| Err("no"), |_| Ok(()));
        assert_eq!(failed, Err("no"));
        assert!(piece(&call, 1).1, "the place is empty now");
    }
}
