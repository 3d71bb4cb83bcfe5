//! Arguments and return values in a received content. They are read only when they are written into another
//! message.
use crate::scratch;
use rialto_core::call::{ValueSource, Values};
use rialto_hessian::{Library, Plain, Reader};
use rialto_values::{Sink, ValueError};

/// Tag bit: the stream is in the final grammar.
const FINAL: u32 = 1;
/// Tag bit: the value is a field of the object at the start of the stream, not a value after it.
const FIELD: u32 = 1 << 1;
/// Tag bit: the values were checked before, and all of them are plain.
const PLAIN: u32 = 1 << 2;

struct Content;

/// The `count` values at the offset `at`, after the request object that begins the content.
pub(crate) fn arguments(content: &[u8], library: Library, at: usize, count: u32) -> Values<'_> {
    values(content, library, at, count, 0)
}

/// The value at the offset `at`, a field of the response object that begins the content.
pub(crate) fn return_value(content: &[u8], library: Library, at: usize) -> Values<'_> {
    values(content, library, at, 1, FIELD)
}

/// Marks values that were checked before and are all plain.
pub(crate) fn plain(values: Values<'_>) -> Values<'_> {
    Values {
        tag: values.tag | PLAIN,
        ..values
    }
}

fn values(stream: &[u8], library: Library, at: usize, count: u32, tag: u32) -> Values<'_> {
    let grammar = if library == Library::Sofa4 { FINAL } else { 0 };
    Values {
        source: &Content,
        stream,
        at: at as u32,
        count,
        tag: tag | grammar,
        rules: None,
    }
}

impl ValueSource for Content {
    /// Request, arguments and response share the tables of one stream, so it is read from its start unless
    /// the values are plain.
    fn emit(&self, values: &Values<'_>, sink: &mut dyn Sink) -> Result<(), ValueError> {
        let library = if values.tag & FINAL == 0 {
            Library::Sofa3
        } else {
            Library::Sofa4
        };
        let walk = if values.tag & PLAIN == 0 {
            Plain::new
        } else {
            Plain::again
        };
        let mut plain = walk(values.stream, values.at as usize, library);
        let done = plain.copy(values.count, sink)?;
        if done == values.count {
            return Ok(());
        }
        scratch::with_read_tables(|tables| {
            let mut reader = Reader::new(values.stream, library, tables).with_limits(values.limits());
            if values.tag & FIELD != 0 {
                reader.begin_object()?;
            }
            while reader.position() < plain.position() {
                reader.skip_value()?;
            }
            scratch::with_copier(|copier| {
                (done..values.count).try_for_each(|_| copier.copy(&mut reader, sink))
            })
        })
    }
}
