//! Finds routes that no call reaches, because an earlier route takes all of their calls.

use std::collections::HashMap;

use crate::{AttachmentMatch, Listener, ListenerProtocol, Protocol, Route, RouteMatch, TextMatch};

/// The largest number of comparisons between routes: the effort grows with the square of the routes with
/// patterns. Beyond it, some unreachable routes are not found.
const MOST_COMPARISONS: usize = 2_000_000;

/// The routes of a listener checked so far.
pub(super) struct Reach<'a> {
    listener: &'a Listener,
    by_service: HashMap<&'a str, Vec<&'a Route>>,
    by_pattern: Vec<&'a Route>,
    left: usize,
}

impl<'a> Reach<'a> {
    pub(super) fn new(listener: &'a Listener) -> Self {
        Reach {
            listener,
            by_service: HashMap::new(),
            by_pattern: Vec::new(),
            left: MOST_COMPARISONS,
        }
    }

    /// The earlier route that takes all calls of this one.
    pub(super) fn covered_by(&mut self, route: &Route) -> Option<&'a Route> {
        let same = match &route.matches.service {
            Some(TextMatch::Exact(name)) => self.by_service.get(name.as_str()).map_or(&[][..], Vec::as_slice),
            _ => &[],
        };
        let all = self.by_pattern.len() + same.len();
        if all > self.left {
            return None;
        }
        self.left -= all;
        let mut earlier = self.by_pattern.iter().chain(same);
        earlier
            .find(|e| covers(&e.matches, &route.matches, self.listener.protocol))
            .copied()
    }

    /// Adds a route, which comes before those that follow.
    pub(super) fn add(&mut self, route: &'a Route) {
        match &route.matches.service {
            Some(TextMatch::Exact(name)) => self.by_service.entry(name).or_default().push(route),
            _ => self.by_pattern.push(route),
        }
    }
}

/// Whether every call of a listener that meets the conditions of `narrow` also meets those of `wide`.
fn covers(wide: &RouteMatch, narrow: &RouteMatch, spoken: ListenerProtocol) -> bool {
    let only = match spoken {
        ListenerProtocol::Auto => None,
        ListenerProtocol::Dubbo => Some(Protocol::Dubbo),
        ListenerProtocol::Bolt => Some(Protocol::Bolt),
    };
    let protocol = wide.protocol.is_none_or(|p| narrow.protocol.or(only) == Some(p));
    let attachments = wide.attachments.iter().all(|(key, wide)| {
        let narrow = narrow.attachments.get(key);
        narrow.is_some_and(|narrow| covers_attachment(wide, narrow))
    });
    protocol
        && attachments
        && covers_text(wide.service.as_ref(), narrow.service.as_ref())
        && covers_text(wide.version.as_ref(), narrow.version.as_ref())
        && covers_text(wide.group.as_ref(), narrow.group.as_ref())
        && covers_text(wide.method.as_ref(), narrow.method.as_ref())
        && covers_text(wide.application.as_ref(), narrow.application.as_ref())
}

fn covers_attachment(wide: &AttachmentMatch, narrow: &AttachmentMatch) -> bool {
    match (wide, narrow) {
        (AttachmentMatch::Value(wide), AttachmentMatch::Value(narrow)) => {
            covers_text(Some(wide), Some(narrow))
        }
        (AttachmentMatch::Present, AttachmentMatch::Value(_)) => true,
        (wide, narrow) => wide == narrow,
    }
}

/// Whether every text that meets `narrow` also meets `wide`. Regular expressions are only compared with equal
/// ones and with plain texts.
fn covers_text(wide: Option<&TextMatch>, narrow: Option<&TextMatch>) -> bool {
    match (wide, narrow) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(TextMatch::Exact(text))) => wide.matches(text),
        (Some(TextMatch::Prefix(wide)), Some(TextMatch::Prefix(narrow))) => narrow.starts_with(wide.as_str()),
        (Some(TextMatch::Suffix(wide)), Some(TextMatch::Suffix(narrow))) => narrow.ends_with(wide.as_str()),
        (Some(TextMatch::Prefix(wide) | TextMatch::Suffix(wide)), Some(_)) if wide.is_empty() => true,
        (Some(wide), Some(narrow)) => wide == narrow,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ListenerLimits;

    fn route(name: &str, condition: &str) -> Route {
        let text = format!(r#"{{ "name": "{name}", "match": {condition}, "to": [] }}"#);
        serde_json::from_str(&text).unwrap()
    }

    fn listener(protocol: ListenerProtocol) -> Listener {
        Listener {
            name: "in".into(),
            address: "127.0.0.1:1".parse().unwrap(),
            protocol,
            routes: vec![],
            filters: vec![],
            limits: ListenerLimits::default(),
        }
    }

    #[test]
    fn a_route_is_covered_by_one_that_asks_for_less() {
        for (wide, narrow, is_covered) in [
            (r#"{"service":"x"}"#, r#"{"service":"x"}"#, true),
            (r#"{"service":"x"}"#, r#"{"service":"x","method":"m"}"#, true),
            (r#"{"service":"x","method":"m"}"#, r#"{"service":"x"}"#, false),
            (r#"{"service":"x"}"#, r#"{"service":"y"}"#, false),
            (r#"{"service":{"prefix":"com."}}"#, r#"{"service":"com.x"}"#, true),
            (
                r#"{"service":{"prefix":"com."}}"#,
                r#"{"service":{"prefix":"com.acme."}}"#,
                true,
            ),
            (
                r#"{"service":{"prefix":"com.acme."}}"#,
                r#"{"service":{"prefix":"com."}}"#,
                false,
            ),
            (
                r#"{"service":{"suffix":"Facade"}}"#,
                r#"{"service":{"suffix":"AFacade"}}"#,
                true,
            ),
            (
                r#"{"service":{"regex":"com\\..*"}}"#,
                r#"{"service":"com.x"}"#,
                true,
            ),
            (r#"{"service":{"regex":"com"}}"#, r#"{"service":"com.x"}"#, false),
            (
                r#"{"service":{"regex":"a.*"}}"#,
                r#"{"service":{"regex":"a.*"}}"#,
                true,
            ),
            (
                r#"{"service":{"prefix":"a"}}"#,
                r#"{"service":{"regex":"a.*"}}"#,
                false,
            ),
            (
                r#"{}"#,
                r#"{"service":{"regex":"a.*"},"application":"shop"}"#,
                true,
            ),
            (r#"{"protocol":"dubbo"}"#, r#"{"service":"x"}"#, false),
            (
                r#"{"attachments":{"a":{"present":true}}}"#,
                r#"{"attachments":{"a":"1"}}"#,
                true,
            ),
            (
                r#"{"attachments":{"a":"1"}}"#,
                r#"{"attachments":{"a":{"present":true}}}"#,
                false,
            ),
            (
                r#"{"attachments":{"a":{"absent":true}}}"#,
                r#"{"service":"x"}"#,
                false,
            ),
            (
                r#"{"attachments":{"a":"1"}}"#,
                r#"{"attachments":{"a":"1","b":"2"}}"#,
                true,
            ),
        ] {
            let (first, second) = (route("first", wide), route("second", narrow));
            let listener = listener(ListenerProtocol::Auto);
            let mut reach = Reach::new(&listener);
            assert!(reach.covered_by(&first).is_none());
            reach.add(&first);
            let found = reach.covered_by(&second).map(|r| r.name.as_str());
            assert_eq!(found, is_covered.then_some("first"), "{wide} before {narrow}");
        }
    }

    #[test]
    fn the_protocol_of_the_listener_counts() {
        let (first, second) = (route("first", r#"{"protocol":"dubbo"}"#), route("second", "{}"));
        for (spoken, is_covered) in [(ListenerProtocol::Dubbo, true), (ListenerProtocol::Auto, false)] {
            let listener = listener(spoken);
            let mut reach = Reach::new(&listener);
            reach.add(&first);
            assert_eq!(reach.covered_by(&second).is_some(), is_covered);
        }
    }
}
