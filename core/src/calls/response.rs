//! A response comes back: it is matched with its call and sent to the downstream.
use super::Calls;
use crate::Env;
use crate::bridge::Bridge;
use crate::connections::{Connections, From};
use crate::directory::Route;
use crate::error::{CallError, ErrorKind};
use crate::exchange::{Asker, Down, Exchange, State, TargetId};
use crate::message::{Message, Status};
use crate::metrics::CallResult;
use crate::peer_errors::PeerErrorKind;
use crate::session::Response;
use crate::slots::{CallKey, ConnKey};
use crate::stream::Body;

impl Calls {
    #[inline]
    pub(super) fn on_response<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        from: ConnKey,
        key: CallKey,
        response: &Response<'_>,
    ) {
        // All upstream connections share one id space: this check keeps one peer from responding to another's call.
        let is_its_own = |ex: &Exchange| ex.up.conn == from && ex.state == State::Sent && !ex.one_way;
        if let Response::Message(m) = response
            && (m.meta.status == Status::Failed || m.meta.body == Body::Follows)
        {
            return match self.table.get(key).is_some_and(is_its_own) {
                true if m.meta.body == Body::Follows => self.begin_response(w, key, m),
                true => self.reply_failed(w, key, m, From::Input),
                false => self.on_stray(w, from, key),
            };
        }
        if !self.reply_with(w, key, is_its_own, response, From::Input) {
            self.on_stray(w, from, key);
        }
    }

    /// Handles a response for which nobody waits.
    #[cold]
    fn on_stray<E: Env>(&mut self, w: &mut Connections<E>, from: ConnKey, key: CallKey) {
        self.late(w, from);
        let waited = self.table.get(key).filter(|ex| ex.up.conn == from);
        if waited.is_some_and(|ex| ex.state == State::Quarantined) {
            self.unquarantine(w, key);
        }
    }

    fn late<E: Env>(&mut self, w: &mut Connections<E>, from: ConnKey) {
        self.metrics.late_responses += 1;
        if let Some(who) = w.get(from).map(|c| c.who()) {
            let text = format_args!(": an answer came for which nobody waits");
            w.peer_errors
                .report(PeerErrorKind::LateResponse, who, w.now_ms, text);
        }
    }

    /// Sends the downstream a response that this process has made, and ends the call.
    pub(super) fn reply<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey, response: &Response<'_>) {
        self.reply_with(w, key, |_| true, response, From::Memory);
    }

    /// Handles a response that reports a failure of the provider's machinery.
    #[cold]
    pub(super) fn reply_failed<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        key: CallKey,
        msg: &Message<'_>,
        from: From,
    ) {
        if self.retry_failed(w, key, msg) {
            return;
        }
        let named = self.named(key, msg);
        let response = named.unwrap_or(Response::Message(*msg));
        self.reply_with(w, key, |_| true, &response, from);
    }

    #[inline]
    fn reply_with<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        key: CallKey,
        is_expected: impl FnOnce(&Exchange) -> bool,
        response: &Response<'_>,
        from: From,
    ) -> bool {
        self.finish_with(w, key, is_expected, |w, ex, down| {
            if let (Some(chain), Response::Message(m)) = (&ex.chain, response)
                && let Err(error) = chain.on_response(ex.reached, m)
            {
                return Err(Self::refuse_response(w, ex, down, error));
            }
            let ended = match response {
                Response::Message(m) => Ok(CallResult::Responded(m.meta.status)),
                Response::NeutralResponse(_) => Ok(CallResult::Responded(Status::Ok)),
                Response::Error(e) => Err(Box::new(e.clone())),
            };
            if ex.one_way {
                return ended;
            }
            let bridge = || {
                let target = &ex.plan.route.targets[usize::from(ex.target.index)];
                match response {
                    Response::Message(m) => target.bridge_to(m.meta.proto),
                    _ => &target.bridge,
                }
            };
            w.respond(down.conn, down.reply, response, from, bridge)
                .map_err(Box::new)?;
            ended
        })
    }

    /// Sends the downstream the error by which a filter replaces a response.
    #[cold]
    fn refuse_response<E: Env>(
        w: &mut Connections<E>,
        ex: &Exchange,
        down: &Down,
        error: CallError,
    ) -> Box<CallError> {
        if !ex.one_way {
            let no_rules = Bridge::default();
            let response = Response::Error(error.clone());
            // every protocol can encode an error
            let _ = w.respond(down.conn, down.reply, &response, From::Memory, || &no_rules);
        }
        Box::new(error)
    }

    /// Adds service and method to a failure that changes the protocol, as the downstream calls them: not all
    /// providers name them (Dubbo 3 does not say which service it does not know), and the downstream may call
    /// several. If the provider does not know what was asked for, the rule that changed its version is named.
    fn named<'a>(&self, key: CallKey, msg: &Message<'a>) -> Option<Response<'a>> {
        let ex = self.table.get(key)?;
        let Asker::Downstream(down, series) = &ex.asker else {
            return None;
        };
        if msg.meta.proto == down.proto {
            return None;
        }
        let mut error = msg.meta.reader.outcome(msg).err()?;
        if let Some((service, method)) = self.metrics.names(*series)
            && !error.text.contains(service)
        {
            let separator = if method.is_empty() { "" } else { "#" };
            error.text = format!("{service}{separator}{method}: {error}").into();
        }
        if matches!(error.kind, ErrorKind::NoService | ErrorKind::BadRequest)
            && let Some(rule) = version_rule(&ex.plan.route, ex.target)
        {
            error.text = format!("{} ({rule})", error.text).into();
        }
        Some(Response::Error(error))
    }
}

/// The rule of a route by which the version was changed.
fn version_rule(route: &Route, target: TargetId) -> Option<String> {
    let rewritten = route.rewrite.as_ref().and_then(|edits| edits.version.as_ref());
    let rule = match rewritten {
        Some(version) => format!("rewrite.version is {version:?}"),
        None => route.targets[usize::from(target.index)].bridge.version_rule()?,
    };
    Some(format!("route {}: {rule}", route.name))
}
