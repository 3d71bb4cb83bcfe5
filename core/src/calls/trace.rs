//! The log level `trace`: one line for each call that ended.
use crate::access_log::{Note, Part};
use crate::directory::{Directory, EndpointId};
use crate::metrics::{CallResult, SeriesKey};
use std::net::SocketAddr;

/// What the line says about a call.
pub(super) struct Ended<'a> {
    pub(super) key: &'a SeriesKey,
    pub(super) note: Option<&'a Note>,
    pub(super) downstream: Option<SocketAddr>,
    pub(super) endpoint: Option<EndpointId>,
    pub(super) attempts: u8,
    pub(super) latency_us: u64,
    pub(super) upstream_us: Option<u64>,
    pub(super) result: CallResult,
}

/// Whether the line is wanted at all. The check reads one number.
#[inline(always)]
pub(super) fn is_on() -> bool {
    tracing::enabled!(target: "rialto::calls", tracing::Level::TRACE)
}

impl Ended<'_> {
    /// The names of the endpoints that were tried in vain; `None` if there are none.
    fn failed(&self, s: &Directory) -> Option<String> {
        let name = |id: &EndpointId| s.endpoint(*id).map_or("?", |e| &*e.name);
        let names: Vec<&str> = self.note?.failed().iter().map(name).collect();
        (!names.is_empty()).then(|| names.join(","))
    }

    #[cold]
    pub(super) fn tell(&self, s: &Directory) {
        let of_note = |part| {
            self.note
                .map(|note| note.get(part))
                .filter(|text| !text.is_empty())
        };
        let key = self.key;
        let route = key.route.and_then(|id| s.route(id));
        let endpoint = self.endpoint.and_then(|id| s.endpoint(id));
        tracing::trace!(
            target: "rialto::calls",
            listener = s.listener(key.listener).map(|l| &*l.name),
            downstream = self.downstream.map(tracing::field::display),
            application = of_note(Part::Application),
            service = of_note(Part::Service).unwrap_or(&key.service),
            method = of_note(Part::Method).unwrap_or(&key.method),
            version = of_note(Part::Version),
            group = of_note(Part::Group),
            trace_id = of_note(Part::Trace),
            route = route.map(|r| &*r.name),
            cluster = key.cluster.and_then(|id| s.cluster(id)).map(|c| &*c.name),
            endpoint = endpoint.map(|e| &*e.name),
            attempts = self.attempts,
            duration_us = self.latency_us,
            upstream_us = self.upstream_us,
            failed_endpoints = self.failed(s),
            outcome = CallResult::name(self.result.index()),
            error = of_note(Part::Error),
            "call"
        );
    }
}
