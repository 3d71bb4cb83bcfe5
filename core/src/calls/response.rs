//! A response comes back: it is matched with its call and sent to the downstream.
use super::Calls;
use crate::Env;
use crate::connections::{Connections, From};
use crate::directory::Route;
use crate::error::ErrorKind;
use crate::exchange::{State, TargetId};
use crate::message::{Message, Status};
use crate::metrics::CallResult;
use crate::peer_errors::PeerErrorKind;
use crate::session::Response;
use crate::slots::{CallKey, ConnKey};

impl Calls {
    #[inline]
    pub(super) fn on_response<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        from: ConnKey,
        key: CallKey,
        response: &Response<'_>,
    ) {
        match self.table.get(key) {
            // all upstream connections share one id space: this check keeps one peer from responding to
            // another's call
            Some(ex) if ex.up.conn == from && ex.state == State::Sent && !ex.one_way => {
                self.reply(w, key, response, From::Input);
            }
            Some(ex) if ex.up.conn == from && ex.state == State::Quarantined => {
                self.late(w, from);
                self.unquarantine(w, key);
            }
            _ => self.late(w, from),
        }
    }

    #[cold]
    fn late<E: Env>(&mut self, w: &mut Connections<E>, from: ConnKey) {
        self.metrics.late_responses += 1;
        if let Some(who) = w.get(from).map(|c| c.who()) {
            let text = format_args!(": an answer came for which nobody waits");
            w.peer_errors
                .report(PeerErrorKind::LateResponse, who, w.now_ms, text);
        }
    }

    /// Sends the downstream its response and ends the call.
    #[inline]
    pub(super) fn reply<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        key: CallKey,
        response: &Response<'_>,
        from: From,
    ) {
        match response {
            Response::Message(m) if m.meta.status == Status::Failed => self.reply_failed(w, key, m, from),
            _ => self.reply_with(w, key, response, from),
        }
    }

    /// Does the same as [`Calls::reply`] for a response that reports a failure of the provider's machinery.
    #[cold]
    fn reply_failed<E: Env>(&mut self, w: &mut Connections<E>, key: CallKey, msg: &Message<'_>, from: From) {
        if self.retry(w, key, msg) {
            return;
        }
        match self.named(key, msg) {
            Some(named) => self.reply_with(w, key, &named, from),
            None => self.reply_with(w, key, &Response::Message(*msg), from),
        }
    }

    #[inline]
    fn reply_with<E: Env>(
        &mut self,
        w: &mut Connections<E>,
        key: CallKey,
        response: &Response<'_>,
        from: From,
    ) {
        self.finish_with(w, key, |w, ex| {
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
            w.respond(ex.down.conn, ex.down.reply, response, from, bridge)
                .map_err(Box::new)?;
            ended
        });
    }

    /// Adds service and method to a failure that changes the protocol, as the downstream calls them: not all
    /// providers name them (Dubbo 3 does not say which service it does not know), and the downstream may call
    /// several. If the provider does not know what was asked for, the rule that changed its version is named.
    fn named<'a>(&self, key: CallKey, msg: &Message<'a>) -> Option<Response<'a>> {
        let ex = self.table.get(key)?;
        if msg.meta.proto == ex.down.proto {
            return None;
        }
        let mut error = msg.meta.reader.outcome(msg).err()?;
        if let Some((service, method)) = self.metrics.names(ex.series)
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
