//! The spelling of classes in each library, and the neutral spelling (wire section 3.3).
use std::borrow::Cow;

use rialto_values::{Class, ValueError, check_name, handle};

use crate::Library;
use crate::cursor::Cursor;
use crate::first_byte::FirstByte;
use crate::tables::{ClassEntry, Known};

/// The prefix that hessian-lite adds to [`handle::PACKAGE`].
const LITE_PREFIX: &str = "com.alibaba.";

/// How an instance becomes neutral tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// It is copied field by field.
    Plain,
    /// `UUID{value: string}` becomes two longs.
    UuidText,
    /// A number in a handle (`_value`) becomes the number.
    Number,
    /// hessian-lite's compact `LocalDate`: days since the epoch.
    CompactDate,
    /// hessian-lite's compact `LocalTime`: nanoseconds of the day.
    CompactTime,
    /// hessian-lite's compact `LocalDateTime`: both of the above.
    CompactDateTime,
    /// Only its own library can interpret it; the text says why.
    Refused(&'static str),
}

/// Builds the neutral class of a definition.
pub(crate) fn define(entry: &ClassEntry, stream: &[u8], library: Library) -> Result<Known, ValueError> {
    let name = plain(&stream[entry.name.from as usize..entry.name.to as usize])?;
    check_name(name.len())?;
    let mut cursor = Cursor::new(&stream[..entry.whole.to as usize]);
    cursor.seek(entry.name.to as usize);
    cursor.int(library.grammar())?;
    let mut fields = Vec::with_capacity(entry.fields as usize);
    for _ in 0..entry.fields {
        let FirstByte::Text { units, last: true } = cursor.first_byte(library.grammar())? else {
            return Err(cursor.malformed("a field name is not a string of one chunk"));
        };
        let field = plain(cursor.run(units)?.bytes)?;
        check_name(field.len())?;
        fields.push(Box::<str>::from(field));
    }
    let name = to_neutral_class(name, &fields, library);
    let form = form(name, &fields, library);
    let class = match form {
        Form::UuidText => Class::new(handle::UUID, handle::UUID_FIELDS),
        _ => Class::new(name, fields),
    };
    Ok(Known { class, form })
}

/// A name as UTF-8. Supplementary characters, which are not UTF-8 in Hessian, are refused.
pub(crate) fn plain(bytes: &[u8]) -> Result<&str, ValueError> {
    std::str::from_utf8(bytes)
        .map_err(|_| ValueError::unsupported("a Hessian class or field name holds supplementary characters"))
}

/// Whether instances of this class have one value although its definition has no fields (wire section 3.3).
pub(crate) fn is_compact(name: &[u8], library: Library) -> bool {
    library == Library::Lite && matches!(name, b"java.time.LocalDate" | b"java.time.LocalTime")
}

/// Refuses a class for which hessian-lite expects other values than its fields.
pub(crate) fn check_writable(class: &Class, library: Library) -> Result<(), ValueError> {
    match form(class.name(), class.fields(), library) {
        Form::CompactDate | Form::CompactTime | Form::CompactDateTime => {
            Err(ValueError::unsupported(format!(
                "{} must be sent to Dubbo as a handle, not with its own fields",
                class.name()
            )))
        }
        _ => Ok(()),
    }
}

fn form(name: &str, fields: &[Box<str>], library: Library) -> Form {
    let is = |names: &[&str]| fields.iter().map(|f| &**f).eq(names.iter().copied());
    match name {
        handle::UUID if is(&["value"]) => Form::UuidText,
        "java.time.LocalDate" if library == Library::Lite && is(&[]) => Form::CompactDate,
        "java.time.LocalTime" if library == Library::Lite && is(&[]) => Form::CompactTime,
        "java.time.LocalDateTime" if library == Library::Lite && is(&["date", "time"]) => {
            Form::CompactDateTime
        }
        "java.util.CollSer" => Form::Refused(
            "java.util.CollSer: an old hessian-lite sends List.of, Set.of and Map.of without their contents",
        ),
        "java.lang.StringBuilder" | "java.lang.StringBuffer" if library != Library::Lite => {
            Form::Refused("a StringBuilder sent by SOFA as its private fields; send a String")
        }
        "java.util.Optional" | "java.util.concurrent.CompletableFuture" => {
            Form::Refused("Optional and CompletableFuture objects; send the value itself")
        }
        _ if is(&["_value"])
            && matches!(
                name.strip_prefix(handle::PACKAGE),
                Some("ByteHandle" | "ShortHandle" | "FloatHandle")
            ) =>
        {
            Form::Number
        }
        _ => Form::Plain,
    }
}

fn to_neutral_class<'n>(name: &'n str, fields: &[Box<str>], library: Library) -> &'n str {
    if library == Library::Sofa3 && fields.len() == 1 && *fields[0] == *"name" {
        return enum_of_constant(name);
    }
    without_lite_prefix(name)
}

fn without_lite_prefix(name: &str) -> &str {
    match name.strip_prefix(LITE_PREFIX) {
        Some(rest) if rest.starts_with(handle::PACKAGE) => rest,
        _ => name,
    }
}

/// The enum of a constant with a body: `Color$1` is the first such constant of `Color`.
fn enum_of_constant(name: &str) -> &str {
    match name.rsplit_once('$') {
        Some((outer, n)) if !outer.is_empty() && !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) => {
            outer
        }
        _ => name,
    }
}

/// The neutral spelling of a list or map type.
pub(crate) fn to_neutral_type(name: &str) -> Cow<'_, str> {
    let brackets = name.len() - name.trim_start_matches('[').len();
    if brackets > 0 && &name[brackets..] == "integer" {
        return Cow::Owned(format!("{}java.lang.Integer", &name[..brackets]));
    }
    Cow::Borrowed(without_lite_prefix(name))
}

/// The library's spelling of a neutral class or type name.
///
/// # Errors
/// `Unsupported` for a handle that the library does not have and would read as a map.
pub(crate) fn to_library(name: &str, library: Library) -> Result<Cow<'_, str>, ValueError> {
    let Some(handle) = name.strip_prefix(handle::PACKAGE) else {
        return Ok(Cow::Borrowed(name));
    };
    let unknown = match library {
        Library::Lite => return Ok(Cow::Owned(format!("{LITE_PREFIX}{name}"))),
        Library::Sofa3 => matches!(handle, "InetAddressHandle" | "EnumSetHandler" | "BitSetHandle"),
        Library::Sofa4 => matches!(handle, "EnumSetHandler" | "BitSetHandle"),
    };
    if unknown {
        return Err(ValueError::unsupported(format!(
            "{handle} exists in Dubbo's Hessian only: a SOFA peer would read it as a map"
        )));
    }
    Ok(Cow::Borrowed(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_with_a_body_belong_to_their_enum() {
        for (name, class) in [
            ("a.Color$1", "a.Color"),
            ("a.B$Color$12", "a.B$Color"),
            ("a.B$Color", "a.B$Color"),
            ("$1", "$1"),
        ] {
            assert_eq!(enum_of_constant(name), class);
        }
    }

    #[test]
    fn handles_carry_the_package_of_their_library() {
        let neutral = "com.caucho.hessian.io.java8.LocalDateHandle";
        let lite = to_library(neutral, Library::Lite).unwrap();
        assert_eq!(lite, "com.alibaba.com.caucho.hessian.io.java8.LocalDateHandle");
        assert_eq!(without_lite_prefix(&lite), neutral);
        assert_eq!(to_library(neutral, Library::Sofa3).unwrap(), neutral);
        assert_eq!(
            without_lite_prefix("com.alibaba.fastjson.JSONObject"),
            "com.alibaba.fastjson.JSONObject"
        );
        assert!(to_library("com.caucho.hessian.io.EnumSetHandler", Library::Sofa3).is_err());
    }

    #[test]
    fn boxed_integer_arrays_have_one_neutral_type() {
        assert_eq!(to_neutral_type("[integer"), "[java.lang.Integer");
        assert_eq!(to_neutral_type("[[integer"), "[[java.lang.Integer");
        assert_eq!(to_neutral_type("[int"), "[int");
    }
}
