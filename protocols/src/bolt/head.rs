//! Reads where a call goes from the header block, or from the names in the content if the header block is
//! nearly empty.
use super::frame::Parts;
use super::hint::Hint;
use super::{HESSIAN, header, keys, sofa, unique_name};
use rialto_core::message::{Head, Message};
use rialto_core::{CallError, ErrorKind};
use std::borrow::Cow;

/// The entries that one pass over the header block finds; empty where absent.
#[derive(Default)]
struct Seen<'a> {
    service: &'a [u8],
    target: &'a [u8],
    method: &'a [u8],
    app: &'a [u8],
    deadline: &'a [u8],
}

impl<'a> Seen<'a> {
    #[inline]
    fn in_block(block: &'a [u8]) -> Result<Self, CallError> {
        let mut seen = Seen::default();
        let mut pairs = header::pairs(block);
        for (key, value) in pairs.by_ref() {
            // Compares lengths first: constant lengths compile to plain comparisons without a function call.
            match key.len() {
                3 if key == keys::APP.as_bytes() => seen.app = value,
                7 if key == keys::SERVICE.as_bytes() => seen.service = value,
                21 if key == keys::METHOD.as_bytes() => seen.method = value,
                24 if key == keys::TARGET_SERVICE.as_bytes() => seen.target = value,
                30 if key == keys::DEADLINE.as_bytes() => seen.deadline = value,
                _ => {}
            }
        }
        if !pairs.is_whole() {
            return Err(CallError::new(
                ErrorKind::BadRequest,
                "the header block of the Bolt request is malformed",
            ));
        }
        // A service name begins with a visible character; anything else might be blank and is examined more
        // closely.
        if !seen.service.first().is_some_and(u8::is_ascii_graphic) {
            seen.service = settle(block, seen.service, seen.target)?;
        }
        Ok(seen)
    }
}

/// Decides which service counts when `service` is absent or may be blank. Without `service`, providers use
/// the other key. With a blank one they use neither but the content, so the request is refused: no stock
/// consumer sends it, and it could bypass a route's rule for the other key.
#[cold]
fn settle<'a>(block: &[u8], service: &'a [u8], target: &'a [u8]) -> Result<&'a [u8], CallError> {
    let is_blank = |c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c);
    if header::get(block, keys::SERVICE).is_none() {
        return Ok(target);
    }
    if String::from_utf8_lossy(service).chars().all(is_blank) {
        let text = format!("the header `{}` of the Bolt request is blank", keys::SERVICE);
        return Err(CallError::new(ErrorKind::BadRequest, text));
    }
    Ok(service)
}

/// Reads the head of a request.
///
/// # Errors
/// [`ErrorKind::BadRequest`] if no service can be read.
#[inline]
pub(crate) fn read<'a>(msg: &Message<'a>, head: &mut Head<'a>) -> Result<(), CallError> {
    let parts = Parts::of(msg.bytes);
    let is_sofa = parts.is_sofa_request();
    let mut seen = Seen::in_block(parts.header)?;
    if is_sofa && parts.codec == HESSIAN && (seen.service.is_empty() || seen.method.is_empty()) {
        seen = complete(seen, &parts)?;
    }
    if seen.service.is_empty() {
        return Err(nameless(&parts));
    }
    (head.service, head.version, head.group) = unique_name::split(seen.service);
    head.method = seen.method;
    head.application = seen.app;
    head.timeout_ms = timeout(msg.meta.timeout_ms, seen.deadline);
    head.hint = Hint::from_bits(msg.meta.hint).with_foreign(!is_sofa).bits();
    Ok(())
}

/// Fills in names that are missing in the header from the content; SOFARPC 5.4 and the Node.js clients write
/// the method only there. If the content cannot be read but the service is known, the call goes on with the
/// names found so far: the provider will refuse it.
fn complete<'a>(mut seen: Seen<'a>, parts: &Parts<'a>) -> Result<Seen<'a>, CallError> {
    let mut names = sofa::Names::default();
    let read = names.fill(parts.content, seen.app.is_empty());
    for (field, name) in [
        (&mut seen.service, names.service),
        (&mut seen.method, names.method),
        (&mut seen.app, names.app),
    ] {
        if field.is_empty() {
            *field = name;
        }
    }
    match read {
        Err(e) if seen.service.is_empty() => Err(CallError::new(
            ErrorKind::BadRequest,
            format!(
                "the header of the Bolt request names no `{}`, and its content cannot be read: {e}",
                keys::SERVICE
            ),
        )),
        _ => Ok(seen),
    }
}

#[cold]
fn nameless(parts: &Parts<'_>) -> CallError {
    let text = if parts.is_sofa_request() {
        format!(
            "the Bolt request names no service: its header has no `{}`",
            keys::SERVICE
        )
    } else {
        format!(
            "a Bolt request of class `{}` is not a SOFARPC call; it can be routed only if its header names a `{}`",
            String::from_utf8_lossy(parts.class),
            keys::SERVICE
        )
    };
    CallError::new(ErrorKind::BadRequest, text)
}

/// The shorter of the frame's timeout and the time left until the deadline, in milliseconds; 0 if there is
/// neither.
#[inline]
pub(crate) fn timeout(frame: u32, deadline: &[u8]) -> u32 {
    if deadline.is_empty() {
        return frame;
    }
    let left = std::str::from_utf8(deadline)
        .ok()
        .and_then(|d| d.trim().parse::<i64>().ok());
    match left.map(|ms| ms.clamp(1, u32::MAX.into()) as u32) {
        Some(left) if frame == 0 => left,
        Some(left) => left.min(frame),
        None => frame,
    }
}

/// Looks an attachment up in the header, or in the content if the header does not carry the attachments.
pub(crate) fn attachment<'a>(msg: &Message<'a>, key: &str) -> Option<Cow<'a, [u8]>> {
    let parts = Parts::of(msg.bytes);
    let (mut plain, mut baggage, mut flattened) = (None, None, false);
    for (name, value) in header::pairs(parts.header) {
        if name == key.as_bytes() {
            plain = Some(value);
        } else if is_baggage(name, key) {
            baggage = Some(value);
        }
        flattened |= name == keys::METHOD.as_bytes();
    }
    if let Some(value) = plain.or(baggage) {
        return Some(Cow::Borrowed(value));
    }
    // A consumer that writes the method into the header writes all attachments there too.
    if flattened || parts.codec != HESSIAN || !parts.is_sofa_request() {
        return None;
    }
    // A content that cannot be read has no attachments; the provider will say what is wrong with it.
    Some(match sofa::property(parts.content, key).ok()?? {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    })
}

/// Whether `name` is the header key of this baggage entry.
fn is_baggage(name: &[u8], key: &str) -> bool {
    name.strip_prefix(keys::BAGGAGE.as_bytes())
        .and_then(|rest| rest.strip_prefix(b"."))
        .is_some_and(|rest| rest == key.as_bytes())
}
