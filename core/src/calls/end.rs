//! How exchanges end: done, failed, cancelled, timed out, upstream lost. The only file that removes from the
//! table; each removal releases exactly what `admit` and `forward` took.
use super::Calls;
use super::trace::{self, Ended};
use crate::Env;
use crate::access_log::{Note, Record};
use crate::bridge::Bridge;
use crate::connections::{Connections, From, Owner};
use crate::directory::EndpointId;
use crate::error::{CallError, ErrorKind};
use crate::exchange::{Down, Exchange, State};
use crate::message::Edits;
use crate::metrics::{CallResult, SeriesId};
use crate::session::{Protocols, Response};
use crate::slots::{CallKey, ConnKey};

/// An answer that is so late was lost: providers drop requests whose time is over without a word. Its connection is
/// replaced, because only its end makes sure that the call's id is free again.
const QUARANTINE_MS: u64 = 30_000;

/// What is left to do when the caller's side of an exchange ends.
#[derive(Clone, Copy)]
struct CallSummary {
    series: SeriesId,
    started_us: u64,
    down: Down,
    endpoint: Option<EndpointId>,
    attempts: u8,
    bytes_in: u32,
}

impl CallSummary {
    fn of(ex: &Exchange) -> Self {
        CallSummary {
            series: ex.series,
            started_us: ex.started_us,
            down: ex.down,
            endpoint: (ex.state != State::Waiting).then_some(ex.up.endpoint),
            attempts: ex.attempts,
            bytes_in: ex.bytes_in,
        }
    }
}

impl Calls {
    /// The caller has what it will get.
    pub(super) fn finish<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey, ended: CallResult) {
        self.finish_with(w, key, |_, _| Ok(ended));
    }

    /// The caller gets what `last` gives it, which tells how the call ended.
    #[inline]
    pub(super) fn finish_with<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        key: CallKey,
        last: impl FnOnce(&mut Connections<E>, &Exchange) -> Result<CallResult, CallError>,
    ) {
        let Some(ex) = self.table.remove(key) else { return };
        let ended = match last(w, &ex) {
            Ok(ended) => ended,
            Err(error) => {
                self.note_error(key, ex.series, &error);
                CallResult::Failed(error.kind)
            }
        };
        self.leave_caller(w, key, CallSummary::of(&ex), ended);
        if ex.state == State::Sent {
            let holder = self.shares.holder(w, &ex);
            self.gave_up_upstream(ex.target.cluster, holder);
            self.leave_upstream(w, &ex);
        }
    }

    #[inline(always)]
    fn leave_caller<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        key: CallKey,
        ex: CallSummary,
        ended: CallResult,
    ) {
        let latency_us = self.now_us.saturating_sub(ex.started_us);
        match ex.attempts {
            0 => self.metrics.refused(ex.series, ended),
            _ => self.metrics.end(ex.series, ended, latency_us),
        }
        self.in_flight[ex.down.listener.index()] -= 1;
        if self.takes_notes() || !self.notes.is_empty() {
            self.tell(w, key, ex, ended, latency_us);
        }
        w.release(ex.down.conn);
    }

    /// Tells the access log and the log level `trace`.
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
            caller: w.get(ex.down.conn).and_then(|c| c.peer),
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
                caller: record.caller,
                endpoint: record.endpoint,
                attempts: record.attempts,
                latency_us: record.latency_us,
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

    /// A call that was refused before it became an exchange is logged all the same.
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
                caller: w.get(from).and_then(|c| c.peer),
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

    /// Answers with an error and gives up upstream.
    #[cold]
    pub(super) fn fail<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey, error: &CallError) {
        let Some(ex) = self.table.get(key) else { return };
        let series = ex.series;
        if !ex.one_way {
            let answer = Response::Error(error.clone());
            let no_rules = Bridge::default();
            // an error can always be said
            let _ = w.answer(ex.down.conn, ex.down.reply, &answer, From::Memory, || &no_rules);
        }
        self.note_error(key, series, error);
        self.abandon(w, key, error.kind);
    }

    /// Why a call failed, for metrics and the access log.
    #[cold]
    fn note_error(&mut self, key: CallKey, series: SeriesId, error: &CallError) {
        self.metrics.limited(series, error.limit);
        if let Some(note) = self.notes.get_mut(&key.bits()) {
            note.set_error(&error.text);
        }
    }

    /// The caller gets nothing more.
    fn abandon<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey, kind: ErrorKind) {
        let Some(ex) = self.table.get_mut(key) else { return };
        if ex.state != State::Sent || ex.one_way || !w.alive(ex.up.conn) {
            return self.finish(w, key, CallResult::Failed(kind));
        }
        let holder = self.shares.holder(w, ex);
        // the wire id is still out there: nobody else may get it
        ex.state = State::Quarantined;
        ex.held = None;
        ex.deadline_ms = w.now_ms + QUARANTINE_MS;
        self.wheel.push(ex.deadline_ms, key);
        self.quarantined += 1;
        let quarantined = w.quarantine(ex.up.conn);
        let cluster = self.directory.cluster(ex.target.cluster);
        if cluster.is_some_and(|c| quarantined >= c.max_per_connection) {
            // as many calls as it may have at once are lost on it: a new connection has none of their ids
            w.retire(ex.up.conn);
        }
        if kind == ErrorKind::Timeout {
            w.ask_if_silent(ex.up.conn, self.now_us.saturating_sub(ex.started_us) / 1000);
        }
        let (cluster, summary) = (ex.target.cluster, CallSummary::of(ex));
        self.gave_up_upstream(cluster, holder);
        self.leave_caller(w, key, summary, CallResult::Failed(kind));
    }

    /// The late answer came, or the connection ended.
    pub(super) fn unquarantine<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey) {
        if let Some(ex) = self.table.remove(key) {
            self.quarantined -= 1;
            w.unquarantine(ex.up.conn);
            self.leave_upstream(w, &ex);
        }
    }

    /// Fails calls whose time is over.
    pub fn expire<E: Env>(&mut self, w: &mut Connections<E>) {
        let mut due = std::mem::take(&mut self.due);
        self.wheel.sweep(w.now_ms, &mut due);
        for key in due.drain(..) {
            let Some(ex) = self.table.get(key) else { continue };
            match ex.state {
                _ if ex.deadline_ms > w.now_ms => self.wheel.push(ex.deadline_ms, key),
                State::Quarantined => w.retire(ex.up.conn),
                State::Waiting => {
                    self.fail(
                        w,
                        key,
                        &CallError::new(ErrorKind::Timeout, "no connection to the provider in time"),
                    );
                }
                State::Sent => {
                    self.fail(
                        w,
                        key,
                        &CallError::new(ErrorKind::Timeout, "the provider did not answer in time"),
                    );
                }
            }
        }
        self.due = due;
    }

    /// One-way calls are over once their bytes left.
    pub fn finish_one_ways<E: Env>(&mut self, w: &mut Connections<E>) {
        if self.one_ways.is_empty() {
            return;
        }
        let mut waiting = std::mem::take(&mut self.one_ways);
        waiting.retain(|key| {
            let Some(ex) = self.table.get(*key) else {
                return false;
            };
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

    /// Tells the calls of closed connections: one pass for all that died together, none if they were idle.
    pub fn reap<E: Env>(&mut self, w: &mut Connections<E>) {
        while !w.closed_conns.is_empty() {
            let closed_conns = std::mem::take(&mut w.closed_conns);
            let mut stranded = vec![];
            for &closed in &closed_conns {
                if let Some(Owner::Endpoint(id)) = w.get(closed).map(|c| c.owner) {
                    let waiting = self.endpoints.lost(w, id, closed);
                    stranded.extend(waiting.into_iter().map(|call| (call, id, closed)));
                }
            }
            if closed_conns
                .iter()
                .any(|g| w.get(*g).is_some_and(|c| c.calls > 0))
            {
                for key in self.table.keys() {
                    let Some(ex) = self.table.get(key) else { continue };
                    if ex.state != State::Waiting && !w.alive(ex.up.conn) {
                        self.upstream_lost(w, key);
                    } else if ex.state != State::Quarantined && !w.alive(ex.down.conn) {
                        self.caller_lost(w, key);
                    }
                }
            }
            for (call, id, dial) in stranded {
                self.try_elsewhere(w, call, id, dial);
            }
            for closed in closed_conns {
                w.remove(closed);
            }
        }
    }

    /// Nobody waits for the answer any more. One-way calls go on without their caller; its key still tells which
    /// connections are reserved for it.
    fn caller_lost<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey) {
        if self.table.get(key).is_some_and(|ex| !ex.one_way) {
            self.abandon(w, key, ErrorKind::Cancelled);
        }
    }

    /// Sends the call elsewhere if not a byte of it left, and fails it otherwise.
    fn upstream_lost<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey) {
        let Some(ex) = self.table.get_mut(key) else { return };
        if ex.state == State::Quarantined {
            return self.unquarantine(w, key);
        }
        let lost = ex.up;
        if !ex.one_way && !w.alive(ex.down.conn) {
            return self.finish(w, key, CallResult::Failed(ErrorKind::Cancelled));
        }
        // the bytes are in the upstream's own protocol; edits and bridging are already in them
        let dialect = w.proto(lost.conn).and_then(E::Protocols::dialect);
        let unsent = dialect.zip(w.unsent(lost.conn, lost.mark));
        let Some(held) = unsent
            .and_then(|(d, b)| d.view(b))
            .map(|m| m.hold(Edits::default()))
        else {
            let text = "the connection to the provider was lost before it answered";
            return self.fail(w, key, &CallError::new(ErrorKind::UpstreamClosed, text));
        };
        let holder = self.shares.holder(w, ex);
        ex.state = State::Waiting;
        ex.held = Some(held);
        let (cluster, series) = (ex.target.cluster, ex.series);
        self.metrics.retried(series);
        w.release(lost.conn);
        self.endpoints.ended(lost.endpoint);
        self.gave_up_upstream(cluster, holder);
        self.send_held(w, key, Some(lost.endpoint));
    }
}
