//! The neutral meaning of a request.
use super::body::{self, Body, Scalar, Serialization};
use super::generic::Invoke;
use super::head::{Lead, unreadable};
use super::hint::{Generic, Hint};
use super::{keys, types, values};
use rialto_core::call::{Attachments, Call, Values};
use rialto_core::message::Message;
use rialto_core::{CallError, ErrorKind};
use rialto_hessian::{Library, Plain};
use smallvec::SmallVec;
use std::borrow::Cow;

/// Reads a request.
///
/// # Errors
/// [`ErrorKind::BadRequest`] for what cannot be read or has no meaning outside of Dubbo.
pub(crate) fn read<'a>(msg: &Message<'a>) -> Result<Call<'a>, CallError> {
    let Some(serialization) = Serialization::of_message(msg) else {
        return Err(foreign(msg));
    };
    let bytes = body::of(msg);
    let lead = Lead::read(bytes, serialization).map_err(|e| unreadable(&e))?;
    let facts = match Facts::plain(&lead, bytes, serialization)? {
        Some(facts) => facts,
        None => body::read(&bytes[lead.end()..], serialization, |body| {
            Facts::walk(body, &lead, bytes, serialization)
        })?,
    };
    let mut call = facts.finish(lead.is_generic())?;
    call.one_way = msg.meta.one_way;
    Ok(call)
}

/// A call, and what the attachments say besides its fields.
#[derive(Default, Debug)]
pub(super) struct Facts<'a> {
    call: Call<'a>,
    timeout: u32,
    countdown: Option<u32>,
    generic: Option<Cow<'a, str>>,
    callback: Option<Cow<'a, str>>,
    /// The calling application under its older name.
    old_caller: Cow<'a, str>,
}

impl<'a> Facts<'a> {
    /// Arguments that are plain values and attachments that are plain strings need no reader and no tables:
    /// most calls of most fleets. `None` if this is not such a call.
    pub(super) fn plain(
        lead: &Lead<'a>,
        bytes: &'a [u8],
        serialization: Serialization,
    ) -> Result<Option<Self>, CallError> {
        if serialization != Serialization::Hessian2 || lead.is_generic() {
            return Ok(None);
        }
        let mut facts = Facts::ordinary(lead, bytes, serialization)?;
        let mut rest = Plain::new(bytes, lead.end(), Library::Lite);
        for _ in 0..facts.call.args.count {
            if rest.value().is_none() {
                return Ok(None);
            }
        }
        // The map is ASCII but for the lengths of long strings, so it is made text in one go where it has none.
        let map = rest.position();
        let text = std::str::from_utf8(&bytes[map..]).ok();
        let string = |rest: &mut Plain<'a>| {
            let string = rest.text()?;
            let to = rest.position() - map;
            match text {
                Some(text) => text.get(to - string.len()..to),
                None => std::str::from_utf8(string).ok(),
            }
        };
        if !rest.begin_map() {
            return Ok(None);
        }
        while !rest.end_map() {
            let (Some(key), Some(value)) = (string(&mut rest), string(&mut rest)) else {
                return Ok(None);
            };
            facts.take(Cow::Borrowed(key), Scalar::Text(Cow::Borrowed(value)));
        }
        Ok(Some(facts))
    }

    /// Any other call.
    pub(super) fn walk(
        body: &mut Body<'a, '_>,
        lead: &Lead<'a>,
        bytes: &'a [u8],
        serialization: Serialization,
    ) -> Result<Self, CallError> {
        let mut facts = if lead.is_generic() {
            let invoke = Invoke::read(body).map_err(|e| unreadable(&e))?;
            let args = values::generic_arguments(bytes, serialization, lead.end(), invoke.count);
            Facts::of(
                lead,
                invoke.method,
                invoke.types.into_iter().map(own).collect(),
                args,
            )?
        } else {
            let facts = Facts::ordinary(lead, bytes, serialization)?;
            for _ in 0..facts.call.args.count {
                body.skip().map_err(|e| unreadable(&e))?;
            }
            facts
        };
        body.attachments(|key, value| facts.take(key, value))
            .map_err(|e| unreadable(&e))?;
        Ok(facts)
    }

    /// A call of the method that the request names.
    fn ordinary(lead: &Lead<'a>, bytes: &'a [u8], serialization: Serialization) -> Result<Self, CallError> {
        let count = lead.arguments().map_err(|e| unreadable(&e))?;
        let descriptor = name(lead.descriptor)?;
        let types = types::Descriptors::new(descriptor.as_bytes())
            .map(|d| own(std::str::from_utf8(d).map(types::name_of).unwrap_or_default()))
            .collect();
        if lead.is_echo() && count != 1 {
            return Err(refused(format!("$echo takes one argument, not {count}")));
        }
        let args = values::arguments(bytes, serialization, lead.end(), count as u32);
        Facts::of(lead, lead.method, types, args)
    }

    fn of(
        lead: &Lead<'a>,
        method: &'a [u8],
        types: SmallVec<[Cow<'a, str>; 4]>,
        args: Values<'a>,
    ) -> Result<Self, CallError> {
        Ok(Facts {
            call: Call {
                service: name(lead.path)?,
                version: name(lead.version)?,
                method: name(method)?,
                types,
                args,
                ..Call::default()
            },
            ..Facts::default()
        })
    }

    /// Sorts an attachment: into a field of the call, its trace, or those that are the user's.
    fn take(&mut self, key: Cow<'a, str>, value: Scalar<'a>) {
        let call = &mut self.call;
        match &*key {
            keys::TIMEOUT => self.timeout = value.millis(),
            keys::COUNTDOWN => self.countdown = Some(value.millis().max(1)),
            name if name.starts_with(keys::CALLBACK) => self.callback = Some(key),
            name => {
                let Some(text) = value.into_text() else { return };
                match name {
                    keys::PATH if text.is_empty() => {}
                    keys::PATH => call.service = text,
                    keys::VERSION => call.version = text,
                    keys::GROUP => call.group = text,
                    keys::APPLICATION => call.caller = text,
                    keys::APPLICATION_OLD => self.old_caller = text,
                    keys::GENERIC => self.generic = Some(text),
                    keys::TRACEPARENT => call.trace.traceparent = text,
                    keys::TRACESTATE => call.trace.tracestate = text,
                    keys::SOFA_TRACE_ID => call.trace.sofa_trace_id = text,
                    keys::SOFA_RPC_ID => call.trace.sofa_rpc_id = text,
                    keys::SOFA_SAMPLED => call.trace.sofa_sampled = text,
                    name if keys::is_own(name) => {}
                    _ => call.attachments.push((key, text)),
                }
            }
        }
    }

    fn finish(self, is_generic: bool) -> Result<Call<'a>, CallError> {
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
        let mut call = self.call;
        call.timeout_ms = self.countdown.unwrap_or(self.timeout);
        if keys::is_no_version(call.version.as_bytes()) {
            call.version = Cow::Borrowed("");
        }
        if call.caller.is_empty() {
            call.caller = self.old_caller;
        }
        Ok(call)
    }
}

/// Names of types are made, not borrowed; a vector of them does not see that this is good for any lifetime.
fn own<'a>(name: Cow<'static, str>) -> Cow<'a, str> {
    name
}

fn name(bytes: &[u8]) -> Result<Cow<'_, str>, CallError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(_) => Err(refused("a name in the request is not text".to_owned())),
    }
}

fn refused(text: String) -> CallError {
    CallError::new(ErrorKind::BadRequest, text)
}

/// A message that only Java can read.
#[cold]
pub(crate) fn foreign(msg: &Message<'_>) -> CallError {
    refused(format!(
        "the message is in the serialization with the id {}, which can only be passed on as it is; use hessian2 or \
         fastjson2",
        Hint::from_bits(msg.meta.hint).serialization()
    ))
}

/// An attachment of an answer or request as pair of texts, for those that are the user's.
pub(crate) fn push_text<'a>(key: Cow<'a, str>, value: Scalar<'a>, to: &mut Attachments<'a>) {
    if let Some(text) = value.into_text() {
        to.push((key, text));
    }
}
