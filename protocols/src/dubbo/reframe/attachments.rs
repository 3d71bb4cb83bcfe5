//! Writes the arguments and the edited attachments of a request.
use super::Change;
use crate::dubbo::body::Body;
use crate::dubbo::encode::put_text;
use crate::dubbo::keys;
use crate::scratch;
use rialto_hessian::{Kind, Library, Reader, Writer};
use rialto_jsonb as jsonb;
use rialto_values::{Limits, OwnedToken, Recorder, Sink, Token, ValueError};

/// Appends the arguments unchanged, `arguments` in number, and the attachments with their edits.
pub(super) fn put_rest(
    out: &mut Vec<u8>,
    bytes: &[u8],
    body: &mut Body<'_, '_>,
    arguments: usize,
    change: &Change<'_>,
) -> Result<(), ValueError> {
    if let Body::Hessian(reader) = body {
        return put_hessian(out, bytes, reader, arguments, change);
    }
    let at = body.position();
    for _ in 0..arguments {
        body.skip()?;
    }
    out.extend_from_slice(&bytes[at..body.position()]);
    let mut map = Recorder::default();
    body.copy(&mut map)?;
    put_document(out, &map.tokens, change)
}

/// What a pass over the attachments found.
struct Walk {
    /// The byte ranges of the entries that stay; adjacent ones are joined.
    kept: Vec<(usize, usize)>,
    /// Whether these ranges can be copied unchanged. They cannot if an entry that stays may refer to one that
    /// is dropped.
    verbatim: bool,
    countdown: bool,
}

fn walk(reader: &mut Reader<'_, '_>, change: &Change<'_>) -> Result<Walk, ValueError> {
    let mut found = Walk {
        kept: vec![],
        verbatim: true,
        countdown: false,
    };
    if reader.take_null()? {
        return Ok(found);
    }
    // A typed map adds its type to a table, which an untyped copy of it would not.
    let mut dropped_container = reader.begin_map()?.is_some();
    while reader.next_entry()? {
        let from = reader.position();
        let key = reader.text_or_skip()?;
        let key = key.as_ref().map(|k| k.text().to_str());
        let drops = key.as_deref().is_some_and(|k| change.drops(k));
        found.countdown |= key.as_deref() == Some(keys::COUNTDOWN);
        let container = matches!(
            reader.kind()?,
            Kind::List | Kind::Map | Kind::Object | Kind::Ref | Kind::Remote
        );
        reader.skip_value()?;
        if drops {
            dropped_container |= container;
            continue;
        }
        found.verbatim &= !(container && dropped_container);
        match found.kept.last_mut() {
            Some((_, to)) if *to == from => *to = reader.position(),
            _ => found.kept.push((from, reader.position())),
        }
    }
    Ok(found)
}

fn put_hessian(
    out: &mut Vec<u8>,
    bytes: &[u8],
    reader: &mut Reader<'_, '_>,
    arguments: usize,
    change: &Change<'_>,
) -> Result<(), ValueError> {
    let start = reader.mark();
    let at = reader.position();
    for _ in 0..arguments {
        reader.skip_value()?;
    }
    let end = reader.position();
    let found = walk(reader, change)?;
    if !found.verbatim {
        reader.seek(start);
        return put_renumbered(out, reader, arguments, change, found.countdown);
    }
    out.extend_from_slice(&bytes[at..end]);
    out.push(b'H');
    for (from, to) in &found.kept {
        out.extend_from_slice(&bytes[*from..*to]);
    }
    scratch::with_write_tables(|tables| {
        put_new(
            &mut Writer::new(out, Library::Lite, tables),
            change,
            found.countdown,
        );
    });
    out.push(b'Z');
    Ok(())
}

/// Appends the new attachments.
fn put_new(w: &mut Writer<'_>, change: &Change<'_>, countdown: bool) {
    for (key, value) in &change.set {
        w.write_str(key);
        w.write_str(value);
    }
    if let Some(ms) = change.countdown(countdown) {
        w.write_str(keys::COUNTDOWN);
        w.write_int(ms);
    }
}

/// Copies all values one by one and renumbers their references, for attachments that share objects with
/// dropped ones.
fn put_renumbered(
    out: &mut Vec<u8>,
    reader: &mut Reader<'_, '_>,
    arguments: usize,
    change: &Change<'_>,
    countdown: bool,
) -> Result<(), ValueError> {
    scratch::with_write_tables(|tables| {
        let mut w = Writer::new(out, Library::Lite, tables);
        scratch::with_copier(|copier| {
            for _ in 0..arguments {
                copier.copy(reader, &mut w)?;
            }
            w.begin_map(None)?;
            drop(reader.begin_map()?);
            while reader.next_entry()? {
                let before = reader.mark();
                let key = reader.text_or_skip()?;
                if key.as_ref().is_some_and(|k| change.drops(&k.text().to_str())) {
                    reader.skip_value()?;
                    continue;
                }
                reader.seek(before);
                copier.copy(reader, &mut w)?;
                copier.copy(reader, &mut w)?;
            }
            put_new(&mut w, change, countdown);
            w.end()
        })?;
        w.finish()
    })
}

/// Appends the attachments as a JSONB document.
fn put_document(out: &mut Vec<u8>, map: &[OwnedToken], change: &Change<'_>) -> Result<(), ValueError> {
    let mut w = jsonb::Writer::framed(Vec::new(), &Limits::default());
    w.token(Token::Map { class: None })?;
    let entries = match map {
        [OwnedToken::Map { .. } | OwnedToken::Null] => &[][..],
        [OwnedToken::Map { .. }, entries @ .., OwnedToken::End] => entries,
        [OwnedToken::Null, ..] | [] => &[][..],
        _ => return Err(ValueError::malformed("the attachments are not a map")),
    };
    let countdown = put_entries(&mut w, entries, change)?;
    for (key, value) in &change.set {
        put_text(key, &mut w)?;
        put_text(value, &mut w)?;
    }
    if let Some(ms) = change.countdown(countdown) {
        put_text(keys::COUNTDOWN, &mut w)?;
        w.token(Token::Int(ms))?;
    }
    w.token(Token::End)?;
    out.extend_from_slice(&w.finish()?);
    Ok(())
}

/// Emits the entries that stay. Returns whether any entry was a countdown.
fn put_entries(w: &mut dyn Sink, entries: &[OwnedToken], change: &Change<'_>) -> Result<bool, ValueError> {
    // The map itself is number 0, before and after.
    let (mut numbers, mut next) = (vec![Some(0)], 1);
    let (mut at, mut countdown) = (0, false);
    while at < entries.len() {
        let value = value_end(entries, at);
        let end = value_end(entries, value);
        let key = match &entries[at..value] {
            [OwnedToken::Text(text)] => Some(String::from_utf8_lossy(text)),
            _ => None,
        };
        countdown |= key.as_deref() == Some(keys::COUNTDOWN);
        let drops = key.is_some_and(|key| change.drops(&key));
        for token in &entries[at..end] {
            let token = token.as_token();
            if token.opens() {
                numbers.push((!drops).then_some(next));
                next += u32::from(!drops);
            }
            match token {
                _ if drops => {}
                Token::Ref(number) => match numbers.get(number as usize).copied().flatten() {
                    Some(number) => w.token(Token::Ref(number))?,
                    None => {
                        return Err(ValueError::unsupported(
                            "an attachment that stays holds an object of one that is changed",
                        ));
                    }
                },
                token => w.token(token)?,
            }
        }
        at = end;
    }
    Ok(countdown)
}

/// The position after the value that begins at `at`.
fn value_end(tokens: &[OwnedToken], at: usize) -> usize {
    let mut depth = 0_usize;
    for (i, token) in tokens.iter().enumerate().skip(at) {
        match token {
            OwnedToken::End => depth = depth.saturating_sub(1),
            other if other.as_token().opens() => depth += 1,
            _ => {}
        }
        if depth == 0 {
            return i + 1;
        }
    }
    tokens.len()
}
