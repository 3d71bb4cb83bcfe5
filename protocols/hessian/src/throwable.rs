//! Exceptions for peers of another protocol (docs/bridging.md, "Exceptions").
//!
//! Every reader accepts an object of a class that it has, with `detailMessage`, the class's own fields, and
//! an empty stack trace. Some readers fail on a cause, so it is left out. [`emit_safe`] brings copied
//! exceptions into that form, [`read`] examines one so that it can be replaced, and [`write()`] creates one.
use rialto_values::{Class, Sink, Text, Token, ValueError, text};

use crate::{Chars, Kind, Library, Mark, Plain, Reader};

mod safe;
pub use safe::emit_safe;

/// The Hessian type of a stack trace.
const STACK_TRACE: &str = "[java.lang.StackTraceElement";
const MESSAGE: &str = "detailMessage";

/// What is known of an exception without building it.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    /// The class, with all fields in the order of the stream.
    pub class: Class,
    /// The value of `detailMessage`, if it is a string.
    pub message: Option<Chars<'a>>,
    /// The fields that the class itself declares: the index in the class, and the position of the value.
    pub own: Vec<(usize, Mark)>,
}

/// Whether objects of this class are exceptions, which is decided by the fields of `java.lang.Throwable`.
#[must_use]
pub fn is_throwable(class: &Class) -> bool {
    class.field(MESSAGE).is_some()
        && ["stackTrace", "cause", "suppressedExceptions"]
            .iter()
            .any(|field| class.field(field).is_some())
}

/// Whether a stream in the final grammar begins with an exception: an object of a class [with the fields of
/// one](is_throwable) that is defined right there.
#[must_use]
pub fn begins(stream: &[u8]) -> bool {
    let mut rest = Plain::new(stream, 0, Library::Lite);
    if !rest.take(b"C") {
        return false;
    }
    let (Some(_name), Some(Token::Int(fields))) = (rest.text(), rest.value()) else {
        return false;
    };
    let (mut message, mut other) = (false, false);
    for _ in 0..fields {
        match rest.text() {
            Some(field) if field == MESSAGE.as_bytes() => message = true,
            Some(b"stackTrace" | b"cause" | b"suppressedExceptions") => other = true,
            Some(_) => {}
            None => return false,
        }
    }
    message && other
}

/// Reads an exception's class, its message and the positions of its own fields, and skips the rest. `None` if
/// the next value is not an exception; the reader is after the value in either case.
///
/// # Errors
/// The value is not well-formed.
pub fn read<'a>(reader: &mut Reader<'a, '_>) -> Result<Option<Head<'a>>, ValueError> {
    if reader.kind()? != Kind::Object {
        reader.skip_value()?;
        return Ok(None);
    }
    let start = reader.mark();
    let class = reader.begin_object()?;
    if !is_throwable(&class) {
        reader.seek(start);
        reader.skip_value()?;
        return Ok(None);
    }
    let (mut message, mut own) = (None, vec![]);
    for (index, field) in class.fields().iter().enumerate() {
        match &**field {
            MESSAGE => message = reader.text_or_skip()?,
            "stackTrace" | "cause" | "suppressedExceptions" => reader.skip_value()?,
            _ => {
                own.push((index, reader.mark()));
                reader.skip_value()?;
            }
        }
    }
    Ok(Some(Head { class, message, own }))
}

/// Emits a new exception of that class with a message and an empty stack trace. It takes two container
/// numbers.
///
/// # Errors
/// The sink's errors.
pub fn write<S: Sink + ?Sized>(sink: &mut S, class: &str, message: &str) -> Result<(), ValueError> {
    let class = Class::new(class, [MESSAGE, "stackTrace"]);
    let mut bytes = vec![];
    let units = text::encode(message, &mut bytes);
    sink.token(Token::Object(&class))?;
    sink.token(Token::Text(Text::from_checked(&bytes, units)))?;
    empty_stack_trace(sink)?;
    sink.token(Token::End)
}

fn empty_stack_trace<S: Sink + ?Sized>(sink: &mut S) -> Result<(), ValueError> {
    sink.token(Token::List {
        class: Some(STACK_TRACE),
        len: Some(0),
    })?;
    sink.token(Token::End)
}
