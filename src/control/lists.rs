//! How the endpoint lists of clusters stand, for the metrics.
use rialto_core::discovery::Standing;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The lists of all clusters in use, by the names of the clusters.
#[derive(Default)]
pub struct Lists(Mutex<BTreeMap<String, Arc<List>>>);

/// How the list of one cluster stands.
pub(super) struct List(Mutex<State>);

#[derive(Clone, Copy)]
struct State {
    /// `None` as long as a source was not asked.
    standing: Option<Standing>,
    /// When the list was last what the sources said; before that, when they were first asked.
    confirmed: Instant,
}

/// What the metrics tell of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListReport {
    /// Whether the sources say something else, or nothing.
    pub stale: bool,
    /// Since when the sources have not said that this is the list; `None` if it cannot change.
    pub age: Option<Duration>,
}

impl Lists {
    pub(super) fn replace(&self, lists: BTreeMap<String, Arc<List>>) {
        *lock(&self.0) = lists;
    }

    /// How each list stands whose sources were asked.
    #[must_use]
    pub fn reports(&self) -> Vec<(String, ListReport)> {
        let lists = lock(&self.0);
        let reports = lists
            .iter()
            .map(|(name, list)| Some((name.clone(), list.report()?)));
        reports.flatten().collect()
    }
}

impl List {
    pub(super) fn new() -> Self {
        List(Mutex::new(State {
            standing: None,
            confirmed: Instant::now(),
        }))
    }

    pub(super) fn stands(&self, standing: Standing) {
        let mut state = lock(&self.0);
        state.standing = Some(standing);
        if standing != Standing::Stale {
            state.confirmed = Instant::now();
        }
    }

    fn report(&self) -> Option<ListReport> {
        let state = *lock(&self.0);
        let standing = state.standing?;
        Some(ListReport {
            stale: standing == Standing::Stale,
            age: (standing != Standing::Fixed).then(|| state.confirmed.elapsed()),
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_list_has_an_age_and_a_fixed_one_has_none() {
        let list = Arc::new(List::new());
        let lists = Lists::default();
        lists.replace([("c".to_owned(), Arc::clone(&list))].into());
        assert_eq!(lists.reports(), []);
        list.stands(Standing::Fixed);
        let fixed = ListReport {
            stale: false,
            age: None,
        };
        assert_eq!(lists.reports(), [("c".to_owned(), fixed)]);
        list.stands(Standing::Current);
        let confirmed = lock(&list.0).confirmed;
        list.stands(Standing::Stale);
        let report = lists.reports()[0].1;
        assert!(report.stale && report.age.is_some());
        assert_eq!(lock(&list.0).confirmed, confirmed);
    }
}
