//! The routes of a listener, indexed by interface name.
use super::RouteId;
use crate::hash::Mix;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;

/// A route with its position in the order of the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ranked {
    rank: u32,
    route: RouteId,
}

/// The routes of a listener, by interface name. Routes that match patterns are candidates for every interface.
/// They are listed once and not once for each name, so that the index is no longer than the list of routes.
#[derive(Default)]
pub struct RouteIndex {
    /// The routes that name an interface exactly.
    exact: HashMap<Box<[u8]>, Vec<Ranked>, BuildHasherDefault<Mix>>,
    /// All other routes.
    others: Vec<Ranked>,
}

impl RouteIndex {
    /// Lists the routes of a listener, in its order. Each comes with the only interface that it takes calls of; `None`
    /// if it may take calls of several.
    #[must_use]
    pub fn new<'a>(routes: impl IntoIterator<Item = (RouteId, Option<&'a str>)>) -> Self {
        let mut index = RouteIndex::default();
        for (rank, (route, name)) in (0..).zip(routes) {
            let ranked = Ranked { rank, route };
            match name {
                Some(name) => {
                    let same = index.exact.entry(name.as_bytes().into());
                    same.or_default().push(ranked);
                }
                None => index.others.push(ranked),
            }
        }
        index
    }

    /// The routes that calls of an interface may match, in the order of the listener.
    #[inline]
    pub(super) fn candidates(&self, service: &[u8]) -> impl Iterator<Item = RouteId> + '_ {
        let mut exact = self.exact.get(service).map_or(&[][..], Vec::as_slice);
        let mut others = self.others.as_slice();
        std::iter::from_fn(move || {
            let from = match (exact.first(), others.first()) {
                (Some(a), Some(b)) if b.rank < a.rank => &mut others,
                (Some(_), _) => &mut exact,
                (None, _) => &mut others,
            };
            let (first, rest) = from.split_first()?;
            *from = rest;
            Some(first.route)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_come_in_the_order_of_the_listener() {
        let routes = [None, Some("a"), Some("b"), None, Some("a"), None];
        let index = RouteIndex::new((0..).map(RouteId).zip(routes));
        let of = |service: &str| -> Vec<u32> { index.candidates(service.as_bytes()).map(|r| r.0).collect() };
        assert_eq!(of("a"), [0, 1, 3, 4, 5]);
        assert_eq!(of("b"), [0, 2, 3, 5]);
        assert_eq!(of("c"), [0, 3, 5]);
    }

    /// Listing patterns under each name would need a hundred million entries for ten thousand names and
    /// patterns.
    #[test]
    fn patterns_are_not_listed_again_for_each_name() {
        let names: Vec<String> = (0..2000).map(|i| format!("s{i}")).collect();
        let patterns = [None; 2000];
        let routes = names.iter().map(|name| Some(name.as_str())).chain(patterns);
        let index = RouteIndex::new((0..).map(RouteId).zip(routes));
        let entries = index.others.len() + index.exact.values().map(Vec::len).sum::<usize>();
        assert_eq!(entries, 4000);
    }
}
