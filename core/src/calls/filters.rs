//! The filters of calls: requests pass them before an endpoint is chosen, and may wait for a decision in between.
use super::forward::{Sending, credit_owed};
use super::{Batch, Calls, Plan};
use crate::Env;
use crate::asking::{Inquiry, Subject, Ticket};
use crate::connections::{Connections, From};
use crate::directory::ListenerId;
use crate::error::{CallError, ErrorKind, Limit};
use crate::exchange::{Exchange, State};
use crate::filter::{Ended, RequestCx, Verdict};
use crate::message::{Edits, Head};
use crate::metrics::CallResult;
use crate::slots::{CallKey, ConnKey};
use std::collections::HashMap;
use std::rc::Rc;

/// The most calls of one downstream that wait for decisions.
const OF_ONE_MAX: u32 = 1024;
/// The time after which a decision is given up, in milliseconds.
const PATIENCE_MS: u64 = 10_000;

/// The calls that wait for decisions.
#[derive(Default)]
pub(super) struct Decisions {
    open: HashMap<Ticket, Open>,
    by_downstream: HashMap<ConnKey, u32>,
}

/// A call that waits for a decision.
struct Open {
    call: CallKey,
    downstream: ConnKey,
    /// The place of the filter that has asked.
    place: usize,
    until_ms: u64,
}

/// How far a request has come in its chain.
struct Progress<'a> {
    /// The next filter.
    place: usize,
    /// The decision that this filter has asked for; `None` if it has not seen the request yet.
    decision: Option<Result<&'a [u8], &'a CallError>>,
    edits: Edits,
}

impl Decisions {
    fn insert(&mut self, ticket: Ticket, open: Open) {
        *self.by_downstream.entry(open.downstream).or_default() += 1;
        self.open.insert(ticket, open);
    }

    fn take(&mut self, ticket: Ticket) -> Option<Open> {
        let open = self.open.remove(&ticket)?;
        let own = self.by_downstream.get_mut(&open.downstream)?;
        *own -= 1;
        if *own == 0 {
            self.by_downstream.remove(&open.downstream);
        }
        Some(open)
    }
}

impl Calls {
    /// Gives a call the plan with all filters that it has to pass.
    pub(super) fn with_filters(&mut self, key: CallKey, at: ListenerId, plan: &Rc<Plan>) -> Rc<Plan> {
        let plan = self.plans.filtered(at, plan);
        if let Some(ex) = self.table.get_mut(key) {
            ex.plan = Rc::clone(&plan);
        }
        plan
    }

    /// Passes a request that has just come through its filters, and sends it.
    #[inline(never)]
    pub(super) fn send_filtered<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        batch: &mut Batch,
        head: &Head<'_>,
        sending: &Sending<'_>,
    ) {
        let progress = Progress {
            place: 0,
            decision: None,
            edits: sending.edits.cloned().unwrap_or_default(),
        };
        self.go_through(w, Some(batch), progress, head, sending);
    }

    fn go_through<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        batch: Option<&mut Batch>,
        mut progress: Progress<'_>,
        head: &Head<'_>,
        sending: &Sending<'_>,
    ) {
        let Some(chain) = &sending.plan.chain else { return };
        let mut cx = RequestCx {
            msg: sending.msg,
            head,
            edits: &mut progress.edits,
            now_ms: w.now_ms as u32,
        };
        for (place, filter) in chain.filters.iter().enumerate().skip(progress.place) {
            let verdict = match progress.decision.take() {
                Some(decision) => filter.on_resume(&mut cx, decision),
                None => filter.on_request(&mut cx),
            };
            let refusal = match verdict {
                Verdict::Continue => continue,
                Verdict::Reject(error) => {
                    self.reached(sending, place + 1);
                    error
                }
                Verdict::Ask(inquiry) => {
                    self.reached(sending, place + 1);
                    match self.wait_for_decision(w, sending, place, cx.edits, inquiry) {
                        Ok(()) => return,
                        Err(error) => error,
                    }
                }
            };
            return self.fail(w, sending.key, &refusal);
        }
        self.reached(sending, chain.filters.len());
        // No edits at all means that the request can go out as the bytes that came.
        let edits = Some(&progress.edits).filter(|edits| !edits.is_empty());
        let sending = Sending { edits, ..*sending };
        // The copy goes first: the frame in the input has to be the last of its event.
        if let Some(mirror) = &sending.plan.route.mirror {
            self.mirror(w, mirror, &sending);
        }
        self.send(w, batch, &sending);
    }

    /// Remembers how many filters have seen a call, if any of them is to be called again.
    fn reached(&mut self, sending: &Sending<'_>, count: usize) {
        let is_needed = sending
            .plan
            .chain
            .as_ref()
            .is_some_and(|chain| chain.is_needed_later());
        if let Some(ex) = self.table.get_mut(sending.key).filter(|_| is_needed) {
            ex.reached = u8::try_from(count).unwrap_or(u8::MAX);
        }
    }

    /// Keeps a call until there is a decision about it.
    fn wait_for_decision<E: Env>(
        &mut self,
        w: &Connections<E>,
        sending: &Sending<'_>,
        place: usize,
        edits: &Edits,
        inquiry: Inquiry,
    ) -> Result<(), CallError> {
        let own = self.decisions.by_downstream.get(&sending.downstream).copied();
        let Some(ex) = self.table.get_mut(sending.key) else {
            return Ok(());
        };
        let len = sending.msg.bytes.len();
        if own.unwrap_or(0) >= OF_ONE_MAX || !self.asking.has_room(len) {
            let text = "too many calls wait for decisions about them";
            return Err(CallError::new(ErrorKind::Overload, text).by(Limit::WaitingCalls));
        }
        self.asking.keep(len);
        ex.held = Some(sending.msg.hold(edits.clone()));
        ex.state = State::Suspended;
        let ticket = self.asking.put(Subject::Decision(inquiry));
        let open = Open {
            call: sending.key,
            downstream: sending.downstream,
            place,
            until_ms: w.now_ms + PATIENCE_MS,
        };
        self.decisions.insert(ticket, open);
        Ok(())
    }

    /// Goes on with the call that waits for this decision. A decision that nobody waits for is dropped.
    pub(super) fn decided<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        ticket: Ticket,
        decision: Result<&[u8], &CallError>,
    ) {
        let Some(open) = self.decisions.take(ticket) else {
            return;
        };
        let is_suspended = |ex: &&mut Exchange| ex.state == State::Suspended;
        let Some(ex) = self.table.get_mut(open.call).filter(is_suspended) else {
            return;
        };
        self.asking.left(ex);
        ex.state = State::Waiting;
        let (plan, target, downstream) = (Rc::clone(&ex.plan), ex.target, ex.asker.connection());
        let Some(held) = ex.held.take() else { return };
        credit_owed(w, ex, &held);
        let directory = Rc::clone(&self.directory);
        let msg = held.view();
        // The head was read before, so that it can be read again.
        let head = msg.meta.reader.head(&msg).unwrap_or_default();
        let sending = Sending {
            key: open.call,
            downstream,
            directory: &directory,
            plan: &plan,
            target: &plan.route.targets[usize::from(target.index)],
            cluster: target.cluster,
            msg: &msg,
            head: Some(&head),
            from: From::Memory,
            edits: None,
            not: None,
            or_any: true,
        };
        let progress = Progress {
            place: open.place,
            decision: Some(decision),
            edits: held.edits.clone(),
        };
        self.go_through(w, None, progress, &head, &sending);
    }

    /// Whether a call waits for a decision.
    pub(super) fn waits_for_decision(&self, call: CallKey) -> bool {
        self.decisions.open.values().any(|open| open.call == call)
    }

    /// Gives the decisions up that have not come in time.
    pub(super) fn give_up_decisions<E: Env>(&mut self, w: &mut Connections<E>) {
        let is_over = |(ticket, open): (&Ticket, &Open)| (open.until_ms <= w.now_ms).then_some(*ticket);
        let over: Vec<Ticket> = self.decisions.open.iter().filter_map(is_over).collect();
        let error = CallError::new(ErrorKind::Timeout, "nobody has decided about the call in time");
        for ticket in over {
            self.decided(w, ticket, Err(&error));
        }
    }

    /// Tells the filters of a call that it is over.
    #[cold]
    pub(super) fn end_filters(&self, plan: &Plan, reached: u8, started_us: u64, result: CallResult) {
        let latency_us = self.now_us.saturating_sub(started_us);
        if let Some(chain) = &plan.chain {
            chain.on_end(reached, &Ended { result, latency_us });
        }
    }
}
