//! The values of a body in the two serializations that are read: one Hessian stream, or one JSONB document
//! after the other, each with its length in front (wire sections 2.3, 2.5).
use super::frame::HEADER;
use super::hint::Hint;
use super::{FASTJSON2, HESSIAN2};
use crate::scratch;
use rialto_core::message::Message;
use rialto_hessian::{Chars, Kind, Library, Reader};
use rialto_jsonb as jsonb;
use rialto_values::{Allowance, Limits, OwnedToken, Recorder, Sink, Token, ValueError};
use std::borrow::Cow;

/// A serialization that is understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Serialization {
    /// Id 2.
    Hessian2,
    /// Id 23.
    Fastjson2,
}

impl Serialization {
    /// The serialization with this id; `None` if it is one that only Java can read.
    #[inline]
    pub(crate) fn of(id: u8) -> Option<Self> {
        match id {
            HESSIAN2 => Some(Serialization::Hessian2),
            FASTJSON2 => Some(Serialization::Fastjson2),
            _ => None,
        }
    }

    /// The serialization of a message.
    #[inline]
    pub(crate) fn of_message(msg: &Message<'_>) -> Option<Self> {
        Serialization::of(Hint::from_bits(msg.meta.hint).serialization())
    }
}

/// The body of a message.
#[inline]
pub(crate) fn of<'a>(msg: &Message<'a>) -> &'a [u8] {
    msg.bytes.get(HEADER..).unwrap_or_default()
}

/// Reads the values of a body, one after the other.
pub(crate) enum Body<'a, 't> {
    Hessian(Reader<'a, 't>),
    Jsonb { whole: &'a [u8], rest: &'a [u8] },
}

/// The value of an attachment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    /// UTF-8.
    Text(Cow<'a, str>),
    Bool(bool),
    Int(i32),
    Long(i64),
    Double(f64),
    /// Null or nothing that a text could stand for.
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
    /// Where the next value begins.
    pub(crate) fn position(&self) -> usize {
        match self {
            Body::Hessian(reader) => reader.position(),
            Body::Jsonb { whole, rest } => whole.len() - rest.len(),
        }
    }

    /// A name: a string as it lies there, or null.
    ///
    /// # Errors
    /// Any other value; a string that cannot be borrowed, which no stock peer writes for a name.
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
            ValueError::unsupported(format!(
                "the {what} is in chunks or in characters beyond the usual"
            ))
        })
    }

    /// Steps over a value.
    pub(crate) fn skip(&mut self) -> Result<(), ValueError> {
        match self {
            Body::Hessian(reader) => reader.skip_value(),
            // A document's length says all; its content is the affair of whoever reads it.
            Body::Jsonb { rest, .. } => jsonb::split_document(rest).map(drop),
        }
    }

    /// An int.
    pub(crate) fn int(&mut self) -> Result<i32, ValueError> {
        match self {
            Body::Hessian(reader) => reader.read_int(),
            Body::Jsonb { rest, .. } => {
                jsonb::Reader::new(jsonb::split_document(rest)?, &Limits::default())?.int()
            }
        }
    }

    /// Whether null is next; then it is taken.
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

    /// Copies a value.
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

    /// Walks the attachments: a map with string keys, or null. Entries with other keys are left out.
    ///
    /// # Errors
    /// Neither map nor null, or something in it is not well-formed.
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
                // Keys that are spelled out weigh no more than the document; those of stock peers all are.
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

/// A string as UTF-8, borrowed from the stream where it can be.
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
    /// The value as text, where there is one.
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

    /// Milliseconds, written as text or as number; 0 for anything that is none.
    pub(crate) fn millis(&self) -> u32 {
        match self {
            Scalar::Text(text) => digits(text.as_bytes()),
            Scalar::Int(v) => u32::try_from(*v).unwrap_or(0),
            Scalar::Long(v) => u32::try_from(*v).unwrap_or(0),
            _ => 0,
        }
    }

    /// What is left of a caller's time in milliseconds, at least one; 0 if it does not say.
    pub(crate) fn countdown(&self) -> u32 {
        match self {
            Scalar::Other => 0,
            told => told.millis().max(1),
        }
    }
}

/// A decimal number of milliseconds; 0 for anything else, and for what no timer could hold.
#[inline]
pub(crate) fn digits(text: &[u8]) -> u32 {
    // blanks around it are rare
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
