//! Whether the endpoint lists of clusters are up to date, for the metrics.
use rialto_discovery::Standing;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The state of the endpoint list of each cluster in use, by the cluster's name.
#[derive(Default)]
pub struct Lists(Mutex<BTreeMap<String, Arc<List>>>);

/// The state of one cluster's endpoint list. The source of the endpoints writes it, the metrics read it.
pub(crate) struct List(Mutex<State>);

#[derive(Clone, Copy)]
struct State {
    /// `None` until a source was asked.
    standing: Option<Standing>,
    /// When the sources last said that the list is right. Until they first do, the time at which they were first asked.
    confirmed: Instant,
}

/// The state of one endpoint list, as the metrics show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListReport {
    /// Whether the list is outdated: the sources do not answer, or say something else that is not believed.
    pub stale: bool,
    /// How long ago the sources last said that the list is right; `None` for a list that cannot change.
    pub age: Option<Duration>,
}

impl Lists {
    pub(crate) fn replace(&self, lists: BTreeMap<String, Arc<List>>) {
        *lock(&self.0) = lists;
    }

    /// The state of each list whose sources were asked, with the name of its cluster.
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
    pub(crate) fn new() -> Self {
        List(Mutex::new(State {
            standing: None,
            confirmed: Instant::now(),
        }))
    }

    pub(crate) fn stands(&self, standing: Standing) {
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
