//! The neutral meaning of a request.
use super::body::{self, Body, Scalar, Serialization};
use super::generic::Invoke;
use super::head::{Lead, unreadable};
use super::hint::{Generic, Hint};
use super::{keys, types, values};
use rialto_core::call::{Attachments, Call};
use rialto_core::message::Message;
use rialto_core::{CallError, ErrorKind};
use rialto_values::ValueError;
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
    body::read(&bytes[lead.end()..], serialization, |body| {
        let mut call = if lead.is_generic() {
            let invoke = Invoke::read(body).map_err(|e| unreadable(&e))?;
            let args = values::generic_arguments(bytes, serialization, lead.end(), invoke.count);
            Call {
                method: name(invoke.method)?,
                types: invoke.types.into_iter().map(own).collect(),
                args,
                ..Call::default()
            }
        } else {
            plain(body, &lead, bytes, serialization)?
        };
        call.service = name(lead.path)?;
        call.version = name(lead.version)?;
        call.one_way = msg.meta.one_way;
        let facts = attachments(body, &mut call).map_err(|e| unreadable(&e))?;
        facts.check(lead.is_generic())?;
        call.timeout_ms = facts.countdown.unwrap_or(facts.timeout);
        if keys::is_no_version(call.version.as_bytes()) {
            call.version = Cow::Borrowed("");
        }
        Ok(call)
    })
}

/// A call of the method that the request names.
fn plain<'a>(
    body: &mut Body<'a, '_>,
    lead: &Lead<'a>,
    bytes: &'a [u8],
    serialization: Serialization,
) -> Result<Call<'a>, CallError> {
    let count = lead.arguments().map_err(|e| unreadable(&e))?;
    for _ in 0..count {
        body.skip().map_err(|e| unreadable(&e))?;
    }
    let descriptor = name(lead.descriptor)?;
    let types = types::Descriptors::new(descriptor.as_bytes())
        .map(|d| own(std::str::from_utf8(d).map(types::name_of).unwrap_or_default()))
        .collect();
    if lead.is_echo() && count != 1 {
        return Err(refused(format!("$echo takes one argument, not {count}")));
    }
    Ok(Call {
        method: name(lead.method)?,
        types,
        args: values::arguments(bytes, serialization, lead.end(), count as u32),
        ..Call::default()
    })
}

/// What the attachments say besides the fields of a call.
#[derive(Default)]
struct Facts {
    timeout: u32,
    countdown: Option<u32>,
    generic: Option<String>,
    callback: Option<String>,
}

impl Facts {
    fn check(&self, is_generic: bool) -> Result<(), CallError> {
        if let Some(key) = &self.callback {
            return Err(refused(format!(
                "an argument is a callback (attachment `{key}`); callbacks need the provider's own connection and \
                 are not bridged to other protocols"
            )));
        }
        match &self.generic {
            Some(form) if is_generic && Generic::of_attachment(form.as_bytes()) == Generic::Other => {
                Err(refused(format!(
                    "generic calls in the form `{form}` are not bridged to other protocols; use `true` or `raw.return`"
                )))
            }
            _ => Ok(()),
        }
    }
}

/// Sorts the attachments: into fields of the call, its trace, and those that are the user's.
fn attachments<'a>(body: &mut Body<'a, '_>, call: &mut Call<'a>) -> Result<Facts, ValueError> {
    let mut facts = Facts::default();
    let mut old_name = None;
    body.attachments(|key, value| match key {
        keys::TIMEOUT => facts.timeout = value.millis(),
        keys::COUNTDOWN => facts.countdown = Some(value.millis().max(1)),
        key if key.starts_with(keys::CALLBACK) => facts.callback = Some(key.to_owned()),
        key => {
            let Some(text) = value.into_text() else { return };
            match key {
                keys::PATH if text.is_empty() => {}
                keys::PATH => call.service = text,
                keys::VERSION => call.version = text,
                keys::GROUP => call.group = text,
                keys::APPLICATION => call.caller = text,
                keys::APPLICATION_OLD => old_name = Some(text),
                keys::GENERIC => facts.generic = Some(text.into_owned()),
                keys::TRACEPARENT => call.trace.traceparent = text,
                keys::TRACESTATE => call.trace.tracestate = text,
                keys::SOFA_TRACE_ID => call.trace.sofa_trace_id = text,
                keys::SOFA_RPC_ID => call.trace.sofa_rpc_id = text,
                keys::SOFA_SAMPLED => call.trace.sofa_sampled = text,
                key if keys::is_own(key) => {}
                key => call.attachments.push((Cow::Owned(key.to_owned()), text)),
            }
        }
    })?;
    if call.caller.is_empty() {
        call.caller = old_name.unwrap_or_default();
    }
    Ok(facts)
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
pub(crate) fn push_text<'a>(key: &str, value: Scalar<'a>, to: &mut Attachments<'a>) {
    if let Some(text) = value.into_text() {
        to.push((Cow::Owned(key.to_owned()), text));
    }
}
