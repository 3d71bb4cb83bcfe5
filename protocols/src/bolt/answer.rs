//! Answers in the caller's framing and Hessian: results, exceptions, and errors of ours.
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

/// What an answer says.
enum Said<'o> {
    Null,
    Value(&'o Values<'o>),
    /// An exception as a result: consumers throw what they find, and providers flag it.
    Returned(&'o Values<'o>),
    Thrown(&'o Exception<'o>),
    Error(&'o str),
}

impl Said<'_> {
    fn is_flagged(&self) -> bool {
        matches!(self, Said::Returned(_) | Said::Thrown(_) | Said::Error(_))
    }
}

/// Appends an answer of the service, with a content of up to `max` bytes.
///
/// # Errors
/// [`ErrorKind::BadResponse`] for what has no form for this caller, or becomes too long: it is given up at the first
/// value beyond `max`.
pub(crate) fn outcome(
    out: &mut Vec<u8>,
    to: RespondTo,
    outcome: &NeutralResponse<'_>,
    max: usize,
) -> Result<(), CallError> {
    let hint = Hint::from_bits(to.hint);
    if hint.codec() != HESSIAN {
        return Err(CallError::new(
            ErrorKind::BadResponse,
            status::foreign(hint.codec()),
        ));
    }
    let said = match &outcome.reply {
        ReturnValue::Null => Said::Null,
        ReturnValue::Value(value) if value.is_throwable() => Said::Returned(value),
        ReturnValue::Value(value) => Said::Value(value),
        ReturnValue::Exception(thrown) => Said::Thrown(thrown),
    };
    let start = out.len();
    let room = max.min(outcome.reply.room());
    let written = put(out, to, &said, &outcome.attachments, room);
    if let (Err(_), ReturnValue::Exception(thrown)) = (&written, &outcome.reply)
        && let Some(bare) = thrown.bare()
    {
        out.truncate(start);
        return put(out, to, &Said::Thrown(&bare), &outcome.attachments, room);
    }
    written
}

fn put(
    out: &mut Vec<u8>,
    to: RespondTo,
    said: &Said<'_>,
    attachments: &Attachments<'_>,
    room: usize,
) -> Result<(), CallError> {
    let bad = |why: &dyn std::fmt::Display| {
        CallError::new(
            ErrorKind::BadResponse,
            format!("the answer has no form in SOFARPC: {why}"),
        )
    };
    let hint = Hint::from_bits(to.hint);
    let open = Open::answer(
        out,
        hint.framing(),
        to.id,
        HESSIAN,
        status::SUCCESS,
        keys::RESPONSE.as_bytes(),
    );
    let from = out.len();
    if said.is_flagged() {
        header::put(out, keys::RESPONSE_ERROR, "true");
    }
    for (key, value) in attachments {
        header::put_in(out, keys::RESPONSE_BAGGAGE, key, value.as_bytes());
    }
    open.end_header(out, from)
        .map_err(|e| bad(&e.of("response attachments")))?;
    let from = out.len();
    let end = from.saturating_add(room);
    put_content(out, hint.library(), said, attachments, end).map_err(|e| bad(&e))?;
    open.close(out, from).map_err(|e| bad(&e.of("result")))
}

fn put_content(
    out: &mut Vec<u8>,
    library: Library,
    said: &Said<'_>,
    attachments: &Attachments<'_>,
    end: usize,
) -> Result<(), ValueError> {
    out.extend_from_slice(stock_prefix::RESPONSE.of(library));
    match said {
        Said::Null => out.extend_from_slice(b"FNN"),
        Said::Error(text) => {
            out.push(b'T');
            raw::put_str(out, library, text);
            out.push(b'N');
        }
        Said::Value(value) => {
            out.extend_from_slice(b"FN");
            put_value(out, library, end, |w| value.emit(w))?;
        }
        Said::Returned(value) => {
            out.extend_from_slice(b"FN");
            put_value(out, library, end, |w| {
                throwable::emit_safe(w, |sink| value.emit(sink))
            })?;
        }
        Said::Thrown(thrown) => {
            out.extend_from_slice(b"FN");
            put_value(out, library, end, |w| put_exception(w, thrown))?;
        }
    }
    if attachments.is_empty() && !said.is_flagged() {
        out.push(b'N');
        return Ok(());
    }
    raw::begin_map(out, library);
    if said.is_flagged() {
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

/// Appends a value inside of the answer.
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

/// An exception in the form that every consumer reads: no cause, an empty stack trace.
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

/// Appends an error, see [`status::saying`].
pub(crate) fn error(out: &mut Vec<u8>, to: RespondTo, error: &CallError) {
    let hint = Hint::from_bits(to.hint);
    match status::saying(error.kind) {
        ErrorForm::Status(status) => put_status(out, to, status),
        ErrorForm::Text if hint.is_foreign() => put_server_exception(out, to, &error.text),
        ErrorForm::Text => match hint.codec() {
            HESSIAN => {
                let start = out.len();
                if put(
                    out,
                    to,
                    &Said::Error(&error.text),
                    &Attachments::new(),
                    usize::MAX,
                )
                .is_err()
                {
                    // Only a text beyond all bounds comes here; the status alone is short enough.
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

/// A status and nothing else.
fn put_status(out: &mut Vec<u8>, to: RespondTo, status: u16) {
    let hint = Hint::from_bits(to.hint);
    Open::answer(out, hint.framing(), to.id, hint.codec(), status, &[]).close_empty(out);
}

/// The error of SOFARPC calls in JSON or protobuf: a flag in the header, and the text (wire section 1.9).
fn put_text(out: &mut Vec<u8>, to: RespondTo, text: &[u8]) {
    let hint = Hint::from_bits(to.hint);
    let start = out.len();
    let open = Open::answer(
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

/// The error of users of Bolt without SOFARPC: what providers send whose processor failed. It is in Hessian
/// whatever the request was in, as theirs is.
fn put_server_exception(out: &mut Vec<u8>, to: RespondTo, text: &str) {
    let hint = Hint::from_bits(to.hint);
    let start = out.len();
    let class = keys::SERVER_EXCEPTION;
    let status = status::SERVER_EXCEPTION;
    let open = Open::answer(out, hint.framing(), to.id, HESSIAN, status, class.as_bytes());
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

/// A JSON string.
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
