//! Rewrites the content of a request with its edits.
//!
//! If only strings change, everything else is copied unchanged: strings have no entry in the tables of a
//! Hessian stream, so the references inside the arguments stay valid. If a container is added or removed, or
//! the grammar changes, all values are copied one by one and renumbered.
use super::{Change, Fate};
use crate::bolt::keys;
use crate::bolt::sofa::{self, Visit};
use crate::scratch;
use rialto_hessian::{Copier, Kind, Library, Reader, Writer};
use rialto_values::{Class, ErrorKind, ValueError};

/// Appends the content with its edits, in the wanted grammar or else in its own.
///
/// # Errors
/// The content is not well-formed, or a value has no form in the other grammar.
pub(super) fn put(
    out: &mut Vec<u8>,
    content: &[u8],
    written: Library,
    wanted: Option<Library>,
    change: &Change<'_>,
) -> Result<(), ValueError> {
    let start = out.len();
    if let Some(wanted) = wanted {
        return renumber(out, content, wanted, change);
    }
    if patch(out, content, written, change, Scope::All)? {
        return Ok(());
    }
    out.truncate(start);
    match renumber(out, content, written, change) {
        // Some value cannot be copied, for example an Optional, which only its own library reads, or a
        // reference to the request itself. The header carries the new attachments too, which is enough for
        // all versions but SOFARPC 5.4, so only the names are patched.
        Err(e) if e.kind == ErrorKind::Unsupported => {
            out.truncate(start);
            patch(out, content, written, change, Scope::Names)?
                .then_some(())
                .ok_or(e)
        }
        done => done,
    }
}

/// Which parts of the content are patched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    All,
    /// Only the names of service and method.
    Names,
}

/// Copies a stream while replacing some of its values by strings.
struct Patch<'o, 'a> {
    out: &'o mut Vec<u8>,
    content: &'a [u8],
    library: Library,
    /// How much of the content has been copied or replaced, in bytes.
    done: usize,
}

impl Patch<'_, '_> {
    /// Copies the content up to the position `at`.
    fn copy_to(&mut self, at: usize) {
        self.out.extend_from_slice(&self.content[self.done..at]);
        self.done = at;
    }

    fn put_str(&mut self, text: &str) {
        scratch::with_write_tables(|tables| Writer::new(self.out, self.library, tables).write_str(text));
    }

    /// Writes a string in place of the next value. Returns `false` if that value is a container.
    fn replace(&mut self, reader: &mut Reader<'_, '_>, text: &str) -> Result<bool, ValueError> {
        if !is_scalar(reader)? {
            return Ok(false);
        }
        self.copy_to(reader.position());
        self.put_str(text);
        reader.skip_value()?;
        self.done = reader.position();
        Ok(true)
    }

    /// Patches the entries of a map and the baggage in it. Returns `false` if a container would have to be
    /// added or removed.
    fn map(
        &mut self,
        reader: &mut Reader<'_, '_>,
        change: &Change<'_>,
        inside: Inside,
    ) -> Result<bool, ValueError> {
        let mut baggage: Vec<_> = change.new_baggage().collect();
        drop(reader.begin_map()?);
        loop {
            let from = reader.position();
            if !reader.next_entry()? {
                break;
            }
            let Some(key) = reader.text_or_skip()? else {
                reader.skip_value()?;
                continue;
            };
            let key = key.text().to_str().into_owned();
            if let Some(nested) = inside.nested(change, &key)
                && reader.kind()? == Kind::Map
            {
                if !self.map(reader, change, nested)? {
                    return Ok(false);
                }
                if nested == Inside::Baggage {
                    baggage.clear();
                }
                continue;
            }
            match inside.fate(change, &key) {
                Fate::Stays => reader.skip_value()?,
                Fate::Becomes(value) => {
                    if !self.replace(reader, value)? {
                        return Ok(false);
                    }
                    inside.drop_known(change, &key, &mut baggage);
                }
                Fate::Goes => {
                    if !is_scalar(reader)? {
                        return Ok(false);
                    }
                    self.copy_to(from);
                    reader.skip_value()?;
                    self.done = reader.position();
                }
            }
        }
        match inside {
            Inside::Properties => return Ok(baggage.is_empty()),
            Inside::Trace => return Ok(true),
            Inside::Baggage => {}
        }
        // New entries go before the end mark, which was just read and takes one byte.
        self.copy_to(reader.position() - 1);
        for (key, value) in baggage {
            self.put_str(key);
            self.put_str(value);
        }
        Ok(true)
    }
}

/// Which map is being copied.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Properties,
    Baggage,
    Trace,
}

impl Inside {
    /// The nested map under this key, if edits may change it.
    fn nested(self, change: &Change<'_>, key: &str) -> Option<Self> {
        match (self, key) {
            (Inside::Properties, keys::BAGGAGE) => Some(Inside::Baggage),
            (Inside::Properties, keys::TRACE) if change.changes_trace() => Some(Inside::Trace),
            _ => None,
        }
    }

    fn fate<'c>(self, change: &'c Change<'_>, key: &str) -> Fate<'c> {
        match self {
            Inside::Properties => change.fate(key),
            Inside::Baggage => change.attachment(key),
            Inside::Trace => change.attachment(&format!("{}.{key}", keys::TRACE)),
        }
    }

    /// Drops a new attachment from `baggage`, because this map already has its key.
    fn drop_known<'e>(self, change: &Change<'e>, key: &str, baggage: &mut Vec<(&'e str, &'e str)>) {
        match self {
            Inside::Properties => change.drop_known(key, baggage),
            Inside::Baggage => baggage.retain(|(k, _)| *k != key),
            Inside::Trace => {}
        }
    }
}

/// Whether the next value has no entry in the stream's tables.
fn is_scalar(reader: &mut Reader<'_, '_>) -> Result<bool, ValueError> {
    let before = reader.position();
    let kind = reader.kind()?;
    let is_container = matches!(
        kind,
        Kind::List | Kind::Map | Kind::Object | Kind::Ref | Kind::Remote | Kind::End
    );
    Ok(!is_container && reader.position() == before)
}

/// Appends the content with new strings. Returns `false` if replacing strings is not enough; the appended
/// bytes must then be discarded.
fn patch(
    out: &mut Vec<u8>,
    content: &[u8],
    library: Library,
    change: &Change<'_>,
    scope: Scope,
) -> Result<bool, ValueError> {
    sofa::read(content, |reader| {
        let mut patch = Patch {
            out,
            content,
            library,
            done: 0,
        };
        let (mut possible, mut has_properties) = (true, false);
        sofa::fields(reader, |field, reader| {
            let text = match field {
                keys::METHOD_NAME => change.method,
                keys::UNIQUE_NAME => change.unique.as_deref(),
                keys::REQUEST_PROPS if scope == Scope::All && change.changes_properties() => {
                    if reader.kind()? != Kind::Map {
                        return Ok(Visit::Passed);
                    }
                    has_properties = true;
                    possible = patch.map(reader, change, Inside::Properties)?;
                    return Ok(if possible { Visit::Taken } else { Visit::Enough });
                }
                _ => None,
            };
            let Some(text) = text else {
                return Ok(Visit::Passed);
            };
            possible = patch.replace(reader, text)?;
            Ok(if possible { Visit::Taken } else { Visit::Enough })
        })?;
        if scope == Scope::All && !has_properties && change.new_baggage().next().is_some() {
            return Ok(false);
        }
        patch.copy_to(content.len());
        Ok(possible)
    })
}

/// Appends the content with all values copied one by one and renumbered.
fn renumber(
    out: &mut Vec<u8>,
    content: &[u8],
    library: Library,
    change: &Change<'_>,
) -> Result<(), ValueError> {
    sofa::read(content, |reader| {
        scratch::with_write_tables(|tables| {
            let mut w = Writer::new(out, library, tables);
            scratch::with_copier(|copier| {
                let class = reader.begin_object()?;
                copier.stay_inside(reader);
                let adds =
                    change.new_baggage().next().is_some() && class.field(keys::REQUEST_PROPS).is_none();
                let props = adds.then_some(Box::from(keys::REQUEST_PROPS));
                w.begin_object(&Class::new(
                    class.name(),
                    class.fields().iter().cloned().chain(props),
                ))?;
                for field in class.fields() {
                    put_field(&mut w, copier, reader, field, change)?;
                }
                if adds {
                    put_new_properties(&mut w, change)?;
                }
                w.end()?;
                while !reader.is_at_end() {
                    copier.copy(reader, &mut w)?;
                }
                Ok(())
            })?;
            w.finish()
        })
    })
}

fn put_field(
    w: &mut Writer<'_>,
    copier: &mut Copier,
    reader: &mut Reader<'_, '_>,
    field: &str,
    change: &Change<'_>,
) -> Result<(), ValueError> {
    let text = match field {
        keys::METHOD_NAME => change.method,
        keys::UNIQUE_NAME => change.unique.as_deref(),
        keys::REQUEST_PROPS if change.changes_properties() => {
            return match reader.kind()? {
                Kind::Map => put_map(w, copier, reader, change, Inside::Properties),
                Kind::Null if change.new_baggage().next().is_some() => {
                    reader.skip_value()?;
                    put_new_properties(w, change)
                }
                _ => copier.copy(reader, w),
            };
        }
        _ => None,
    };
    match text {
        Some(text) => {
            reader.skip_value()?;
            w.write_str(text);
            Ok(())
        }
        None => copier.copy(reader, w),
    }
}

fn put_map(
    w: &mut Writer<'_>,
    copier: &mut Copier,
    reader: &mut Reader<'_, '_>,
    change: &Change<'_>,
    inside: Inside,
) -> Result<(), ValueError> {
    let mut baggage: Vec<_> = change.new_baggage().collect();
    let mut nested = false;
    let class = reader.begin_map()?.map(std::borrow::Cow::into_owned);
    w.begin_map(class.as_deref())?;
    while reader.next_entry()? {
        let entry = reader.mark();
        let Some(key) = reader.text_or_skip()? else {
            reader.seek(entry);
            copier.copy(reader, w)?;
            copier.copy(reader, w)?;
            continue;
        };
        let key = key.text().to_str().into_owned();
        if let Some(map) = inside.nested(change, &key)
            && reader.kind()? == Kind::Map
        {
            w.write_str(&key);
            put_map(w, copier, reader, change, map)?;
            nested |= map == Inside::Baggage;
            continue;
        }
        match inside.fate(change, &key) {
            Fate::Goes => reader.skip_value()?,
            Fate::Becomes(value) => {
                reader.skip_value()?;
                w.write_str(&key);
                w.write_str(value);
                inside.drop_known(change, &key, &mut baggage);
            }
            Fate::Stays => {
                reader.seek(entry);
                copier.copy(reader, w)?;
                copier.copy(reader, w)?;
            }
        }
    }
    match inside {
        Inside::Baggage => put_pairs(w, &baggage),
        Inside::Properties if !nested && !baggage.is_empty() => {
            w.write_str(keys::BAGGAGE);
            w.begin_map(None)?;
            put_pairs(w, &baggage);
            w.end()?;
        }
        Inside::Properties | Inside::Trace => {}
    }
    w.end()
}

/// Writes properties for a request that has none.
fn put_new_properties(w: &mut Writer<'_>, change: &Change<'_>) -> Result<(), ValueError> {
    let baggage: Vec<_> = change.new_baggage().collect();
    w.begin_map(None)?;
    w.write_str(keys::BAGGAGE);
    w.begin_map(None)?;
    put_pairs(w, &baggage);
    w.end()?;
    w.end()
}

fn put_pairs(w: &mut Writer<'_>, pairs: &[(&str, &str)]) {
    for (key, value) in pairs {
        w.write_str(key);
        w.write_str(value);
    }
}
