//! Calls to services of a registry, which wait while the control plane looks their service up.
use super::forward::Sending;
use super::{Calls, Directory, errors};
use crate::Env;
use crate::asking::{Answer, Finding, Question, ServiceName, Subject, Ticket, Wanted};
use crate::connections::Connections;
use crate::directory::{Change, ClusterId, Destination, Target};
use crate::error::{CallError, ErrorKind};
use crate::exchange::{Asker, Exchange, State};
use crate::message::{Edits, Head, ProtoId};
use crate::slots::{CallKey, ConnKey};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

/// The most calls of a worker that wait for answers.
const CALLS_MAX: usize = 4096;
/// The most bytes of their requests.
const BYTES_MAX: usize = 16 << 20;
/// The most questions of a worker that have no answer yet, and of one downstream, so that one that invents names
/// does not keep the others from asking.
const QUESTIONS_MAX: usize = 1024;
const QUESTIONS_OF_ONE_MAX: u32 = 256;
/// The time after which a question is given up, in milliseconds.
const PATIENCE_MS: u64 = 10_000;
/// The longest service, version or group that a registry is asked for, in bytes.
const NAME_MAX: usize = 256;

/// The questions of a worker and what it has learned from the answers.
#[derive(Default)]
pub(super) struct Asking {
    last: u64,
    open: HashMap<Ticket, Open>,
    /// The open questions by what they are about.
    tickets: HashMap<Wanted, Ticket>,
    /// The number of open questions by the downstream that asked first.
    by_downstream: HashMap<ConnKey, u32>,
    /// Questions that have not been sent yet.
    unsent: Vec<Question>,
    /// The clusters of services that were called before.
    known: HashMap<Wanted, ClusterId>,
    /// The calls that wait, and the bytes of their requests.
    calls: usize,
    bytes: usize,
}

/// A question without an answer.
struct Open {
    wanted: Wanted,
    /// The downstream of the first call.
    downstream: ConnKey,
    /// The calls that wait for the answer. Some may have ended meanwhile.
    calls: Vec<CallKey>,
    until_ms: u64,
}

/// The names that a call asks a registry for: its own, unless the route rewrites them.
fn service_name(registry: &Arc<str>, head: &Head<'_>, rewrite: Option<&Edits>) -> Option<ServiceName> {
    let name = |sent: &[u8], new: Option<&Box<str>>| match new {
        Some(new) => Some(new.clone()),
        None if sent.len() > NAME_MAX => None,
        None => std::str::from_utf8(sent).ok().map(Box::from),
    };
    Some(ServiceName {
        registry: Arc::clone(registry),
        service: name(head.service, rewrite.and_then(|edits| edits.service.as_ref()))?,
        version: name(head.version, rewrite.and_then(|edits| edits.version.as_ref()))?,
        group: name(head.group, rewrite.and_then(|edits| edits.group.as_ref()))?,
    })
}

impl Asking {
    /// Forgets the clusters that a change removes, so that the next call of their services asks again.
    pub(super) fn apply(&mut self, change: &Change) {
        let removed = change.clusters.iter().filter(|(_, cluster)| cluster.is_none());
        let removed: HashSet<ClusterId> = removed.map(|(id, _)| *id).collect();
        if !removed.is_empty() {
            self.known.retain(|_, known| !removed.contains(known));
        }
    }

    /// Whether no call waits for an answer.
    pub(super) fn has_no_calls(&self) -> bool {
        self.calls == 0 && self.bytes == 0
    }

    /// The number of services whose clusters are known.
    pub(super) fn known(&self) -> usize {
        self.known.len()
    }

    /// Adds bytes of a request that waits and whose parts still come.
    pub(super) fn grew(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// Subtracts a call that no longer waits, and the bytes of its request.
    pub(super) fn left(&mut self, ex: &Exchange) {
        self.calls -= 1;
        self.bytes -= ex.held.as_ref().map_or(0, |held| held.bytes.len());
    }

    /// Adds a call to those that wait for the cluster of a service, and asks unless an earlier call has.
    fn wait(
        &mut self,
        wanted: Wanted,
        (downstream, call): (ConnKey, CallKey),
        bytes: usize,
        now_ms: u64,
    ) -> Result<(), CallError> {
        let known = self.tickets.get(&wanted).copied();
        let own = self.by_downstream.get(&downstream).copied().unwrap_or(0);
        let may_ask = self.open.len() < QUESTIONS_MAX && own < QUESTIONS_OF_ONE_MAX;
        if !self.has_room(bytes) || known.is_none() && !may_ask {
            return Err(errors::too_many_wait(&wanted.service.registry));
        }
        let ticket = known.unwrap_or_else(|| self.ask(wanted, downstream, now_ms));
        if let Some(open) = self.open.get_mut(&ticket) {
            open.calls.push(call);
            self.keep(bytes);
        }
        Ok(())
    }

    fn ask(&mut self, wanted: Wanted, downstream: ConnKey, now_ms: u64) -> Ticket {
        let ticket = self.put(Subject::Service(wanted.clone()));
        self.tickets.insert(wanted.clone(), ticket);
        *self.by_downstream.entry(downstream).or_default() += 1;
        let open = Open {
            wanted,
            downstream,
            calls: vec![],
            until_ms: now_ms + PATIENCE_MS,
        };
        self.open.insert(ticket, open);
        ticket
    }

    /// Whether another call can wait whose request has so many bytes.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.calls < CALLS_MAX && self.bytes + bytes <= BYTES_MAX
    }

    /// Counts a call that waits, and the bytes of its request.
    pub(super) fn keep(&mut self, bytes: usize) {
        self.calls += 1;
        self.bytes += bytes;
    }

    /// Puts a question to the control plane.
    pub(super) fn put(&mut self, about: Subject) -> Ticket {
        self.last += 1;
        let ticket = Ticket(self.last);
        self.unsent.push(Question { ticket, about });
        ticket
    }

    fn close(&mut self, ticket: Ticket) -> Option<Open> {
        let open = self.open.remove(&ticket)?;
        self.tickets.remove(&open.wanted);
        if let Entry::Occupied(mut own) = self.by_downstream.entry(open.downstream) {
            *own.get_mut() -= 1;
            if *own.get() == 0 {
                own.remove();
            }
        }
        Some(open)
    }
}

impl Calls {
    /// The cluster of a target; `None` if a registry has to be asked for it.
    pub(super) fn cluster_of(
        &self,
        target: &Target,
        protocol: ProtoId,
        head: &Head<'_>,
        rewrite: Option<&Edits>,
    ) -> Option<ClusterId> {
        match &target.to {
            Destination::Cluster(id) => Some(*id),
            Destination::Registry(registry) => {
                let service = service_name(registry, head, rewrite)?;
                self.asking.known.get(&Wanted { service, protocol }).copied()
            }
        }
    }

    /// Keeps a call until the control plane has said which cluster has its service.
    #[cold]
    pub(super) fn suspend<E: Env>(
        &mut self,
        w: &Connections<E>,
        sending: &Sending<'_>,
    ) -> Result<(), CallError> {
        let Some(ex) = self.table.get_mut(sending.key) else {
            return Ok(());
        };
        let (Destination::Registry(registry), Some(head)) = (&sending.target.to, sending.head) else {
            return Err(CallError::new(
                ErrorKind::NoEndpoint,
                "the cluster of the service was removed",
            ));
        };
        let rewrite = sending.plan.route.rewrite.as_ref();
        let Some(service) = service_name(registry, head, rewrite) else {
            let text = format!(
                "registry {registry} cannot be asked for a name that is not text or has more than {NAME_MAX} bytes"
            );
            return Err(CallError::new(ErrorKind::NoService, text));
        };
        let held = sending.msg.hold(sending.edits.cloned().unwrap_or_default());
        let protocol = sending.msg.meta.proto;
        self.asking.wait(
            Wanted { service, protocol },
            (sending.downstream, sending.key),
            held.bytes.len(),
            w.now_ms,
        )?;
        ex.held = Some(held);
        ex.state = State::Suspended;
        Ok(())
    }

    /// Takes the questions that were asked since the last time.
    pub fn take_questions(&mut self) -> Vec<Question> {
        std::mem::take(&mut self.asking.unsent)
    }

    /// Goes on with the calls that wait for this answer. An answer that nobody waits for is dropped.
    pub fn answer<E: Env>(&mut self, w: &mut Connections<E>, answer: &Answer) {
        let Some(open) = self.asking.close(answer.ticket) else {
            let decision = match &answer.result {
                Ok(Finding::Decision(decision)) => Ok(&**decision),
                Ok(Finding::Cluster(_)) => return,
                Err(error) => Err(error),
            };
            return self.decided(w, answer.ticket, decision);
        };
        match &answer.result {
            Ok(Finding::Cluster(cluster)) => {
                self.asking.known.insert(open.wanted, *cluster);
                self.route_cache.grow_for(self.asking.known());
                open.calls
                    .into_iter()
                    .for_each(|call| self.resume(w, call, *cluster));
            }
            Ok(Finding::Decision(_)) => {
                self.fail_waiting(w, open.calls, &errors::no_answer(&open.wanted.service));
            }
            Err(error) => self.fail_waiting(w, open.calls, error),
        }
    }

    /// Fails the calls whose questions had no answer in time.
    pub(super) fn give_up_asking<E: Env>(&mut self, w: &mut Connections<E>) {
        let is_over = |(ticket, open): (&Ticket, &Open)| (open.until_ms <= w.now_ms).then_some(*ticket);
        let over: Vec<Ticket> = self.asking.open.iter().filter_map(is_over).collect();
        for ticket in over {
            if let Some(open) = self.asking.close(ticket) {
                let error = errors::no_answer(&open.wanted.service);
                self.fail_waiting(w, open.calls, &error);
            }
        }
    }

    fn fail_waiting<E: Env>(&mut self, w: &mut Connections<E>, calls: Vec<CallKey>, error: &CallError) {
        for call in calls {
            // A call may have ended meanwhile. Its number is not given to another call while a question is open.
            if self
                .table
                .get(call)
                .is_some_and(|ex| ex.state == State::Suspended)
            {
                self.fail(w, call, error);
            }
        }
    }

    /// Sends a call whose cluster is now known.
    fn resume<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey, cluster: ClusterId) {
        let directory = Rc::clone(&self.directory);
        let Some(ex) = self.table.get_mut(key).filter(|ex| ex.state == State::Suspended) else {
            return;
        };
        self.asking.left(ex);
        ex.state = State::Waiting;
        ex.target.cluster = Some(cluster);
        let (down, route, held) = (ex.down().copied(), ex.plan.id, ex.held.take());
        let (Some(down), Some(held)) = (down, held) else {
            return;
        };
        let msg = held.view();
        // The head was read before, so that it can be read again.
        let head = msg.meta.reader.head(&msg).unwrap_or_default();
        let series = self.series(&directory, &down, route, Some(cluster), &head);
        if let Some(ex) = self.table.get_mut(key) {
            ex.asker = Asker::Downstream(down, series);
        }
        if head.echo && is_foreign(&directory, cluster, down.proto) {
            return self.echo(w, key, &msg);
        }
        if let Some(ex) = self.table.get_mut(key) {
            ex.held = Some(held);
        }
        self.send_resumed(w, key);
    }
}

/// Whether the cluster speaks another protocol.
pub(super) fn is_foreign(directory: &Directory, cluster: ClusterId, protocol: ProtoId) -> bool {
    directory.cluster(cluster).is_some_and(|c| c.protocol != protocol)
}
