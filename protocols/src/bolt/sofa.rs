//! Walks the objects in a Hessian content. Fields of a request or response are found by name, in any order,
//! and any of them may be missing (wire section 1.6).
use super::{keys, stock_prefix};
use crate::scratch;
use rialto_hessian::{Chars, Kind, Library, Reader};
use rialto_values::ValueError;
use std::borrow::Cow;

/// What a visitor did with a field's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Visit {
    /// The visitor read the value.
    Taken,
    /// The visitor did not read the value; the walk skips it.
    Passed,
    /// The visitor needs nothing more; the walk stops.
    Enough,
}

/// Runs `work` with a Hessian reader of this content.
#[inline]
pub(crate) fn read<'a, T>(content: &'a [u8], work: impl FnOnce(&mut Reader<'a, '_>) -> T) -> T {
    let library = Library::sniff_sofa(content).unwrap_or(Library::Sofa3);
    scratch::with_read_tables(|tables| {
        work(&mut Reader::new(content, library, tables).with_limits(scratch::WALK))
    })
}

/// Visits the fields of the next object. Returns whether the walk reached its end.
///
/// # Errors
/// The value is not an object, or is not well-formed.
pub(crate) fn fields<'a, 't>(
    reader: &mut Reader<'a, 't>,
    mut visit: impl FnMut(&str, &mut Reader<'a, 't>) -> Result<Visit, ValueError>,
) -> Result<bool, ValueError> {
    let class = reader.begin_object()?;
    for field in class.fields() {
        match visit(field, reader)? {
            Visit::Taken => {}
            Visit::Passed => reader.skip_value()?,
            Visit::Enough => return Ok(false),
        }
    }
    Ok(true)
}

/// Visits the entries of the next value that have string keys, if it is a map. Any other value is skipped.
///
/// # Errors
/// The value is not well-formed.
pub(crate) fn entries<'a, 't>(
    reader: &mut Reader<'a, 't>,
    mut visit: impl FnMut(Cow<'a, str>, &mut Reader<'a, 't>) -> Result<Visit, ValueError>,
) -> Result<bool, ValueError> {
    if reader.kind()? != Kind::Map {
        reader.skip_value()?;
        return Ok(true);
    }
    drop(reader.begin_map()?);
    while reader.next_entry()? {
        let visited = match reader.text_or_skip()? {
            Some(key) => visit(text(key), reader)?,
            None => Visit::Passed,
        };
        match visited {
            Visit::Taken => {}
            Visit::Passed => reader.skip_value()?,
            Visit::Enough => return Ok(false),
        }
    }
    Ok(true)
}

/// Reads a name: a string in one chunk, or null, which gives an empty name.
///
/// # Errors
/// The value is anything else.
#[inline]
pub(crate) fn name<'a>(reader: &mut Reader<'a, '_>) -> Result<&'a [u8], ValueError> {
    match reader.read_optional_text()? {
        None => Ok(&[]),
        Some(Chars::Borrowed(text)) => Ok(text.bytes()),
        Some(Chars::Joined(..)) => Err(ValueError::malformed("a name of several pieces")),
    }
}

/// Reads a scalar as text. Other values are skipped and give `None`.
///
/// # Errors
/// The value is not well-formed.
pub(crate) fn scalar<'a>(reader: &mut Reader<'a, '_>) -> Result<Option<Cow<'a, str>>, ValueError> {
    Ok(match reader.kind()? {
        Kind::Text => Some(text(reader.read_text()?)),
        Kind::Bool => Some(Cow::Borrowed(if reader.read_bool()? { "true" } else { "false" })),
        Kind::Int | Kind::Long => Some(Cow::Owned(reader.read_long()?.to_string())),
        Kind::Double => Some(Cow::Owned(reader.read_double()?.to_string())),
        _ => {
            reader.skip_value()?;
            None
        }
    })
}

/// A string as UTF-8, borrowed from the stream if possible.
pub(crate) fn text(chars: Chars<'_>) -> Cow<'_, str> {
    match chars {
        Chars::Borrowed(text) => text.to_str(),
        joined => Cow::Owned(joined.text().to_str().into_owned()),
    }
}

/// The names at the start of a request's content; empty where absent or null.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Names<'a> {
    /// The service's unique name.
    pub(crate) service: &'a [u8],
    pub(crate) method: &'a [u8],
    /// The calling application, if it was asked for.
    pub(crate) app: &'a [u8],
}

impl<'a> Names<'a> {
    /// Reads the names in a request's content.
    ///
    /// # Errors
    /// Those of [`Names::fill`].
    pub(crate) fn read(content: &'a [u8], wants_app: bool) -> Result<Self, ValueError> {
        let mut names = Names::default();
        names.fill(content, wants_app)?;
        Ok(names)
    }

    /// Reads the names in a request's content. The calling application is read only if `wants_app`, because
    /// it comes later in the stream.
    ///
    /// # Errors
    /// The content is not an object, or is not well-formed up to the names. The names read before the error
    /// are kept, unless a later field could repeat and replace them.
    pub(crate) fn fill(&mut self, content: &'a [u8], wants_app: bool) -> Result<(), ValueError> {
        if !wants_app && let Some(names) = Names::stock(content) {
            *self = names;
            return Ok(());
        }
        // A repeated field counts with its last value, as for readers of the whole content. Stock classes
        // repeat none, so their walk may stop early.
        let is_stock = stock_prefix::REQUEST.strip(content).is_some();
        let walked = read(content, |reader| {
            fields(reader, |field, reader| {
                match field {
                    keys::METHOD_NAME => self.method = name(reader)?,
                    keys::UNIQUE_NAME => self.service = name(reader)?,
                    keys::REQUEST_PROPS if wants_app => {
                        self.app = application(reader, is_stock)?;
                        return Ok(if is_stock { Visit::Enough } else { Visit::Taken });
                    }
                    _ => return Ok(Visit::Passed),
                }
                let enough = is_stock && !wants_app && !self.method.is_empty() && !self.service.is_empty();
                Ok(if enough { Visit::Enough } else { Visit::Taken })
            })
        });
        if walked.is_err() && !is_stock {
            *self = Names::default();
        }
        walked.map(drop)
    }
}

impl<'a> Names<'a> {
    /// Reads the names at the position where stock consumers write them, without decoding the class
    /// definition for every call. `None` for any other content.
    fn stock(content: &'a [u8]) -> Option<Self> {
        let mut rest = stock_prefix::REQUEST.strip(content)?;
        let _target_app = rest.text_or_null()?;
        let method = rest.text_or_null()?;
        let service = rest.text_or_null()?;
        Some(Names {
            service,
            method,
            app: &[],
        })
    }
}

/// Reads the calling application from a request's properties. If `is_last`, the walk stops there, because
/// nothing after them matters.
fn application<'a>(reader: &mut Reader<'a, '_>, is_last: bool) -> Result<&'a [u8], ValueError> {
    let mut app: &[u8] = &[];
    entries(reader, |key, reader| {
        if key != keys::APP || !app.is_empty() || reader.kind()? != Kind::Text {
            return Ok(Visit::Passed);
        }
        app = name(reader)?;
        Ok(if is_last { Visit::Enough } else { Visit::Taken })
    })?;
    Ok(app)
}

/// Finds an attachment in the properties of a request's content: under its own name, or nested as baggage or
/// trace fact.
///
/// # Errors
/// The content is not well-formed up to the attachment.
pub(crate) fn property<'a>(content: &'a [u8], key: &str) -> Result<Option<Cow<'a, str>>, ValueError> {
    let (baggage, trace) = (keys::user_key(key), keys::trace_key(key));
    read(content, |reader| {
        let mut found = None;
        fields(reader, |field, reader| {
            if field != keys::REQUEST_PROPS {
                return Ok(Visit::Passed);
            }
            entries(reader, |name, reader| {
                let nested = match &*name {
                    keys::BAGGAGE => Some(baggage),
                    keys::TRACE => trace,
                    _ if name == key => {
                        found = scalar(reader)?;
                        return Ok(Visit::Enough);
                    }
                    _ => None,
                };
                let Some(nested) = nested else {
                    return Ok(Visit::Passed);
                };
                entries(reader, |name, reader| {
                    if name != nested {
                        return Ok(Visit::Passed);
                    }
                    found = scalar(reader)?;
                    Ok(Visit::Enough)
                })?;
                Ok(if found.is_some() {
                    Visit::Enough
                } else {
                    Visit::Taken
                })
            })?;
            Ok(Visit::Enough)
        })?;
        Ok(found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_hessian::{WriteTables, Writer};
    use rialto_values::Class;

    /// The fast path and the full reader must agree wherever the fast path finds names.
    #[test]
    fn the_fast_path_and_the_full_reader_find_the_same_names() {
        let class = Class::new(keys::REQUEST, keys::REQUEST_FIELDS);
        for (library, long) in [(Library::Sofa3, &b"S\0\x21"[..]), (Library::Sofa4, b"\x30\x21")] {
            let (mut stock_prefix, mut tables) = (vec![], WriteTables::default());
            let mut writer = Writer::new(&mut stock_prefix, library, &mut tables);
            writer.begin_object(&class).unwrap();
            let name = b"com.acme.a.rather.LongService:1.0";
            assert_eq!(name.len(), 0x21);
            let content = [&*stock_prefix, &b"N\x03say"[..], long, name, b"NN"].concat();
            let (short, walked) = (
                Names::stock(&content).unwrap(),
                Names::read(&content, true).unwrap(),
            );
            assert_eq!((short.service, short.method), (&name[..], &b"say"[..]));
            assert_eq!((walked.service, walked.method), (&name[..], &b"say"[..]));
            for n in 0..content.len() - 2 {
                assert!(Names::stock(&content[..n]).is_none(), "cut at {n}");
            }
        }
    }
}
