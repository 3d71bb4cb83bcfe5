//! The routes of a listener, indexed by interface name.
use super::RouteId;
use crate::hash::Mix;
use rialto_config::{self as config, TextMatch};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;

/// A route with its position in the order of the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ranked {
    rank: u32,
    route: RouteId,
}

/// The index from interface names to routes. Routes that match patterns are candidates for every interface.
/// They are listed once and not once for each name, so that the index is no longer than the list of routes.
#[derive(Default)]
pub(super) struct Index {
    /// The routes that name an interface exactly.
    exact: HashMap<Box<[u8]>, Vec<Ranked>, BuildHasherDefault<Mix>>,
    /// All other routes.
    others: Vec<Ranked>,
}

impl Index {
    pub(super) fn new(routes: &[(RouteId, &config::Route)]) -> Self {
        let mut index = Index::default();
        for (rank, (id, route)) in (0..).zip(routes) {
            let ranked = Ranked { rank, route: *id };
            match &route.matches.service {
                Some(TextMatch::Exact(name)) => {
                    let same = index.exact.entry(name.as_bytes().into());
                    same.or_default().push(ranked);
                }
                _ => index.others.push(ranked),
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

    fn route(service: &str) -> config::Route {
        serde_json::from_str(&format!(
            r#"{{ "name": "r", "match": {{ "service": {service} }}, "to": [] }}"#
        ))
        .unwrap()
    }

    #[test]
    fn candidates_come_in_the_order_of_the_listener() {
        let any = r#"{ "prefix": "" }"#;
        let routes: Vec<_> = [any, r#""a""#, r#""b""#, any, r#""a""#, any].map(route).into();
        let list: Vec<_> = (0..).map(RouteId).zip(&routes).collect();
        let index = Index::new(&list);
        let of = |service: &str| -> Vec<u32> { index.candidates(service.as_bytes()).map(|r| r.0).collect() };
        assert_eq!(of("a"), [0, 1, 3, 4, 5]);
        assert_eq!(of("b"), [0, 2, 3, 5]);
        assert_eq!(of("c"), [0, 3, 5]);
    }

    /// Listing patterns under each name would need a hundred million entries for ten thousand names and
    /// patterns.
    #[test]
    fn patterns_are_not_listed_again_for_each_name() {
        let routes: Vec<_> = (0..2000).map(|i| route(&format!("\"s{i}\""))).collect();
        let patterns: Vec<_> = (0..2000)
            .map(|i| route(&format!("{{ \"prefix\": \"p{i}\" }}")))
            .collect();
        let list: Vec<_> = (0..).map(RouteId).zip(routes.iter().chain(&patterns)).collect();
        let index = Index::new(&list);
        let entries = index.others.len() + index.exact.values().map(Vec::len).sum::<usize>();
        assert_eq!(entries, list.len());
    }
}
