//! Rewrites Bolt messages that cannot be forwarded as received: those with edits, for another framing, or for
//! the other Hessian grammar.
use super::frame::{self, Open, Parts};
use super::hint::{Framing, Hint};
use super::{HESSIAN, header, keys, response, status, unique_name};
use rialto_core::message::{Edits, Message};
use rialto_core::session::RespondTo;
use rialto_core::{CallError, ErrorKind};
use rialto_hessian::Library;
use rialto_values::ValueError;
use std::borrow::Cow;

mod content;

/// Whether an upstream with this library can read the request's content.
#[inline]
pub(crate) fn reads_request(library: Option<Library>, request: Hint) -> bool {
    library.is_none_or(|l| l == request.library() || request.codec() != HESSIAN || request.is_foreign())
}

/// Whether the downstream can read the response's content.
#[inline]
pub(crate) fn reads_response(to: Hint, response: Hint) -> bool {
    response.library() == to.library()
        || response.codec() != HESSIAN
        || to.codec() != HESSIAN
        || to.is_foreign()
}

/// Appends a response in the downstream's framing and Hessian.
///
/// # Errors
/// If the Hessian grammar differs: the error that the provider reported, or why its response cannot be read.
pub(crate) fn response(
    out: &mut Vec<u8>,
    to: RespondTo,
    msg: &Message<'_>,
    max: usize,
) -> Result<(), CallError> {
    let hint = Hint::from_bits(to.hint);
    let parts = Parts::of(msg.bytes);
    let is_readable =
        reads_response(hint, Hint::from_bits(msg.meta.hint)) || Library::sniff_sofa(parts.content).is_none();
    if !is_readable {
        return response::write(out, to, &msg.meta.reader.outcome(msg)?, max);
    }
    if hint.framing().forwards_as_is(parts.framing) {
        copy(out, to.id, msg);
        return Ok(());
    }
    let open = Open::response(out, hint.framing(), to.id, parts.codec, parts.status, parts.class);
    put_parts(out, open, &parts);
    Ok(())
}

/// Appends a request with its edits, in the upstream's framing and Hessian.
///
/// # Errors
/// [`ErrorKind::BadRequest`] with the reason why the request cannot be changed.
pub(crate) fn request(
    out: &mut Vec<u8>,
    framing: Framing,
    library: Option<Library>,
    id: u64,
    msg: &Message<'_>,
    edits: &Edits,
) -> Result<(), CallError> {
    let parts = Parts::of(msg.bytes);
    let written =
        Library::sniff_sofa(parts.content).filter(|_| parts.codec == HESSIAN && parts.is_sofa_request());
    let wanted = library.filter(|l| written.is_some_and(|w| w != *l));
    if edits.is_empty() && wanted.is_none() {
        if parts.framing == framing {
            copy(out, id, msg);
        } else {
            let open = open(out, framing, id, &parts, parts.timeout);
            put_parts(out, open, &parts);
        }
        return Ok(());
    }
    let change = Change::new(&parts, edits)?;
    let timeout = edits.timeout_ms.filter(|_| !parts.one_way);
    let open = open(
        out,
        framing,
        id,
        &parts,
        timeout.map_or(parts.timeout, |ms| i32::try_from(ms).unwrap_or(i32::MAX)),
    );
    let from = out.len();
    change.put_header(out, parts.header);
    open.end_header(out, from)
        .map_err(|e| refused(&e.of("headers")))?;
    let from = out.len();
    match written {
        Some(written) => {
            content::put(out, parts.content, written, wanted, &change).map_err(|e| unreadable(&e))?;
        }
        None => out.extend_from_slice(parts.content),
    }
    open.close(out, from).map_err(|e| refused(&e.of("arguments")))
}

fn open(out: &mut Vec<u8>, framing: Framing, id: u64, parts: &Parts<'_>, timeout: i32) -> Open {
    Open::request(out, framing, id, parts.codec, parts.one_way, timeout, parts.class)
}

/// Appends header and content unchanged. They were received, so their lengths fit.
fn put_parts(out: &mut Vec<u8>, open: Open, parts: &Parts<'_>) {
    let from = out.len();
    out.extend_from_slice(parts.header);
    open.end_header(out, from).ok();
    let from = out.len();
    out.extend_from_slice(parts.content);
    open.close(out, from).ok();
}

/// Appends a message unchanged, under another id.
fn copy(out: &mut Vec<u8>, id: u64, msg: &Message<'_>) {
    let at = out.len();
    out.extend_from_slice(msg.bytes);
    frame::set_id(&mut out[at..], id);
}

/// The edits of one request, resolved against its header.
struct Change<'e> {
    edits: &'e Edits,
    /// The new unique name, if one of its parts changes.
    unique: Option<String>,
    method: Option<&'e str>,
    /// The new time until the deadline, for requests that carry one.
    deadline: Option<String>,
    /// Edited attachments that already are plain header entries. All others become baggage.
    plain: Vec<&'e str>,
}

/// What happens to a property.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate<'c> {
    Stays,
    Goes,
    Becomes(&'c str),
}

impl<'e> Change<'e> {
    fn new(parts: &Parts<'_>, edits: &'e Edits) -> Result<Self, CallError> {
        let renames = edits.service.is_some() || edits.version.is_some() || edits.group.is_some();
        if (renames || edits.method.is_some()) && !parts.is_sofa_request() {
            return Err(refused(&format!(
                "a Bolt request of class `{}` is not a SOFARPC call; its service and method cannot be changed",
                String::from_utf8_lossy(parts.class)
            )));
        }
        // Readers of JSON and protobuf requests take the method from the header, so only for other codecs is
        // the content needed.
        if edits.method.is_some() && !matches!(parts.codec, HESSIAN | 11 | 12) {
            let why = "its method stands in a content that cannot be changed";
            return Err(refused(&format!("{why}: {}", status::foreign(parts.codec))));
        }
        let mut plain = vec![];
        for (key, _) in header::pairs(parts.header) {
            plain.extend(
                edits
                    .set
                    .iter()
                    .map(|(k, _)| &**k)
                    .filter(|k| k.as_bytes() == key && !is_protected(k)),
            );
        }
        Ok(Change {
            edits,
            unique: renames.then(|| new_name(parts, edits)),
            method: edits.method.as_deref(),
            deadline: edits.timeout_ms.map(|ms| ms.to_string()),
            plain,
        })
    }

    /// What happens to an entry of the header or of the properties.
    fn fate(&self, key: &str) -> Fate<'_> {
        let new = match key {
            keys::SERVICE | keys::TARGET_SERVICE => self.unique.as_deref(),
            keys::METHOD => self.method,
            keys::DEADLINE => self.deadline.as_deref(),
            _ if is_protected(key) => None,
            _ => return self.attachment(keys::user_key(key)),
        };
        new.map_or(Fate::Stays, Fate::Becomes)
    }

    fn attachment(&self, key: &str) -> Fate<'_> {
        match self.edits.attachment(key) {
            None => Fate::Stays,
            Some(None) => Fate::Goes,
            Some(Some(value)) => Fate::Becomes(value),
        }
    }

    /// New attachments that the request does not have yet. They become baggage, where they cannot collide
    /// with SOFARPC's own keys.
    fn new_baggage(&self) -> impl Iterator<Item = (&'e str, &'e str)> {
        self.edits
            .set
            .iter()
            .map(|(key, value)| (keys::user_key(key), &**value))
            .filter(|(key, _)| !self.plain.contains(key))
    }

    /// Drops a new attachment from `baggage`, because the request already has its key. Protected keys never
    /// hold an attachment, even if their value changes.
    fn drop_known(&self, key: &str, baggage: &mut Vec<(&'e str, &'e str)>) {
        if !is_protected(key) {
            baggage.retain(|(k, _)| *k != keys::user_key(key));
        }
    }

    /// Whether the properties in the content change.
    fn changes_properties(&self) -> bool {
        !self.edits.set.is_empty() || !self.edits.remove.is_empty() || self.deadline.is_some()
    }

    /// Whether trace facts change. They are a nested map among the properties.
    fn changes_trace(&self) -> bool {
        let set = self.edits.set.iter().map(|(key, _)| key);
        set.chain(&self.edits.remove)
            .any(|key| keys::trace_key(key).is_some())
    }

    fn put_header(&self, out: &mut Vec<u8>, block: &[u8]) {
        let mut baggage: Vec<_> = self.new_baggage().collect();
        for (key, value) in header::pairs(block) {
            let name = String::from_utf8_lossy(key);
            let value = match self.fate(&name) {
                Fate::Goes => continue,
                Fate::Becomes(value) => {
                    self.drop_known(&name, &mut baggage);
                    value.as_bytes()
                }
                Fate::Stays => value,
            };
            header::put_bytes(out, &name, value);
        }
        for (key, value) in baggage {
            header::put_in(out, keys::BAGGAGE, key, value.as_bytes());
        }
    }
}

/// The unique name after the edits.
fn new_name(parts: &Parts<'_>, edits: &Edits) -> String {
    let old = [keys::SERVICE, keys::TARGET_SERVICE]
        .into_iter()
        .find_map(|key| header::get(parts.header, key).filter(|name| !name.is_empty()));
    let old = match old {
        Some(old) => Cow::Borrowed(old),
        None => super::sofa::Names::read(parts.content, false)
            .map(|names| Cow::Owned(names.service.to_vec()))
            .unwrap_or_default(),
    };
    unique_name::edited(
        &old,
        edits.service.as_deref(),
        edits.version.as_deref(),
        edits.group.as_deref(),
    )
}

/// Whether the key says what is called and how, so that it cannot be edited as an attachment.
fn is_protected(key: &str) -> bool {
    keys::is_own(key.as_bytes()) && key != keys::APP
}

fn refused(text: &str) -> CallError {
    CallError::new(
        ErrorKind::BadRequest,
        format!("the Bolt request cannot be changed: {text}"),
    )
}

fn unreadable(e: &ValueError) -> CallError {
    CallError::new(
        ErrorKind::BadRequest,
        format!("the content of the SOFARPC request cannot be rewritten: {e}"),
    )
}
