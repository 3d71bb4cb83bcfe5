//! Writes requests, responses and errors.
use super::body::Serialization;
use super::frame::{self, Open};
use super::generic::Generalize;
use super::hint::{Generic, Hint};
use super::status::{self, ErrorForm};
use super::{HESSIAN2, keys, types};
use crate::prepared::{Pieces, Prepared};
use crate::scratch;
use crate::text::{Decimal, first_line};
use rialto_core::call::{Attachment, Attachments, Exception, NeutralCall, NeutralResponse, ReturnValue};
use rialto_core::session::RespondTo;
use rialto_core::{CallError, ErrorKind};
use rialto_hessian::throwable;
use rialto_hessian::{Library, Writer, raw};
use rialto_jsonb as jsonb;
use rialto_values::{Class, Limits, Sink, Text, Token, ValueError};
use std::borrow::Cow;
use std::cell::RefCell;

/// The result types of responses (wire section 2.6). With response attachments, [`ATTACHED`] is added.
const THROWN: u8 = 0;
const VALUE: u8 = 1;
const NULL: u8 = 2;
const ATTACHED: u8 = 3;

/// The framework's exception class: the first name for consumers whose protocol version knows response
/// attachments, the second for older ones.
const RPC_EXCEPTION: &str = "org.apache.dubbo.rpc.RpcException";
const OLD_RPC_EXCEPTION: &str = "com.alibaba.dubbo.rpc.RpcException";
/// The class of exceptions in generic calls. Stock 3.x providers use this old name too.
const GENERIC_EXCEPTION: &str = "com.alibaba.dubbo.rpc.service.GenericException";

thread_local! {
    static PREPARED: RefCell<Prepared> = const { RefCell::new(Prepared::new()) };
}

/// Appends a request in Hessian 2 as a stock 3.3 consumer writes it, with a body of up to `max` bytes.
/// Writing stops at the first argument beyond `max`; the session checks the whole frame, attachments
/// included.
///
/// # Errors
/// [`ErrorKind::BadRequest`] if an argument has no form in Hessian 2, or the arguments become longer than
/// `max`.
pub(crate) fn request(
    out: &mut Vec<u8>,
    id: u64,
    call: &NeutralCall<'_>,
    max: usize,
) -> Result<(), CallError> {
    if call.types.len() != call.args.count as usize {
        let text = format!(
            "{} arguments but {} parameter types: Dubbo finds a method by the types of all its parameters",
            call.args.count,
            call.types.len()
        );
        return Err(CallError::new(ErrorKind::BadRequest, text));
    }
    // An application name that the route overrides is specific to the route, so it is not cached with the
    // method.
    let (_, set) = call.attachments_by_origin();
    let application = if is_set(set, keys::APPLICATION) {
        ""
    } else {
        &call.application
    };
    let variant = if application.is_empty() { 1 } else { 2 };
    let make = |pieces: &mut Pieces| prepare(pieces, call, application);
    Prepared::with(&PREPARED, call, variant, make, |pieces| {
        let [prefix, attachments] = pieces.all();
        let open = Open::request(out, id, HESSIAN2, call.one_way);
        let end = out.len().saturating_add(max.min(call.args.room()));
        out.extend_from_slice(prefix);
        let written = scratch::with_write_tables(|tables| {
            let mut w = Writer::new(out, Library::Lite, tables).up_to(end);
            call.args.emit(&mut w)?;
            w.finish()
        });
        written.map_err(|e| {
            CallError::new(
                ErrorKind::BadRequest,
                format!("the call has no form in Dubbo: {e}"),
            )
        })?;
        out.extend_from_slice(attachments);
        put_own_attachments(out, call);
        open.close(out);
        Ok(())
    })
}

/// Puts together the parts that are the same in all calls of a method: the strings before the arguments, and
/// the first attachments after them.
fn prepare(pieces: &mut Pieces, call: &NeutralCall<'_>, application: &str) -> Result<(), CallError> {
    // Providers treat this method name as a generic call whatever the attachments say, and run the method
    // named in the first argument (wire section 2.9), which is not the one that the route saw.
    if keys::is_generic(call.method.as_bytes()) {
        let text = format!(
            "the method `{}` would be a generic call in Dubbo, of a method that no route has seen",
            call.method
        );
        return Err(CallError::new(ErrorKind::BadRequest, text));
    }
    let version = if call.version.is_empty() {
        keys::NO_VERSION
    } else {
        &call.version
    };
    let descriptor = types::descriptors(&call.types).map_err(|name| {
        let text = format!(
            "no Java type is called `{}`, so it has no descriptor",
            first_line(name)
        );
        CallError::new(ErrorKind::BadRequest, text)
    })?;
    pieces.put(|out| {
        for name in [
            keys::PROTOCOL_VERSION,
            &call.service,
            version,
            &call.method,
            &descriptor,
        ] {
            raw::put_str(out, Library::Lite, name);
        }
    });
    pieces.put(|out| {
        raw::begin_map(out, Library::Lite);
        put_entry(out, keys::PATH, &call.service);
        put_entry(out, keys::INTERFACE, &call.service);
        put_entry(out, keys::VERSION, version);
        for (key, value) in [(keys::GROUP, &*call.group), (keys::APPLICATION, application)] {
            if !value.is_empty() {
                put_entry(out, key, value);
            }
        }
    });
    Ok(())
}

/// Appends the attachments that differ from call to call, and ends the map.
fn put_own_attachments(out: &mut Vec<u8>, call: &NeutralCall<'_>) {
    let (received, set) = call.attachments_by_origin();
    if call.timeout_ms > 0 && !is_set(set, keys::TIMEOUT) {
        let timeout = Decimal::of(call.timeout_ms);
        out.extend_from_slice(encoded::TIMEOUT);
        out.push(timeout.bytes().len() as u8);
        out.extend_from_slice(timeout.bytes());
    }
    for (key, value) in [
        (encoded::TRACEPARENT, &call.trace.traceparent),
        (encoded::TRACESTATE, &call.trace.tracestate),
        (encoded::SOFA_TRACE_ID, &call.trace.sofa_trace_id),
        (encoded::SOFA_RPC_ID, &call.trace.sofa_rpc_id),
        (encoded::SOFA_SAMPLED, &call.trace.sofa_sampled),
    ] {
        if !value.is_empty() {
            out.extend_from_slice(key);
            raw::put_str(out, Library::Lite, value);
        }
    }
    for (key, value) in received {
        if !keys::is_own(key.as_bytes()) {
            put_entry(out, key, value);
        }
    }
    for (key, value) in set {
        // The address is already written above, and `rialto check` refuses routes that set these keys.
        if keys::address(key).is_none() {
            put_entry(out, key, value);
        }
    }
    raw::end_map(out, Library::Lite);
}

fn is_set(set: &[Attachment<'_>], key: &str) -> bool {
    set.iter().any(|(k, _)| k == key)
}

fn put_entry(out: &mut Vec<u8>, key: &str, value: &str) {
    raw::put_str(out, Library::Lite, key);
    raw::put_str(out, Library::Lite, value);
}

/// Keys of frequent attachments, already encoded.
mod encoded {
    pub(super) const TIMEOUT: &[u8] = b"\x07timeout";
    pub(super) const TRACEPARENT: &[u8] = b"\x0btraceparent";
    pub(super) const TRACESTATE: &[u8] = b"\x0atracestate";
    pub(super) const SOFA_TRACE_ID: &[u8] = b"\x1drpc_trace_context.sofaTraceId";
    pub(super) const SOFA_RPC_ID: &[u8] = b"\x1brpc_trace_context.sofaRpcId";
    pub(super) const SOFA_SAMPLED: &[u8] = b"\x16rpc_trace_context.samp";
}

/// Appends the response of a service, with a body of up to `max` bytes. Writing stops at the first value
/// beyond `max`.
///
/// # Errors
/// [`ErrorKind::BadResponse`] if a value has no form in the downstream's serialization, or the body becomes
/// longer than `max`.
pub(crate) fn response(
    out: &mut Vec<u8>,
    to: RespondTo,
    response: &NeutralResponse<'_>,
    max: usize,
) -> Result<(), CallError> {
    let hint = Hint::from_bits(to.hint);
    let Some(serialization) = Serialization::of(hint.serialization()) else {
        let text = format!(
            "no response can be written in the consumer's serialization (id {})",
            hint.serialization()
        );
        return Err(CallError::new(ErrorKind::BadResponse, text));
    };
    let open = Open::response(out, to.id, hint.serialization(), frame::OK);
    let start = out.len();
    let end = start.saturating_add(max.min(response.reply.room()));
    let mut body = Body {
        out,
        serialization,
        end,
    };
    let mut written = put_return_value(&mut body, hint, &response.reply, &response.attachments);
    if let (Err(_), ReturnValue::Exception(thrown)) = (&written, &response.reply)
        && let Some(bare) = thrown.bare()
    {
        body.out.truncate(start);
        let bare = ReturnValue::Exception(bare);
        written = put_return_value(&mut body, hint, &bare, &response.attachments);
    }
    written.map_err(|e| {
        CallError::new(
            ErrorKind::BadResponse,
            format!("the response has no form in the consumer's protocol: {e}"),
        )
    })?;
    open.close(out);
    Ok(())
}

/// The body of a response that is being written.
struct Body<'o> {
    out: &'o mut Vec<u8>,
    serialization: Serialization,
    /// Writing stops at the first value after which `out` is longer than this.
    end: usize,
}

fn put_return_value(
    body: &mut Body<'_>,
    hint: Hint,
    return_value: &ReturnValue<'_>,
    attachments: &Attachments<'_>,
) -> Result<(), ValueError> {
    let kind = match return_value {
        ReturnValue::Null => NULL,
        ReturnValue::Value(_) => VALUE,
        ReturnValue::Exception(_) => THROWN,
    };
    let attachments = hint.takes_attachments().then_some(attachments);
    put_body(body, kind, attachments, |sink| {
        match (return_value, hint.generic()) {
            (ReturnValue::Null, _) => Ok(()),
            (ReturnValue::Value(value), Generic::Maps) => value.emit(&mut Generalize::new(sink)),
            (ReturnValue::Value(value), _) => value.emit(sink),
            (ReturnValue::Exception(thrown), Generic::No) => put_exception(thrown, sink),
            (ReturnValue::Exception(thrown), _) => put_generic_exception(thrown, sink),
        }
    })
}

/// Appends the body of a response: the result type, the value that `value` emits, and the attachments if the
/// downstream knows them.
fn put_body(
    body: &mut Body<'_>,
    kind: u8,
    attachments: Option<&Attachments<'_>>,
    value: impl FnOnce(&mut dyn Sink) -> Result<(), ValueError>,
) -> Result<(), ValueError> {
    let kind = kind + if attachments.is_some() { ATTACHED } else { 0 };
    let (out, end) = (&mut *body.out, body.end);
    match body.serialization {
        Serialization::Hessian2 => {
            // The type is an int below 48, which takes one byte in Hessian.
            out.push(0x90 + kind);
            scratch::with_write_tables(|tables| {
                let mut w = Writer::new(out, Library::Lite, tables).up_to(end);
                value(&mut w)?;
                w.finish()
            })?;
            if let Some(attachments) = attachments {
                out.extend_from_slice(DUBBO);
                for (key, value) in without_version(attachments) {
                    put_entry(out, key, value);
                }
                raw::end_map(out, Library::Lite);
            }
            Ok(())
        }
        Serialization::Fastjson2 => {
            // Stock peers write the type as a JSONB byte, not as an int.
            jsonb::append_document(&[0xbd, kind], out)?;
            let mut w = jsonb::Writer::framed(std::mem::take(out), &scratch::WALK).up_to(end);
            let put = value(&mut w).and_then(|()| {
                if let Some(attachments) = attachments {
                    put_documents_attachments(attachments, &mut w)?;
                }
                w.check()
            });
            *out = w.into_bytes();
            put
        }
    }
}

fn put_documents_attachments(attachments: &Attachments<'_>, w: &mut jsonb::Writer) -> Result<(), ValueError> {
    w.token(Token::Map { class: None })?;
    put_text(keys::DUBBO, w)?;
    put_text(keys::PROTOCOL_VERSION, w)?;
    for (key, value) in without_version(attachments) {
        put_text(key, w)?;
        put_text(value, w)?;
    }
    w.token(Token::End)
}

/// The start of the attachments of a response in Hessian: the map, and the protocol version under the key
/// [`keys::DUBBO`].
const DUBBO: &[u8] = b"H\x05dubbo\x052.0.2";

/// The attachments that the service set.
fn without_version<'o>(attachments: &'o Attachments<'_>) -> impl Iterator<Item = (&'o str, &'o str)> {
    let all = attachments.iter().map(|(key, value)| (&**key, &**value));
    all.filter(|(key, _)| *key != keys::DUBBO)
}

/// Writes an exception without the fields that readers of other peers cannot handle.
fn put_exception(thrown: &Exception<'_>, sink: &mut dyn Sink) -> Result<(), ValueError> {
    match (&thrown.object, &thrown.message) {
        (Some(object), _) => throwable::emit_safe(sink, |sink| object.emit(sink)),
        (None, Some(message)) => throwable::write(sink, &thrown.class, message),
        (None, None) => {
            sink.token(Token::Object(&Class::new(&*thrown.class, [""; 0])))?;
            sink.token(Token::End)
        }
    }
}

/// Writes an exception for a generic call: a generic consumer has no classes, so class and message become
/// texts.
fn put_generic_exception(thrown: &Exception<'_>, sink: &mut dyn Sink) -> Result<(), ValueError> {
    let fields = ["detailMessage", "exceptionMessage", "exceptionClass"];
    sink.token(Token::Object(&Class::new(GENERIC_EXCEPTION, fields)))?;
    match &thrown.message {
        Some(message) => {
            put_text(&format!("{}: {message}", thrown.class), sink)?;
            put_text(message, sink)?;
        }
        None => {
            put_text(&thrown.class, sink)?;
            sink.token(Token::Null)?;
        }
    }
    put_text(&thrown.class, sink)?;
    sink.token(Token::End)
}

/// Appends an error in the form that [`status::form_of`] chooses. If Rialto cannot write the downstream's
/// serialization, the response is in Hessian 2 and its header says so: stock consumers read the text of an
/// error by the response's header, and insist on the serialization of the request only for status 20.
pub(crate) fn error(out: &mut Vec<u8>, to: RespondTo, error: &CallError) {
    let hint = Hint::from_bits(to.hint);
    let serialization = Serialization::of(hint.serialization());
    if let (ErrorForm::Thrown(code), Some(serialization)) = (status::form_of(error.kind), serialization) {
        let start = out.len();
        let nothing = Attachments::new();
        let attachments = hint.takes_attachments().then_some(&nothing);
        let open = Open::response(out, to.id, hint.serialization(), frame::OK);
        let mut body = Body {
            out,
            serialization,
            end: usize::MAX,
        };
        let written = put_body(&mut body, THROWN, attachments, |sink| {
            put_rpc_exception(code, &error.text, attachments.is_none(), sink)
        });
        match written {
            Ok(()) => return open.close(out),
            Err(_) => out.truncate(start),
        }
    }
    let text = match hint.generic() {
        Generic::Maps | Generic::Raw if error.text.contains(UNREADABLE_ARGUMENT) => {
            Cow::Owned(format!("{}{GENERIC_ADVICE}", error.text))
        }
        _ => Cow::Borrowed(&*error.text),
    };
    let written_in = serialization.map_or(HESSIAN2, |_| hint.serialization());
    let open = Open::response(out, to.id, written_in, status::plain_status(error.kind));
    match serialization {
        Some(Serialization::Fastjson2) => {
            let mut w = jsonb::Writer::framed(Vec::new(), &Limits::default());
            let written = put_text(&text, &mut w).and_then(|()| w.finish());
            // Writing a string cannot fail; the fallback is null, the shortest valid body.
            out.extend_from_slice(&written.unwrap_or_else(|_| vec![0, 0, 0, 1, 0xaf]));
        }
        _ => scratch::with_write_tables(|tables| {
            Writer::new(out, Library::Lite, tables).write_str(&text);
        }),
    }
    open.close(out);
}

/// The start of a provider's error about an argument, and advice that is appended for generic calls: a Dubbo
/// provider would convert values inside objects by its classes, other providers do not.
const UNREADABLE_ARGUMENT: &str = "could not read the request";
const GENERIC_ADVICE: &str =
    " (a generic call: values inside of maps, lists and objects must have the types of their fields)";

fn put_rpc_exception(code: i32, text: &str, is_old: bool, sink: &mut dyn Sink) -> Result<(), ValueError> {
    let class = if is_old { OLD_RPC_EXCEPTION } else { RPC_EXCEPTION };
    sink.token(Token::Object(&Class::new(class, ["detailMessage", "code"])))?;
    put_text(text, sink)?;
    sink.token(Token::Int(code))?;
    sink.token(Token::End)
}

/// Emits a string.
pub(crate) fn put_text(value: &str, sink: &mut dyn Sink) -> Result<(), ValueError> {
    sink.token(Token::Text(Text::of(value, &mut Vec::new())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_keys_are_what_a_writer_writes() {
        let mut attachments = vec![];
        raw::begin_map(&mut attachments, Library::Lite);
        put_entry(&mut attachments, keys::DUBBO, keys::PROTOCOL_VERSION);
        assert_eq!(DUBBO, attachments);
        for (encoded, key) in [
            (encoded::TIMEOUT, keys::TIMEOUT),
            (encoded::TRACEPARENT, keys::TRACEPARENT),
            (encoded::TRACESTATE, keys::TRACESTATE),
            (encoded::SOFA_TRACE_ID, keys::SOFA_TRACE_ID),
            (encoded::SOFA_RPC_ID, keys::SOFA_RPC_ID),
            (encoded::SOFA_SAMPLED, keys::SOFA_SAMPLED),
        ] {
            let mut written = vec![];
            raw::put_str(&mut written, Library::Lite, key);
            assert_eq!(encoded, written, "{key}");
        }
    }
}
