//! A call comes in: limits, route, filters.
use super::{Batch, Calls};
use crate::Env;
use crate::bridge::Bridge;
use crate::buf::Mark;
use crate::error::{CallError, ErrorKind};
use crate::exchange::{Down, Exchange, State, TargetId, Up};
use crate::faults::FaultKind;
use crate::filter::{RequestCx, Verdict};
use crate::message::{Head, Message};
use crate::metrics::{Ended, Lookup, SeriesId};
use crate::session::{Answer, ReplyTo};
use crate::slots::{CallKey, ConnKey};
use crate::snapshot::{EndpointId, Epoch, Listener, ListenerId, RouteId};
use crate::wires::{From, Owner, Wires};
use std::rc::Rc;

impl Calls {
    #[inline]
    pub(super) fn on_request<E: Env>(
        &mut self,
        w: &mut Wires<E>,
        batch: &mut Batch,
        from: ConnKey,
        id: u64,
        msg: &Message<'_>,
    ) {
        let Some(Owner::Listener(at)) = w.get(from).map(|c| c.owner) else {
            return;
        };
        let epoch = Rc::clone(&self.epoch);
        let Some(listener) = epoch.snapshot.listener(at) else {
            let error = CallError::new(ErrorKind::NoRoute, "this listener was removed");
            return self.turn_away(
                w,
                from,
                at,
                ReplyTo {
                    id,
                    hint: msg.meta.hint,
                },
                msg,
                None,
                error,
            );
        };
        let head = match msg.head(listener.wants) {
            Ok(head) => head,
            Err(e) => {
                return self.turn_away(
                    w,
                    from,
                    at,
                    ReplyTo {
                        id,
                        hint: msg.meta.hint,
                    },
                    msg,
                    None,
                    e,
                );
            }
        };
        let reply = ReplyTo { id, hint: head.hint };
        if let Some(e) = self.over_limit(w, from, at, listener) {
            return self.turn_away(w, from, at, reply, msg, Some(&head), e);
        }
        let Some(route) = epoch.snapshot.route(listener, msg, &head) else {
            return self.turn_away(w, from, at, reply, msg, Some(&head), no_route(listener, &head));
        };
        let down = Down {
            conn: from,
            reply,
            listener: at,
            proto: msg.meta.proto,
        };
        let key = self.admit(w, &epoch, down, route, msg, &head);
        w.throttle(from, from);
        if head.echo && self.changes_protocol(key, msg) {
            return self.echo(w, key, msg);
        }
        let rewrite = &epoch.snapshot.routes[route.index()].rewrite;
        match epoch.chain(at, route) {
            None => self.forward(w, Some(batch), key, msg, From::Input, rewrite, None),
            Some(chain) => {
                let mut edits = rewrite.clone();
                let mut cx = RequestCx {
                    msg,
                    head: &head,
                    edits: &mut edits,
                    now_ms: w.now_ms as u32,
                };
                for filter in chain.iter() {
                    if let Verdict::Reject(e) = filter.on_request(&mut cx) {
                        return self.fail(w, key, &e);
                    }
                }
                self.forward(w, Some(batch), key, msg, From::Input, &edits, None);
            }
        }
    }

    fn changes_protocol(&self, key: CallKey, msg: &Message<'_>) -> bool {
        let Some(ex) = self.table.get(key) else {
            return false;
        };
        ex.epoch
            .snapshot
            .cluster(ex.target.cluster)
            .is_some_and(|c| c.protocol != msg.meta.proto)
    }

    fn over_limit<E: Env>(
        &self,
        w: &Wires<E>,
        from: ConnKey,
        at: ListenerId,
        listener: &Listener,
    ) -> Option<CallError> {
        let what = if self.in_flight[at.index()] >= listener.max_in_flight {
            "on this listener"
        } else if w
            .get(from)
            .is_some_and(|c| c.calls >= listener.max_per_connection)
        {
            "on this connection"
        } else if self.table.is_full() {
            "in this process"
        } else {
            return None;
        };
        Some(CallError::new(
            ErrorKind::Overload,
            format!("too many calls in flight {what}"),
        ))
    }

    /// From here on the call is an exchange: it will get exactly one answer.
    fn admit<E: Env>(
        &mut self,
        w: &mut Wires<E>,
        epoch: &Rc<Epoch>,
        down: Down,
        id: RouteId,
        msg: &Message<'_>,
        head: &Head<'_>,
    ) -> CallKey {
        let snapshot = &epoch.snapshot;
        let route = &snapshot.routes[id.index()];
        let place = if route.targets.len() == 1 {
            0
        } else {
            route.target(self.endpoints.random())
        };
        let cluster = route.targets[usize::from(place)].cluster;
        let up = snapshot.cluster(cluster).map_or(down.proto, |c| c.protocol);
        let series = self.metrics.series(&Lookup {
            listener: down.listener,
            route: Some(id),
            cluster: Some(cluster),
            down: down.proto,
            up,
            service: head.service,
            method: head.method,
        });
        let policy = route.policy_of(head.method);
        let limit = match head.timeout_ms {
            0 => policy.timeout_ms,
            told => told.min(policy.longest_ms),
        };
        let deadline_ms = match limit {
            u32::MAX => u64::MAX,
            ms => w.now_ms + u64::from(ms),
        };
        let key = self.table.insert(Exchange {
            down,
            up: Up {
                conn: down.conn,
                mark: Mark::default(),
                endpoint: EndpointId(u32::MAX),
            },
            state: State::Waiting,
            one_way: msg.meta.one_way,
            attempts: 0,
            max_attempts: policy.attempts,
            target: TargetId {
                route: id,
                place,
                cluster,
            },
            series,
            started_us: self.now_us,
            deadline_ms,
            bytes_in: msg.bytes.len() as u32,
            epoch: Rc::clone(epoch),
            held: None,
        });
        self.wheel.push(deadline_ms, key);
        self.in_flight[down.listener.index()] += 1;
        w.hold(down.conn);
        key
    }

    /// Answers a call that never became an exchange.
    #[cold]
    #[allow(
        clippy::too_many_arguments,
        reason = "the facts of a call that has no record yet"
    )]
    fn turn_away<E: Env>(
        &mut self,
        w: &mut Wires<E>,
        from: ConnKey,
        listener: ListenerId,
        reply: ReplyTo,
        msg: &Message<'_>,
        head: Option<&Head<'_>>,
        error: CallError,
    ) {
        let (service, method) = head.map_or((&b""[..], &b""[..]), |h| (h.service, h.method));
        let series = self.metrics.series(&Lookup {
            listener,
            route: None,
            cluster: None,
            down: msg.meta.proto,
            up: msg.meta.proto,
            service,
            method,
        });
        self.refuse(w, from, (!msg.meta.one_way).then_some(reply), series, error);
    }

    /// The session itself found a call that must not go on.
    #[cold]
    pub(super) fn on_refused<E: Env>(
        &mut self,
        w: &mut Wires<E>,
        from: ConnKey,
        reply: Option<ReplyTo>,
        error: CallError,
    ) {
        let Some(Owner::Listener(listener)) = w.get(from).map(|c| c.owner) else {
            return;
        };
        let Some(proto) = w.proto(from) else { return };
        let none = Lookup {
            listener,
            route: None,
            cluster: None,
            down: proto,
            up: proto,
            service: b"",
            method: b"",
        };
        let series = self.metrics.series(&none);
        self.refuse(w, from, reply, series, error);
    }

    fn refuse<E: Env>(
        &mut self,
        w: &mut Wires<E>,
        from: ConnKey,
        reply: Option<ReplyTo>,
        series: SeriesId,
        error: CallError,
    ) {
        if let Some(who) = w.get(from).map(|c| c.who()) {
            let text = format_args!("{who}: {}: {error}", error.kind.name());
            w.faults.report(FaultKind::Refused, w.now_ms, text);
        }
        let ended = Ended::Failed(error.kind);
        self.metrics.end(series, ended, 0);
        self.log_refused(w, from, series, ended);
        if let Some(to) = reply {
            // an error can always be said
            let _ = w.answer(from, to, &Answer::Error(error), From::Memory, &Bridge::default());
            w.cut_if_stuck(from);
        }
    }
}

/// A name is told back to its caller up to this length.
const NAME_SHOWN: usize = 256;

#[cold]
fn no_route(listener: &Listener, head: &Head<'_>) -> CallError {
    let text = |b: &[u8]| String::from_utf8_lossy(&b[..b.len().min(NAME_SHOWN)]).into_owned();
    let mut name = text(head.service);
    for (label, part) in [("version", head.version), ("group", head.group)] {
        if !part.is_empty() {
            name.push_str(&format!(", {label} {}", text(part)));
        }
    }
    let method = text(head.method);
    CallError::new(
        ErrorKind::NoRoute,
        format!(
            "no route on listener {} for service {name}, method {method}",
            listener.name
        ),
    )
}
