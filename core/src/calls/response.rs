//! A response comes back: it is matched with its call and sent to the downstream.
use super::Calls;
use crate::Env;
use crate::connections::{Connections, From};
use crate::directory::Route;
use crate::error::ErrorKind;
use crate::exchange::{Asker, Exchange, Flow, State, TargetId};
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
        if let Response::Message(m) = response
            && (m.meta.status == Status::Failed || m.meta.body == Body::Follows)
        {
            return self.on_special(w, from, key, response);
        }
        // Nothing but the response is to be looked at for most calls. What is known here need not be asked again below.
        let is_plain = |ex: &Exchange| ex.awaits(from) && ex.reached == 0 && ex.flow == Flow::Settled;
        if !self.reply_with(w, key, is_plain, response, From::Input) {
            self.on_special(w, from, key, response);
        }
    }

    /// Handles a response that is not a whole one of a service, or whose call has filters or streams, or that nobody
    /// waits for.
    #[cold]
    #[inline(never)]
    fn on_special<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        from: ConnKey,
        key: CallKey,
        response: &Response<'_>,
    ) {
        if !self.table.get(key).is_some_and(|ex| ex.awaits(from)) {
            return self.on_stray(w, from, key);
        }
        match response {
            Response::Message(m) if m.meta.body == Body::Follows => self.begin_response(w, key, m),
            Response::Message(m) => self.respond_with(w, key, m, From::Input),
            other => {
                self.reply_with(w, key, |_| true, other, From::Input);
            }
        }
    }

    /// Sends the downstream the whole response of an endpoint, unless a filter refuses it or the call is tried again.
    #[cold]
    pub(super) fn respond_with<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        key: CallKey,
        msg: &Message<'_>,
        from: From,
    ) {
        let Some(ex) = self.table.get(key) else { return };
        if let Some((chain, reached)) = ex.chain()
            && let Err(error) = chain.on_response(reached, msg)
        {
            return self.reply(w, key, &Response::Error(error));
        }
        let is_failed = msg.meta.status == Status::Failed;
        if is_failed && self.retry_failed(w, key, msg) {
            return;
        }
        let named = if is_failed { self.named(key, msg) } else { None };
        let response = named.unwrap_or(Response::Message(*msg));
        self.reply_with(w, key, |_| true, &response, from);
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
