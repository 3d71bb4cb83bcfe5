//! Where a call goes: the strings in front of the arguments, and the attachments behind them.
use super::body::{self, Body, Scalar, Serialization};
use super::frame::HEADER;
use super::hint::{Generic, Hint};
use super::{keys, types};
use crate::text::first_line;
use rialto_core::message::{Head, Message};
use rialto_core::{CallError, ErrorKind};
use rialto_hessian::{Library, Plain};
use rialto_values::ValueError;
use std::borrow::Cow;
use std::str::Utf8Error;

/// The five strings that begin every request (wire section 2.5). Null is empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RequestPrefix<'a> {
    /// The caller's protocol version.
    pub(crate) dubbo: &'a [u8],
    pub(crate) path: &'a [u8],
    /// As written: `0.0.0` for none.
    pub(crate) version: &'a [u8],
    pub(crate) method: &'a [u8],
    pub(crate) descriptor: &'a [u8],
    /// Where each of them ends in the body.
    pub(crate) ends: [usize; 5],
}

const NAMES: [&str; 5] = [
    "protocol version",
    "service path",
    "service version",
    "method name",
    "parameter descriptor",
];

impl<'a> RequestPrefix<'a> {
    /// Reads the start of a body.
    ///
    /// # Errors
    /// What is missing or no string.
    #[inline]
    pub(crate) fn read(bytes: &'a [u8], serialization: Serialization) -> Result<Self, ValueError> {
        if serialization == Serialization::Hessian2
            && let Some(lead) = RequestPrefix::plain(&mut Plain::new(bytes, 0, Library::Lite))
        {
            return Ok(lead);
        }
        RequestPrefix::walk(bytes, serialization)
    }

    /// Reads the start of any body.
    pub(super) fn walk(bytes: &'a [u8], serialization: Serialization) -> Result<Self, ValueError> {
        body::read(bytes, serialization, |body| {
            let (mut names, mut ends) = ([&[][..]; 5], [0; 5]);
            for (i, what) in NAMES.into_iter().enumerate() {
                names[i] = body.name(what)?.unwrap_or_default();
                ends[i] = body.position();
            }
            RequestPrefix::of(names, ends)
                .ok_or_else(|| ValueError::malformed("the service path or the method name is empty"))
        })
    }

    /// Takes the start of a body in Hessian, if it is plain strings as stock peers write it.
    #[inline(always)]
    pub(super) fn plain(walk: &mut Plain<'a>) -> Option<Self> {
        let (names, ends) = walk.texts()?;
        RequestPrefix::of(names, ends)
    }

    /// A lead needs a path and a method.
    #[inline]
    fn of(names: [&'a [u8]; 5], ends: [usize; 5]) -> Option<Self> {
        let [dubbo, path, version, method, descriptor] = names;
        (!path.is_empty() && !method.is_empty()).then_some(RequestPrefix {
            dubbo,
            path,
            version,
            method,
            descriptor,
            ends,
        })
    }

    /// Path, version and method of a lead that [`RequestPrefix::plain`] found at the start of these bytes, as text.
    ///
    /// # Errors
    /// They are none.
    pub(crate) fn texts(&self, bytes: &'a [u8]) -> Result<[&'a str; 3], Utf8Error> {
        // One look for all of them, unless the lengths between them are no characters.
        let all = str::from_utf8(&bytes[..self.end()]).unwrap_or_default();
        let text = |name: &'a [u8], end: usize| match all.get(end - name.len()..end) {
            Some(text) => Ok(text),
            None => str::from_utf8(name),
        };
        Ok([
            text(self.path, self.ends[1])?,
            text(self.version, self.ends[2])?,
            text(self.method, self.ends[3])?,
        ])
    }

    /// Where the arguments begin in the body.
    pub(crate) fn end(&self) -> usize {
        self.ends[4]
    }

    /// Whether this is a generic call.
    #[inline]
    pub(crate) fn is_generic(&self) -> bool {
        keys::is_generic(self.method)
    }

    /// Whether the call only wants its argument back.
    #[inline]
    pub(crate) fn is_echo(&self) -> bool {
        keys::is_echo(self.method)
    }

    /// How many arguments follow.
    ///
    /// # Errors
    /// A descriptor that is none.
    pub(crate) fn arguments(&self) -> Result<usize, ValueError> {
        types::count(self.descriptor).ok_or_else(|| {
            let text = String::from_utf8_lossy(self.descriptor);
            ValueError::malformed(format!(
                "`{}` is no list of parameter descriptors",
                text.escape_debug()
            ))
        })
    }
}

/// A request that cannot be read.
#[cold]
pub(crate) fn unreadable(e: &ValueError) -> CallError {
    CallError::new(
        ErrorKind::BadRequest,
        format!("the Dubbo request cannot be read: {e}"),
    )
}

/// Reads a head. Of a serialization that only Java can read nothing is known: all facts are empty then, so
/// that a route which asks for nothing can still take the call as it is.
pub(crate) fn read<'a>(msg: &Message<'a>, head: &mut Head<'a>) -> Result<(), CallError> {
    head.hint = msg.meta.hint;
    match Serialization::of_message(msg) {
        Some(serialization) => fill(msg, serialization, head).map_err(|e| unreadable(&e)),
        None => Ok(()),
    }
}

#[inline]
fn fill<'a>(msg: &Message<'a>, serialization: Serialization, head: &mut Head<'a>) -> Result<(), ValueError> {
    let (bytes, hint) = (body::of(msg), Hint::from_bits(msg.meta.hint));
    if serialization != Serialization::Hessian2 || !plain(bytes, hint, head) {
        *head = walked(bytes, serialization, hint)?;
    }
    if keys::is_no_version(head.version) {
        // Where a version is told, the provider's key has one colon too many for any service.
        if has_colon(head.service) {
            return Err(hidden_version(head.service));
        }
        head.version = b"";
    }
    Ok(())
}

/// The head of any call.
#[cold]
pub(super) fn walked(bytes: &[u8], serialization: Serialization, hint: Hint) -> Result<Head<'_>, ValueError> {
    let lead = RequestPrefix::read(bytes, serialization)?;
    let generic = lead.is_generic();
    let mut head = Head {
        service: lead.path,
        version: lead.version,
        method: lead.method,
        echo: lead.is_echo(),
        hint: hint
            .with_version(lead.dubbo)
            .with_generic(if generic { Generic::Maps } else { Generic::No })
            .bits(),
        ..Head::default()
    };
    body::read(&bytes[lead.end()..], serialization, |body| {
        walk(body, &lead, bytes, &mut head)
    })?;
    Ok(head)
}

/// The head of a call whose arguments are plain values and whose attachments are plain strings: that needs no reader
/// and no tables, and is most calls of most fleets. Whether this is such a call; if not, a part of it may be filled in.
#[inline]
pub(super) fn plain<'a>(bytes: &'a [u8], hint: Hint, head: &mut Head<'a>) -> bool {
    let mut rest = Plain::new(bytes, 0, Library::Lite);
    let Some(([dubbo, path, version, method, descriptor], _)) = rest.texts() else {
        return false;
    };
    if path.is_empty() || method.is_empty() || keys::is_generic(method) {
        return false;
    }
    let arguments = types::count(descriptor);
    if !arguments.is_some_and(|count| (0..count).all(|_| rest.skip())) {
        return false;
    }
    head.service = path;
    head.version = version;
    head.method = method;
    head.echo = keys::is_echo(method);
    head.hint = hint.with_version(dubbo).with_generic(Generic::No).bits();
    let mut told = Told::by(head, HEADER + rest.position());
    let is_flat = rest.map(|key, value| told.take(key, value));
    told.finish();
    head.plain = is_flat;
    is_flat
}

/// What the attachments tell goes to the head, over what stands in front of the arguments.
struct Told<'h, 'a> {
    head: &'h mut Head<'a>,
    /// What is left of the caller's time, which counts instead of the timeout; 0 if it does not say.
    countdown: u32,
    /// The calling application under its older name.
    old_caller: &'a [u8],
}

impl<'h, 'a> Told<'h, 'a> {
    /// What the attachments at this place in the message tell.
    #[inline]
    fn by(head: &'h mut Head<'a>, at: usize) -> Self {
        head.attachments = at as u32;
        Told {
            head,
            countdown: 0,
            old_caller: b"",
        }
    }

    /// Takes a fact.
    #[inline(always)]
    fn take(&mut self, key: &[u8], text: &'a [u8]) {
        let head = &mut *self.head;
        // By length first: most keys are told apart by it.
        match key.len() {
            3 if key == b"_TO" => self.countdown = body::digits(text).max(1),
            4 if key == b"path" && !text.is_empty() => head.service = text,
            5 if key == b"group" => head.group = text,
            7 if key == b"version" => head.version = text,
            7 if key == b"timeout" => head.timeout_ms = body::digits(text),
            7 if key == b"generic" => self.take_generic(text),
            11 if key == b"application" => self.old_caller = text,
            18 if key == b"remote.application" => head.caller = text,
            _ => {}
        }
    }

    /// Takes the form of a generic call; other calls have none.
    #[cold]
    fn take_generic(&mut self, form: &[u8]) {
        let hint = Hint::from_bits(self.head.hint);
        if hint.generic() != Generic::No {
            self.head.hint = hint.with_generic(Generic::of_attachment(form)).bits();
        }
    }

    /// All is told.
    #[inline]
    fn finish(self) {
        if self.countdown > 0 {
            self.head.timeout_ms = self.countdown;
        }
        if self.head.caller.is_empty() {
            self.head.caller = self.old_caller;
        }
    }
}

/// Steps over the arguments and takes the facts of the attachments.
fn walk<'a>(
    body: &mut Body<'a, '_>,
    lead: &RequestPrefix<'a>,
    bytes: &'a [u8],
    head: &mut Head<'a>,
) -> Result<(), ValueError> {
    let mut arguments = lead.arguments()?;
    let named = if lead.is_generic() && arguments > 0 {
        arguments -= 1;
        Some(body.name("method name of the generic call")?.unwrap_or_default())
    } else {
        None
    };
    for _ in 0..arguments {
        body.skip()?;
    }
    let at = lead.end() + body.position();
    if let Some(method) = named {
        head.method = method;
    }
    let mut told = Told::by(head, HEADER + at);
    let is_flat = matches!(body, Body::Hessian(_))
        && Plain::new(bytes, at, Library::Lite).map(|key, value| told.take(key, value));
    if !is_flat {
        let mut hidden = None;
        body.attachments(|key, value| match value {
            Scalar::Text(Cow::Borrowed(text)) => told.take(key.as_bytes(), text.as_bytes()),
            value if key == keys::TIMEOUT => told.head.timeout_ms = value.millis(),
            value if key == keys::COUNTDOWN => told.countdown = value.countdown(),
            // null says nothing
            Scalar::Other => {}
            _ if keys::is_address(&key) => hidden = Some(key),
            _ => {}
        })?;
        if let Some(key) = hidden {
            return Err(hidden_address(&key));
        }
    }
    told.finish();
    Ok(())
}

/// Providers go by these attachments. One that cannot be shown to routes and filters must not get past them.
#[cold]
fn hidden_address(key: &str) -> ValueError {
    ValueError::unsupported(format!(
        "the attachment `{key}` is no string, or in chunks or in characters beyond the usual"
    ))
}

/// Whether a name has a colon, eight characters at a time: it is asked for in most calls.
#[inline]
fn has_colon(name: &[u8]) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let is_in = |eight: &[u8; 8]| {
        let other = u64::from_ne_bytes(*eight) ^ (EACH * b':' as u64);
        other.wrapping_sub(EACH) & !other & (EACH << 7) != 0
    };
    match name.last_chunk() {
        Some(last) => name.as_chunks().0.iter().any(is_in) || is_in(last),
        None => name.contains(&b':'),
    }
}

/// Providers find a service by `PATH:VERSION`, put together: `a.B:1.0` without a version is for them version 1.0 of
/// `a.B`, which no rule for `a.B` would see.
#[cold]
fn hidden_version(path: &[u8]) -> ValueError {
    ValueError::unsupported(format!(
        "a colon in the path `{}` would begin a version",
        first_line(&String::from_utf8_lossy(path))
    ))
}

/// An attachment by name. Of several with one name the last counts, as in Java.
pub(crate) fn attachment<'a>(msg: &Message<'a>, head: &Head<'a>, key: &str) -> Option<Cow<'a, [u8]>> {
    let serialization = Serialization::of_message(msg)?;
    let mut found = None;
    let is_flat = serialization == Serialization::Hessian2
        && head.attachments > 0
        && Plain::new(msg.bytes, head.attachments as usize, Library::Lite).map(|k, value| {
            if k == key.as_bytes() {
                found = Some(Cow::Borrowed(value));
            }
        });
    if !is_flat {
        // Values that are more than strings may refer to the arguments, so those are stepped over once more.
        let bytes = body::of(msg);
        let lead = RequestPrefix::read(bytes, serialization).ok()?;
        let arguments = lead.arguments().ok()?;
        body::read(&bytes[lead.end()..], serialization, |body| {
            (0..arguments).try_for_each(|_| body.skip())?;
            body.attachments(|k, value| {
                if k == key {
                    found = text_of(value);
                }
            })
        })
        .ok()?;
    }
    found
}

fn text_of(value: Scalar<'_>) -> Option<Cow<'_, [u8]>> {
    Some(match value.into_text()? {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    })
}
