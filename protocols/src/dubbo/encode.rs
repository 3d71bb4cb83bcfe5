//! Requests, answers and errors that are written anew.
use super::body::Serialization;
use super::frame::{self, Open};
use super::generic::Generalize;
use super::hint::{Generic, Hint};
use super::status::{self, Saying};
use super::{HESSIAN2, keys, types};
use crate::scratch;
use crate::text::first_line;
use rialto_core::call::{Attachments, Call, Exception, Outcome, Reply};
use rialto_core::session::ReplyTo;
use rialto_core::{CallError, ErrorKind};
use rialto_hessian::throwable::{self, SafeThrowable};
use rialto_hessian::{Library, Writer};
use rialto_jsonb as jsonb;
use rialto_values::{Class, Limits, Sink, Text, Token, ValueError, text};
use std::borrow::Cow;

/// Result types (wire section 2.6); one that comes with attachments is greater by [`ATTACHED`].
const THROWN: u8 = 0;
const VALUE: u8 = 1;
const NULL: u8 = 2;
const ATTACHED: u8 = 3;

/// What the callers of protocol versions with response attachments know, and what those before them do.
const RPC_EXCEPTION: &str = "org.apache.dubbo.rpc.RpcException";
const OLD_RPC_EXCEPTION: &str = "com.alibaba.dubbo.rpc.RpcException";
/// Stock 3.x providers throw the old name too.
const GENERIC_EXCEPTION: &str = "com.alibaba.dubbo.rpc.service.GenericException";

/// Appends a request, in Hessian 2 as a stock 3.3 consumer writes it.
///
/// # Errors
/// [`ErrorKind::BadRequest`] for arguments that Hessian 2 has no form for.
pub(crate) fn request(out: &mut Vec<u8>, id: u64, call: &Call<'_>) -> Result<(), CallError> {
    if call.types.len() != call.args.count as usize {
        let text = format!(
            "{} arguments but {} parameter types: Dubbo finds a method by the types of all its parameters",
            call.args.count,
            call.types.len()
        );
        return Err(CallError::new(ErrorKind::BadRequest, text));
    }
    let descriptor = types::descriptors(&call.types).map_err(|name| {
        let text = format!(
            "no Java type is called `{}`, so it has no descriptor",
            first_line(name)
        );
        CallError::new(ErrorKind::BadRequest, text)
    })?;
    let open = Open::request(out, id, HESSIAN2, call.one_way);
    let written = scratch::with_write_tables(|tables| {
        let mut w = Writer::new(out, Library::Lite, tables);
        w.write_str(keys::PROTOCOL_VERSION);
        w.write_str(&call.service);
        w.write_str(version_of(call));
        w.write_str(&call.method);
        w.write_str(&descriptor);
        call.args.emit(&mut w)?;
        put_attachments(&mut w, call)?;
        w.finish()
    });
    written.map_err(|e| {
        CallError::new(
            ErrorKind::BadRequest,
            format!("the call has no form in Dubbo: {e}"),
        )
    })?;
    open.close(out);
    Ok(())
}

fn version_of<'c>(call: &'c Call<'_>) -> &'c str {
    if call.version.is_empty() {
        keys::NO_VERSION
    } else {
        &call.version
    }
}

fn put_attachments(w: &mut Writer<'_>, call: &Call<'_>) -> Result<(), ValueError> {
    let (came, set) = call.attachments_by_origin();
    w.begin_map(None)?;
    let mut put = |key: &str, value: &str| {
        w.write_str(key);
        w.write_str(value);
    };
    put(keys::PATH, &call.service);
    put(keys::INTERFACE, &call.service);
    put(keys::VERSION, version_of(call));
    if !call.group.is_empty() {
        put(keys::GROUP, &call.group);
    }
    let timeout = if call.timeout_ms > 0 {
        Cow::Owned(call.timeout_ms.to_string())
    } else {
        Cow::Borrowed("")
    };
    for (key, value) in [
        (keys::TIMEOUT, &timeout),
        (keys::APPLICATION, &call.caller),
        (keys::TRACEPARENT, &call.trace.traceparent),
        (keys::TRACESTATE, &call.trace.tracestate),
        (keys::SOFA_TRACE_ID, &call.trace.sofa_trace_id),
        (keys::SOFA_RPC_ID, &call.trace.sofa_rpc_id),
        (keys::SOFA_SAMPLED, &call.trace.sofa_sampled),
    ] {
        if !value.is_empty() && !set.iter().any(|(k, _)| k == key) {
            put(key, value);
        }
    }
    for (key, value) in came {
        if !keys::is_own(key) {
            put(key, value);
        }
    }
    for (key, value) in set {
        // These are said above, and `rialto check` refuses them.
        if !keys::is_address(key) && key != keys::INTERFACE {
            put(key, value);
        }
    }
    w.end()
}

/// Appends an answer of the service.
///
/// # Errors
/// [`ErrorKind::BadAnswer`] for what the caller's serialization has no form for.
pub(crate) fn outcome(out: &mut Vec<u8>, to: ReplyTo, outcome: &Outcome<'_>) -> Result<(), CallError> {
    let hint = Hint::from_bits(to.hint);
    let Some(serialization) = Serialization::of(hint.serialization()) else {
        let text = format!(
            "no answer can be made in the caller's serialization (id {})",
            hint.serialization()
        );
        return Err(CallError::new(ErrorKind::BadAnswer, text));
    };
    let open = Open::answer(out, to.id, hint.serialization(), frame::OK);
    let start = out.len();
    let mut written = put_outcome(out, hint, serialization, &outcome.reply, &outcome.attachments);
    if let (Err(_), Reply::Exception(thrown)) = (&written, &outcome.reply)
        && let Some(bare) = thrown.bare()
    {
        out.truncate(start);
        let bare = Reply::Exception(bare);
        written = put_outcome(out, hint, serialization, &bare, &outcome.attachments);
    }
    written.map_err(|e| {
        CallError::new(
            ErrorKind::BadAnswer,
            format!("the answer has no form in the caller's protocol: {e}"),
        )
    })?;
    open.close(out);
    Ok(())
}

fn put_outcome(
    out: &mut Vec<u8>,
    hint: Hint,
    serialization: Serialization,
    reply: &Reply<'_>,
    attachments: &Attachments<'_>,
) -> Result<(), ValueError> {
    let kind = match reply {
        Reply::Null => NULL,
        Reply::Value(_) => VALUE,
        Reply::Exception(_) => THROWN,
    };
    let attached = if hint.takes_attachments() { ATTACHED } else { 0 };
    put_answer(out, serialization, kind + attached, |sink| {
        match (reply, hint.generic()) {
            (Reply::Null, _) => {}
            (Reply::Value(value), Generic::Maps) => value.emit(&mut Generalize::new(sink))?,
            (Reply::Value(value), _) => value.emit(sink)?,
            (Reply::Exception(thrown), Generic::No) => put_exception(thrown, sink)?,
            (Reply::Exception(thrown), _) => put_generic_exception(thrown, sink)?,
        }
        if attached > 0 {
            put_response_attachments(attachments, sink)
        } else {
            Ok(())
        }
    })
}

fn put_response_attachments(attachments: &Attachments<'_>, sink: &mut dyn Sink) -> Result<(), ValueError> {
    sink.token(Token::Map { class: None })?;
    put_text(keys::DUBBO, sink)?;
    put_text(keys::PROTOCOL_VERSION, sink)?;
    for (key, value) in attachments.iter().filter(|(key, _)| key != keys::DUBBO) {
        put_text(key, sink)?;
        put_text(value, sink)?;
    }
    sink.token(Token::End)
}

/// Appends result type and values of an answer's body.
fn put_answer(
    out: &mut Vec<u8>,
    serialization: Serialization,
    kind: u8,
    values: impl FnOnce(&mut dyn Sink) -> Result<(), ValueError>,
) -> Result<(), ValueError> {
    match serialization {
        Serialization::Hessian2 => scratch::with_write_tables(|tables| {
            let mut w = Writer::new(out, Library::Lite, tables);
            w.write_int(kind.into());
            values(&mut w)?;
            w.finish()
        }),
        Serialization::Fastjson2 => {
            // Stock peers write the type as a byte.
            jsonb::append_document(&[0xbd, kind], out)?;
            let mut w = jsonb::Writer::framed(Vec::new(), &Limits::default());
            values(&mut w)?;
            out.extend_from_slice(&w.finish()?);
            Ok(())
        }
    }
}

/// An exception without what readers of another world stumble over.
fn put_exception(thrown: &Exception<'_>, sink: &mut dyn Sink) -> Result<(), ValueError> {
    match (&thrown.object, &thrown.message) {
        (Some(object), _) => object.emit(&mut SafeThrowable::new(sink, 0)),
        (None, Some(message)) => throwable::write(sink, &thrown.class, message),
        (None, None) => {
            sink.token(Token::Object(&Class::new(&*thrown.class, [""; 0])))?;
            sink.token(Token::End)
        }
    }
}

/// What a generic caller gets instead: it has no classes, so class and message are texts.
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

/// Appends an error, see [`status::saying`]. In a serialization that only Java can write the text is Hessian all
/// the same: the caller cannot read it and reports that, which fails its call at once instead of at its timeout.
pub(crate) fn error(out: &mut Vec<u8>, to: ReplyTo, error: &CallError) {
    let hint = Hint::from_bits(to.hint);
    let serialization = Serialization::of(hint.serialization());
    if let (Saying::Thrown(code), Some(serialization)) = (status::saying(error.kind), serialization) {
        let start = out.len();
        let attached = if hint.takes_attachments() { ATTACHED } else { 0 };
        let open = Open::answer(out, to.id, hint.serialization(), frame::OK);
        let written = put_answer(out, serialization, THROWN + attached, |sink| {
            put_rpc_exception(code, &error.text, attached == 0, sink)?;
            if attached > 0 {
                put_response_attachments(&Attachments::new(), sink)
            } else {
                Ok(())
            }
        });
        match written {
            Ok(()) => return open.close(out),
            Err(_) => out.truncate(start),
        }
    }
    let open = Open::answer(out, to.id, hint.serialization(), status::plain_status(error.kind));
    match serialization {
        Some(Serialization::Fastjson2) => {
            let mut w = jsonb::Writer::framed(Vec::new(), &Limits::default());
            let written = put_text(&error.text, &mut w).and_then(|()| w.finish());
            // A string can always be written; null is the shortest body there is.
            out.extend_from_slice(&written.unwrap_or_else(|_| vec![0, 0, 0, 1, 0xaf]));
        }
        _ => scratch::with_write_tables(|tables| {
            Writer::new(out, Library::Lite, tables).write_str(&error.text);
        }),
    }
    open.close(out);
}

fn put_rpc_exception(code: i32, text: &str, is_old: bool, sink: &mut dyn Sink) -> Result<(), ValueError> {
    let class = if is_old { OLD_RPC_EXCEPTION } else { RPC_EXCEPTION };
    sink.token(Token::Object(&Class::new(class, ["detailMessage", "code"])))?;
    put_text(text, sink)?;
    sink.token(Token::Int(code))?;
    sink.token(Token::End)
}

/// Emits a string.
pub(crate) fn put_text(value: &str, sink: &mut dyn Sink) -> Result<(), ValueError> {
    if value.is_ascii()
        && let Some(text) = Text::from_bmp(value)
    {
        return sink.token(Token::Text(text));
    }
    let mut bytes = Vec::new();
    let units = text::encode(value, &mut bytes);
    sink.token(Token::Text(Text::from_checked(&bytes, units)))
}
