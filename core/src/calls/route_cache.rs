//! A cache of routes by the names of calls. Downstreams repeat the same calls, so that a call whose route
//! depends on names alone is rarely matched against routes, and its series is rarely looked up.
use super::Plan;
use crate::directory::{ClusterId, Listener, ListenerId, Policy};
use crate::hash::cache_slot;
use crate::message::{Head, ProtoId};
use crate::metrics::SeriesId;
use std::rc::Rc;

/// What the names of a call determine.
#[derive(Clone)]
pub(super) struct CachedRoute {
    pub(super) plan: Rc<Plan>,
    pub(super) policy: Policy,
    /// The cluster and the series; `None` if the route has several targets, since calls then differ in both.
    pub(super) sole: Option<(ClusterId, SeriesId)>,
}

/// The names of a call that the routes of its listener depend on, attachments excluded.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    listener: ListenerId,
    proto: ProtoId,
    /// Service and method first, then version, group and application, of which most listeners use none.
    parts: [&'a [u8]; 5],
    /// The number of parts in use. It is the same for all calls of a listener.
    count: usize,
}

/// A cache in which the names of a call have one possible slot. It is cleared when a route or listener changes.
pub(super) struct RouteCache {
    slots: Box<[Option<Entry>]>,
    /// The number of slots as a power of two.
    bits: u32,
}

struct Entry {
    listener: ListenerId,
    proto: ProtoId,
    ends: [u16; 5],
    /// The parts of the names, without separators; `ends` says where each one ends.
    names: Vec<u8>,
    route: CachedRoute,
}

/// The smallest and largest number of slots, as powers of two. It grows with the number of routes.
const SLOT_BITS: (u32, u32) = (8, 16);
/// Calls whose names are longer in all are not cached, in bytes.
const NAMES_MAX: usize = 512;

impl<'a> Names<'a> {
    /// The names of a call; `None` if its route also depends on attachments.
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
            (matched_fields.application, head.application),
        ];
        for (_, name) in others.into_iter().filter(|(looks, _)| *looks) {
            names.parts[names.count] = name;
            names.count += 1;
        }
        Some(names)
    }

    #[inline]
    fn slot(&self, bits: u32) -> usize {
        let [service, method, ..] = self.parts;
        cache_slot(service, method, self.listener.0.into(), bits)
    }
}

impl Default for RouteCache {
    fn default() -> Self {
        RouteCache::of(SLOT_BITS.0)
    }
}

impl RouteCache {
    fn of(bits: u32) -> Self {
        RouteCache {
            slots: (0..1 << bits).map(|_| None).collect(),
            bits,
        }
    }

    /// The cached route of calls with these names.
    #[inline]
    pub(super) fn get(&self, names: &Names<'_>) -> Option<&CachedRoute> {
        let entry = self.slots[names.slot(self.bits)].as_ref()?;
        entry.is_of(names).then_some(&entry.route)
    }

    /// Stores a route, in place of the one in its slot.
    pub(super) fn put(&mut self, names: &Names<'_>, route: CachedRoute) {
        let len: usize = names.parts.iter().map(|part| part.len()).sum();
        if len > NAMES_MAX {
            return;
        }
        let slot = &mut self.slots[names.slot(self.bits)];
        // reuses the memory of the names that were in the slot
        let mut bytes = slot.take().map(|entry| entry.names).unwrap_or_default();
        bytes.clear();
        let ends = names.parts.map(|part| {
            bytes.extend_from_slice(part);
            bytes.len() as u16
        });
        *slot = Some(Entry {
            listener: names.listener,
            proto: names.proto,
            ends,
            names: bytes,
            route,
        });
    }

    /// Empties the cache.
    pub(super) fn clear(&mut self) {
        self.slots.fill_with(|| None);
    }

    /// Makes room for the names of a number of services, unless there is.
    pub(super) fn grow_for(&mut self, services: usize) {
        if bits_for(services) > self.bits {
            self.clear_for(services);
        }
    }

    /// Empties the cache and resizes it for a number of routes or services.
    pub(super) fn clear_for(&mut self, routes: usize) {
        let bits = bits_for(routes);
        if self.bits == bits {
            return self.clear();
        }
        *self = RouteCache::of(bits);
    }
}

/// The number of slots for so many routes or services, as a power of two.
fn bits_for(routes: usize) -> u32 {
    (routes.max(1) * 2).ilog2().clamp(SLOT_BITS.0, SLOT_BITS.1)
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
            // an empty name is not compared: its slice may point anywhere, and some machines are slow to
            // compare it
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

    fn cached(route: u32) -> CachedRoute {
        let policy = Policy {
            timeout_ms: route,
            ..Policy::default()
        };
        CachedRoute {
            plan: Plan::empty(),
            policy,
            sole: None,
        }
    }

    /// The timeout of the cached route, by which the tests recognise it.
    fn found(cache: &RouteCache, names: &Names<'_>) -> Option<u32> {
        cache.get(names).map(|cached| cached.policy.timeout_ms)
    }

    #[test]
    fn only_equal_names_are_found() {
        let mut cache = RouteCache::default();
        let of = names(["com.acme.Greeter", "hello", "1.0", "", "shop"]);
        cache.put(&of, cached(7));
        assert_eq!(found(&cache, &of), Some(7));
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
            // also if both have the same slot
            assert!(!cache.slots.iter().flatten().any(|entry| entry.is_of(&other)));
            assert_eq!(found(&cache, &other), None);
        }
        cache.clear();
        assert_eq!(found(&cache, &of), None);
    }

    #[test]
    fn names_that_share_a_slot_replace_each_other() {
        let mut cache = RouteCache::default();
        let services: Vec<String> = (0..4 << SLOT_BITS.0).map(|i| format!("com.acme.S{i}")).collect();
        for (i, service) in services.iter().enumerate() {
            let of = names([service, "call", "", "", ""]);
            cache.put(&of, cached(i as u32));
            assert_eq!(found(&cache, &of), Some(i as u32));
        }
        let kept = services.iter().enumerate().filter(|(i, service)| {
            let got = found(&cache, &names([service, "call", "", "", ""]));
            assert!(got.is_none_or(|got| got == *i as u32), "{service}: {got:?}");
            got.is_some()
        });
        assert!(kept.count() > 1 << (SLOT_BITS.0 - 1));
    }

    #[test]
    fn the_cache_grows_with_the_number_of_routes() {
        let mut cache = RouteCache::default();
        for (routes, slots) in [(0, 256), (100_000, 65_536), (1000, 1024), (10, 256)] {
            cache.clear_for(routes);
            assert_eq!(cache.slots.len(), slots, "{routes}");
        }
    }

    #[test]
    fn overlong_names_are_not_cached() {
        let mut cache = RouteCache::default();
        let long = "x".repeat(NAMES_MAX + 1);
        let of = names([&long, "call", "", "", ""]);
        cache.put(&of, cached(1));
        assert_eq!(found(&cache, &of), None);
    }
}
