//! Where calls of the same names went. Callers repeat themselves, so a call whose route is decided by names alone
//! is rarely matched against routes, and its series is rarely looked up.
use crate::hash::cache_slot;
use crate::message::{Head, ProtoId};
use crate::metrics::SeriesId;
use crate::snapshot::{Listener, ListenerId, Policy, RouteId};

/// What the names of a call decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CachedRoute {
    pub(super) route: RouteId,
    pub(super) policy: Policy,
    /// The series, if the route has but one target.
    pub(super) series: Option<SeriesId>,
}

/// All that a listener's routes look at, which is no attachment.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    listener: ListenerId,
    proto: ProtoId,
    /// Service and method first; then those that few routes look at: version, group and caller.
    parts: [&'a [u8]; 5],
    /// How many there are, which is the same for all calls of a listener.
    count: usize,
}

/// A cache in which each call has one place. It holds for one snapshot.
pub(super) struct RouteCache {
    places: Box<[Option<Entry>]>,
}

struct Entry {
    listener: ListenerId,
    proto: ProtoId,
    ends: [u16; 5],
    /// One after the other.
    names: Vec<u8>,
    route: CachedRoute,
}

const PLACE_BITS: u32 = 8;
/// Calls with longer names are not remembered.
const NAMES_MAX: usize = 512;

impl<'a> Names<'a> {
    /// The names of a call; `None` if they alone do not decide.
    #[inline]
    pub(super) fn of(at: ListenerId, listener: &Listener, proto: ProtoId, head: &Head<'a>) -> Option<Self> {
        let matched_fields = listener.matched_fields;
        if matched_fields.attachments {
            return None;
        }
        let mut names = Names {
            listener: at,
            proto,
            parts: [head.service, head.method, &[], &[], &[]],
            count: 2,
        };
        let others = [
            (matched_fields.version, head.version),
            (matched_fields.group, head.group),
            (matched_fields.caller, head.caller),
        ];
        for (_, name) in others.into_iter().filter(|(looks, _)| *looks) {
            names.parts[names.count] = name;
            names.count += 1;
        }
        Some(names)
    }

    #[inline]
    fn place(&self) -> usize {
        let [service, method, ..] = self.parts;
        cache_slot(service, method, self.listener.0.into(), PLACE_BITS)
    }
}

impl Default for RouteCache {
    fn default() -> Self {
        RouteCache {
            places: (0..1 << PLACE_BITS).map(|_| None).collect(),
        }
    }
}

impl RouteCache {
    /// The way of calls with these names, if it is remembered.
    #[inline]
    pub(super) fn get(&self, names: &Names<'_>) -> Option<CachedRoute> {
        let entry = self.places[names.place()].as_ref()?;
        entry.is_of(names).then_some(entry.route)
    }

    /// Remembers a way.
    pub(super) fn put(&mut self, names: &Names<'_>, route: CachedRoute) {
        let len: usize = names.parts.iter().map(|part| part.len()).sum();
        if len > NAMES_MAX {
            return;
        }
        let place = &mut self.places[names.place()];
        // whoever had the place leaves its memory
        let mut bytes = place.take().map(|entry| entry.names).unwrap_or_default();
        bytes.clear();
        let ends = names.parts.map(|part| {
            bytes.extend_from_slice(part);
            bytes.len() as u16
        });
        *place = Some(Entry {
            listener: names.listener,
            proto: names.proto,
            ends,
            names: bytes,
            route,
        });
    }

    /// Forgets everything: there is a new snapshot.
    pub(super) fn clear(&mut self) {
        self.places.fill_with(|| None);
    }
}

impl Entry {
    #[inline]
    fn is_of(&self, names: &Names<'_>) -> bool {
        if (self.listener, self.proto) != (names.listener, names.proto) {
            return false;
        }
        let mut from = 0;
        let parts = &names.parts[..names.count];
        parts.iter().zip(self.ends).all(|(part, end)| {
            let to = usize::from(end);
            // names that are absent point nowhere: comparing nothing there is dear on some machines
            let same = part.len() == to - from && (part.is_empty() || self.names[from..to] == **part);
            from = to;
            same
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<'a>(parts: [&'a str; 5]) -> Names<'a> {
        Names {
            listener: ListenerId(0),
            proto: ProtoId(1),
            parts: parts.map(str::as_bytes),
            count: 5,
        }
    }

    fn cached(route: u16) -> CachedRoute {
        CachedRoute {
            route: RouteId(route),
            policy: Policy::default(),
            series: None,
        }
    }

    #[test]
    fn only_the_very_names_are_found() {
        let mut cache = RouteCache::default();
        let of = names(["com.acme.Greeter", "hello", "1.0", "", "shop"]);
        cache.put(&of, cached(7));
        assert_eq!(cache.get(&of), Some(cached(7)));
        for other in [
            names(["com.acme.Greeter", "hello", "1.0", "", "shoq"]),
            names(["com.acme.Greeter", "hello", "1.", "0", "shop"]),
            names(["com.acme.Greeter", "hello", "", "1.0", "shop"]),
            names(["com.acme.Greete", "rhello", "1.0", "", "shop"]),
            names(["com.acme.Greeter", "hello", "1.0", "", ""]),
            Names {
                listener: ListenerId(1),
                ..of
            },
            Names {
                proto: ProtoId(2),
                ..of
            },
        ] {
            // also when it has the very place
            assert!(!cache.places.iter().flatten().any(|entry| entry.is_of(&other)));
            assert_eq!(cache.get(&other), None);
        }
        cache.clear();
        assert_eq!(cache.get(&of), None);
    }

    #[test]
    fn names_that_share_a_place_take_turns() {
        let mut cache = RouteCache::default();
        let services: Vec<String> = (0..4 << PLACE_BITS).map(|i| format!("com.acme.S{i}")).collect();
        for (i, service) in services.iter().enumerate() {
            let of = names([service, "call", "", "", ""]);
            cache.put(&of, cached(i as u16));
            assert_eq!(cache.get(&of), Some(cached(i as u16)));
        }
        let kept = services.iter().enumerate().filter(|(i, service)| {
            let got = cache.get(&names([service, "call", "", "", ""]));
            assert!(
                got.is_none_or(|got| got == cached(*i as u16)),
                "{service}: {got:?}"
            );
            got.is_some()
        });
        assert!(kept.count() > 1 << (PLACE_BITS - 1));
    }

    #[test]
    fn endless_names_are_not_kept() {
        let mut cache = RouteCache::default();
        let long = "x".repeat(NAMES_MAX + 1);
        let of = names([&long, "call", "", "", ""]);
        cache.put(&of, cached(1));
        assert_eq!(cache.get(&of), None);
    }
}
