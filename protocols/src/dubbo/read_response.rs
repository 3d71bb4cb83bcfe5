//! Reads a response into the neutral response.
use super::body::{self, Body, Serialization};
use super::{call, frame, keys, status, values};
use rialto_core::call::{Attachments, Exception, NeutralResponse, ReturnValue, Values};
use rialto_core::message::Message;
use rialto_core::{CallError, ErrorKind};
use rialto_hessian::{Library, Plain};
use rialto_values::{Sink, Token, ValueError};
use std::borrow::Cow;

/// Reads a message into an empty neutral response.
///
/// # Errors
/// The error that the provider reported; [`ErrorKind::BadResponse`] for what cannot be read.
pub(crate) fn read<'a>(msg: &Message<'a>, response: &mut NeutralResponse<'a>) -> Result<(), CallError> {
    let serialization = Serialization::of_message(msg);
    let code = frame::status_byte(msg.bytes);
    if code != frame::OK {
        return Err(status::of_response(code, &text(msg, serialization)));
    }
    let Some(serialization) = serialization else {
        return Err(CallError {
            kind: ErrorKind::BadResponse,
            ..call::foreign(msg)
        });
    };
    let bytes = body::of(msg);
    if !take_plain(bytes, serialization, response) {
        *response = walk(bytes, serialization)?;
    }
    Ok(())
}

/// Reads any body with the full reader.
pub(super) fn walk(bytes: &[u8], serialization: Serialization) -> Result<NeutralResponse<'_>, CallError> {
    body::read(bytes, serialization, |body| {
        match take(body, bytes, serialization) {
            Ok((return_value, attachments)) => Ok(NeutralResponse {
                reply: return_value?,
                attachments,
            }),
            Err(e) => Err(CallError::new(
                ErrorKind::BadResponse,
                format!("the Dubbo response cannot be read: {e}"),
            )),
        }
    })
}

/// Reads a return value that is plain, with attachments that are plain strings. This needs no Hessian reader
/// and no tables. Returns `false` for any other response; `response` may then be half filled.
pub(super) fn take_plain<'a>(
    bytes: &'a [u8],
    serialization: Serialization,
    response: &mut NeutralResponse<'a>,
) -> bool {
    if serialization != Serialization::Hessian2 {
        return false;
    }
    let mut rest = Plain::new(bytes, 0, Library::Lite);
    // The result type is a small int, which takes one byte in Hessian.
    let Some(kind @ (1 | 2 | 4 | 5)) = rest.byte().map(|b| b.wrapping_sub(0x90)) else {
        return false;
    };
    let at = rest.position();
    if matches!(kind, 1 | 4) && !rest.take(b"N") {
        response.reply = ReturnValue::Value(values::plain(values::return_value(bytes, serialization, at)));
        if !rest.skip() {
            return false;
        }
    }
    kind < 3 || rest.take(ONLY_VERSION) || take_attachments(rest, &mut response.attachments)
}

/// The attachments that stock providers of the newest protocol version write if the service set none.
const ONLY_VERSION: &[u8] = b"H\x05dubbo\x052.0.2Z";

fn take_attachments<'a>(mut rest: Plain<'a>, attachments: &mut Attachments<'a>) -> bool {
    rest.map(|key, value| {
        if key != keys::DUBBO.as_bytes()
            && let (Ok(key), Ok(value)) = (std::str::from_utf8(key), std::str::from_utf8(value))
        {
            attachments.push((key.into(), value.into()));
        }
    })
}

/// The text of an error; empty if the body is not a text.
fn text(msg: &Message<'_>, serialization: Option<Serialization>) -> String {
    let Some(serialization) = serialization else {
        return String::new();
    };
    let mut text = LastText::default();
    // The text is only shown to people, so a body that cannot be read must not hide the status.
    let read = body::read(body::of(msg), serialization, |body| body.copy(&mut text));
    if read.is_ok() { text.0 } else { String::new() }
}

#[derive(Default)]
struct LastText(String);

impl Sink for LastText {
    fn token(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        if let Token::Text(text) = token {
            self.0 = text.to_str().into_owned();
        }
        Ok(())
    }
}

/// Reads result type, value and attachments (wire section 2.6). Bytes after them are ignored, as stock peers
/// do.
fn take<'a>(
    body: &mut Body<'a, '_>,
    bytes: &'a [u8],
    serialization: Serialization,
) -> Result<(Result<ReturnValue<'a>, CallError>, Attachments<'a>), ValueError> {
    let kind = body.int()?;
    let at = body.position();
    let return_value = match kind {
        2 | 5 => Ok(ReturnValue::Null),
        1 | 4 if body.take_null()? => Ok(ReturnValue::Null),
        1 | 4 => {
            body.skip()?;
            Ok(ReturnValue::Value(values::return_value(bytes, serialization, at)))
        }
        0 | 3 => {
            body.skip()?;
            thrown(bytes, serialization, at)?
        }
        other => {
            return Err(ValueError::malformed(format!(
                "the result type {other} is unknown"
            )));
        }
    };
    let mut attachments = Attachments::new();
    if kind >= 3 {
        body.attachments(|key, value| {
            if key != keys::DUBBO {
                call::push_text(key, value, &mut attachments);
            }
        })?;
    }
    Ok((return_value, attachments))
}

/// Reads the exception at this offset. If one of its fields cannot be decoded, class and message are still
/// kept.
fn thrown<'a>(
    bytes: &'a [u8],
    serialization: Serialization,
    at: usize,
) -> Result<Result<ReturnValue<'a>, CallError>, ValueError> {
    let mut seen = Thrown::default();
    let object = match body::read(&bytes[at..], serialization, |body| body.copy(&mut seen)) {
        Ok(()) => Some(values::return_value(bytes, serialization, at)),
        Err(e) if e.kind == rialto_values::ErrorKind::Unsupported && seen.class.is_some() => None,
        Err(e) => return Err(e),
    };
    Ok(seen.into_return_value(object))
}

/// Picks class, message and code out of the tokens of an exception.
#[derive(Default)]
struct Thrown {
    class: Option<String>,
    message: Option<String>,
    code: Option<i32>,
    fields: Fields,
    depth: u32,
}

/// How the values of the outermost container are named.
#[derive(Default)]
enum Fields {
    #[default]
    Nothing,
    /// By the class, which lists the fields in this order; with the index of the next one.
    Of(rialto_values::Class, usize),
    /// By the keys of a map; the key of the next value, once it was read.
    Keys(Option<String>),
}

impl Sink for Thrown {
    fn token(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        match (self.depth, token) {
            (0, Token::Object(class)) => {
                self.class = Some(class.name().to_owned());
                self.fields = Fields::Of(class.clone(), 0);
            }
            (0, Token::Map { class: Some(class) }) => {
                self.class = Some(class.to_owned());
                self.fields = Fields::Keys(None);
            }
            (1, token) if token != Token::End => self.field(token),
            _ => {}
        }
        if token.opens() {
            self.depth += 1;
        } else if token == Token::End {
            self.depth -= 1;
        }
        Ok(())
    }
}

impl Thrown {
    fn field(&mut self, token: Token<'_>) {
        let name = match &mut self.fields {
            Fields::Nothing => return,
            Fields::Of(class, at) => {
                *at += 1;
                class.fields().get(*at - 1).map(|f| f.to_string())
            }
            Fields::Keys(key) => match (key.take(), token) {
                (None, Token::Text(text)) => {
                    *key = Some(text.to_str().into_owned());
                    return;
                }
                // Not a string, so not a field of a Throwable, but its value still follows.
                (None, _) => {
                    *key = Some(String::new());
                    return;
                }
                (name, _) => name,
            },
        };
        match (name.as_deref(), token) {
            (Some("detailMessage"), Token::Text(text)) => self.message = Some(text.to_str().into_owned()),
            (Some("message"), Token::Text(text)) if self.message.is_none() => {
                self.message = Some(text.to_str().into_owned());
            }
            (Some("code"), Token::Int(code)) => self.code = Some(code),
            _ => {}
        }
    }

    fn into_return_value(self, object: Option<Values<'_>>) -> Result<ReturnValue<'_>, CallError> {
        let Some(class) = self.class else {
            return Err(CallError::new(
                ErrorKind::BadResponse,
                "the provider threw an object that is not a Throwable",
            ));
        };
        if is_rpc_exception(&class) {
            return Err(status::of_code(
                self.code.unwrap_or_default(),
                &self.message.unwrap_or_default(),
            ));
        }
        Ok(ReturnValue::Exception(Exception {
            class: Cow::Owned(class),
            message: self.message.map(Cow::Owned),
            object,
        }))
    }
}

/// Whether Dubbo itself throws this class, as opposed to a service.
fn is_rpc_exception(class: &str) -> bool {
    matches!(
        class,
        "org.apache.dubbo.rpc.RpcException" | "com.alibaba.dubbo.rpc.RpcException"
    )
}
