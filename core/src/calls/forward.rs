//! Sends a call upstream: chooses the endpoint and the connection, or parks the request until a dial ends.
use super::{Batch, Calls, Leased, Plan};
use crate::Env;
use crate::buf::Mark;
use crate::call::{Attachments, NeutralResponse, ReturnValue};
use crate::config::ConnectionScope;
use crate::connections::{Connections, From};
use crate::directory::{Cluster, Directory, EndpointId, Target};
use crate::endpoints::{Choice, Lease};
use crate::error::{CallError, ErrorKind, Limit};
use crate::exchange::{State, TargetId, Up};
use crate::message::{Edits, Head, Held, Message};
use crate::session::{Dispatch, Response};
use crate::slots::{CallKey, ConnKey};
use std::rc::Rc;

/// A request that is to be sent to an endpoint, with everything that the sender has at hand.
pub(super) struct Sending<'a> {
    pub(super) key: CallKey,
    pub(super) directory: &'a Directory,
    /// The plan of the call, the same that its table entry refers to.
    pub(super) plan: &'a Plan,
    pub(super) target: TargetId,
    pub(super) msg: &'a Message<'a>,
    /// The head of the request; `None` if the request was parked since its head was read.
    pub(super) head: Option<&'a Head<'a>>,
    pub(super) from: From,
    pub(super) edits: Option<&'a Edits>,
}

impl Calls {
    /// Sends the request to an endpoint, or parks it until a connection is established. `not` is the endpoint
    /// that has just failed it.
    #[inline]
    pub(super) fn send<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        batch: Option<&mut Batch>,
        sending: &Sending<'_>,
        not: Option<EndpointId>,
    ) {
        let Sending {
            key,
            directory,
            plan,
            target: id,
            msg,
            head,
            from,
            edits,
        } = *sending;
        let target = &plan.route.targets[usize::from(id.index)];
        let Some(cluster) = directory.cluster(id.cluster) else {
            let error = CallError::new(ErrorKind::NoEndpoint, "the cluster was removed");
            return self.fail(w, key, &error);
        };
        if let Some(e) = self.over_budget(w, key, id.cluster, cluster) {
            return self.fail(w, key, &e);
        }
        let Some(ex) = self.table.get(key) else { return };
        let choice = Choice {
            not,
            // Avoided endpoints are tried only while attempts are left.
            or_any: ex.attempts < ex.max_attempts,
            downstream: cluster.reserves_for(ex.down.conn),
        };
        let lease = match self.lease(w, batch, directory, cluster, target, choice) {
            Ok(lease) => lease,
            Err(e) => return self.fail(w, key, &e),
        };
        let Some(ex) = self.table.get_mut(key) else { return };
        ex.attempts = ex.attempts.saturating_add(1);
        let (endpoint, conn) = match lease {
            // The event borrows the request's bytes, so a call that has to wait copies them.
            Lease::Ready(endpoint, conn) => (endpoint, conn),
            Lease::Dialing(endpoint, conn) => {
                if let Err(e) = w.hold_back(conn, msg.bytes.len()) {
                    return self.fail(w, key, &e);
                }
                ex.held = Some(msg.hold(edits.cloned().unwrap_or_default()));
                let mark = Mark::default();
                ex.up = Up { conn, mark, endpoint };
                return self.endpoints.wait(endpoint, conn, key);
            }
            Lease::None | Lease::Full | Lease::Exhausted => return,
        };
        // The time that is left, for upstreams whose requests carry a timeout; 0 stands for no limit.
        let left = ex.deadline_ms.saturating_sub(w.now_ms);
        let timeout_ms = if ex.deadline_ms == u64::MAX {
            0
        } else {
            left.clamp(1, u64::from(u32::MAX)) as u32
        };
        let dispatch = Dispatch {
            edits,
            head,
            bridge: &target.bridge,
            timeout_ms,
        };
        match w.request(conn, key, msg, from, &dispatch) {
            Ok(mark) => {
                ex.up = Up { conn, mark, endpoint };
                ex.state = State::Sent;
                if ex.one_way {
                    self.one_ways.push(key);
                }
                self.endpoints.began(endpoint, id.cluster);
                if let Some(holder) = self.shares.holder(w, ex) {
                    self.shares.began(id.cluster, holder);
                }
            }
            Err(e) => self.fail(w, key, &e),
        }
    }

    /// Does the same as [`Calls::send`] for a request that was parked.
    fn send_again<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        batch: Option<&mut Batch>,
        key: CallKey,
        held: &Held,
        not: Option<EndpointId>,
    ) {
        let Some(ex) = self.table.get(key) else { return };
        let (directory, plan, target) = (Rc::clone(&self.directory), Rc::clone(&ex.plan), ex.target);
        let sending = Sending {
            key,
            directory: &directory,
            plan: &plan,
            target,
            msg: &held.view(),
            head: None,
            from: From::Memory,
            edits: Some(&held.edits).filter(|edits| !edits.is_empty()),
        };
        self.send(w, batch, &sending, not);
    }

    /// Returns a connection for a call: the one that this read has used before, or the load balancer's choice.
    #[inline]
    fn lease<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        batch: Option<&mut Batch>,
        directory: &Directory,
        cluster: &Cluster,
        target: &Target,
        choice: Choice,
    ) -> Result<Lease, CallError> {
        if let Some(Batch { leased: Some(l) }) = &batch
            && (l.cluster, l.subset) == (target.cluster, target.subset)
            && w.get(l.conn).is_some_and(|c| {
                c.takes_calls()
                    && c.awaited() < cluster.max_per_connection
                    && c.reserved_for == choice.downstream
            })
        {
            return Ok(Lease::Ready(l.endpoint, l.conn));
        }
        match self.endpoints.lease(w, directory, cluster, target, choice) {
            Lease::None => {
                let text = match choice.not.and_then(|id| directory.endpoint(id)) {
                    Some(last) => format!(
                        "endpoint {} cannot be reached, and cluster {} has no other that can be",
                        last.name, cluster.name
                    ),
                    None => format!("no endpoint of cluster {} can be reached", cluster.name),
                };
                Err(CallError::new(ErrorKind::NoEndpoint, text))
            }
            Lease::Full => {
                let all = match cluster.connections {
                    ConnectionScope::Shared => "all connections",
                    ConnectionScope::PerDownstream => "all connections that this downstream may have",
                };
                let text = format!("{all} to cluster {} are at their limit of calls", cluster.name);
                Err(CallError::new(ErrorKind::Overload, text).by(Limit::UpstreamCalls))
            }
            Lease::Exhausted => {
                let text = format!(
                    "no further connection to cluster {} can be made: this process is out of descriptors or ports",
                    cluster.name
                );
                Err(CallError::new(ErrorKind::Overload, text).by(Limit::Descriptors))
            }
            Lease::Ready(endpoint, conn) => {
                if let Some(batch) = batch {
                    batch.leased = Some(Leased {
                        cluster: target.cluster,
                        subset: target.subset,
                        endpoint,
                        conn,
                    });
                }
                Ok(Lease::Ready(endpoint, conn))
            }
            lease => Ok(lease),
        }
    }

    /// Responds to an echo call with its own argument.
    #[cold]
    pub(super) fn echo<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey, msg: &Message<'_>) {
        let answer = match msg.meta.dialect.call(msg) {
            Ok(call) => Response::NeutralResponse(Box::new(NeutralResponse {
                reply: ReturnValue::Value(call.args),
                attachments: Attachments::new(),
            })),
            Err(e) => Response::Error(e),
        };
        self.reply(w, key, &answer, From::Memory);
    }

    /// Sends a request that was parked.
    pub(super) fn send_held<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        key: CallKey,
        not: Option<EndpointId>,
    ) {
        let Some(ex) = self.table.get_mut(key) else { return };
        let Some(held) = ex.held.take() else { return };
        self.send_again(w, None, key, &held, not);
    }

    /// Sends a parked request over the connection that it waited for. The endpoint was chosen, and the attempt
    /// counted, when the dial began: choosing anew could make the call wait for another dial.
    pub(super) fn send_dialed<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        key: CallKey,
        endpoint: EndpointId,
        conn: ConnKey,
    ) {
        let Some(ex) = self.table.get_mut(key).filter(|ex| ex.waits_for(conn)) else {
            return;
        };
        let Some(held) = ex.held.take() else { return };
        // `send` counts an attempt again.
        ex.attempts = ex.attempts.saturating_sub(1);
        let target = &ex.plan.route.targets[usize::from(ex.target.index)];
        // A batch that names the connection makes `send` use it.
        let mut batch = Batch {
            leased: Some(Leased {
                cluster: target.cluster,
                subset: target.subset,
                endpoint,
                conn,
            }),
        };
        self.send_again(w, Some(&mut batch), key, &held, None);
    }

    /// Sends a parked request to another endpoint because the dial failed. That is safe, as no endpoint has
    /// seen the request.
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
        self.metrics.retried(ex.series);
        self.send_held(w, key, Some(not));
    }
}
