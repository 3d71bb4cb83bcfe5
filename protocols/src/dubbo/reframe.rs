//! A request with changes: only what changes is written anew, everything else is copied as it lies there.
//!
//! That is legal because the five strings in front take no place in a Hessian stream's tables and the
//! attachments come last, so the arguments keep their numbers; and JSONB documents know nothing of each other.
use super::body::{self, Body, Serialization};
use super::call::foreign;
use super::encode::put_text;
use super::frame::Open;
use super::head::unreadable;
use super::{frame, keys, scratch, types};
use rialto_core::CallError;
use rialto_core::message::{Edits, Message};
use rialto_hessian::{Library, Writer};
use rialto_jsonb as jsonb;
use rialto_values::{Limits, ValueError};
use std::borrow::Cow;

mod attachments;

/// Appends a message as it is, under another id.
pub(crate) fn copy(out: &mut Vec<u8>, id: u64, msg: &Message<'_>) {
    let at = out.len();
    out.extend_from_slice(msg.bytes);
    frame::set_id(&mut out[at..], id);
}

/// Appends a request with its changes, under another id.
///
/// # Errors
/// [`rialto_core::ErrorKind::BadRequest`] if the request cannot be read.
pub(crate) fn request(out: &mut Vec<u8>, id: u64, msg: &Message<'_>, edits: &Edits) -> Result<(), CallError> {
    if edits.is_empty() {
        copy(out, id, msg);
        return Ok(());
    }
    let Some(serialization) = Serialization::of_message(msg) else {
        return Err(foreign(msg));
    };
    let open = Open::like(out, msg.bytes, id);
    let bytes = body::of(msg);
    body::read(bytes, serialization, |body| {
        let arguments = put_lead(out, bytes, body, serialization, edits)?;
        attachments::put_rest(out, bytes, body, arguments, &Change::new(edits))
    })
    .map_err(|e| unreadable(&e))?;
    open.close(out);
    Ok(())
}

/// Appends the five strings, and of a generic call whose method changes the name of it. Returns how many
/// arguments are left in front of the body.
fn put_lead(
    out: &mut Vec<u8>,
    bytes: &[u8],
    body: &mut Body<'_, '_>,
    serialization: Serialization,
    edits: &Edits,
) -> Result<usize, ValueError> {
    let mut put = |body: &mut Body<'_, '_>, new: Option<&str>| -> Result<Vec<u8>, ValueError> {
        let from = body.position();
        let old = body.name("start of the request")?.unwrap_or_default().to_vec();
        match new {
            Some(new) => put_name(out, serialization, new)?,
            None => out.extend_from_slice(&bytes[from..body.position()]),
        }
        Ok(old)
    };
    put(body, None)?;
    put(body, edits.service.as_deref())?;
    put(body, edits.version.as_deref().map(version))?;
    // The method's name decides where a new one goes, so it is looked at before it is written.
    let is_generic = next_is_generic(bytes, body, serialization)?;
    put(body, edits.method.as_deref().filter(|_| !is_generic))?;
    let descriptor = put(body, None)?;
    let arguments = types::count(&descriptor)
        .ok_or_else(|| ValueError::malformed("the parameter descriptor of the request is malformed"))?;
    if is_generic && edits.method.is_some() && arguments > 0 {
        put(body, edits.method.as_deref())?;
        return Ok(arguments - 1);
    }
    Ok(arguments)
}

fn next_is_generic(
    bytes: &[u8],
    body: &Body<'_, '_>,
    serialization: Serialization,
) -> Result<bool, ValueError> {
    let rest = bytes.get(body.position()..).unwrap_or_default();
    let method = body::read(rest, serialization, |ahead| ahead.name("method name"))?;
    Ok(method.is_some_and(keys::is_generic))
}

fn version(version: &str) -> &str {
    if version.is_empty() {
        keys::NO_VERSION
    } else {
        version
    }
}

fn put_name(out: &mut Vec<u8>, serialization: Serialization, text: &str) -> Result<(), ValueError> {
    match serialization {
        Serialization::Hessian2 => {
            scratch::with_write_tables(|tables| Writer::new(out, Library::Lite, tables).write_str(text));
        }
        Serialization::Fastjson2 => {
            let mut w = jsonb::Writer::framed(Vec::new(), &Limits::default());
            put_text(text, &mut w)?;
            out.extend_from_slice(&w.finish()?);
        }
    }
    Ok(())
}

/// What becomes of the attachments.
struct Change<'e> {
    edits: &'e Edits,
    /// New values.
    set: Vec<(&'e str, Cow<'e, str>)>,
}

impl<'e> Change<'e> {
    fn new(edits: &'e Edits) -> Self {
        let mut set: Vec<(&str, Cow<'_, str>)> = edits
            .set
            .iter()
            .map(|(k, v)| (&**k, Cow::Borrowed(&**v)))
            .collect();
        let mut own = |key: &'static str, value: Cow<'e, str>| {
            set.retain(|(k, _)| *k != key);
            set.push((key, value));
        };
        if let Some(service) = edits.service.as_deref() {
            own(keys::PATH, Cow::Borrowed(service));
            own(keys::INTERFACE, Cow::Borrowed(service));
        }
        if let Some(new) = edits.version.as_deref() {
            own(keys::VERSION, Cow::Borrowed(version(new)));
        }
        if let Some(group) = edits.group.as_deref().filter(|g| !g.is_empty()) {
            own(keys::GROUP, Cow::Borrowed(group));
        }
        if let Some(ms) = edits.timeout_ms {
            own(keys::TIMEOUT, Cow::Owned(ms.to_string()));
        }
        Change { edits, set }
    }

    /// Whether an attachment of the request goes: it is replaced or removed.
    fn drops(&self, key: &str) -> bool {
        self.set.iter().any(|(k, _)| *k == key)
            || self.edits.remove.iter().any(|k| **k == *key)
            || (key == keys::GROUP && self.edits.group.is_some())
            || (key == keys::COUNTDOWN && self.edits.timeout_ms.is_some())
    }

    /// What the countdown becomes, if the caller sent one.
    fn countdown(&self, had: bool) -> Option<i32> {
        let ms = self.edits.timeout_ms.filter(|_| had)?;
        Some(i32::try_from(ms).unwrap_or(i32::MAX))
    }
}
