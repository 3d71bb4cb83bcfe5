//! A request comes in: its head is read, limits and routes are checked, and filters may change or refuse it.
use super::asking::is_foreign;
use super::forward::Sending;
use super::route_cache::{CachedRoute, Names};
use super::{Application, Batch, Calls, Plan, errors};
use crate::Env;
use crate::access_log::Note;
use crate::bridge::Bridge;
use crate::buf::Mark;
use crate::connections::{Connections, From, Owner};
use crate::directory::{ClusterId, Directory, EndpointId, Listener, ListenerId, RouteId, Target};
use crate::error::{CallError, ErrorKind, Limit};
use crate::exchange::{Asker, Down, Exchange, Flow, State, TargetId, Up};
use crate::message::{Head, Message};
use crate::metrics::{CallResult, Lookup, SeriesId};
use crate::peer_errors::PeerErrorKind;
use crate::session::{RespondTo, Response};
use crate::slots::{CallKey, ConnKey};
use crate::stream::Body;
use std::rc::Rc;

impl Calls {
    #[inline]
    pub(super) fn on_request<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        batch: &mut Batch,
        from: ConnKey,
        id: u64,
        msg: &Message<'_>,
    ) {
        let Some(downstream) = w.get(from) else { return };
        let Owner::Listener(at) = downstream.owner else {
            return;
        };
        let (calls, is_full) = (downstream.calls, downstream.is_full());
        // Of the downstream connection only copies are kept: the borrow must end before the call is sent.
        let (is_unknown, is_parting) = (downstream.application.is_none(), downstream.is_retired());
        let directory = Rc::clone(&self.directory);
        let mut down = Down {
            conn: from,
            reply: RespondTo {
                id,
                hint: msg.meta.hint,
            },
            listener: at,
            proto: msg.meta.proto,
        };
        let Some(listener) = directory.listener(at) else {
            let error = CallError::new(ErrorKind::NoRoute, "this listener was removed");
            w.refused_in_parting(from);
            return self.turn_away(w, down, msg, &Head::default(), error);
        };
        let mut head = Head::default();
        if let Err(e) = msg.meta.reader.read_head(msg, &mut head) {
            return self.turn_away(w, down, msg, &Head::default(), e);
        }
        // The reader may learn more about the response format from the whole head than from the frame.
        down.reply.hint = head.hint;
        if let Some(refusal) = self.over_limit(at, listener, calls, is_parting) {
            if is_parting {
                w.refused_in_parting(from);
            }
            return self.turn_away(w, down, msg, &head, refusal.error());
        }
        let Some(cached) = self.cached_route(&directory, listener, &down, msg, &head) else {
            return self.turn_away(w, down, msg, &head, no_route(listener, &head));
        };
        let plan = Rc::clone(&cached.plan);
        let (key, target) = self.admit(w, &directory, down, cached, msg, &head);
        // The call that fills the connection is still accepted; reading stops after it.
        if is_full {
            w.pause_if_full(from);
        }
        if is_unknown && !head.application.is_empty() {
            w.set_application(from, Application::named(head.application));
        }
        // An upstream of the same protocol handles echo calls itself; no other protocol has them.
        if head.echo
            && target
                .cluster
                .is_some_and(|id| is_foreign(&directory, id, down.proto))
        {
            return self.echo(w, key, msg);
        }
        let sending = Sending {
            key,
            downstream: from,
            directory: &directory,
            plan: &plan,
            target: &plan.route.targets[usize::from(target.index)],
            cluster: target.cluster,
            msg,
            head: Some(&head),
            from: From::Input,
            edits: plan.route.rewrite.as_ref(),
            not: None,
            or_any: true, // at least one attempt is always allowed
        };
        // Without filters nothing changes the request, and the route's own edits need no copy.
        if plan.is_plain && self.plans.of_listener(at).is_none() {
            return self.send(w, Some(batch), &sending);
        }
        let plan = self.with_filters(key, at, &plan);
        let plan = &plan;
        self.send_filtered(w, batch, &head, &Sending { plan, ..sending });
    }

    /// Finds the route of a call, in the cache or by matching its listener's routes.
    #[inline]
    fn cached_route(
        &mut self,
        directory: &Directory,
        listener: &Listener,
        down: &Down,
        msg: &Message<'_>,
        head: &Head<'_>,
    ) -> Option<CachedRoute> {
        let names = Names::of(down.listener, listener, down.proto, head);
        if let Some(cached) = names.as_ref().and_then(|names| self.route_cache.get(names)) {
            return Some(cached.clone());
        }
        let cached = self.find_route(directory, listener, down, msg, head)?;
        // Where the calls of a service go is not known until its registry has said it.
        let is_known = cached.sole.is_some() || !cached.plan.route.targets.iter().any(Target::is_on_demand);
        if let Some(names) = names.filter(|_| is_known) {
            self.route_cache.put(&names, cached.clone());
        }
        Some(cached)
    }

    #[inline(never)]
    fn find_route(
        &mut self,
        directory: &Directory,
        listener: &Listener,
        down: &Down,
        msg: &Message<'_>,
        head: &Head<'_>,
    ) -> Option<CachedRoute> {
        let (id, route) = directory.match_route(listener, msg, head)?;
        let sole = match &*route.targets {
            [sole] => self.cluster_of(sole, down.proto, head, route.rewrite.as_ref()),
            _ => None,
        };
        let series = |cluster| (cluster, self.series(directory, down, id, Some(cluster), head));
        let sole = sole.map(series);
        Some(CachedRoute {
            plan: self.plans.of(id, route),
            policy: route.policy_of(head.method),
            sole,
        })
    }

    pub(super) fn series(
        &mut self,
        directory: &Directory,
        down: &Down,
        route: RouteId,
        cluster: Option<ClusterId>,
        head: &Head<'_>,
    ) -> SeriesId {
        let up = cluster.and_then(|id| directory.cluster(id));
        let series = self.metrics.series(&Lookup {
            listener: down.listener,
            route: Some(route),
            cluster,
            down: down.proto,
            up: up.map_or(down.proto, |c| c.protocol),
            service: head.service,
            method: head.method,
        });
        if self.metrics.take_out_happened() {
            // a series was taken out to make room: cached entries may refer to it
            self.route_cache.clear();
        }
        series
    }

    /// Why another call is refused: the connection or this process is going away, or the call would exceed a limit.
    #[inline]
    fn over_limit(
        &self,
        at: ListenerId,
        listener: &Listener,
        calls: u32,
        is_parting: bool,
    ) -> Option<Refusal> {
        if self.refusing | is_parting {
            Some(Refusal::GoingAway)
        } else if self.in_flight[at.index()] >= listener.max_in_flight {
            Some(Refusal::Limit(Limit::ListenerCalls))
        } else if calls >= listener.max_per_connection {
            Some(Refusal::Limit(Limit::DownstreamCalls))
        } else if self.table.is_full() {
            Some(Refusal::Limit(Limit::WorkerCalls))
        } else {
            None
        }
    }

    /// Enters the call into the table. From here on it gets exactly one response.
    #[inline]
    fn admit<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        directory: &Directory,
        down: Down,
        cached: CachedRoute,
        msg: &Message<'_>,
        head: &Head<'_>,
    ) -> (CallKey, TargetId) {
        let (target, series) = match cached.sole {
            Some((cluster, series)) => {
                let (index, cluster) = (0, Some(cluster));
                (TargetId { index, cluster }, series)
            }
            None => self.choose_target(directory, &down, &cached.plan, head),
        };
        let policy = cached.policy;
        // A request can shorten the route's timeout, but not extend it.
        let limit = match head.timeout_ms {
            0 => policy.timeout_ms,
            asked => asked.min(policy.timeout_ms),
        };
        let deadline_ms = match limit {
            u32::MAX => u64::MAX,
            ms => w.now_ms + u64::from(ms),
        };
        let key = self.table.insert(Exchange {
            asker: Asker::Downstream(down, series),
            up: Up {
                conn: down.conn,
                mark: Mark::default(),
                endpoint: EndpointId(u32::MAX),
            },
            state: State::Waiting,
            flow: Flow::of(msg.meta.body),
            one_way: msg.meta.one_way,
            attempts: 0,
            retry: policy.retry,
            target,
            started_us: self.now_us,
            deadline_ms,
            attempt_over_ms: u32::MAX,
            bytes_in: msg.bytes.len() as u32,
            plan: cached.plan,
            held: None,
            reached: 0,
        });
        if self.takes_notes() {
            self.notes.insert(key.bits(), Box::new(Note::of(msg, head)));
        }
        self.wheel.push(deadline_ms, key);
        self.in_flight[down.listener.index()] += 1;
        w.hold(down.conn);
        if msg.meta.body != Body::Framed {
            w.bind(down.conn, down.reply.id, key);
        }
        (key, target)
    }

    /// Chooses one of several targets, or asks what is known about the service of the only one.
    #[inline(never)]
    fn choose_target(
        &mut self,
        directory: &Directory,
        down: &Down,
        plan: &Plan,
        head: &Head<'_>,
    ) -> (TargetId, SeriesId) {
        let route = &plan.route;
        let index = route.target(self.endpoints.random());
        let to = &route.targets[usize::from(index)];
        let cluster = self.cluster_of(to, down.proto, head, route.rewrite.as_ref());
        let series = self.series(directory, down, plan.id, cluster, head);
        (TargetId { index, cluster }, series)
    }

    /// Responds to a call that was refused before it entered the table.
    #[cold]
    fn turn_away<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        down: Down,
        msg: &Message<'_>,
        head: &Head<'_>,
        error: CallError,
    ) {
        let series = self.metrics.series(&Lookup {
            listener: down.listener,
            route: None,
            cluster: None,
            down: down.proto,
            up: down.proto,
            service: head.service,
            method: head.method,
        });
        let reply = (!msg.meta.one_way).then_some(down.reply);
        let note = self.takes_notes().then(|| Box::new(Note::of(msg, head)));
        self.refuse(w, down.conn, reply, series, error, note);
    }

    /// Handles a call that the session itself refused, such as one that is too large.
    #[cold]
    pub(super) fn on_refused<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        from: ConnKey,
        reply: Option<RespondTo>,
        error: &CallError,
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
        let note = self.takes_notes().then(Box::default);
        self.refuse(w, from, reply, series, error.clone(), note);
    }

    fn refuse<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        from: ConnKey,
        reply: Option<RespondTo>,
        series: SeriesId,
        error: CallError,
        mut note: Option<Box<Note>>,
    ) {
        if let Some(who) = w.get(from).map(|c| c.who()) {
            let text = format_args!(": {}: {error}", error.kind.name());
            w.peer_errors.report(PeerErrorKind::Refused, who, w.now_ms, text);
        }
        let ended = CallResult::Failed(error.kind);
        self.metrics.refused(series, ended);
        self.metrics.limited(series, error.limit);
        if let Some(note) = &mut note {
            note.set_error(&error.text);
        }
        self.log_refused(w, from, series, ended, note);
        if let Some(to) = reply {
            // every protocol can encode an error
            let no_rules = Bridge::default();
            let _ = w.respond(from, to, &Response::Error(error), From::Memory, || &no_rules);
        }
    }
}

/// Why a call is refused before its route is looked up.
enum Refusal {
    /// The process takes no further calls.
    GoingAway,
    /// A limit of calls is reached.
    Limit(Limit),
}

impl Refusal {
    #[cold]
    fn error(&self) -> CallError {
        let (limit, what) = match *self {
            Refusal::GoingAway => {
                return CallError::new(ErrorKind::Overload, "this process is going away");
            }
            Refusal::Limit(limit) => (
                limit,
                match limit {
                    Limit::ListenerCalls => "on this listener (limits.in_flight)",
                    Limit::DownstreamCalls => "on this connection (limits.in_flight_per_connection)",
                    _ => return errors::table_is_full(),
                },
            ),
        };
        let text = format!("too many calls in flight {what}");
        CallError::new(ErrorKind::Overload, text).by(limit)
    }
}

/// The number of bytes of a name that an error text repeats, since names come from the peer.
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
