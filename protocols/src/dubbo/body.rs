//! Reads the values of a body in the two serializations that can be decoded: one Hessian stream, or JSONB
//! documents, each preceded by its length (wire sections 2.3 and 2.5).
use super::frame::HEADER;
use super::hint::Hint;
use super::{FASTJSON2, HESSIAN2};
use crate::scratch;
use rialto_core::message::Message;
use rialto_hessian::{Chars, Kind, Library, Reader};
use rialto_jsonb as jsonb;
use rialto_values::{Allowance, Limits, OwnedToken, Recorder, Sink, Token, ValueError};
use std::borrow::Cow;

/// A serialization that Rialto can decode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Serialization {
    /// Hessian 2, serialization id 2.
    Hessian2,
    /// fastjson2's JSONB, serialization id 23.
    Fastjson2,
}

impl Serialization {
    /// The serialization with this id; `None` if only Java can read it.
    #[inline]
    pub(crate) fn of(id: u8) -> Option<Self> {
        match id {
            HESSIAN2 => Some(Serialization::Hessian2),
            FASTJSON2 => Some(Serialization::Fastjson2),
            _ => None,
        }
    }

    /// The serialization of a message; `None` if only Java can read it.
    #[inline]
    pub(crate) fn of_message(msg: &Message<'_>) -> Option<Self> {
        Serialization::of(Hint::from_bits(msg.meta.hint).serialization())
    }
}

/// The body of a message: everything after the frame header.
#[inline]
pub(crate) fn of<'a>(msg: &Message<'a>) -> &'a [u8] {
    msg.bytes.get(HEADER..).unwrap_or_default()
}

/// Reads the values of a body one after the other.
pub(crate) enum Body<'a, 't> {
    Hessian(Reader<'a, 't>),
    Jsonb { whole: &'a [u8], rest: &'a [u8] },
}

/// The value of an attachment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    /// A string.
    Text(Cow<'a, str>),
    Bool(bool),
    Int(i32),
    Long(i64),
    Double(f64),
    /// Null, or a value that has no text form.
    Other,
}

/// Runs `read` on the values of a body.
pub(crate) fn read<'a, T>(
    bytes: &'a [u8],
    serialization: Serialization,
    read: impl FnOnce(&mut Body<'a, '_>) -> T,
) -> T {
    match serialization {
        Serialization::Hessian2 => scratch::with_read_tables(|tables| {
            let reader = Reader::new(bytes, Library::Lite, tables).with_limits(scratch::WALK);
            read(&mut Body::Hessian(reader))
        }),
        Serialization::Fastjson2 => read(&mut Body::Jsonb {
            whole: bytes,
            rest: bytes,
        }),
    }
}

impl<'a> Body<'a, '_> {
    /// The position of the next value in the body.
    pub(crate) fn position(&self) -> usize {
        match self {
            Body::Hessian(reader) => reader.position(),
            Body::Jsonb { whole, rest } => whole.len() - rest.len(),
        }
    }

    /// Reads a name: a string that can be borrowed from the body, or null. `what` names it in errors.
    ///
    /// # Errors
    /// The value is neither a string nor null, or is a string that cannot be borrowed, which no stock peer
    /// writes for a name.
    pub(crate) fn name(&mut self, what: &'static str) -> Result<Option<&'a [u8]>, ValueError> {
        let borrowed = match self {
            Body::Hessian(reader) => match reader.read_optional_text()? {
                None => return Ok(None),
                Some(Chars::Borrowed(text)) => Some(text.bytes()),
                Some(Chars::Joined(..)) => None,
            },
            Body::Jsonb { rest, .. } => {
                let doc = jsonb::split_document(rest)?;
                match short_latin1(doc) {
                    Some(bytes) => Some(bytes),
                    None => match jsonb::Reader::new(doc, &Limits::default())?.string()? {
                        None => return Ok(None),
                        Some(Cow::Borrowed(text)) => Some(text.as_bytes()),
                        Some(Cow::Owned(_)) => None,
                    },
                }
            }
        };
        borrowed.map(Some).ok_or_else(|| {
            ValueError::unsupported(format!("the {what} is in chunks or in an unusual encoding"))
        })
    }

    /// Skips a value.
    pub(crate) fn skip(&mut self) -> Result<(), ValueError> {
        match self {
            Body::Hessian(reader) => reader.skip_value(),
            // The length is enough to skip a document. Its content is checked only when it is read.
            Body::Jsonb { rest, .. } => jsonb::split_document(rest).map(drop),
        }
    }

    /// Reads an int.
    pub(crate) fn int(&mut self) -> Result<i32, ValueError> {
        match self {
            Body::Hessian(reader) => reader.read_int(),
            Body::Jsonb { rest, .. } => {
                jsonb::Reader::new(jsonb::split_document(rest)?, &Limits::default())?.int()
            }
        }
    }

    /// If null is next, consumes it and returns `true`.
    pub(crate) fn take_null(&mut self) -> Result<bool, ValueError> {
        match self {
            Body::Hessian(reader) => reader.take_null(),
            Body::Jsonb { rest, .. } => {
                let mut after = *rest;
                let is_null = jsonb::split_document(&mut after)? == [0xaf];
                if is_null {
                    *rest = after;
                }
                Ok(is_null)
            }
        }
    }

    /// Copies a value into the sink.
    pub(crate) fn copy(&mut self, sink: &mut dyn Sink) -> Result<(), ValueError> {
        match self {
            Body::Hessian(reader) => scratch::with_copier(|copier| copier.copy(reader, sink)),
            Body::Jsonb { rest, .. } => {
                let limits = Limits::default();
                let mut numbering = jsonb::Numbering::new(&limits);
                let mut reader = jsonb::Reader::new(jsonb::split_document(rest)?, &limits)?;
                reader.copy_value(sink, &mut numbering)?;
                reader.finish()
            }
        }
    }

    /// Reads the attachments: a map with string keys, or null. Entries with other keys are skipped.
    ///
    /// # Errors
    /// The value is neither a map nor null, or is not well-formed.
    pub(crate) fn attachments(
        &mut self,
        mut each: impl FnMut(Cow<'a, str>, Scalar<'a>),
    ) -> Result<(), ValueError> {
        match self {
            Body::Hessian(reader) => {
                if reader.take_null()? {
                    return Ok(());
                }
                drop(reader.begin_map()?);
                while reader.next_entry()? {
                    match reader.text_or_skip()? {
                        Some(key) => {
                            let value = scalar(reader)?;
                            each(text(key), value);
                        }
                        None => reader.skip_value()?,
                    }
                }
                Ok(())
            }
            Body::Jsonb { rest, .. } => {
                let doc = jsonb::split_document(rest)?;
                let mut reader = jsonb::Reader::new(doc, &Limits::default())?;
                if !reader.begin_object()? {
                    return Ok(());
                }
                // The allowance bounds the memory for repeated keys. Keys that are written out cost no more
                // than the document; stock peers write out all of them.
                let mut names = Allowance::of(doc.len() / 16);
                while let Some(key) = reader.next_key()? {
                    names.pay(key.len())?;
                    let value = jsonb_scalar(doc, &mut reader)?;
                    each(key.to_str()?, value);
                }
                Ok(())
            }
        }
    }
}

fn scalar<'a>(reader: &mut Reader<'a, '_>) -> Result<Scalar<'a>, ValueError> {
    Ok(match reader.kind()? {
        Kind::Text => Scalar::Text(text(reader.read_text()?)),
        Kind::Bool => Scalar::Bool(reader.read_bool()?),
        Kind::Int => Scalar::Int(reader.read_int()?),
        Kind::Long => Scalar::Long(reader.read_long()?),
        Kind::Double => Scalar::Double(reader.read_double()?),
        _ => {
            reader.skip_value()?;
            Scalar::Other
        }
    })
}

/// A string as UTF-8, borrowed from the stream if possible.
fn text(chars: Chars<'_>) -> Cow<'_, str> {
    match chars {
        Chars::Borrowed(text) => text.to_str(),
        joined @ Chars::Joined(..) => Cow::Owned(joined.text().to_str().into_owned()),
    }
}

/// A string of up to 47 ASCII characters, the form of nearly all names.
#[inline]
fn short_latin1(doc: &[u8]) -> Option<&[u8]> {
    match doc {
        [head @ 0x49..=0x78, text @ ..] if text.len() == usize::from(head - 0x49) && text.is_ascii() => {
            Some(text)
        }
        _ => None,
    }
}

fn jsonb_scalar<'a>(doc: &'a [u8], reader: &mut jsonb::Reader<'a>) -> Result<Scalar<'a>, ValueError> {
    match doc.get(reader.position()) {
        Some(0x49..=0x7e) => Ok(reader.string()?.map_or(Scalar::Other, Scalar::Text)),
        Some(0xb0 | 0xb1 | 0xb2..=0xb7 | 0xbc..=0xff | 0x00..=0x48) => {
            let (mut seen, limits) = (Recorder::default(), Limits::default());
            reader.copy_value(&mut seen, &mut jsonb::Numbering::new(&limits))?;
            Ok(match seen.tokens.first().map(OwnedToken::as_token) {
                Some(Token::Bool(v)) => Scalar::Bool(v),
                Some(Token::Int(v)) => Scalar::Int(v),
                Some(Token::Long(v)) => Scalar::Long(v),
                Some(Token::Double(v)) => Scalar::Double(v),
                _ => Scalar::Other,
            })
        }
        _ => {
            reader.skip_value()?;
            Ok(Scalar::Other)
        }
    }
}

impl<'a> Scalar<'a> {
    /// The value as text; `None` if it has no text form.
    pub(crate) fn into_text(self) -> Option<Cow<'a, str>> {
        Some(match self {
            Scalar::Text(text) => text,
            Scalar::Bool(v) => Cow::Borrowed(if v { "true" } else { "false" }),
            Scalar::Int(v) => Cow::Owned(v.to_string()),
            Scalar::Long(v) => Cow::Owned(v.to_string()),
            Scalar::Double(v) => Cow::Owned(format!("{v:?}")),
            Scalar::Other => return None,
        })
    }

    /// A duration in milliseconds, given as text or as number; 0 for anything else.
    pub(crate) fn millis(&self) -> u32 {
        match self {
            Scalar::Text(text) => digits(text.as_bytes()),
            Scalar::Int(v) => u32::try_from(*v).unwrap_or(0),
            Scalar::Long(v) => u32::try_from(*v).unwrap_or(0),
            _ => 0,
        }
    }

    /// The time that the consumer has left, in milliseconds, at least 1; 0 if the value has no text form.
    pub(crate) fn countdown(&self) -> u32 {
        match self {
            Scalar::Other => 0,
            value => value.millis().max(1),
        }
    }
}

/// Parses a decimal number of milliseconds; 0 for anything else, and for numbers beyond `u32`.
#[inline]
pub(crate) fn digits(text: &[u8]) -> u32 {
    // Blanks around the number are rare, so the text is trimmed only on the second try.
    number(text).or_else(|| number(text.trim_ascii())).unwrap_or(0)
}

#[inline]
fn number(text: &[u8]) -> Option<u32> {
    if !(1..=10).contains(&text.len()) {
        return None;
    }
    let mut value = 0u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    u32::try_from(value).ok()
}
