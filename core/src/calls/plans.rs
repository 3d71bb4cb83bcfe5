//! Routes and listeners together with this worker's own instances of their filters.
use crate::directory::{Change, ClusterId, Destination, Filters, ListenerId, Route, RouteId, Target};
use crate::exchange::{Asker, TargetId};
use crate::filter::{Chain, Filter};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::rc::Rc;
use std::sync::Arc;

/// The filters of one route or listener in one worker, in order.
pub(crate) type WorkerFilters = Rc<[Rc<dyn Filter>]>;

/// A route as one worker uses it. A call holds the plan that it began with to its end and nothing else of the
/// configuration, so that changes of other routes, clusters and endpoints free their memory at once.
pub(crate) struct Plan {
    pub(crate) id: RouteId,
    pub(crate) route: Arc<Route>,
    pub(crate) filters: WorkerFilters,
    /// All filters of its calls, which come through one listener; `None` until the listener is known.
    pub(crate) chain: Option<Rc<Chain>>,
    /// Its calls go to one destination as they are, unless their listener has filters.
    pub(crate) is_plain: bool,
}

/// The plans of all routes that calls have used, and the filters of all listeners.
#[derive(Default)]
pub(super) struct Plans {
    routes: Vec<Option<Rc<Plan>>>,
    listeners: Vec<Option<WorkerFilters>>,
    /// The plans with the filters of a listener, where either has any.
    filtered: HashMap<(ListenerId, RouteId), Rc<Plan>>,
    /// Plans whose routes were changed or removed and that calls still hold.
    superseded: Vec<Rc<Plan>>,
}

impl Plans {
    /// The plan of a route, created at its first call.
    pub(super) fn of(&mut self, id: RouteId, route: &Arc<Route>) -> Rc<Plan> {
        if self.routes.len() <= id.index() {
            self.routes.resize_with(id.index() + 1, || None);
        }
        let slot = &mut self.routes[id.index()];
        let plan = slot.get_or_insert_with(|| make(id, Arc::clone(route), None));
        Rc::clone(plan)
    }

    /// The filters of a listener; `None` if it has none.
    #[inline]
    pub(super) fn of_listener(&self, id: ListenerId) -> Option<&WorkerFilters> {
        self.listeners.get(id.index())?.as_ref()
    }

    /// A plan for the calls that come through this listener, with its filters before those of the route.
    pub(super) fn filtered(&mut self, at: ListenerId, plan: &Rc<Plan>) -> Rc<Plan> {
        let key = (at, plan.id);
        if let Some(filtered) = self.filtered.get(&key) {
            return Rc::clone(filtered);
        }
        let of_listener = self.of_listener(at).into_iter().flat_map(|all| all.iter());
        let all = of_listener.chain(plan.filters.iter()).map(Rc::clone);
        let filtered = Rc::new(Plan {
            id: plan.id,
            route: Arc::clone(&plan.route),
            filters: Rc::clone(&plan.filters),
            chain: Some(Rc::new(Chain::new(all))),
            is_plain: false,
        });
        self.filtered.insert(key, Rc::clone(&filtered));
        filtered
    }

    /// Creates the filters of changed routes and listeners again. Each takes over the state of its predecessor
    /// at the same index. Other filters stay as they are.
    pub(super) fn apply(&mut self, change: &Change) {
        if !change.routes.is_empty() || !change.listeners.is_empty() {
            self.superseded
                .extend(self.filtered.drain().map(|(_, plan)| plan));
        }
        for (id, route) in &change.routes {
            let Some(old) = self.routes.get_mut(id.index()).and_then(Option::take) else {
                continue;
            };
            if let Some(route) = route {
                self.routes[id.index()] = Some(make(*id, Arc::clone(route), Some(&old.filters)));
            }
            self.superseded.push(old);
        }
        for (id, listener) in &change.listeners {
            if self.listeners.len() <= id.index() {
                self.listeners.resize_with(id.index() + 1, || None);
            }
            let slot = &mut self.listeners[id.index()];
            let old = slot.take();
            let new = listener.as_ref().map(|l| filters(&l.filters, old.as_ref()));
            // most listeners have none, and `None` keeps calls from looking at them
            *slot = new.filter(|filters| !filters.is_empty());
        }
        self.let_go();
    }

    /// Drops superseded plans that no call holds any more.
    pub(super) fn let_go(&mut self) {
        self.superseded.retain(|plan| Rc::strong_count(plan) > 1);
    }

    /// Whether a call holds a superseded plan of this route.
    pub(super) fn uses_route(&self, id: RouteId) -> bool {
        self.superseded.iter().any(|plan| plan.id == id)
    }

    /// Whether a call holds a superseded plan that has this cluster as a target.
    pub(super) fn uses_cluster(&self, id: ClusterId) -> bool {
        let leads_there = |plan: &Rc<Plan>| {
            let leads = |t: &Target| t.to == Destination::Cluster(id);
            plan.route.targets.iter().any(leads)
        };
        self.superseded.iter().any(leads_there)
    }
}

fn make(id: RouteId, route: Arc<Route>, before: Option<&WorkerFilters>) -> Rc<Plan> {
    let filters = filters(&route.filters, before);
    Rc::new(Plan {
        is_plain: filters.is_empty() && route.mirror.is_none(),
        id,
        route,
        filters,
        chain: None,
    })
}

fn filters(factories: &Filters, before: Option<&WorkerFilters>) -> WorkerFilters {
    let old = |i: usize| before.and_then(|old| old.get(i)).map(|old| &**old);
    (factories.iter().enumerate())
        .map(|(i, factory)| factory.make(old(i)))
        .collect()
}

impl Plan {
    /// The destination of a call, or of its copy for the mirror.
    pub(super) fn target(&self, asker: &Asker, id: TargetId) -> &Target {
        match (asker, &self.route.mirror) {
            (Asker::Mirror(_), Some(mirror)) => &mirror.target,
            _ => &self.route.targets[usize::from(id.index)],
        }
    }
}

#[cfg(test)]
impl Plan {
    /// A plan of a route without targets.
    pub(super) fn empty() -> Rc<Self> {
        let route = Route {
            name: "".into(),
            matches: crate::directory::RouteMatch::default(),
            targets: Box::default(),
            total_weight: 0,
            rewrite: None,
            policy: crate::directory::Policy::default(),
            idempotent: Box::default(),
            methods: Box::default(),
            filters: Box::default(),
            mirror: None,
        };
        make(RouteId(0), Arc::new(route), None)
    }
}

/// Removed parts that this worker may still use.
#[derive(Default)]
pub(super) struct Removed {
    pub(super) listeners: Vec<ListenerId>,
    pub(super) routes: Vec<RouteId>,
    pub(super) clusters: Vec<ClusterId>,
}

impl Removed {
    /// Adds the parts that a change removes, and deletes those that it adds again.
    pub(super) fn apply(&mut self, change: &Change) {
        note(&mut self.listeners, &change.listeners);
        note(&mut self.routes, &change.routes);
        note(&mut self.clusters, &change.clusters);
    }
}

/// Updates a list of removed ids with a change.
pub(crate) fn note<Id: Copy + Eq + Hash, T>(removed: &mut Vec<Id>, changed: &[(Id, Option<Arc<T>>)]) {
    if changed.is_empty() {
        return;
    }
    if !removed.is_empty() {
        let changed: HashSet<Id> = changed.iter().map(|(id, _)| *id).collect();
        removed.retain(|id| !changed.contains(id));
    }
    let gone = changed.iter().filter(|(_, part)| part.is_none());
    removed.extend(gone.map(|(id, _)| *id));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::testing;
    use crate::filter::{FilterFactory, RequestCx, Verdict};
    use std::any::Any;

    /// A filter that shares its counter with its predecessor.
    struct Heir(Rc<()>);

    impl Filter for Heir {
        fn on_request(&self, _: &mut RequestCx<'_>) -> Verdict {
            Verdict::Continue
        }
        fn as_any(&self) -> &dyn Any {
            self
        }
    }

    struct Heirs;

    impl FilterFactory for Heirs {
        fn make(&self, before: Option<&dyn Filter>) -> Rc<dyn Filter> {
            let before = before.and_then(|f| f.as_any().downcast_ref::<Heir>());
            Rc::new(Heir(before.map_or_else(Rc::default, |heir| Rc::clone(&heir.0))))
        }
    }

    fn counts(filters: &WorkerFilters, at: usize) -> Rc<()> {
        Rc::clone(&filters[at].as_any().downcast_ref::<Heir>().unwrap().0)
    }

    fn heirs() -> Filters {
        [Arc::new(Heirs) as Arc<dyn FilterFactory>].into()
    }

    /// A route to the first cluster, whose calls pass one filter.
    fn route() -> Arc<Route> {
        Arc::new(Route {
            filters: heirs(),
            ..testing::route("r", None)
        })
    }

    #[test]
    fn unchanged_filters_stay_and_changed_ones_take_over_their_state() {
        let (kept, old, new) = (route(), route(), route());
        let mut plans = Plans::default();
        let (r, s) = (plans.of(RouteId(0), &kept), plans.of(RouteId(1), &old));
        // a filter of the listener runs before those of its routes, and takes over none of their state
        let mut listener = testing::listener(&[]);
        listener.filters = heirs();
        plans.apply(&Change {
            listeners: vec![(ListenerId(0), Some(Arc::new(listener)))],
            routes: vec![(RouteId(1), Some(Arc::clone(&new)))],
            ..Change::default()
        });
        assert!(Rc::ptr_eq(&r, &plans.of(RouteId(0), &kept)));
        let new = plans.of(RouteId(1), &new);
        assert!(!Rc::ptr_eq(&s, &new) && Rc::ptr_eq(&counts(&s.filters, 0), &counts(&new.filters, 0)));
        let of_listener = counts(plans.of_listener(ListenerId(0)).unwrap(), 0);
        assert!(!Rc::ptr_eq(&of_listener, &counts(&r.filters, 0)));
        // the superseded plan is listed for as long as a call holds it
        assert!(plans.uses_route(RouteId(1)) && plans.uses_cluster(ClusterId(0)));
        drop(s);
        plans.let_go();
        assert!(!plans.uses_route(RouteId(1)) && !plans.uses_cluster(ClusterId(0)));
    }
}
