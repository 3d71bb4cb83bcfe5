//! Copies of requests, which a route's mirror gets. Nobody waits for their responses.
use super::Calls;
use super::forward::Sending;
use crate::Env;
use crate::buf::Mark;
use crate::connections::{Connections, From};
use crate::directory::{Destination, EndpointId, Mirror, RetryRule};
use crate::exchange::{Asker, Exchange, Flow, State, TargetId, Up};
use crate::metrics::SeriesId;
use crate::stream::Body;
use std::rc::Rc;

/// The most copies of a worker that have an entry in the table of calls. A mirror that does not respond cannot take
/// the entries that calls need.
const COPIES_MAX: u32 = 16 << 10;

/// The copies that have an entry in the table of calls, including those in quarantine.
#[derive(Default)]
pub(super) struct Copies(u32);

impl Copies {
    /// Counts an entry less, if it was one of a copy.
    pub(super) fn ended(&mut self, asker: &Asker) {
        self.0 -= u32::from(matches!(asker, Asker::Mirror(_)));
    }
}

impl Calls {
    /// Sends a copy of the request to the mirror, if it is one of those that are copied.
    #[cold]
    pub(super) fn mirror<E: Env>(&mut self, w: &mut Connections<E>, mirror: &Mirror, sending: &Sending<'_>) {
        let Destination::Cluster(cluster) = mirror.target.to else {
            return;
        };
        // Parts that come later would have to be copied, too.
        let is_whole = sending.msg.meta.body != Body::Follows;
        let is_chosen = is_whole && self.endpoints.random() <= mirror.share && mirror.share > 0;
        let Some(ex) = self.table.get(sending.key).filter(|_| is_chosen) else {
            return;
        };
        let series = ex.series();
        if self.copies.0 >= COPIES_MAX || self.table.is_full() {
            return self.count_copy(series, false);
        }
        let copy = Exchange {
            asker: Asker::Mirror(sending.downstream),
            up: Up {
                conn: sending.downstream,
                mark: Mark::default(),
                endpoint: EndpointId(u32::MAX),
            },
            state: State::Waiting,
            flow: Flow::Settled,
            attempts: 0,
            retry: RetryRule::default(),
            target: TargetId {
                index: 0,
                cluster: Some(cluster),
            },
            plan: Rc::clone(&ex.plan),
            held: None,
            reached: 0,
            ..*ex
        };
        let deadline_ms = copy.deadline_ms;
        let key = self.table.insert(copy);
        self.copies.0 += 1;
        self.wheel.push(deadline_ms, key);
        self.send(
            w,
            None,
            &Sending {
                key,
                target: &mirror.target,
                cluster: Some(cluster),
                // The frame in the input goes to the endpoint of the call itself.
                from: From::Memory,
                ..*sending
            },
        );
        // Without an entry it could not be sent. A one-way copy has one until the end of the turn.
        let was_sent = self.table.get(key).is_some();
        self.count_copy(series, was_sent);
    }

    fn count_copy(&mut self, series: Option<SeriesId>, was_sent: bool) {
        if let Some(series) = series {
            self.metrics.mirrored(series, was_sent);
        }
    }
}
