//! Reads a response into the neutral response.
use super::frame::Parts;
use super::sofa::{self, Visit};
use super::{HESSIAN, header, keys, status, stock_prefix, values};
use crate::text::lossy;
use rialto_core::call::{Attachments, Exception, NeutralResponse, ReturnValue};
use rialto_core::message::{Message, Status};
use rialto_core::{CallError, ErrorKind};
use rialto_hessian::{Kind, Library, Mark, Reader, throwable};
use rialto_values::ValueError;
use std::borrow::Cow;

const MESSAGE: &str = "detailMessage";

/// The most response attachments that are bridged; further ones are dropped.
const ATTACHMENTS_MAX: usize = 1024;

/// Reads a message into an empty neutral response.
///
/// # Errors
/// The error that the provider reported; [`ErrorKind::BadResponse`] for what cannot be read.
pub(crate) fn read<'a>(msg: &Message<'a>, response: &mut NeutralResponse<'a>) -> Result<(), CallError> {
    let parts = Parts::of(msg.bytes);
    if parts.status != 0 {
        return Err(status::of_response(parts.status, &server_text(&parts)));
    }
    if parts.codec != HESSIAN {
        return Err(bad(status::foreign(parts.codec)));
    }
    if parts.content.is_empty() {
        return Err(bad(
            "the SOFARPC response says success but has no content".to_owned()
        ));
    }
    match plain(&parts) {
        Some(return_value) => response.reply = return_value,
        None => *response = walk(&parts)?,
    }
    Ok(())
}

/// Reads a return value that is plain, in a response without properties. This needs no Hessian reader and no
/// tables. `None` for any other response.
#[inline]
pub(super) fn plain<'a>(parts: &Parts<'a>) -> Option<ReturnValue<'a>> {
    let mut rest = stock_prefix::RESPONSE.strip(parts.content)?;
    if !parts.header.is_empty() || !rest.take(b"FN") {
        return None;
    }
    let at = rest.position();
    let return_value = if rest.take(b"N") {
        ReturnValue::Null
    } else {
        rest.skip().then(|| {
            let value = values::return_value(parts.content, rest.library(), at);
            ReturnValue::Value(values::plain(value))
        })?
    };
    rest.take(b"N").then_some(return_value)
}

/// Reads any response with the full Hessian reader.
pub(super) fn walk<'a>(parts: &Parts<'a>) -> Result<NeutralResponse<'a>, CallError> {
    let mut attachments = Attachments::new();
    let mut flagged = false;
    for (key, value) in header::pairs(parts.header) {
        take_property(lossy(key), lossy(value), &mut flagged, &mut attachments);
    }
    sofa::read(parts.content, |reader| {
        let unreadable = |e: ValueError| bad(format!("the SOFARPC response cannot be read: {e}"));
        let body = Body::read(reader, &mut flagged, &mut attachments).map_err(unreadable)?;
        if body.is_error || body.text.is_some() {
            return Err(status::of_text(body.text.as_deref()));
        }
        let return_value = match body.value {
            None => ReturnValue::Null,
            Some((mark, at)) => {
                reader.seek(mark);
                let thrown = Thrown::read(reader, flagged).map_err(unreadable)?;
                let value = values::return_value(parts.content, reader.library(), at);
                match thrown {
                    None => ReturnValue::Value(value),
                    Some(thrown) => {
                        thrown.check_origin()?;
                        ReturnValue::Exception(Exception {
                            class: Cow::Owned(thrown.class),
                            message: thrown.message,
                            object: Some(value),
                        })
                    }
                }
            }
        };
        Ok(NeutralResponse {
            reply: return_value,
            attachments,
        })
    })
}

/// The status of a response whose header is flagged. The content tells errors of the framework from
/// exceptions of the service.
pub(crate) fn status(content: &[u8]) -> Status {
    let found = sofa::read(content, |reader| {
        let mut is_error = false;
        let mut left = 2;
        sofa::fields(reader, |field, reader| {
            match field {
                keys::IS_ERROR => is_error |= reader.kind()? == Kind::Bool && reader.read_bool()?,
                keys::ERROR_MSG => is_error |= reader.text_or_skip()?.is_some(),
                _ => return Ok(Visit::Passed),
            }
            left -= 1;
            Ok(if is_error || left == 0 {
                Visit::Enough
            } else {
                Visit::Taken
            })
        })?;
        Ok::<_, ValueError>(is_error)
    });
    match found {
        Ok(false) => Status::Exception,
        _ => Status::Failed,
    }
}

/// The text of the exception that comes with a status. It is only shown to people, so a text that cannot be
/// read must not hide the status.
fn server_text<'a>(parts: &Parts<'a>) -> Cow<'a, str> {
    if parts.codec != HESSIAN || Library::sniff_sofa(parts.content).is_none() {
        return Cow::Borrowed("");
    }
    match sofa::read(parts.content, |reader| Thrown::read(reader, true)) {
        Ok(Some(Thrown {
            message: Some(message),
            ..
        })) => message,
        _ => Cow::Borrowed(""),
    }
}

/// The fields of a response object.
#[derive(Default)]
struct Body<'a> {
    is_error: bool,
    text: Option<Cow<'a, str>>,
    /// Where the return value begins; `None` if it is null.
    value: Option<(Mark, usize)>,
}

impl<'a> Body<'a> {
    fn read(
        reader: &mut Reader<'a, '_>,
        flagged: &mut bool,
        attachments: &mut Attachments<'a>,
    ) -> Result<Self, ValueError> {
        let mut body = Body::default();
        sofa::fields(reader, |field, reader| {
            match field {
                keys::IS_ERROR if reader.kind()? == Kind::Bool => body.is_error = reader.read_bool()?,
                keys::ERROR_MSG => body.text = reader.read_optional_text()?.map(sofa::text),
                keys::APP_RESPONSE => {
                    if !reader.take_null()? {
                        body.value = Some((reader.mark(), reader.position()));
                        reader.skip_value()?;
                    }
                }
                keys::RESPONSE_PROPS => {
                    sofa::entries(reader, |key, reader| {
                        if let Some(value) = sofa::scalar(reader)? {
                            take_property(key, value, flagged, attachments);
                        }
                        Ok(Visit::Taken)
                    })?;
                }
                _ => return Ok(Visit::Passed),
            }
            Ok(Visit::Taken)
        })?;
        Ok(body)
    }
}

/// Sorts a property of a response: error flag or attachment. Header and content repeat each other, so the
/// first value of a key stays.
fn take_property<'a>(
    key: Cow<'a, str>,
    value: Cow<'a, str>,
    flagged: &mut bool,
    attachments: &mut Attachments<'a>,
) {
    if key == keys::RESPONSE_ERROR {
        *flagged |= value == "true";
        return;
    }
    if keys::is_own(key.as_bytes()) || keys::trace_key(&key).is_some() || attachments.len() == ATTACHMENTS_MAX
    {
        return;
    }
    let key = match keys::response_key(&key) {
        Some(user) => Cow::Owned(user.to_owned()),
        None => key,
    };
    if attachments.iter().all(|(k, _)| *k != key) {
        attachments.push((key, value));
    }
}

/// The parts of an exception that matter for bridging.
struct Thrown<'a> {
    class: String,
    message: Option<Cow<'a, str>>,
    /// The error code in SOFARPC's own exceptions.
    error_type: Option<i32>,
}

impl<'a> Thrown<'a> {
    /// Reads the next value if it is an exception. An object with the fields of a Throwable counts even in a
    /// response without the flag; in a flagged one a message field is enough, and a typed map may take the
    /// place of the object.
    fn read(reader: &mut Reader<'a, '_>, flagged: bool) -> Result<Option<Self>, ValueError> {
        match reader.kind()? {
            Kind::Object => {
                let start = reader.mark();
                let class = reader.begin_object()?;
                let is_thrown =
                    throwable::is_throwable(&class) || (flagged && class.field(MESSAGE).is_some());
                if !is_thrown {
                    return Ok(None);
                }
                reader.seek(start);
                let mut thrown = Thrown {
                    class: class.name().to_owned(),
                    message: None,
                    error_type: None,
                };
                sofa::fields(reader, |field, reader| thrown.take(field, reader))?;
                Ok(Some(thrown))
            }
            Kind::Map if flagged => {
                let start = reader.mark();
                let Some(class) = reader.begin_map()?.map(Cow::into_owned) else {
                    return Ok(None);
                };
                reader.seek(start);
                let mut thrown = Thrown {
                    class,
                    message: None,
                    error_type: None,
                };
                sofa::entries(reader, |key, reader| thrown.take(&key, reader))?;
                Ok(Some(thrown))
            }
            _ => Ok(None),
        }
    }

    fn take(&mut self, field: &str, reader: &mut Reader<'a, '_>) -> Result<Visit, ValueError> {
        match field {
            MESSAGE => self.message = reader.text_or_skip()?.map(sofa::text),
            "errorType" if reader.kind()? == Kind::Int => self.error_type = Some(reader.read_int()?),
            _ => return Ok(Visit::Passed),
        }
        Ok(Visit::Taken)
    }

    /// Turns SOFARPC's own exceptions into errors of the framework, even if a service passed one on.
    fn check_origin(&self) -> Result<(), CallError> {
        if keys::SOFA_EXCEPTIONS.contains(&&*self.class) {
            return Err(status::of_type(
                self.error_type.unwrap_or_default(),
                self.message.as_deref().unwrap_or_default(),
            ));
        }
        Ok(())
    }
}

fn bad(text: String) -> CallError {
    CallError::new(ErrorKind::BadResponse, text)
}
