//! Reads where a call goes: the strings before the arguments, and the attachments after them.
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

/// The five strings that begin every request (wire section 2.5). Null counts as empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RequestPrefix<'a> {
    /// The consumer's protocol version.
    pub(crate) dubbo: &'a [u8],
    pub(crate) path: &'a [u8],
    /// The service version as written; `0.0.0` means none.
    pub(crate) version: &'a [u8],
    pub(crate) method: &'a [u8],
    pub(crate) descriptor: &'a [u8],
    /// The position in the body after each string.
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
    /// Reads the prefix of a body.
    ///
    /// # Errors
    /// A string is missing, or is another value.
    #[inline]
    pub(crate) fn read(bytes: &'a [u8], serialization: Serialization) -> Result<Self, ValueError> {
        if serialization == Serialization::Hessian2
            && let Some(prefix) = RequestPrefix::plain(&mut Plain::new(bytes, 0, Library::Lite))
        {
            return Ok(prefix);
        }
        RequestPrefix::walk(bytes, serialization)
    }

    /// Reads the prefix of any body with the full reader.
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

    /// Reads the prefix of a body in Hessian, if it consists of plain strings as stock peers write them.
    #[inline(always)]
    pub(super) fn plain(walk: &mut Plain<'a>) -> Option<Self> {
        let (names, ends) = walk.texts()?;
        RequestPrefix::of(names, ends)
    }

    /// Builds the prefix; `None` without a path or a method.
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

    /// Path, version and method as text, for a prefix that [`RequestPrefix::plain`] read at the start of
    /// these bytes.
    ///
    /// # Errors
    /// They are not UTF-8.
    pub(crate) fn texts(&self, bytes: &'a [u8]) -> Result<[&'a str; 3], Utf8Error> {
        // Validates the whole prefix at once. Only if a length byte between the strings is not ASCII is each
        // name validated alone.
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

    /// The position of the arguments in the body.
    pub(crate) fn end(&self) -> usize {
        self.ends[4]
    }

    /// Whether this is a generic call.
    #[inline]
    pub(crate) fn is_generic(&self) -> bool {
        keys::is_generic(self.method)
    }

    /// Whether this is an echo, which returns its argument without a service.
    #[inline]
    pub(crate) fn is_echo(&self) -> bool {
        keys::is_echo(self.method)
    }

    /// The number of arguments.
    ///
    /// # Errors
    /// The descriptor is malformed.
    pub(crate) fn arguments(&self) -> Result<usize, ValueError> {
        types::count(self.descriptor).ok_or_else(|| {
            let text = String::from_utf8_lossy(self.descriptor);
            ValueError::malformed(format!(
                "`{}` is not a list of parameter descriptors",
                text.escape_debug()
            ))
        })
    }
}

/// The error for a request that cannot be read.
#[cold]
pub(crate) fn unreadable(e: &ValueError) -> CallError {
    CallError::new(
        ErrorKind::BadRequest,
        format!("the Dubbo request cannot be read: {e}"),
    )
}

/// Reads the head of a request. In a serialization that only Java can read, all facts stay empty, so a route
/// without conditions can still forward the call.
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
        // Without a version, a colon in the path would be read by providers as the start of one.
        if has_colon(head.service) {
            return Err(hidden_version(head.service));
        }
        head.version = b"";
    }
    Ok(())
}

/// Reads the head of any call with the full reader.
#[cold]
pub(super) fn walked(bytes: &[u8], serialization: Serialization, hint: Hint) -> Result<Head<'_>, ValueError> {
    let prefix = RequestPrefix::read(bytes, serialization)?;
    let generic = prefix.is_generic();
    let mut head = Head {
        service: prefix.path,
        version: prefix.version,
        method: prefix.method,
        echo: prefix.is_echo(),
        hint: hint
            .with_version(prefix.dubbo)
            .with_generic(if generic { Generic::Maps } else { Generic::No })
            .bits(),
        ..Head::default()
    };
    body::read(&bytes[prefix.end()..], serialization, |body| {
        walk(body, &prefix, bytes, &mut head)
    })?;
    Ok(head)
}

/// Reads the head of a call whose arguments are plain values and whose attachments are plain strings, which
/// most calls are. This needs no Hessian reader and no tables. Returns `false` for any other call; the head
/// may then be half filled.
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
    let mut facts = HeadFacts::new(head, HEADER + rest.position());
    let is_flat = rest.map(|key, value| facts.take(key, value));
    facts.finish();
    head.plain = is_flat;
    is_flat
}

/// Collects facts of the attachments into the head. They override the strings before the arguments.
struct HeadFacts<'h, 'a> {
    head: &'h mut Head<'a>,
    /// The time that the consumer has left, in milliseconds, which overrides the timeout; 0 if there is none.
    countdown: u32,
    /// The calling application under its older key.
    old_application: &'a [u8],
}

impl<'h, 'a> HeadFacts<'h, 'a> {
    /// Begins to collect; the attachments start at the position `at` in the message.
    #[inline]
    fn new(head: &'h mut Head<'a>, at: usize) -> Self {
        head.attachments = at as u32;
        HeadFacts {
            head,
            countdown: 0,
            old_application: b"",
        }
    }

    /// Takes one attachment.
    #[inline(always)]
    fn take(&mut self, key: &[u8], text: &'a [u8]) {
        let head = &mut *self.head;
        // Compares lengths first, because most keys differ in length.
        match key.len() {
            3 if key == b"_TO" => self.countdown = body::digits(text).max(1),
            4 if key == b"path" && !text.is_empty() => head.service = text,
            5 if key == b"group" => head.group = text,
            7 if key == b"version" => head.version = text,
            7 if key == b"timeout" => head.timeout_ms = body::digits(text),
            7 if key == b"generic" => self.take_generic(text),
            11 if key == b"application" => self.old_application = text,
            18 if key == b"remote.application" => head.application = text,
            _ => {}
        }
    }

    /// Stores the form of a generic call; for other calls the attachment means nothing.
    #[cold]
    fn take_generic(&mut self, form: &[u8]) {
        let hint = Hint::from_bits(self.head.hint);
        if hint.generic() != Generic::No {
            self.head.hint = hint.with_generic(Generic::of_attachment(form)).bits();
        }
    }

    /// Settles the facts that depend on several attachments.
    #[inline]
    fn finish(self) {
        if self.countdown > 0 {
            self.head.timeout_ms = self.countdown;
        }
        if self.head.application.is_empty() {
            self.head.application = self.old_application;
        }
    }
}

/// Skips the arguments and collects the facts of the attachments.
fn walk<'a>(
    body: &mut Body<'a, '_>,
    prefix: &RequestPrefix<'a>,
    bytes: &'a [u8],
    head: &mut Head<'a>,
) -> Result<(), ValueError> {
    let mut arguments = prefix.arguments()?;
    let named = if prefix.is_generic() && arguments > 0 {
        arguments -= 1;
        Some(body.name("method name of the generic call")?.unwrap_or_default())
    } else {
        None
    };
    for _ in 0..arguments {
        body.skip()?;
    }
    let at = prefix.end() + body.position();
    if let Some(method) = named {
        head.method = method;
    }
    let mut facts = HeadFacts::new(head, HEADER + at);
    let is_flat = matches!(body, Body::Hessian(_))
        && Plain::new(bytes, at, Library::Lite).map(|key, value| facts.take(key, value));
    if !is_flat {
        let mut hidden = None;
        body.attachments(|key, value| match value {
            Scalar::Text(Cow::Borrowed(text)) => facts.take(key.as_bytes(), text.as_bytes()),
            value if key == keys::TIMEOUT => facts.head.timeout_ms = value.millis(),
            value if key == keys::COUNTDOWN => facts.countdown = value.countdown(),
            // a null sets nothing
            Scalar::Other => {}
            _ if keys::is_address(&key) => hidden = Some(key),
            _ => {}
        })?;
        if let Some(key) = hidden {
            return Err(hidden_address(&key));
        }
    }
    facts.finish();
    Ok(())
}

/// The error for an address attachment that routes and filters cannot read. Providers go by it, so it must
/// not bypass a rule.
#[cold]
fn hidden_address(key: &str) -> ValueError {
    ValueError::unsupported(format!(
        "the attachment `{key}` is not a string, or is in chunks or in an unusual encoding"
    ))
}

/// Whether a name has a colon. It is asked in most calls, so it compares eight bytes at a time.
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

/// The error for a path with a colon. Providers find a service by `PATH:VERSION`: they read `a.B:1.0` without
/// a version as version 1.0 of `a.B`, which would bypass every rule for `a.B`.
#[cold]
fn hidden_version(path: &[u8]) -> ValueError {
    ValueError::unsupported(format!(
        "a colon in the path `{}` would start a version",
        first_line(&String::from_utf8_lossy(path))
    ))
}

/// An attachment by name. If it is repeated, the last value counts, as in Java.
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
        // Values other than strings may refer to the arguments, so the arguments are skipped once more.
        let bytes = body::of(msg);
        let prefix = RequestPrefix::read(bytes, serialization).ok()?;
        let arguments = prefix.arguments().ok()?;
        body::read(&bytes[prefix.end()..], serialization, |body| {
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
