//! Sends a call upstream: chooses the endpoint and the connection, or parks the request until a dial ends.
use super::shares::Counted;
use super::{Batch, Calls, Plan, Used, errors};
use crate::Env;
use crate::buf::Mark;
use crate::call::{Attachments, NeutralResponse, ReturnValue};
use crate::connections::{Connections, From};
use crate::directory::{Cluster, ClusterId, Directory, Endpoint, EndpointId, Target};
use crate::endpoints::{Choice, Lease};
use crate::error::{CallError, ErrorKind};
use crate::exchange::{Exchange, State, Up};
use crate::message::{Edits, Head, Held, Message};
use crate::session::{Dispatch, Protocols, Response};
use crate::slots::{CallKey, ConnKey};
use crate::stream::Body;
use std::rc::Rc;

/// A request that is to be sent to an endpoint, with everything that the sender has at hand.
pub(super) struct Sending<'a> {
    pub(super) key: CallKey,
    /// The downstream connection that it came on.
    pub(super) downstream: ConnKey,
    pub(super) directory: &'a Directory,
    /// The plan of the call, the same that its table entry refers to.
    pub(super) plan: &'a Plan,
    /// The target of the route, and its cluster.
    pub(super) target: &'a Target,
    pub(super) cluster: Option<ClusterId>,
    pub(super) msg: &'a Message<'a>,
    /// The head of the request; `None` if the request was parked since its head was read.
    pub(super) head: Option<&'a Head<'a>>,
    pub(super) from: From,
    pub(super) edits: Option<&'a Edits>,
    /// The endpoint that has just failed the call.
    pub(super) not: Option<EndpointId>,
    /// Whether attempts are left for endpoints that are avoided.
    pub(super) or_any: bool,
}

/// A connection that a call was given.
#[derive(Clone, Copy)]
enum Leased {
    /// It takes the request now.
    Ready(EndpointId, ConnKey),
    /// It is being dialed, and the request has to wait for it.
    Dialing(EndpointId, ConnKey),
    /// All connections are at their limit of calls.
    Full,
}

impl Sending<'_> {
    /// The endpoint that has just failed the call.
    fn last(&self) -> Option<&Endpoint> {
        self.directory.endpoint(self.not?).map(|endpoint| &**endpoint)
    }
}

impl Calls {
    /// Sends the request to an endpoint, or parks it until a connection is established.
    #[inline]
    pub(super) fn send<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        batch: Option<&mut Batch>,
        sending: &Sending<'_>,
    ) {
        let key = sending.key;
        let Some(id) = sending.cluster else {
            if let Err(e) = self.suspend(w, sending) {
                self.fail(w, key, &e);
            }
            return;
        };
        let Some(cluster) = sending.directory.cluster(id) else {
            let error = CallError::new(ErrorKind::NoEndpoint, "the cluster was removed");
            return self.fail(w, key, &error);
        };
        let to = (id, &**cluster);
        if sending.msg.meta.body == Body::Follows && !E::Protocols::has_streams(cluster.protocol) {
            return self.collect_request(w, sending);
        }
        if let Some(e) = self.over_budget(w, key, to) {
            return self.fail(w, key, &e);
        }
        // Those that have waited go first.
        if !self.queues.is_empty() && self.queues.goes_behind(id) {
            return self.wait_for_room(w, sending, to);
        }
        match self.lease(w, batch, sending, to) {
            Ok(Leased::Ready(endpoint, conn)) => self.send_on(w, sending, to, (endpoint, conn), 1),
            Ok(Leased::Dialing(endpoint, conn)) => self.park(w, sending, endpoint, conn),
            Ok(Leased::Full) => self.wait_for_room(w, sending, to),
            Err(e) => self.fail(w, key, &e),
        }
    }

    /// Writes the request to a connection. `attempts` is 0 if the attempt was counted when the request was parked.
    #[inline]
    fn send_on<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        sending: &Sending<'_>,
        (id, cluster): (ClusterId, &Cluster),
        (endpoint, conn): (EndpointId, ConnKey),
        attempts: u8,
    ) {
        let key = sending.key;
        let Some(ex) = self.table.get_mut(key) else { return };
        ex.attempts = ex.attempts.saturating_add(attempts);
        let dispatch = Dispatch {
            edits: sending.edits,
            head: sending.head,
            bridge: sending.target.bridge_to(cluster.protocol),
            deadline_ms: ex.deadline_ms,
            now_ms: w.now_ms,
        };
        match w.request(conn, key, sending.msg, sending.from, &dispatch) {
            Ok(mark) => {
                ex.up = Up { conn, mark, endpoint };
                ex.state = State::Sent;
                if ex.one_way {
                    // No response will come, so that nothing has to be kept for another attempt either.
                    self.one_ways.push(key);
                } else if !ex.retry.on.is_empty() || mark.stream != 0 {
                    self.keep_for_retry(w, sending);
                }
                self.endpoints.began(endpoint, id);
                if !self.shares.is_empty() || !self.notes.is_empty() {
                    self.note_sent(w, key, id);
                }
            }
            Err(e) => self.fail(w, key, &e),
        }
    }

    /// Counts a call for a cluster that is crowded, and records its time for the access log.
    #[cold]
    fn note_sent<E: Env>(&mut self, w: &Connections<E>, key: CallKey, cluster: ClusterId) {
        let Some(ex) = self.table.get(key) else { return };
        self.shares.began(w, cluster, Counted::of(ex));
        if let Some(note) = self.notes.get_mut(&key.bits()) {
            note.sent_at(self.now_us);
        }
    }

    /// Keeps the request until the dial ends. The event borrows the request's bytes, so they are copied.
    #[cold]
    fn park<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        sending: &Sending<'_>,
        endpoint: EndpointId,
        conn: ConnKey,
    ) {
        let (key, msg) = (sending.key, sending.msg);
        let Some(ex) = self.table.get_mut(key) else { return };
        ex.attempts = ex.attempts.saturating_add(1);
        if let Err(e) = w.hold_back(conn, msg.bytes.len()) {
            return self.fail(w, key, &e);
        }
        ex.held = Some(msg.hold(sending.edits.cloned().unwrap_or_default()));
        let mark = Mark::default();
        ex.up = Up { conn, mark, endpoint };
        self.endpoints.wait(endpoint, conn, key);
    }

    /// Sends a request that was parked: over `conn` if there is one and it has room, else wherever it can go.
    fn send_parked<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        key: CallKey,
        conn: Option<(EndpointId, ConnKey)>,
        not: Option<EndpointId>,
    ) {
        let Some(ex) = self.table.get_mut(key) else { return };
        let Some(held) = ex.held.take() else { return };
        credit_owed(w, ex, &held);
        let (directory, plan) = (Rc::clone(&self.directory), Rc::clone(&ex.plan));
        let target = plan.target(&ex.asker, ex.target);
        let sending = Sending {
            key,
            downstream: ex.asker.connection(),
            directory: &directory,
            plan: &plan,
            target,
            cluster: ex.target.cluster,
            msg: &held.view(),
            head: None,
            from: From::Memory,
            edits: Some(&held.edits).filter(|edits| !edits.is_empty()),
            not,
            or_any: ex.attempts < ex.retry.attempts,
        };
        let cluster = sending.cluster;
        let to = cluster.and_then(|id| Some((id, &**directory.cluster(id)?)));
        let dialed = conn.zip(to);
        let takes_parts = |cluster: &Cluster| E::Protocols::has_streams(cluster.protocol);
        let is_whole = held.meta.body != Body::Follows;
        let dialed = dialed.filter(|(_, (_, cluster))| is_whole || takes_parts(cluster));
        match dialed.filter(|((_, conn), (_, cluster))| has_room(w, *conn, cluster, sending.downstream)) {
            Some((conn, to)) => {
                // Other calls may have reached the limit since this one was parked.
                match self.over_budget(w, key, to) {
                    Some(e) => self.fail(w, key, &e),
                    // The attempt was counted when the dial began.
                    None => self.send_on(w, &sending, to, conn, 0),
                }
            }
            None => self.send(w, None, &sending),
        }
    }

    /// Returns a connection for a call: the one that this read has used before, or the load balancer's choice.
    #[inline]
    fn lease<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        batch: Option<&mut Batch>,
        sending: &Sending<'_>,
        (id, cluster): (ClusterId, &Cluster),
    ) -> Result<Leased, CallError> {
        let subset = sending.target.subset;
        let used = batch.as_ref().and_then(|batch| batch.used);
        if let Some(used) = used
            && (used.cluster, used.subset) == (id, subset)
            && has_room(w, used.conn, cluster, sending.downstream)
        {
            return Ok(Leased::Ready(used.endpoint, used.conn));
        }
        let choice = Choice {
            not: sending.not,
            // Avoided endpoints are tried only while attempts are left.
            or_any: sending.or_any,
            downstream: cluster.reserves_for(sending.downstream),
        };
        match self
            .endpoints
            .lease(w, sending.directory, (id, cluster), subset, choice)
        {
            Lease::Ready(endpoint, conn) => {
                if let Some(batch) = batch {
                    batch.used = Some(Used {
                        cluster: id,
                        subset,
                        endpoint,
                        conn,
                    });
                }
                Ok(Leased::Ready(endpoint, conn))
            }
            Lease::Dialing(endpoint, conn) => Ok(Leased::Dialing(endpoint, conn)),
            Lease::None => Err(errors::unreachable(cluster, sending.last())),
            Lease::Full => Ok(Leased::Full),
            Lease::Exhausted => Err(errors::exhausted(cluster)),
        }
    }

    /// Responds to an echo call with its own argument.
    #[cold]
    pub(super) fn echo<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey, msg: &Message<'_>) {
        let response = match msg.meta.reader.call(msg) {
            Ok(call) => Response::NeutralResponse(Box::new(NeutralResponse {
                reply: ReturnValue::Value(call.args),
                attachments: Attachments::new(),
            })),
            Err(e) => Response::Error(e),
        };
        self.reply(w, key, &response);
    }

    /// Sends a parked request over the connection that it waited for. The endpoint was chosen when the dial began:
    /// choosing anew could make the call wait for another dial.
    pub(super) fn send_dialed<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        key: CallKey,
        endpoint: EndpointId,
        conn: ConnKey,
    ) {
        if self.table.get(key).is_some_and(|ex| ex.waits_for(conn)) {
            self.send_parked(w, key, Some((endpoint, conn)), None);
        }
    }

    /// Sends a request that waited for an answer of the control plane.
    pub(super) fn send_resumed<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey) {
        self.send_parked(w, key, None, None);
    }

    /// Sends a request to another endpoint because the connection that it was on was lost. No byte of it was sent.
    pub(super) fn send_elsewhere<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey, not: EndpointId) {
        if let Some(note) = self.notes.get_mut(&key.bits()) {
            note.failed_at(not);
        }
        self.send_parked(w, key, None, Some(not));
    }

    /// Sends a parked request to another endpoint because the dial failed. That is safe, as no endpoint has
    /// received any of it.
    pub(super) fn try_elsewhere<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        key: CallKey,
        not: EndpointId,
        dial: ConnKey,
    ) {
        let Some(ex) = self.table.get(key).filter(|ex| ex.waits_for(dial)) else {
            return;
        };
        if let Some(series) = ex.series() {
            self.metrics.retried(series);
        }
        self.send_elsewhere(w, key, not);
    }
}

/// Gives the downstream credit for the parts of a request that have come while it waited, because it goes on now.
pub(super) fn credit_owed<E: Env>(w: &mut Connections<E>, ex: &Exchange, held: &Held) {
    if held.owed > 0
        && let Some(down) = ex.down()
    {
        w.credit(down.conn, down.reply.id, held.owed);
    }
}

/// Whether a connection takes another call of this downstream.
#[inline]
fn has_room<E: Env>(w: &Connections<E>, conn: ConnKey, cluster: &Cluster, downstream: ConnKey) -> bool {
    w.get(conn).is_some_and(|c| {
        c.takes_calls()
            && c.has_room(cluster.max_per_connection)
            && c.reserved_for == cluster.reserves_for(downstream)
    })
}
