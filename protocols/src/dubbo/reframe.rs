//! Rewrites a request with edits: only the edited parts are written anew, everything else is copied
//! unchanged.
//!
//! This is valid because the five strings at the start have no entry in the tables of a Hessian stream and
//! the attachments come last, so references inside the arguments stay valid. JSONB documents do not refer to
//! each other.
use super::body::{self, Serialization};
use super::call::foreign;
use super::encode::put_text;
use super::frame::Open;
use super::head::{RequestPrefix, unreadable};
use super::{frame, keys};
use crate::scratch;
use rialto_core::CallError;
use rialto_core::message::{Edits, Message};
use rialto_hessian::{Library, Writer};
use rialto_jsonb as jsonb;
use rialto_values::{Limits, ValueError};
use std::borrow::Cow;

mod attachments;

/// Appends a message unchanged, under another id.
pub(crate) fn copy(out: &mut Vec<u8>, id: u64, msg: &Message<'_>) {
    let at = out.len();
    out.extend_from_slice(msg.bytes);
    frame::set_id(&mut out[at..], id);
}

/// Appends a request with its edits, under another id.
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
    put(out, body::of(msg), serialization, edits).map_err(|e| unreadable(&e))?;
    open.close(out);
    Ok(())
}

fn put(
    out: &mut Vec<u8>,
    bytes: &[u8],
    serialization: Serialization,
    edits: &Edits,
) -> Result<(), ValueError> {
    let prefix = RequestPrefix::read(bytes, serialization)?;
    let mut arguments = prefix.arguments()?;
    let is_generic = prefix.is_generic() && arguments > 0;
    let new = [
        None,
        edits.service.as_deref(),
        edits.version.as_deref().map(version),
        edits.method.as_deref().filter(|_| !is_generic),
        None,
    ];
    let mut from = 0;
    for (new, end) in new.into_iter().zip(prefix.ends) {
        match new {
            Some(new) => put_name(out, serialization, new)?,
            None => out.extend_from_slice(&bytes[from..end]),
        }
        from = end;
    }
    let mut rest = &bytes[from..];
    // A generic call names its method in the first argument, a string like those in the prefix.
    if let Some(method) = edits.method.as_deref().filter(|_| is_generic) {
        let len = body::read(rest, serialization, |body| body.skip().map(|()| body.position()))?;
        put_name(out, serialization, method)?;
        rest = &rest[len..];
        arguments -= 1;
    }
    body::read(rest, serialization, |body| {
        attachments::put_rest(out, rest, body, arguments, &Change::new(edits))
    })
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

/// The edits of the attachments.
struct Change<'e> {
    edits: &'e Edits,
    /// Attachments with their new values.
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

    /// Whether an attachment of the request is dropped, because it is replaced or removed.
    fn drops(&self, key: &str) -> bool {
        self.set.iter().any(|(k, _)| *k == key)
            || self.edits.remove.iter().any(|k| **k == *key)
            || (key == keys::GROUP && self.edits.group.is_some())
            || (key == keys::COUNTDOWN && self.edits.timeout_ms.is_some())
    }

    /// The new countdown; `None` if the request `had` none or its timeout stays.
    fn countdown(&self, had: bool) -> Option<i32> {
        let ms = self.edits.timeout_ms.filter(|_| had)?;
        Some(i32::try_from(ms).unwrap_or(i32::MAX))
    }
}
