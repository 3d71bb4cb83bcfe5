//! How calls end: completed, failed, cancelled, timed out, upstream lost. This is the only file that removes
//! from the table, and each removal releases exactly what `admit` and `forward` took.
use super::Calls;
use super::shares::Counted;
use super::trace::{self, Ended};
use crate::Env;
use crate::access_log::{Note, Record};
use crate::bridge::Bridge;
use crate::connections::{Connections, From, Owner};
use crate::directory::{EndpointId, RetryOn};
use crate::error::{CallError, ErrorKind};
use crate::exchange::{Asker, Down, Exchange, Flow, State};
use crate::message::Edits;
use crate::metrics::{CallResult, SeriesId};
use crate::session::{Protocols, Response};
use crate::slots::{CallKey, ConnKey};
use std::rc::Rc;

/// A response that is later than this is taken for lost, because providers drop requests whose time is over
/// without a response. The connection is then replaced: only its end guarantees that the call's id is free
/// again.
const QUARANTINE_MS: u64 = 30_000;

/// What counting and logging need of a call whose downstream side ends.
#[derive(Clone, Copy)]
struct CallSummary {
    down: Down,
    series: SeriesId,
    started_us: u64,
    endpoint: Option<EndpointId>,
    attempts: u8,
    bytes_in: u32,
}

impl CallSummary {
    #[inline]
    fn of(ex: &Exchange, down: &Down, series: SeriesId) -> Self {
        CallSummary {
            down: *down,
            series,
            started_us: ex.started_us,
            endpoint: ex.was_sent().then_some(ex.up.endpoint),
            attempts: ex.attempts,
            bytes_in: ex.bytes_in,
        }
    }
}

impl Calls {
    /// Ends a call whose asker has been sent everything that it will get.
    pub(super) fn finish<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey, ended: CallResult) {
        self.finish_with(w, key, |_| true, |_, _, _| Ok(ended));
    }

    /// Ends a call, if its entry is as expected. If a downstream waits, `last` sends it the response and returns the
    /// result. Returns whether there was such a call.
    #[inline]
    pub(super) fn finish_with<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        key: CallKey,
        is_expected: impl FnOnce(&Exchange) -> bool,
        last: impl FnOnce(&mut Connections<E>, &Exchange, &Down) -> Result<CallResult, Box<CallError>>,
    ) -> bool {
        // The entry is removed first, so that nothing that follows can end the same call again.
        let Some(ex) = self.table.remove_if(key, is_expected) else {
            return false;
        };
        if let Asker::Downstream(down, series) = &ex.asker {
            let ended = match last(w, &ex, down) {
                Ok(ended) => ended,
                Err(error) => {
                    self.note_error(key, *series, &error);
                    CallResult::Failed(error.kind)
                }
            };
            self.leave_downstream(w, key, CallSummary::of(&ex, down, *series), ended);
            if ex.reached > 0 {
                self.end_filters(&ex.plan, ex.reached, ex.started_us, ended);
            }
        } else {
            self.copies.ended(&ex.asker);
        }
        if ex.state == State::Sent {
            self.gave_up_upstream(w, Counted::of(&ex));
            self.leave_upstream(w, &ex);
            if ex.held.is_some() {
                self.retries.drop_kept(&ex);
            }
            if ex.flow != Flow::Settled {
                self.leave_streams(w, key, &ex);
            }
        } else if ex.state == State::Collecting {
            self.bodies.left(&ex);
        } else if matches!(ex.state, State::Suspended | State::Queued) {
            self.asking.left(&ex);
        }
        true
    }

    #[inline(always)]
    fn leave_downstream<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        key: CallKey,
        ex: CallSummary,
        ended: CallResult,
    ) {
        let latency_us = self.now_us.saturating_sub(ex.started_us);
        // Without an attempt no endpoint took part, and a latency would only describe this proxy.
        match ex.attempts {
            0 => self.metrics.refused(ex.series, ended),
            _ => self.metrics.end(ex.series, ended, latency_us),
        }
        self.in_flight[ex.down.listener.index()] -= 1;
        // Every call that came while texts are taken has a note.
        if !self.notes.is_empty() {
            self.tell(w, key, ex, ended, latency_us);
        }
        w.release(ex.down.conn);
    }

    /// Passes the call to the access log and the log level `trace`.
    fn tell<E: Env>(
        &mut self,
        w: &Connections<E>,
        key: CallKey,
        ex: CallSummary,
        ended: CallResult,
        latency_us: u64,
    ) {
        let note = self.notes.remove(&key.bits());
        let record = Record {
            series: self.metrics.effective(ex.series),
            ended,
            latency_us,
            upstream_us: note.as_ref().and_then(|note| note.upstream_us(self.now_us)),
            downstream: w.get(ex.down.conn).and_then(|c| c.peer),
            endpoint: ex.endpoint,
            attempts: ex.attempts,
            bytes_in: ex.bytes_in,
            note,
        };
        self.record(record);
    }

    fn record(&mut self, record: Record) {
        if trace::is_on()
            && let Some(key) = self.metrics.key(record.series)
        {
            let ended = Ended {
                key,
                note: record.note.as_deref(),
                downstream: record.downstream,
                endpoint: record.endpoint,
                attempts: record.attempts,
                latency_us: record.latency_us,
                upstream_us: record.upstream_us,
                result: record.ended,
            };
            ended.tell(&self.directory);
        }
        if let Some(log) = &mut self.log
            && log.wants(record.ended)
        {
            log.push(record);
        }
    }

    /// Logs a call that was refused before it entered the table.
    pub(super) fn log_refused<E: Env>(
        &mut self,
        w: &Connections<E>,
        from: ConnKey,
        series: SeriesId,
        ended: CallResult,
        note: Option<Box<Note>>,
    ) {
        if self.takes_notes() {
            self.record(Record {
                series,
                ended,
                latency_us: 0,
                upstream_us: None,
                downstream: w.get(from).and_then(|c| c.peer),
                endpoint: None,
                attempts: 0,
                bytes_in: 0,
                note,
            });
        }
    }

    #[inline]
    fn leave_upstream<E: Env>(&mut self, w: &mut Connections<E>, ex: &Exchange) {
        w.release(ex.up.conn);
        self.endpoints.ended(ex.up.endpoint);
    }

    /// Responds with an error and stops waiting for the upstream.
    #[cold]
    pub(super) fn fail<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey, error: &CallError) {
        let Some(ex) = self.table.get(key) else { return };
        if let Asker::Downstream(down, series) = ex.asker {
            if !ex.one_way {
                let response = Response::Error(error.clone());
                let no_rules = Bridge::default();
                // every protocol can encode an error
                let _ = w.respond(down.conn, down.reply, &response, From::Memory, || &no_rules);
            }
            self.note_error(key, series, error);
        }
        self.abandon(w, key, error.kind);
    }

    /// Records the cause of a failure for metrics and the access log.
    #[cold]
    fn note_error(&mut self, key: CallKey, series: SeriesId, error: &CallError) {
        self.metrics.limited(series, error.limit);
        if let Some(note) = self.notes.get_mut(&key.bits()) {
            note.set_error(&error.text);
        }
    }

    /// Ends the asker's side of a call. If its bytes have gone upstream, the entry stays in quarantine until the
    /// response comes or the connection closes.
    pub(super) fn abandon<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey, kind: ErrorKind) {
        let Some(ex) = self.table.get_mut(key) else { return };
        // Without a live upstream connection no response can come, and the id is free at once.
        if ex.state != State::Sent || ex.one_way || ex.has_stream() || !w.alive(ex.up.conn) {
            self.reset_upstream(w, key, kind);
            return self.finish(w, key, CallResult::Failed(kind));
        }
        let counted = Counted::of(ex);
        let summary = match &ex.asker {
            Asker::Downstream(down, series) => Some(CallSummary::of(ex, down, *series)),
            _ => None,
        };
        ex.asker.leave();
        let plan = (ex.reached > 0).then(|| Rc::clone(&ex.plan));
        let (reached, started_us) = (std::mem::take(&mut ex.reached), ex.started_us);
        self.quarantine(w, key, counted, kind == ErrorKind::Timeout);
        if let Some(summary) = summary {
            self.leave_downstream(w, key, summary, CallResult::Failed(kind));
        }
        if let Some(plan) = plan {
            self.end_filters(&plan, reached, started_us, CallResult::Failed(kind));
        }
    }

    /// Keeps the entry of a call that was sent and that nobody waits for any more: the upstream still knows its id,
    /// so that no other call may get it. `counted` is what the call counted for before.
    pub(super) fn quarantine<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        key: CallKey,
        counted: Counted,
        timed_out: bool,
    ) {
        let Some(ex) = self.table.get_mut(key) else { return };
        if ex.has_stream() {
            // No other call gets the number of a stream.
            self.reset_upstream(w, key, ErrorKind::Timeout);
            if let Some(ex) = self.table.remove(key) {
                self.leave_upstream(w, &ex);
            }
            return self.gave_up_upstream(w, counted);
        }
        ex.state = State::Quarantined;
        self.retries.drop_kept(ex);
        ex.held = None;
        ex.deadline_ms = w.now_ms + QUARANTINE_MS;
        self.wheel.push(ex.deadline_ms, key);
        self.quarantined += 1;
        let quarantined = w.quarantine(ex.up.conn);
        let cluster = ex.target.cluster.and_then(|id| self.directory.cluster(id));
        if cluster.is_some_and(|c| quarantined >= c.max_per_connection) {
            // as many calls as the connection may carry at once are lost on it: replace it by one with free ids
            w.retire(ex.up.conn);
        }
        if timed_out {
            // One timeout may be a slow call. Silence of the whole connection may be a dead peer.
            w.ask_if_silent(ex.up.conn, self.now_us.saturating_sub(ex.started_us) / 1000);
        }
        self.gave_up_upstream(w, counted);
    }

    /// Removes a call from quarantine: its late response came, or its connection closed.
    pub(super) fn unquarantine<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey) {
        if let Some(ex) = self.table.remove(key) {
            self.quarantined -= 1;
            self.copies.ended(&ex.asker);
            w.unquarantine(ex.up.conn);
            self.leave_upstream(w, &ex);
        }
    }

    /// Handles deadlines that have passed.
    pub fn expire<E: Env>(&mut self, w: &mut Connections<E>) {
        let mut due = std::mem::take(&mut self.due);
        self.wheel.sweep(w.now_ms, &mut due);
        for key in due.drain(..) {
            let Some(ex) = self.table.get(key) else { continue };
            match ex.state {
                State::Sent if ex.attempt_over_ms != u32::MAX && ex.deadline_ms > w.now_ms => {
                    self.end_attempt(w, key);
                }
                // The wheel covers 16 seconds, so a later deadline comes up early and is queued again.
                _ if ex.deadline_ms > w.now_ms => self.wheel.push(ex.deadline_ms, key),
                State::Quarantined => w.retire(ex.up.conn),
                State::Suspended | State::Waiting | State::Queued | State::Collecting | State::Sent => {
                    let error = self.too_late(key, ex);
                    self.fail(w, key, &error);
                }
            }
        }
        self.due = due;
    }

    /// Ends one-way calls whose bytes have left.
    pub fn finish_one_ways<E: Env>(&mut self, w: &mut Connections<E>) {
        if self.one_ways.is_empty() {
            return;
        }
        let mut waiting = std::mem::take(&mut self.one_ways);
        waiting.retain(|key| {
            let Some(ex) = self.table.get(*key) else {
                return false;
            };
            // Until a byte has left, the call can still be sent over another connection.
            if ex.state == State::Sent && w.unsent(ex.up.conn, ex.up.mark).is_some() {
                return true;
            }
            if ex.state == State::Sent {
                self.finish(w, *key, CallResult::Sent);
            }
            false
        });
        self.one_ways.append(&mut waiting);
    }

    /// Ends or moves the calls of closed connections. All connections that closed together share one pass over
    /// the table, and idle ones need none.
    #[inline]
    pub fn reap<E: Env>(&mut self, w: &mut Connections<E>) {
        if !w.closed_conns.is_empty() {
            self.reap_closed(w);
        }
    }

    #[cold]
    fn reap_closed<E: Env>(&mut self, w: &mut Connections<E>) {
        while !w.closed_conns.is_empty() {
            let closed_conns = std::mem::take(&mut w.closed_conns);
            let mut stranded = vec![];
            for &closed in &closed_conns {
                if let Some(Owner::Endpoint(id)) = w.get(closed).map(|c| c.owner) {
                    // Calls that waited for a failed dial are moved last, when the table has no call on a
                    // closed connection.
                    let waiting = self.endpoints.lost(w, id, closed);
                    stranded.extend(waiting.into_iter().map(|call| (call, id, closed)));
                }
            }
            for key in self.calls_on(w, &closed_conns) {
                let Some(ex) = self.table.get(key) else { continue };
                if ex.was_sent() && !w.alive(ex.up.conn) {
                    self.upstream_lost(w, key);
                } else if ex.down().is_some_and(|down| !w.alive(down.conn)) {
                    self.downstream_lost(w, key);
                }
            }
            for (call, id, dial) in stranded {
                self.try_elsewhere(w, call, id, dial);
            }
            // Entries are removed last: until here calls look up the keys of their closed connections.
            for closed in closed_conns {
                w.remove(closed);
            }
        }
    }

    /// The calls that may refer to these connections: what their sessions know, or else all calls.
    fn calls_on<E: Env>(&self, w: &Connections<E>, conns: &[ConnKey]) -> Vec<CallKey> {
        let has_calls = |conn: &&ConnKey| w.get(**conn).is_some_and(|c| c.calls > 0);
        let mut calls = vec![];
        let are_known = (conns.iter().filter(has_calls)).all(|conn| w.calls_of(*conn, &mut calls));
        if are_known { calls } else { self.table.keys() }
    }

    /// Cancels a call whose downstream connection closed. A one-way call goes on, because no response is due;
    /// the key of its downstream connection still selects the upstream connections reserved for it.
    fn downstream_lost<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey) {
        if self.table.get(key).is_some_and(|ex| !ex.one_way) {
            self.abandon(w, key, ErrorKind::Cancelled);
        }
    }

    /// Sends the call to another endpoint if no byte of it has left, and fails it otherwise.
    fn upstream_lost<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey) {
        let Some(ex) = self.table.get_mut(key) else { return };
        if ex.state == State::Quarantined {
            return self.unquarantine(w, key);
        }
        let lost = ex.up;
        let text = "the connection to the provider was lost before it answered";
        let error = CallError::new(ErrorKind::UpstreamClosed, text);
        match &ex.asker {
            Asker::Downstream(down, _) if ex.one_way || w.alive(down.conn) => {}
            Asker::Downstream(..) => return self.finish(w, key, CallResult::Failed(ErrorKind::Cancelled)),
            Asker::Mirror(_) | Asker::Nobody => return self.fail(w, key, &error),
        }
        if ex.has_stream() {
            return self.stream_lost(w, key, &error);
        }
        // the bytes are in the upstream's protocol; edits and bridging have been applied to them
        let reader = w.proto(lost.conn).and_then(E::Protocols::reader);
        let unsent = reader.zip(w.unsent(lost.conn, lost.mark));
        let Some(held) = unsent
            .and_then(|(reader, bytes)| reader.view(bytes))
            .map(|m| m.hold(Edits::default()))
        else {
            if self.retry(w, key, RetryOn::ConnectionLost) {
                return;
            }
            return self.fail(w, key, &error);
        };
        self.take_back(w, key);
        if let Some(ex) = self.table.get_mut(key) {
            ex.held = Some(held);
        }
        self.send_elsewhere(w, key, lost.endpoint);
    }

    /// Takes a call back from a connection whose peer will not respond to it any more. It keeps its request, if it
    /// has it.
    pub(super) fn take_back<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey) {
        let Some(ex) = self.table.get_mut(key) else { return };
        let (up, counted, series) = (ex.up, Counted::of(ex), ex.series());
        self.retries.drop_kept(ex);
        ex.state = State::Waiting;
        w.release(up.conn);
        self.endpoints.ended(up.endpoint);
        self.gave_up_upstream(w, counted);
        if let Some(series) = series {
            self.metrics.retried(series);
        }
    }
}
