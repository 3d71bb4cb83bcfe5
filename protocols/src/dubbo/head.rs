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

/// The five strings that begin every request (wire section 2.5). Null is empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lead<'a> {
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

impl<'a> Lead<'a> {
    /// Reads the start of a body.
    ///
    /// # Errors
    /// What is missing or no string.
    #[inline]
    pub(crate) fn read(bytes: &'a [u8], serialization: Serialization) -> Result<Self, ValueError> {
        if serialization == Serialization::Hessian2
            && let Some(lead) = Lead::plain(&mut Plain::new(bytes, 0, Library::Lite))
        {
            return Ok(lead);
        }
        Lead::walk(bytes, serialization)
    }

    /// Reads the start of any body.
    pub(super) fn walk(bytes: &'a [u8], serialization: Serialization) -> Result<Self, ValueError> {
        body::read(bytes, serialization, |body| {
            let (mut names, mut ends) = ([&[][..]; 5], [0; 5]);
            for (i, what) in NAMES.into_iter().enumerate() {
                names[i] = body.name(what)?.unwrap_or_default();
                ends[i] = body.position();
            }
            Lead::of(names, ends)
                .ok_or_else(|| ValueError::malformed("the service path or the method name is empty"))
        })
    }

    /// Takes the start of a body in Hessian, if it is plain strings as stock peers write it.
    #[inline]
    pub(super) fn plain(walk: &mut Plain<'a>) -> Option<Self> {
        let (mut names, mut ends) = ([&[][..]; 5], [0; 5]);
        for (name, end) in names.iter_mut().zip(&mut ends) {
            *name = walk.text()?;
            *end = walk.position();
        }
        Lead::of(names, ends)
    }

    /// A lead needs a path and a method.
    #[inline]
    fn of(names: [&'a [u8]; 5], ends: [usize; 5]) -> Option<Self> {
        let [dubbo, path, version, method, descriptor] = names;
        (!path.is_empty() && !method.is_empty()).then_some(Lead {
            dubbo,
            path,
            version,
            method,
            descriptor,
            ends,
        })
    }

    /// Where the arguments begin in the body.
    pub(crate) fn end(&self) -> usize {
        self.ends[4]
    }

    /// Whether this is a generic call.
    pub(crate) fn is_generic(&self) -> bool {
        keys::is_generic(self.method)
    }

    /// Whether the call only wants its argument back.
    pub(crate) fn is_echo(&self) -> bool {
        self.method == keys::ECHO.as_bytes()
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
        if memchr::memchr(b':', head.service).is_some() {
            return Err(hidden_version(head.service));
        }
        head.version = b"";
    }
    Ok(())
}

/// The head of any call.
pub(super) fn walked(bytes: &[u8], serialization: Serialization, hint: Hint) -> Result<Head<'_>, ValueError> {
    let lead = Lead::read(bytes, serialization)?;
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
/// and no tables, and is most calls of most fleets. Whether this is such a call; if not, nothing was filled in.
#[inline]
pub(super) fn plain<'a>(bytes: &'a [u8], hint: Hint, head: &mut Head<'a>) -> bool {
    let mut rest = Plain::new(bytes, 0, Library::Lite);
    let Some([dubbo, path, version, method, descriptor]) = rest.texts() else {
        return false;
    };
    if path.is_empty() || method.is_empty() || keys::is_generic(method) {
        return false;
    }
    let arguments = types::count(descriptor);
    if !arguments.is_some_and(|count| (0..count).all(|_| rest.skip())) {
        return false;
    }
    let mut told = Told {
        at: HEADER + rest.position(),
        ..Told::default()
    };
    if !rest.map(|key, value| told.take(key, value)) {
        return false;
    }
    head.service = path;
    head.version = version;
    head.method = method;
    head.echo = method == keys::ECHO.as_bytes();
    head.hint = hint.with_version(dubbo).with_generic(Generic::No).bits();
    told.tell(head);
    true
}

/// What the attachments tell.
#[derive(Default)]
struct Told<'a> {
    path: &'a [u8],
    version: Option<&'a [u8]>,
    group: &'a [u8],
    timeout: u32,
    countdown: Option<u32>,
    caller: Option<&'a [u8]>,
    /// The calling application under its older name.
    old_caller: &'a [u8],
    /// The form of a generic call.
    generic: Option<&'a [u8]>,
    /// Where the attachments begin in the message.
    at: usize,
}

impl<'a> Told<'a> {
    /// Takes a fact.
    #[inline(always)]
    fn take(&mut self, key: &[u8], text: &'a [u8]) {
        // By length first: most keys are told apart by it.
        match key.len() {
            3 if key == b"_TO" => self.countdown = Some(body::digits(text).max(1)),
            4 if key == b"path" && !text.is_empty() => self.path = text,
            5 if key == b"group" => self.group = text,
            7 if key == b"version" => self.version = Some(text),
            7 if key == b"timeout" => self.timeout = body::digits(text),
            7 if key == b"generic" => self.generic = Some(text),
            11 if key == b"application" && self.old_caller.is_empty() => self.old_caller = text,
            18 if key == b"remote.application" => self.caller = Some(text),
            _ => {}
        }
    }

    /// Fills in what overrides the strings in front of the arguments, and what they do not say.
    #[inline]
    fn tell(&self, head: &mut Head<'a>) {
        if !self.path.is_empty() {
            head.service = self.path;
        }
        head.version = self.version.unwrap_or(head.version);
        head.group = self.group;
        head.timeout_ms = self.countdown.unwrap_or(self.timeout);
        head.caller = self.caller.unwrap_or(self.old_caller);
        head.attachments = self.at as u32;
        if let Some(generic) = self.generic.filter(|_| keys::is_generic(head.method)) {
            let generic = Generic::of_attachment(generic);
            head.hint = Hint::from_bits(head.hint).with_generic(generic).bits();
        }
    }
}

/// Steps over the arguments and takes the facts of the attachments.
fn walk<'a>(
    body: &mut Body<'a, '_>,
    lead: &Lead<'a>,
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
    let mut told = Told {
        at: HEADER + at,
        ..Told::default()
    };
    let is_flat = matches!(body, Body::Hessian(_))
        && Plain::new(bytes, at, Library::Lite).map(|key, value| told.take(key, value));
    if !is_flat {
        let mut hidden = None;
        body.attachments(|key, value| match value {
            Scalar::Text(Cow::Borrowed(text)) => told.take(key.as_bytes(), text.as_bytes()),
            value if key == keys::TIMEOUT => told.timeout = value.millis(),
            value if key == keys::COUNTDOWN => told.countdown = Some(value.millis().max(1)),
            // null says nothing
            Scalar::Other => {}
            _ if keys::is_address(&key) => hidden = Some(key),
            _ => {}
        })?;
        if let Some(key) = hidden {
            return Err(hidden_address(&key));
        }
    }
    told.tell(head);
    if let Some(method) = named {
        head.method = method;
    }
    Ok(())
}

/// Providers go by these attachments. One that cannot be shown to routes and filters must not get past them.
#[cold]
fn hidden_address(key: &str) -> ValueError {
    ValueError::unsupported(format!(
        "the attachment `{key}` is no string, or in chunks or in characters beyond the usual"
    ))
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
        let lead = Lead::read(bytes, serialization).ok()?;
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
