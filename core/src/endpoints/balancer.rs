//! The endpoints of a set that this worker uses, and the load balancer over them.
use super::EndpointState;
use super::pick::Picker;
use crate::directory::{EndpointId, EndpointSet, Seat};
use std::rc::Rc;

/// The load balancer of one set of endpoints in one worker.
pub(super) struct Balancer {
    /// The part of the set that the worker uses; `None` if it uses the whole set.
    own: Option<Rc<EndpointSet>>,
    picker: Picker,
}

impl Balancer {
    /// Goes on from the balancer of the former set.
    pub(super) fn following(
        was: Option<(&EndpointSet, Balancer)>,
        set: &EndpointSet,
        seat: Seat,
        rng: &mut fastrand::Rng,
    ) -> Self {
        let own = set.part_of(seat).map(Rc::new);
        let (old, picker) = was.map_or((None, None), |(old, was)| {
            (Some((was.own, old)), Some(was.picker))
        });
        let old = old.as_ref().map(|(own, all)| own.as_deref().unwrap_or(all));
        let picker = Picker::following(old.zip(picker), own.as_deref().unwrap_or(set), rng);
        Balancer { own, picker }
    }

    /// The part of the set that the worker uses; `None` if it uses the whole set.
    pub(super) fn own(&self) -> Option<&Rc<EndpointSet>> {
        self.own.as_ref()
    }

    /// The next endpoint of a set that is not empty.
    #[inline]
    pub(super) fn pick(
        &mut self,
        set: &EndpointSet,
        endpoints: &[EndpointState],
        rng: &mut fastrand::Rng,
    ) -> EndpointId {
        let set = self.own.as_deref().unwrap_or(set);
        self.picker.pick(set, endpoints, rng)
    }
}
