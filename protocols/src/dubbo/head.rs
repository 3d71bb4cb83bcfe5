//! Where a call goes: the strings in front of the arguments, and the attachments behind them.
use super::body::{self, Body, Scalar, Serialization};
use super::frame::HEADER;
use super::hint::{Generic, Hint};
use super::{keys, types};
use rialto_core::message::{Head, Message, Wants};
use rialto_core::{CallError, ErrorKind};
use rialto_values::ValueError;
use std::borrow::Cow;

/// The five strings that begin every request (wire section 2.5). Null is empty.
#[derive(Clone, Copy, Debug)]
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
        let (mut at, mut ends) = (0, [0; 5]);
        let mut names = [&[][..]; 5];
        for (i, name) in names.iter_mut().enumerate() {
            let rest = &bytes[at..];
            // A string takes no place in a stream's tables, so each can be read as if the stream began there.
            let (text, len) =
                match body::short_text(rest).filter(|_| serialization == Serialization::Hessian2) {
                    Some(found) => found,
                    None => body::read(rest, serialization, |body| {
                        let text = body.name(NAMES[i])?.unwrap_or_default();
                        Ok::<_, ValueError>((text, body.position()))
                    })?,
                };
            at += len;
            (*name, ends[i]) = (text, at);
        }
        let [dubbo, path, version, method, descriptor] = names;
        if path.is_empty() || method.is_empty() {
            return Err(ValueError::malformed(
                "the service path or the method name is empty",
            ));
        }
        Ok(Lead {
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
pub(crate) fn read<'a>(msg: &Message<'a>, wants: Wants) -> Result<Head<'a>, CallError> {
    let Some(serialization) = Serialization::of_message(msg) else {
        return Ok(Head {
            hint: msg.meta.hint,
            ..Head::default()
        });
    };
    fill(msg, serialization, wants).map_err(|e| unreadable(&e))
}

#[inline]
fn fill<'a>(msg: &Message<'a>, serialization: Serialization, wants: Wants) -> Result<Head<'a>, ValueError> {
    let bytes = body::of(msg);
    let lead = Lead::read(bytes, serialization)?;
    let generic = lead.is_generic();
    let hint = Hint::from_bits(msg.meta.hint).with_version(lead.dubbo);
    let mut head = Head {
        service: lead.path,
        version: lead.version,
        method: lead.method,
        echo: lead.is_echo(),
        hint: hint
            .with_generic(if generic { Generic::Maps } else { Generic::No })
            .bits(),
        ..Head::default()
    };
    // The attachments decide on the form in which a generic call is answered.
    let plain = wants.attachments
        && !generic
        && serialization == Serialization::Hessian2
        && walk_plain(&lead, bytes, &mut head);
    if (wants.attachments || generic) && !plain {
        body::read(&bytes[lead.end()..], serialization, |body| {
            walk(body, &lead, bytes, &mut head)
        })?;
    }
    if keys::is_no_version(head.version) {
        head.version = b"";
    }
    Ok(head)
}

/// What the attachments tell besides the fields of a head that they fill directly.
#[derive(Default)]
struct Told<'a> {
    timeout: u32,
    countdown: Option<u32>,
    caller: Option<&'a [u8]>,
}

impl<'a> Told<'a> {
    /// Takes a fact.
    #[inline]
    fn take(&mut self, key: &[u8], text: &'a [u8], head: &mut Head<'a>) {
        match key {
            b"path" if !text.is_empty() => head.service = text,
            b"version" => head.version = text,
            b"group" => head.group = text,
            b"timeout" => self.timeout = body::digits(text),
            b"_TO" => self.countdown = Some(body::digits(text).max(1)),
            b"remote.application" => self.caller = Some(text),
            b"application" if head.caller.is_empty() => head.caller = text,
            b"generic" if keys::is_generic(head.method) => {
                let generic = Generic::of_attachment(text);
                head.hint = Hint::from_bits(head.hint).with_generic(generic).bits();
            }
            _ => {}
        }
    }

    #[inline]
    fn tell(self, head: &mut Head<'a>) {
        head.timeout_ms = self.countdown.unwrap_or(self.timeout);
        head.caller = self.caller.unwrap_or(head.caller);
    }
}

/// Arguments that are plain scalars and attachments that are plain strings need no reader and no tables: most
/// calls of most fleets. False if this is not such a call; the head is untouched then.
#[inline]
fn walk_plain<'a>(lead: &Lead<'a>, bytes: &'a [u8], head: &mut Head<'a>) -> bool {
    let Ok(arguments) = lead.arguments() else {
        return false;
    };
    let mut at = lead.end();
    for _ in 0..arguments {
        match body::plain_len(&bytes[at..]) {
            Some(len) => at += len,
            None => return false,
        }
    }
    let mut filled = *head;
    filled.attachments = (HEADER + at) as u32;
    let mut told = Told::default();
    if !body::flat_attachments(&bytes[at..], |key, value| told.take(key, value, &mut filled)) {
        return false;
    }
    told.tell(&mut filled);
    *head = filled;
    true
}

/// Steps over the arguments and takes the facts of the attachments, which override those in front.
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
    head.attachments = (HEADER + at) as u32;
    let mut told = Told::default();
    let is_flat = matches!(body, Body::Hessian(_))
        && body::flat_attachments(&bytes[at..], |key, value| told.take(key, value, head));
    if !is_flat {
        let mut hidden = None;
        body.attachments(|key, value| match value {
            Scalar::Text(Cow::Borrowed(text)) => told.take(key.as_bytes(), text.as_bytes(), head),
            value if key == keys::TIMEOUT => told.timeout = value.millis(),
            value if key == keys::COUNTDOWN => told.countdown = Some(value.millis().max(1)),
            // null says nothing
            Scalar::Other => {}
            _ if keys::is_address(key) => hidden = Some(key.to_owned()),
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

/// An attachment by name. Of several with one name the last counts, as in Java.
pub(crate) fn attachment<'a>(msg: &Message<'a>, head: &Head<'a>, key: &str) -> Option<Cow<'a, [u8]>> {
    let serialization = Serialization::of_message(msg)?;
    let mut found = None;
    let map = msg
        .bytes
        .get(head.attachments as usize..)
        .filter(|_| head.attachments > 0);
    let is_flat = serialization == Serialization::Hessian2
        && map.is_some_and(|map| {
            body::flat_attachments(map, |k, value| {
                if k == key.as_bytes() {
                    found = Some(Cow::Borrowed(value));
                }
            })
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
