//! Writes responses in the downstream's framing and Hessian: return values, exceptions, and Rialto's own
//! errors.
use super::frame::Open;
use super::hint::Hint;
use super::status::{self, ErrorForm};
use super::{HESSIAN, header, keys, stock_prefix};
use crate::scratch;
use rialto_core::call::{Attachments, Exception, NeutralResponse, ReturnValue, Values};
use rialto_core::session::RespondTo;
use rialto_core::{CallError, ErrorKind};
use rialto_hessian::throwable;
use rialto_hessian::{Library, Writer, raw};
use rialto_values::{Class, Sink, Token, ValueError};

const JSON: u8 = 12;
const PROTOBUF: u8 = 11;

/// The content of a response.
enum Content<'o> {
    Null,
    Value(&'o Values<'o>),
    /// A Throwable that the method returned instead of throwing it. Consumers throw every Throwable that they
    /// find in a response, and stock providers set the error flag for it.
    Returned(&'o Values<'o>),
    Thrown(&'o Exception<'o>),
    Error(&'o str),
}

impl Content<'_> {
    fn is_flagged(&self) -> bool {
        matches!(
            self,
            Content::Returned(_) | Content::Thrown(_) | Content::Error(_)
        )
    }
}

/// Appends the response of a service, with a content of up to `max` bytes. Writing stops at the first value
/// beyond `max`.
///
/// # Errors
/// [`ErrorKind::BadResponse`] if a value has no form in the downstream's serialization, or the content
/// becomes longer than `max`.
pub(crate) fn write(
    out: &mut Vec<u8>,
    to: RespondTo,
    response: &NeutralResponse<'_>,
    max: usize,
) -> Result<(), CallError> {
    let hint = Hint::from_bits(to.hint);
    if hint.codec() != HESSIAN {
        return Err(CallError::new(
            ErrorKind::BadResponse,
            status::foreign(hint.codec()),
        ));
    }
    let content = match &response.reply {
        ReturnValue::Null => Content::Null,
        ReturnValue::Value(value) if value.is_throwable() => Content::Returned(value),
        ReturnValue::Value(value) => Content::Value(value),
        ReturnValue::Exception(thrown) => Content::Thrown(thrown),
    };
    let start = out.len();
    let room = max.min(response.reply.room());
    let written = put(out, to, &content, &response.attachments, room);
    if let (Err(_), ReturnValue::Exception(thrown)) = (&written, &response.reply)
        && let Some(bare) = thrown.bare()
    {
        out.truncate(start);
        return put(out, to, &Content::Thrown(&bare), &response.attachments, room);
    }
    written
}

fn put(
    out: &mut Vec<u8>,
    to: RespondTo,
    content: &Content<'_>,
    attachments: &Attachments<'_>,
    room: usize,
) -> Result<(), CallError> {
    let bad = |why: &dyn std::fmt::Display| {
        CallError::new(
            ErrorKind::BadResponse,
            format!("the response has no form in SOFARPC: {why}"),
        )
    };
    let hint = Hint::from_bits(to.hint);
    let open = Open::response(
        out,
        hint.framing(),
        to.id,
        HESSIAN,
        status::SUCCESS,
        keys::RESPONSE.as_bytes(),
    );
    let from = out.len();
    if content.is_flagged() {
        header::put(out, keys::RESPONSE_ERROR, "true");
    }
    for (key, value) in attachments {
        header::put_in(out, keys::RESPONSE_BAGGAGE, key, value.as_bytes());
    }
    open.end_header(out, from)
        .map_err(|e| bad(&e.of("response attachments")))?;
    let from = out.len();
    let end = from.saturating_add(room);
    put_content(out, hint.library(), content, attachments, end).map_err(|e| bad(&e))?;
    open.close(out, from).map_err(|e| bad(&e.of("result")))
}

fn put_content(
    out: &mut Vec<u8>,
    library: Library,
    content: &Content<'_>,
    attachments: &Attachments<'_>,
    end: usize,
) -> Result<(), ValueError> {
    out.extend_from_slice(stock_prefix::RESPONSE.of(library));
    match content {
        Content::Null => out.extend_from_slice(b"FNN"),
        Content::Error(text) => {
            out.push(b'T');
            raw::put_str(out, library, text);
            out.push(b'N');
        }
        Content::Value(value) => {
            out.extend_from_slice(b"FN");
            put_value(out, library, end, |w| value.emit(w))?;
        }
        Content::Returned(value) => {
            out.extend_from_slice(b"FN");
            put_value(out, library, end, |w| {
                throwable::emit_safe(w, |sink| value.emit(sink))
            })?;
        }
        Content::Thrown(thrown) => {
            out.extend_from_slice(b"FN");
            put_value(out, library, end, |w| put_exception(w, thrown))?;
        }
    }
    if attachments.is_empty() && !content.is_flagged() {
        out.push(b'N');
        return Ok(());
    }
    raw::begin_map(out, library);
    if content.is_flagged() {
        raw::put_str(out, library, keys::RESPONSE_ERROR);
        raw::put_str(out, library, "true");
    }
    for (key, value) in attachments {
        raw::put_str(out, library, &format!("{}.{key}", keys::RESPONSE_BAGGAGE));
        raw::put_str(out, library, value);
    }
    raw::end_map(out, library);
    Ok(())
}

/// Appends a value inside the response object.
fn put_value(
    out: &mut Vec<u8>,
    library: Library,
    end: usize,
    put: impl FnOnce(&mut Writer<'_>) -> Result<(), ValueError>,
) -> Result<(), ValueError> {
    scratch::with_write_tables(|tables| {
        let mut w = Writer::behind(out, library, tables, 1, 1, &[]).up_to(end);
        put(&mut w)?;
        w.finish()
    })
}

/// Writes an exception without its cause and with an empty stack trace, which every consumer can read.
fn put_exception(w: &mut Writer<'_>, thrown: &Exception<'_>) -> Result<(), ValueError> {
    match (&thrown.object, &thrown.message) {
        (Some(object), _) => throwable::emit_safe(w, |sink| object.emit(sink)),
        (None, Some(message)) => throwable::write(w, &thrown.class, message),
        (None, None) => {
            w.token(Token::Object(&Class::new(&*thrown.class, ["detailMessage"])))?;
            w.token(Token::Null)?;
            w.token(Token::End)
        }
    }
}

/// Appends an error in the form that [`status::form_of`] chooses.
pub(crate) fn error(out: &mut Vec<u8>, to: RespondTo, error: &CallError) {
    let hint = Hint::from_bits(to.hint);
    match status::form_of(error.kind) {
        ErrorForm::Status(status) => put_status(out, to, status),
        ErrorForm::Text if hint.is_foreign() => put_server_exception(out, to, &error.text),
        ErrorForm::Text => match hint.codec() {
            HESSIAN => {
                let start = out.len();
                if put(
                    out,
                    to,
                    &Content::Error(&error.text),
                    &Attachments::new(),
                    usize::MAX,
                )
                .is_err()
                {
                    // The text is too long for a frame, so the status is sent without it.
                    out.truncate(start);
                    put_status(out, to, status::plain_status(error.kind));
                }
            }
            JSON => put_text(out, to, json_string(&error.text).as_bytes()),
            PROTOBUF => put_text(out, to, error.text.as_bytes()),
            _ => put_status(out, to, status::plain_status(error.kind)),
        },
    }
}

/// Appends a response that has a status and nothing else.
fn put_status(out: &mut Vec<u8>, to: RespondTo, status: u16) {
    let hint = Hint::from_bits(to.hint);
    Open::response(out, hint.framing(), to.id, hint.codec(), status, &[]).close_empty(out);
}

/// Appends the error of a SOFARPC call in JSON or protobuf: a flag in the header, and the text as content
/// (wire section 1.9).
fn put_text(out: &mut Vec<u8>, to: RespondTo, text: &[u8]) {
    let hint = Hint::from_bits(to.hint);
    let start = out.len();
    let open = Open::response(
        out,
        hint.framing(),
        to.id,
        hint.codec(),
        status::SUCCESS,
        keys::RESPONSE.as_bytes(),
    );
    let from = out.len();
    header::put(out, keys::RESPONSE_ERROR, "true");
    let from_content = out.len();
    let closed = open.end_header(out, from).and_then(|()| {
        out.extend_from_slice(text);
        open.close(out, from_content)
    });
    if closed.is_err() {
        out.truncate(start);
        put_status(out, to, status::SERVER_EXCEPTION);
    }
}

/// Appends the error for a peer that uses Bolt without SOFARPC: the `RpcServerException` that stock providers
/// send when a processor failed. Like theirs, it is in Hessian whatever the serialization of the request.
fn put_server_exception(out: &mut Vec<u8>, to: RespondTo, text: &str) {
    let hint = Hint::from_bits(to.hint);
    let start = out.len();
    let class = keys::SERVER_EXCEPTION;
    let status = status::SERVER_EXCEPTION;
    let open = Open::response(out, hint.framing(), to.id, HESSIAN, status, class.as_bytes());
    let from = out.len();
    let library = if hint.codec() == HESSIAN {
        hint.library()
    } else {
        Library::Sofa3
    };
    let written = scratch::with_write_tables(|tables| {
        let mut w = Writer::new(out, library, tables);
        throwable::write(&mut w, class, text)?;
        w.finish()
    });
    if written.is_err() || open.close(out, from).is_err() {
        out.truncate(start);
        put_status(out, to, status);
    }
}

/// Quotes and escapes a text as a JSON string.
fn json_string(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            '\n' => json.push_str("\\n"),
            c if c < ' ' => json.push_str(&format!("\\u{:04x}", c as u32)),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}
