//! Decides which lists of its sources a cluster uses. It never waits: lists and the time go in, and a list
//! comes out when one is due.
use crate::source::{DiscoveredEndpoint, Standing, State};
use rialto_core::transport::Address;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::time::Instant;

/// The most endpoints in a list. A longer one is a mistake of the source, or an attack on the memory of the
/// process.
const MOST_ENDPOINTS: usize = 100_000;

/// How a cluster is protected from wrong lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// A change is published once no other has come for this long.
    pub debounce: Duration,
    /// A change is published at the latest this long after it came.
    pub longest: Duration,
    /// What an empty list means while endpoints are known.
    pub empty: Empty,
}

/// What an empty list means while endpoints are known. Registries send empty lists when they restart, lose
/// their data or refuse a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// A mistake: the last good list is used until another one comes.
    Hold,
    /// A mistake, unless no other list comes for this long.
    HoldFor(Duration),
    /// There are no endpoints.
    Believe,
}

/// The lists of a cluster's sources, and the list that was published.
pub(crate) struct Guard {
    protection: Protection,
    sources: Vec<Known>,
    published: Option<State>,
    pending: Option<Pending>,
}

/// The last list of one source.
#[derive(Clone, Default)]
struct Known {
    state: Option<State>,
    /// When the source began to send empty lists that are not believed.
    doubted: Option<Instant>,
    /// Whether the last list was too long to be taken.
    refused: bool,
    /// What the source says of its list; `None` before it was asked.
    standing: Option<Standing>,
}

/// When changes that are not published yet came.
#[derive(Clone, Copy)]
struct Pending {
    first: Instant,
    last: Instant,
}

impl Default for Protection {
    fn default() -> Self {
        Protection {
            debounce: Duration::from_millis(100),
            longest: Duration::from_secs(1),
            empty: Empty::Hold,
        }
    }
}

impl Guard {
    /// A guard over this number of sources, before any of them sent a list.
    pub(crate) fn new(sources: usize, protection: Protection) -> Self {
        Guard {
            protection,
            sources: vec![Known::default(); sources],
            published: None,
            pending: None,
        }
    }

    /// Takes a new list of a source. Returns what is wrong with it.
    pub(crate) fn receive(&mut self, source: usize, state: State, now: Instant) -> Vec<String> {
        let known = &mut self.sources[source];
        let held = known.state.as_ref().map_or(0, Vec::len);
        known.refused = state.len() > MOST_ENDPOINTS;
        if known.refused {
            return vec![format!(
                "a list of {} endpoints is refused, the limit is {MOST_ENDPOINTS}; the last list of {held} stays \
                 in use",
                state.len()
            )];
        }
        let (state, mut faults) = without_bad_records(state);
        if state.is_empty() && held > 0 && self.protection.empty != Empty::Believe {
            known.doubted.get_or_insert(now);
            faults.push(self.doubt(held));
            return faults;
        }
        known.doubted = None;
        known.state = Some(state);
        self.changed(now);
        faults
    }

    /// Notes what a source says of its list.
    pub(crate) fn stands(&mut self, source: usize, standing: Standing) {
        self.sources[source].standing = Some(standing);
    }

    /// How the merged list stands: it is stale if that of any source is, or is not believed. `None` as long as a source was
    /// not asked.
    pub(crate) fn standing(&self) -> Option<Standing> {
        let mut merged = Standing::Fixed;
        for known in &self.sources {
            let standing = if known.doubted.is_some() || known.refused {
                Standing::Stale
            } else {
                known.standing?
            };
            merged = match (merged, standing) {
                (Standing::Stale, _) | (_, Standing::Stale) => Standing::Stale,
                (Standing::Current, _) | (_, Standing::Current) => Standing::Current,
                (Standing::Fixed, Standing::Fixed) => Standing::Fixed,
            };
        }
        Some(merged)
    }

    /// When [`Guard::take`] may return the next list.
    pub(crate) fn due(&self) -> Option<Instant> {
        let change = self.pending.map(|pending| match self.published.as_deref() {
            // A cluster without endpoints must not wait for its first one.
            None | Some([]) => pending.last,
            Some(_) => (pending.last + self.protection.debounce).min(pending.first + self.protection.longest),
        });
        let doubts = self.sources.iter().filter_map(|known| self.end_of_doubt(known));
        doubts.chain(change).min()
    }

    /// The list to publish now, if one is due and differs from the published one.
    pub(crate) fn take(&mut self, now: Instant) -> Option<State> {
        for source in 0..self.sources.len() {
            if self
                .end_of_doubt(&self.sources[source])
                .is_some_and(|end| end <= now)
            {
                let known = &mut self.sources[source];
                known.state = Some(State::new());
                known.doubted = None;
                self.changed(now);
            }
        }
        if self.due().is_none_or(|due| due > now) {
            return None;
        }
        self.pending = None;
        let state = self.merged();
        if self
            .published
            .as_ref()
            .is_some_and(|published| is_same(published, &state))
        {
            return None;
        }
        self.published = Some(state.clone());
        Some(state)
    }

    fn changed(&mut self, now: Instant) {
        let first = self.pending.map_or(now, |pending| pending.first);
        self.pending = Some(Pending { first, last: now });
    }

    fn end_of_doubt(&self, known: &Known) -> Option<Instant> {
        match self.protection.empty {
            Empty::HoldFor(period) => known.doubted.map(|since| since + period),
            Empty::Hold | Empty::Believe => None,
        }
    }

    fn doubt(&self, held: usize) -> String {
        let until = match self.protection.empty {
            Empty::HoldFor(period) => format!("for {} s or until", period.as_secs_f32()),
            Empty::Hold | Empty::Believe => "until".to_owned(),
        };
        format!(
            "the list of endpoints is empty; the last one of {held} stays in use {until} another one comes"
        )
    }

    /// The lists of all sources in their order. If several contain an address, the first source's record is
    /// used.
    fn merged(&self) -> State {
        let mut seen = HashSet::new();
        let all = self
            .sources
            .iter()
            .filter_map(|known| known.state.as_ref())
            .flatten();
        all.filter(|discovered| seen.insert(&discovered.address))
            .cloned()
            .collect()
    }
}

/// Splits a list into usable records and descriptions of the others.
fn without_bad_records(state: State) -> (State, Vec<String>) {
    let mut faults = Vec::new();
    let mut seen = HashSet::new();
    let good = state
        .into_iter()
        .filter(|discovered| {
            let fault = match discovered.address {
                Address::Tcp(address) if address.port() == 0 => "has port 0, where nobody listens",
                Address::Tcp(address) if address.ip().is_unspecified() => {
                    "is the address of every interface, where nobody can be reached"
                }
                _ if !seen.insert(discovered.address.clone()) => "is listed already",
                _ => return true,
            };
            faults.push(describe(discovered, fault));
            false
        })
        .collect();
    (good, faults)
}

fn describe(discovered: &DiscoveredEndpoint, fault: &str) -> String {
    let (name, address) = (&discovered.name, &discovered.address);
    if **name == *address.to_string() {
        format!("endpoint {name} is left out: it {fault}")
    } else {
        format!("endpoint {name} is left out: {address} {fault}")
    }
}

/// Whether two lists contain the same records, in any order.
fn is_same(a: &State, b: &State) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let by_address: HashMap<&Address, &DiscoveredEndpoint> = a.iter().map(|i| (&i.address, i)).collect();
    b.iter().all(|i| by_address.get(&i.address) == Some(&i))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::discovered;

    const MS: Duration = Duration::from_millis(1);

    fn guard(sources: usize, empty: Empty) -> Guard {
        Guard::new(
            sources,
            Protection {
                empty,
                ..Protection::default()
            },
        )
    }

    fn list(addresses: &[&str]) -> State {
        addresses.iter().map(|a| discovered(a, 1)).collect()
    }

    #[test]
    fn the_first_list_is_published_at_once_and_changes_when_they_settle() {
        let begin = Instant::now();
        let mut guard = guard(1, Empty::Hold);
        assert_eq!((guard.due(), guard.take(begin)), (None, None));
        guard.receive(0, list(&["10.0.0.1:1"]), begin);
        assert_eq!(guard.take(begin), Some(list(&["10.0.0.1:1"])));

        guard.receive(0, list(&["10.0.0.2:1"]), begin + 10 * MS);
        guard.receive(0, list(&["10.0.0.3:1"]), begin + 80 * MS);
        assert_eq!(guard.take(begin + 179 * MS), None);
        assert_eq!(guard.due(), Some(begin + 180 * MS));
        assert_eq!(guard.take(begin + 180 * MS), Some(list(&["10.0.0.3:1"])));
        assert_eq!(guard.due(), None);
    }

    #[test]
    fn endless_changes_are_published_after_a_while() {
        let begin = Instant::now();
        let mut guard = guard(1, Empty::Hold);
        guard.receive(0, list(&["10.0.0.1:1"]), begin);
        guard.take(begin);
        let published: Vec<u32> = (0..40)
            .filter(|n| {
                let now = begin + *n * 50 * MS;
                guard.receive(0, list(&[&format!("10.0.1.{n}:1")]), now);
                guard.take(now).is_some()
            })
            .collect();
        assert_eq!(published, [20]);
    }

    #[test]
    fn the_first_endpoint_after_none_is_published_at_once() {
        let begin = Instant::now();
        let mut guard = guard(1, Empty::Hold);
        guard.receive(0, Vec::new(), begin);
        assert_eq!(guard.take(begin), Some(Vec::new()));
        guard.receive(0, list(&["10.0.0.1:1"]), begin + MS);
        assert!(guard.take(begin + MS).is_some());
    }

    #[test]
    fn an_equal_list_is_not_published() {
        let begin = Instant::now();
        let mut guard = guard(1, Empty::Hold);
        guard.receive(0, list(&["10.0.0.1:1", "10.0.0.2:1"]), begin);
        guard.take(begin);
        guard.receive(0, list(&["10.0.0.2:1", "10.0.0.1:1"]), begin);
        assert_eq!(guard.take(begin + 100 * MS), None);
        guard.receive(
            0,
            vec![discovered("10.0.0.1:1", 0), discovered("10.0.0.2:1", 1)],
            begin,
        );
        assert_eq!(guard.take(begin + 100 * MS).unwrap()[0].weight, 0);
    }

    #[test]
    fn an_empty_list_is_held_back() {
        let begin = Instant::now();
        let mut guard = guard(1, Empty::Hold);
        guard.receive(0, list(&["10.0.0.1:1", "10.0.0.2:1"]), begin);
        guard.take(begin);
        let faults = guard.receive(0, Vec::new(), begin);
        assert_eq!(
            faults,
            ["the list of endpoints is empty; the last one of 2 stays in use until another one comes"]
        );
        assert_eq!((guard.due(), guard.take(begin + 86_400_000 * MS)), (None, None));
        // A list of nothing but bad records is not believed either.
        assert_eq!(guard.receive(0, list(&["10.0.0.1:0"]), begin).len(), 2);
        assert_eq!(guard.due(), None);
        guard.receive(0, list(&["10.0.0.3:1"]), begin);
        assert_eq!(guard.take(begin + 100 * MS), Some(list(&["10.0.0.3:1"])));
    }

    #[test]
    fn an_empty_list_is_believed_after_a_while_if_so_configured() {
        let begin = Instant::now();
        let mut guard = guard(1, Empty::HoldFor(5_000 * MS));
        guard.receive(0, list(&["10.0.0.1:1"]), begin);
        guard.take(begin);
        guard.receive(0, Vec::new(), begin);
        // Repeating the empty list does not extend the wait; another list ends it.
        guard.receive(0, Vec::new(), begin + 4_000 * MS);
        assert_eq!(guard.due(), Some(begin + 5_000 * MS));
        guard.receive(0, list(&["10.0.0.1:1"]), begin + 4_500 * MS);
        assert_eq!(guard.take(begin + 5_500 * MS), None);
        guard.receive(0, Vec::new(), begin + 6_000 * MS);
        assert_eq!(guard.take(begin + 11_000 * MS), None);
        assert_eq!(guard.take(begin + 11_100 * MS), Some(Vec::new()));
    }

    #[test]
    fn an_empty_list_is_believed_at_once_if_so_configured() {
        let begin = Instant::now();
        let mut guard = guard(1, Empty::Believe);
        guard.receive(0, list(&["10.0.0.1:1"]), begin);
        guard.take(begin);
        assert!(guard.receive(0, Vec::new(), begin).is_empty());
        assert_eq!(guard.take(begin + 100 * MS), Some(Vec::new()));
    }

    #[test]
    fn a_list_of_weight_0_is_not_empty() {
        let begin = Instant::now();
        let mut guard = guard(1, Empty::Hold);
        guard.receive(0, vec![discovered("10.0.0.1:1", 1)], begin);
        guard.take(begin);
        assert!(
            guard
                .receive(0, vec![discovered("10.0.0.1:1", 0)], begin)
                .is_empty()
        );
        assert_eq!(guard.take(begin + 100 * MS).unwrap()[0].weight, 0);
    }

    #[test]
    fn bad_records_are_left_out_and_named() {
        let begin = Instant::now();
        let mut guard = guard(1, Empty::Hold);
        let mut named = discovered("0.0.0.0:7", 1);
        named.name = "any:7".into();
        let mut all = list(&["10.0.0.1:1", "10.0.0.2:0", "10.0.0.1:1"]);
        all.push(named);
        assert_eq!(
            guard.receive(0, all, begin),
            [
                "endpoint 10.0.0.2:0 is left out: it has port 0, where nobody listens",
                "endpoint 10.0.0.1:1 is left out: it is listed already",
                "endpoint any:7 is left out: 0.0.0.0:7 is the address of every interface, where nobody can be reached",
            ]
        );
        assert_eq!(guard.take(begin), Some(list(&["10.0.0.1:1"])));
    }

    #[test]
    fn sources_are_merged_and_doubted_one_by_one() {
        let begin = Instant::now();
        let mut guard = guard(2, Empty::Hold);
        guard.receive(
            1,
            vec![discovered("10.0.0.1:1", 5), discovered("10.0.0.2:1", 5)],
            begin,
        );
        guard.receive(0, vec![discovered("10.0.0.1:1", 3)], begin);
        let merged = vec![discovered("10.0.0.1:1", 3), discovered("10.0.0.2:1", 5)];
        assert_eq!(guard.take(begin), Some(merged));
        guard.receive(1, Vec::new(), begin);
        guard.receive(0, vec![discovered("10.0.0.3:1", 3)], begin);
        assert_eq!(guard.take(begin + 100 * MS).unwrap().len(), 3);
    }

    #[test]
    fn the_merged_list_stands_as_the_worst_of_them() {
        use Standing::{Current, Fixed, Stale};
        let now = Instant::now();
        let mut guard = guard(2, Empty::Hold);
        guard.stands(0, Fixed);
        assert_eq!(guard.standing(), None);
        for (second, merged) in [
            (Fixed, Fixed),
            (Current, Current),
            (Stale, Stale),
            (Current, Current),
        ] {
            guard.stands(1, second);
            assert_eq!(guard.standing(), Some(merged));
        }
        for bad in [vec![], vec![discovered("10.0.0.1:1", 1); MOST_ENDPOINTS + 1]] {
            guard.receive(1, list(&["10.0.0.1:1"]), now);
            assert_eq!(guard.standing(), Some(Current));
            guard.receive(1, bad, now);
            assert_eq!(guard.standing(), Some(Stale));
        }
    }

    #[test]
    fn a_list_that_is_too_long_is_refused() {
        let begin = Instant::now();
        let mut guard = guard(1, Empty::Hold);
        let faults = guard.receive(0, vec![discovered("10.0.0.1:1", 1); MOST_ENDPOINTS + 1], begin);
        assert!(faults[0].contains("100001 endpoints is refused"), "{faults:?}");
        assert_eq!(guard.due(), None);
    }
}
