//! Reads a request into the neutral call.
use super::body::{self, Body, Scalar, Serialization};
use super::frame::HEADER;
use super::generic::Invoke;
use super::head::{RequestPrefix, unreadable};
use super::hint::{Generic, Hint};
use super::{keys, types, values};
use crate::text::Piece;
use rialto_core::call::{Attachments, NeutralCall};
use rialto_core::message::{Head, Message};
use rialto_core::{CallError, ErrorKind};
use rialto_hessian::{Library, Plain};
use std::borrow::Cow;

/// Reads a request into an empty call.
///
/// # Errors
/// [`ErrorKind::BadRequest`] if the request cannot be read or has no meaning outside Dubbo.
pub(crate) fn read<'a>(
    msg: &Message<'a>,
    head: Option<&Head<'a>>,
    call: &mut NeutralCall<'a>,
) -> Result<(), CallError> {
    let Some(serialization) = Serialization::of_message(msg) else {
        return Err(foreign(msg));
    };
    let bytes = body::of(msg);
    let known = head.filter(|head| head.plain);
    let mut rest = match known {
        Some(_) => Plain::again(bytes, 0, Library::Lite),
        None => Plain::new(bytes, 0, Library::Lite),
    };
    let plain = match serialization {
        Serialization::Hessian2 => RequestPrefix::plain(&mut rest),
        Serialization::Fastjson2 => None,
    };
    call.one_way = msg.meta.one_way;
    let mut facts = Facts::of(call);
    if let Some(prefix) = &plain
        && facts.take_plain(prefix, rest, bytes, known)?
    {
        return facts.finish(false);
    }
    // The fast path stopped halfway, so its partial result is discarded.
    *facts.call = NeutralCall {
        one_way: msg.meta.one_way,
        ..NeutralCall::default()
    };
    let prefix = plain
        .map_or_else(|| RequestPrefix::walk(bytes, serialization), Ok)
        .map_err(|e| unreadable(&e))?;
    let facts = body::read(&bytes[prefix.end()..], serialization, |body| {
        Facts::walk(body, &prefix, bytes, serialization, facts.call)
    })?;
    facts.finish(prefix.is_generic())
}

/// A call being read, and facts of its attachments that are not fields of the neutral call.
#[derive(Debug)]
pub(super) struct Facts<'c, 'a> {
    call: &'c mut NeutralCall<'a>,
    timeout: u32,
    /// The time that the consumer has left, in milliseconds, which overrides the timeout; 0 if there is none.
    countdown: u32,
    generic: Option<Cow<'a, str>>,
    callback: Option<Cow<'a, str>>,
    /// The calling application under its older key.
    old_application: Cow<'a, str>,
    /// Attachments of the user read so far, repeated ones included.
    users: usize,
}

/// A call with more attachments is not bridged. Stock calls have about a dozen.
const ATTACHMENTS_MAX: usize = 1024;

impl<'c, 'a> Facts<'c, 'a> {
    pub(super) fn of(call: &'c mut NeutralCall<'a>) -> Self {
        Facts {
            call,
            timeout: 0,
            countdown: 0,
            generic: None,
            callback: None,
            old_application: Cow::Borrowed(""),
            users: 0,
        }
    }

    /// Reads a call whose arguments are plain values and whose attachments are plain strings, which most
    /// calls are. This needs no Hessian reader and no tables. `rest` follows the prefix; `known` is the head,
    /// if it already says that the call is plain. Returns `false` for any other call; the facts may then be
    /// half filled.
    pub(super) fn take_plain(
        &mut self,
        prefix: &RequestPrefix<'a>,
        mut rest: Plain<'a>,
        bytes: &'a [u8],
        known: Option<&Head<'a>>,
    ) -> Result<bool, CallError> {
        if prefix.is_generic() {
            return Ok(false);
        }
        let names = prefix.texts(bytes).map_err(|_| no_text())?;
        self.take_names(names);
        self.take_arguments(prefix, bytes, Serialization::Hessian2)?;
        let args = &mut self.call.args;
        if let Some(head) = known {
            let attachments = head.attachments as usize - HEADER;
            rest = Plain::again(bytes, attachments, Library::Lite);
        } else if !(0..args.count).all(|_| rest.skip()) {
            return Ok(false);
        }
        *args = values::plain(*args);
        Ok(rest.map(|key, value| self.take_text(key, value)))
    }

    /// Reads any other call with the full reader.
    pub(super) fn walk(
        body: &mut Body<'a, '_>,
        prefix: &RequestPrefix<'a>,
        bytes: &'a [u8],
        serialization: Serialization,
        call: &'c mut NeutralCall<'a>,
    ) -> Result<Self, CallError> {
        let mut facts = Facts::of(call);
        facts.take_names([text(prefix.path)?, text(prefix.version)?, text(prefix.method)?]);
        if prefix.is_generic() {
            // Routes and filters find the attachments after three arguments. With another number the bridge
            // would read different attachments than they saw.
            let count = prefix.arguments().map_err(|e| unreadable(&e))?;
            if count != Invoke::ARGUMENTS {
                return Err(refused(format!(
                    "a generic call takes a method name, its types and its arguments, not {count} values"
                )));
            }
            let invoke = Invoke::read(body).map_err(|e| unreadable(&e))?;
            let call = &mut *facts.call;
            call.method = Cow::Borrowed(text(invoke.method)?);
            call.types = invoke.types.into_iter().map(own).collect();
            call.args = values::generic_arguments(bytes, serialization, prefix.end(), invoke.count);
        } else {
            facts.take_arguments(prefix, bytes, serialization)?;
            for _ in 0..facts.call.args.count {
                body.skip().map_err(|e| unreadable(&e))?;
            }
        }
        body.attachments(|key, value| facts.take(key, value))
            .map_err(|e| unreadable(&e))?;
        Ok(facts)
    }

    fn take_names(&mut self, [service, version, method]: [&'a str; 3]) {
        self.call.service = Cow::Borrowed(service);
        self.call.method = Cow::Borrowed(method);
        if !keys::is_no_version(version.as_bytes()) {
            self.call.version = Cow::Borrowed(version);
        }
    }

    /// Reads the arguments of the named method, and their types.
    fn take_arguments(
        &mut self,
        prefix: &RequestPrefix<'a>,
        bytes: &'a [u8],
        serialization: Serialization,
    ) -> Result<(), CallError> {
        let call = &mut *self.call;
        let count = match types::common(prefix.descriptor) {
            Some(name) => {
                call.types.push(Cow::Borrowed(name));
                1
            }
            None => {
                let count = prefix.arguments().map_err(|e| unreadable(&e))?;
                let descriptors = types::Descriptors::new(text(prefix.descriptor)?.as_bytes());
                let name = |d| own(std::str::from_utf8(d).map(types::name_of).unwrap_or_default());
                call.types.extend(descriptors.map(name));
                count
            }
        };
        if prefix.is_echo() && count != 1 {
            return Err(refused(format!("$echo takes one argument, not {count}")));
        }
        call.args = values::arguments(bytes, serialization, prefix.end(), count as u32);
        Ok(())
    }

    /// Sorts an attachment into a field of the call, its trace, or the user's attachments.
    fn take(&mut self, key: Cow<'a, str>, value: Scalar<'a>) {
        match (&*key, value) {
            (_, Scalar::Text(text)) => self.take_text(key, text),
            (keys::TIMEOUT, value) => self.timeout = value.millis(),
            (keys::COUNTDOWN, value) => self.countdown = value.countdown(),
            (name, _) if name.starts_with(keys::CALLBACK) => self.callback = Some(key),
            (_, value) => match value.into_text() {
                Some(text) => self.take_text(key, text),
                // A repeated attachment counts with its last value, as in Java. If that has no text, routes
                // and filters see no value, so none is bridged.
                None if self.count_attachment() => self.call.attachments.retain(|(k, _)| *k != key),
                None => {}
            },
        }
    }

    /// Sorts an attachment whose value is text.
    fn take_text<P: Piece<'a>>(&mut self, key: P, value: P) {
        let (call, name) = (&mut *self.call, key.bytes());
        let is = |key: &str| name == key.as_bytes();
        let field = match name {
            _ if is(keys::PATH) => {
                // The path usually repeats the service, so most calls skip the conversion.
                if value.bytes().is_empty() || value.bytes() == call.service.as_bytes() {
                    return;
                }
                &mut call.service
            }
            _ if is(keys::INTERFACE) => return,
            _ if is(keys::VERSION) => {
                if keys::is_no_version(value.bytes()) {
                    call.version = Cow::Borrowed("");
                    return;
                }
                &mut call.version
            }
            _ if is(keys::GROUP) => &mut call.group,
            _ if is(keys::TIMEOUT) => {
                self.timeout = body::digits(value.bytes());
                return;
            }
            _ if is(keys::COUNTDOWN) => {
                self.countdown = body::digits(value.bytes()).max(1);
                return;
            }
            _ if is(keys::APPLICATION) => &mut call.application,
            _ if is(keys::APPLICATION_OLD) => &mut self.old_application,
            _ if is(keys::TRACEPARENT) => &mut call.trace.traceparent,
            _ if is(keys::TRACESTATE) => &mut call.trace.tracestate,
            _ if is(keys::SOFA_TRACE_ID) => &mut call.trace.sofa_trace_id,
            _ if is(keys::SOFA_RPC_ID) => &mut call.trace.sofa_rpc_id,
            _ if is(keys::SOFA_SAMPLED) => &mut call.trace.sofa_sampled,
            _ if is(keys::GENERIC) => {
                self.generic = Some(value.text());
                return;
            }
            _ if name.starts_with(keys::CALLBACK.as_bytes()) => {
                self.callback = Some(key.text());
                return;
            }
            _ => {
                if !keys::is_own(name) && self.count_attachment() {
                    self.call.attachments.push((key.text(), value.text()));
                }
                return;
            }
        };
        *field = value.text();
    }

    /// Counts an attachment of the user. Returns `false` if there are too many to keep.
    fn count_attachment(&mut self) -> bool {
        self.users += 1;
        self.users <= ATTACHMENTS_MAX
    }

    fn finish(self, is_generic: bool) -> Result<(), CallError> {
        if self.users > ATTACHMENTS_MAX {
            return Err(refused(format!(
                "a call with more than {ATTACHMENTS_MAX} attachments is not bridged"
            )));
        }
        if let Some(key) = &self.callback {
            return Err(refused(format!(
                "an argument is a callback (attachment `{key}`); callbacks need the provider's own connection and \
                 are not bridged to other protocols"
            )));
        }
        if let Some(form) = self.generic.filter(|_| is_generic)
            && Generic::of_attachment(form.as_bytes()) == Generic::Other
        {
            return Err(refused(format!(
                "generic calls in the form `{form}` are not bridged to other protocols; use `true` or `raw.return`"
            )));
        }
        let call = self.call;
        call.timeout_ms = match self.countdown {
            0 => self.timeout,
            left => left,
        };
        if call.application.is_empty() {
            call.application = self.old_application;
        }
        Ok(())
    }
}

/// Widens `Cow<'static>` to `Cow<'a>`, which `extend` does not do by itself.
fn own<'a>(name: Cow<'static, str>) -> Cow<'a, str> {
    name
}

fn text(name: &[u8]) -> Result<&str, CallError> {
    std::str::from_utf8(name).map_err(|_| no_text())
}

#[cold]
fn no_text() -> CallError {
    refused("a name in the request is not text".to_owned())
}

fn refused(text: String) -> CallError {
    CallError::new(ErrorKind::BadRequest, text)
}

/// The error for a serialization that only Java can read.
#[cold]
pub(crate) fn foreign(msg: &Message<'_>) -> CallError {
    refused(format!(
        "the message is in the serialization with the id {}, which can only be passed on as it is; use hessian2 or \
         fastjson2",
        Hint::from_bits(msg.meta.hint).serialization()
    ))
}

/// Stores an attachment whose value has a text form.
pub(crate) fn push_text<'a>(key: Cow<'a, str>, value: Scalar<'a>, to: &mut Attachments<'a>) {
    if let Some(text) = value.into_text() {
        to.push((key, text));
    }
}
