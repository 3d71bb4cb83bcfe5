//! Routes and listeners as one worker uses them: with filters of its own.
use crate::directory::{Change, ClusterId, Filters, ListenerId, Route, RouteId};
use crate::filter::Filter;
use std::rc::Rc;
use std::sync::Arc;

/// Filters of one worker, in order.
pub(crate) type WorkerFilters = Rc<[Rc<dyn Filter>]>;

/// A route as one worker uses it. A call holds the plan that it began with to its end, and nothing else of the
/// configuration: changes of other routes, of clusters and of endpoints cost no memory on its account.
pub(crate) struct Plan {
    pub(crate) id: RouteId,
    pub(crate) route: Arc<Route>,
    pub(crate) filters: WorkerFilters,
}

/// The plans of all routes that were used, and the filters of all listeners.
#[derive(Default)]
pub(super) struct Plans {
    routes: Vec<Option<Rc<Plan>>>,
    listeners: Vec<Option<WorkerFilters>>,
    /// Plans that calls still hold although their routes were changed or removed.
    superseded: Vec<Rc<Plan>>,
}

impl Plans {
    /// The plan of a route, made at its first call.
    pub(super) fn of(&mut self, id: RouteId, route: &Arc<Route>) -> Rc<Plan> {
        if self.routes.len() <= id.index() {
            self.routes.resize_with(id.index() + 1, || None);
        }
        let slot = &mut self.routes[id.index()];
        let plan = slot.get_or_insert_with(|| make(id, Arc::clone(route), None));
        Rc::clone(plan)
    }

    /// The filters of a listener.
    #[inline]
    pub(super) fn of_listener(&self, id: ListenerId) -> Option<&WorkerFilters> {
        self.listeners.get(id.index())?.as_ref()
    }

    /// Makes the filters of changed routes and listeners anew. They take over what their predecessors at the same index
    /// have gathered; those of all others go on as they are.
    pub(super) fn apply(&mut self, change: &Change) {
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
            // most have none, and are not looked at then
            *slot = new.filter(|filters| !filters.is_empty());
        }
        self.let_go();
    }

    /// Lets go of superseded plans that no call holds any more.
    pub(super) fn let_go(&mut self) {
        self.superseded.retain(|plan| Rc::strong_count(plan) > 1);
    }

    /// Whether a call holds a plan of this route that was superseded.
    pub(super) fn uses_route(&self, id: RouteId) -> bool {
        self.superseded.iter().any(|plan| plan.id == id)
    }

    /// Whether a call holds a superseded plan that leads to this cluster.
    pub(super) fn uses_cluster(&self, id: ClusterId) -> bool {
        let leads_there = |plan: &Rc<Plan>| plan.route.targets.iter().any(|t| t.cluster == id);
        self.superseded.iter().any(leads_there)
    }
}

fn make(id: RouteId, route: Arc<Route>, before: Option<&WorkerFilters>) -> Rc<Plan> {
    let filters = filters(&route.filters, before);
    Rc::new(Plan { id, route, filters })
}

fn filters(factories: &Filters, before: Option<&WorkerFilters>) -> WorkerFilters {
    let old = |i: usize| before.and_then(|old| old.get(i)).map(|old| &**old);
    (factories.iter().enumerate())
        .map(|(i, factory)| factory.make(old(i)))
        .collect()
}

#[cfg(test)]
impl Plan {
    /// A route that leads nowhere.
    pub(super) fn empty() -> Rc<Self> {
        let route = Route {
            name: "".into(),
            matches: crate::directory::RouteMatch::default(),
            targets: Box::default(),
            total_weight: 0,
            rewrite: None,
            policy: crate::directory::Policy::default(),
            methods: Box::default(),
            filters: Box::default(),
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
    /// Notes what a change removes, and forgets what it brings back.
    pub(super) fn apply(&mut self, change: &Change) {
        note(&mut self.listeners, &change.listeners);
        note(&mut self.routes, &change.routes);
        note(&mut self.clusters, &change.clusters);
    }
}

/// Keeps the list of ids whose parts were removed.
pub(crate) fn note<Id: Copy + PartialEq, T>(removed: &mut Vec<Id>, changed: &[(Id, Option<Arc<T>>)]) {
    for (id, part) in changed {
        removed.retain(|r| r != id);
        if part.is_none() {
            removed.push(*id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Config};
    use crate::directory::{Compiler, World};
    use crate::filter::{FilterFactory, RequestCx, Verdict};
    use crate::message::ProtoId;
    use std::any::Any;
    use std::time::Instant;

    /// A filter that counts where its predecessor counted.
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

    fn configured() -> Config {
        serde_json::from_value(serde_json::json!({
            "listeners": [{ "name": "in", "address": "127.0.0.1:1", "routes": ["r", "s"] }],
            "routes": [
                { "name": "r", "to": [{ "cluster": "c" }], "filters": [{ "rate_limit": { "rate": 5 } }] },
                { "name": "s", "to": [{ "cluster": "c" }], "filters": [{ "rate_limit": { "rate": 6 } }] },
            ],
            "clusters": [{ "name": "c", "protocol": "bolt", "endpoints": [] }],
        }))
        .unwrap()
    }

    fn change(compiler: &mut Compiler, config: &Config) -> Change {
        let world = World {
            protocol: &|_| ProtoId(1),
            endpoints: &|_| vec![],
            filters: &|_, _| Arc::new(Heirs),
            workers: 1,
            now: Instant::now(),
            uses: &[],
        };
        compiler.configure(config, &world)
    }

    #[test]
    fn filters_of_what_did_not_change_are_not_touched_and_the_others_are_succeeded() {
        let (mut compiler, mut plans, mut config) = (Compiler::default(), Plans::default(), configured());
        plans.apply(&change(&mut compiler, &config));
        let plan = |plans: &mut Plans, compiler: &Compiler, id| {
            plans.of(RouteId(id), compiler.directory().route(RouteId(id)).unwrap())
        };
        let (r, s) = (plan(&mut plans, &compiler, 0), plan(&mut plans, &compiler, 1));
        // a filter of the listener comes before those of its routes, and takes over from none of them
        let limit: config::Filter = config.routes[0].filters[0].clone();
        config.listeners[0].filters = vec![limit];
        config.routes[1].timeout = Some(config::Period::from_secs(9));
        plans.apply(&change(&mut compiler, &config));
        assert!(Rc::ptr_eq(&r, &plan(&mut plans, &compiler, 0)));
        let new = plan(&mut plans, &compiler, 1);
        assert!(!Rc::ptr_eq(&s, &new) && Rc::ptr_eq(&counts(&s.filters, 0), &counts(&new.filters, 0)));
        let of_listener = counts(plans.of_listener(ListenerId(0)).unwrap(), 0);
        assert!(!Rc::ptr_eq(&of_listener, &counts(&r.filters, 0)));
        // the former plan is known for as long as a call holds it
        assert!(plans.uses_route(RouteId(1)) && plans.uses_cluster(ClusterId(0)));
        drop(s);
        plans.let_go();
        assert!(!plans.uses_route(RouteId(1)) && !plans.uses_cluster(ClusterId(0)));
    }
}
