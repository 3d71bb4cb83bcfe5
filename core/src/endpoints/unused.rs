//! Connections to endpoints that this worker does not use.
use super::Endpoints;
use crate::Env;
use crate::connections::Connections;
use crate::directory::{Cluster, ClusterId, Directory, EndpointId};
use std::collections::HashSet;

/// The time between two looks at connections that nothing needs, in milliseconds.
const LOOK_MS: u64 = 60_000;

impl Endpoints {
    /// Retires idle connections to endpoints that this worker does not use, because they belong to the parts of other
    /// workers. It had them before the cluster grew or shrank, or called them while none of its own was well. This
    /// concerns clusters without an idle timeout only; elsewhere these connections end by that.
    pub(crate) fn let_go_of_unused<E: Env>(&mut self, w: &mut Connections<E>, directory: &Directory) {
        if w.now_ms < self.next_look_ms {
            return;
        }
        self.next_look_ms = w.now_ms + LOOK_MS;
        for (id, cluster) in directory.clusters().filter(|(_, c)| c.idle_ms == 0) {
            let Some(used) = self.used(id, cluster) else {
                continue;
            };
            for endpoint in cluster.endpoints.iter().filter(|e| !used.contains(e)) {
                let Some(state) = self.list.get(endpoint.index()) else {
                    continue;
                };
                if state.in_flight == 0 {
                    let conns: Vec<_> = state.conns.all().collect();
                    conns
                        .into_iter()
                        .for_each(|conn| w.retire_because(conn, "other workers use its endpoint"));
                }
            }
        }
    }

    /// The endpoints of a cluster that this worker uses; `None` if the cluster is not divided among the workers.
    fn used(&self, id: ClusterId, cluster: &Cluster) -> Option<HashSet<EndpointId>> {
        let balancers = &self.clusters.get(id.index())?.balancers;
        if balancers.iter().all(|balancer| balancer.own().is_none()) {
            return None;
        }
        let sets = balancers.iter().zip(&cluster.subsets);
        let used = sets.flat_map(|(balancer, all)| &balancer.own().map_or(all, |own| own).endpoints);
        Some(used.map(|e| e.endpoint).collect())
    }
}
