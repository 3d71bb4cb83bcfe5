//! Arguments and return values in a received body. They are read only when they are written into another
//! message.
use super::body::{self, Serialization};
use super::head::RequestPrefix;
use super::{generic, types};
use crate::scratch;
use rialto_core::call::{ValueSource, Values};
use rialto_hessian::{Library, Plain, Reader, throwable};
use rialto_jsonb as jsonb;
use rialto_values::{Sink, ValueError};

/// Tag: arguments.
const ARGUMENTS: u32 = 0;
/// Tag: the elements of the third argument of a generic call.
const GENERIC: u32 = 1;
/// Tag: values without declared types. Arguments, in contrast, are read by their declared types in JSONB.
const UNTYPED: u32 = 2;
/// Tag: Hessian values that were checked before and are all plain.
const PLAIN: u32 = 3;

struct Hessian;
struct Jsonb;

/// The arguments at this offset of a request's body.
///
/// The five strings at the start have no entry in the tables of a Hessian stream, and neither has the return_value
/// type of a response. What follows them can therefore be read as a stream of its own.
pub(crate) fn arguments(body: &[u8], serialization: Serialization, at: usize, count: u32) -> Values<'_> {
    values(body, serialization, at, count, ARGUMENTS)
}

/// The arguments of the method that the generic call at this offset names.
pub(crate) fn generic_arguments(
    body: &[u8],
    serialization: Serialization,
    at: usize,
    count: u32,
) -> Values<'_> {
    values(body, serialization, at, count, GENERIC)
}

/// The return value at this offset of a response's body.
pub(crate) fn return_value(body: &[u8], serialization: Serialization, at: usize) -> Values<'_> {
    values(body, serialization, at, 1, UNTYPED)
}

/// Marks Hessian values that were checked before and are all plain.
pub(crate) fn plain(values: Values<'_>) -> Values<'_> {
    Values { tag: PLAIN, ..values }
}

fn values(body: &[u8], serialization: Serialization, at: usize, count: u32, tag: u32) -> Values<'_> {
    match serialization {
        Serialization::Hessian2 => Values {
            source: &Hessian,
            stream: body.get(at..).unwrap_or_default(),
            at: 0,
            count,
            tag,
            rules: None,
        },
        Serialization::Fastjson2 => Values {
            source: &Jsonb,
            stream: body,
            at: at as u32,
            count,
            tag,
            rules: None,
        },
    }
}

impl ValueSource for Hessian {
    fn emit(&self, values: &Values<'_>, sink: &mut dyn Sink) -> Result<(), ValueError> {
        if values.tag == GENERIC {
            return body::read(values.stream, Serialization::Hessian2, |body| {
                generic::emit(body, values.rules, sink)
            });
        }
        let walk = if values.tag == PLAIN {
            Plain::again
        } else {
            Plain::new
        };
        let mut plain = walk(values.stream, 0, Library::Lite);
        let done = plain.copy(values.count, sink)?;
        if done == values.count {
            return Ok(());
        }
        let rest = &values.stream[plain.position()..];
        scratch::with_read_tables(|tables| {
            let mut reader = Reader::new(rest, Library::Lite, tables).with_limits(values.limits());
            scratch::with_copier(|copier| {
                (done..values.count).try_for_each(|_| copier.copy(&mut reader, sink))
            })
        })
    }

    fn is_throwable(&self, values: &Values<'_>) -> bool {
        throwable::begins(values.stream)
    }
}

impl ValueSource for Jsonb {
    fn emit(&self, values: &Values<'_>, sink: &mut dyn Sink) -> Result<(), ValueError> {
        let mut rest = values.stream.get(values.at as usize..).unwrap_or_default();
        if values.tag == GENERIC {
            return body::read(rest, Serialization::Fastjson2, |body| {
                generic::emit(body, values.rules, sink)
            });
        }
        let descriptor = match values.tag {
            ARGUMENTS => RequestPrefix::read(values.stream, Serialization::Fastjson2)?.descriptor,
            _ => &[],
        };
        let (limits, mut declared) = (values.limits(), types::Descriptors::new(descriptor));
        let mut numbering = jsonb::Numbering::new(&limits);
        for _ in 0..values.count {
            let mut reader = jsonb::Reader::new(jsonb::split_document(&mut rest)?, &limits)?;
            match declared.next().and_then(|d| std::str::from_utf8(d).ok()) {
                Some(d) => reader.copy_value_as(&types::name_of(d), sink, &mut numbering)?,
                None => reader.copy_value(sink, &mut numbering)?,
            }
            reader.finish()?;
        }
        Ok(())
    }
}
