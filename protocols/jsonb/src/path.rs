//! Paths, by which a document refers to a value elsewhere in it.
//!
//! `$` is the root of the document, `.name` a field or map entry (with special characters after a backslash),
//! `[n]` an element. `..` is the container that contains the reference, `#-1` the target of the previous
//! reference.
use std::borrow::Cow;

use rialto_values::{ValueError, text};

use crate::index::{Place, Places};

/// The target of an absolute path. The root is container 0.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Container(u32),
    /// A place in a container that is not itself a container.
    Place(u32, Place<'static>),
}

/// Follows an absolute path.
pub(crate) fn resolve(path: &str, places: &Places<'_>) -> Result<Found, ValueError> {
    let Some(mut rest) = path.strip_prefix('$') else {
        return Err(unresolved(path, "it does not start at the root"));
    };
    let mut node = 0;
    while !rest.is_empty() {
        let place;
        (place, rest) = first_step(rest).ok_or_else(|| unresolved(path, "it is not well-formed"))?;
        let key = (node, place);
        node = match places.get(&key) {
            Some(node) => *node,
            None if rest.is_empty() => return Ok(Found::Place(key.0, key.1)),
            None => return Err(unresolved(path, "nothing stands there")),
        };
    }
    Ok(Found::Container(node))
}

fn first_step(path: &str) -> Option<(Place<'static>, &str)> {
    if let Some(rest) = path.strip_prefix('[') {
        let (index, rest) = rest.split_once(']')?;
        return Some((Place::Index(index.parse().ok()?), rest));
    }
    let rest = path.strip_prefix('.')?;
    let (mut name, mut escaped) = (String::new(), false);
    for (at, c) in rest.char_indices() {
        match c {
            '\\' if !escaped => escaped = true,
            '.' | '[' if !escaped => return Some((name_place(&name), &rest[at..])),
            _ => {
                escaped = false;
                name.push(c);
            }
        }
    }
    Some((name_place(&name), ""))
}

fn name_place(name: &str) -> Place<'static> {
    let mut cesu8 = Vec::with_capacity(name.len());
    text::encode(name, &mut cesu8);
    Place::Name(Cow::Owned(cesu8))
}

#[cold]
pub(crate) fn unresolved(path: &str, why: &str) -> ValueError {
    let shown: String = path.chars().take(80).collect();
    ValueError::malformed(format!(
        "JSONB: the reference \"{shown}\" cannot be resolved: {why}"
    ))
}

/// The length of a name as a step of a path, in bytes; `None` if fastjson2's path parser would not find the
/// name.
///
/// Measured with 2.0.52 and 2.0.56: letters, digits, `_`, `$` and the characters of the Basic Multilingual
/// Plane from U+00A1 on need no escape, a few signs need a backslash, and other characters fail in one way or
/// another.
pub(crate) fn name_len(name: &str) -> Option<usize> {
    if name.is_empty() {
        return None;
    }
    let mut len = 1 + name.len();
    for c in name.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '$' => {}
            '\u{a1}'..='\u{1fff}' | '\u{3001}'..='\u{fffc}' => {}
            c if is_sign(c) => len += 1,
            _ => return None,
        }
    }
    Some(len)
}

/// Appends such a name as a step.
pub(crate) fn push_name(name: &str, path: &mut String) {
    path.push('.');
    for c in name.chars() {
        if is_sign(c) {
            path.push('\\');
        }
        path.push(c);
    }
}

fn is_sign(c: char) -> bool {
    matches!(c, '.' | '-' | '/' | ':' | '@' | '#')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn steps_lead_through_names_and_elements() {
        let places: Places<'_> = HashMap::from([
            ((0, name_place("a.b[0]")), 1),
            ((1, Place::Index(12)), 2),
            ((2, name_place("中")), 3),
            ((0, name_place("")), 4),
        ]);
        assert_eq!(resolve("$", &places).unwrap(), Found::Container(0));
        assert_eq!(
            resolve(r"$.a\.b\[0\][12].中", &places).unwrap(),
            Found::Container(3)
        );
        assert_eq!(resolve("$.", &places).unwrap(), Found::Container(4));
        assert_eq!(resolve("$.b", &places).unwrap(), Found::Place(0, name_place("b")));
        for bad in ["", "a", "$a", "$[", "$[x]", "$[-1]", "$.b.c", "$[12", "#-2"] {
            assert!(resolve(bad, &places).is_err(), "{bad}");
        }
    }

    #[test]
    fn written_names_read_back() {
        for name in ["a", "a.b", "x-y/z:@#$_1", "中é"] {
            let mut path = "$".to_owned();
            push_name(name, &mut path);
            assert_eq!(name_len(name), Some(path.len() - 1));
            assert_eq!(
                resolve(&path, &HashMap::from([((0, name_place(name)), 7)])).unwrap(),
                Found::Container(7)
            );
        }
        for name in ["", "a b", "a\\b", "😀", "a\tb", "a'"] {
            assert_eq!(name_len(name), None, "{name}");
        }
    }
}
