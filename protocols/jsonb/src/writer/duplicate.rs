//! Refuses references through names that occur twice in a map or object.
//!
//! A path finds the last value of a name. No Java map has a key twice, but a token stream can, and the
//! reference may mean an earlier one. Keys are not recorded while a document is written; a document with such
//! paths is checked once, at its end.
use std::collections::HashSet;

use rialto_values::ValueError;

use crate::input::Input;
use crate::skip::{Watch, walk_value};
use crate::string::{Encoding, Str};
use crate::symbol::Symbols;

/// Refuses a document in which a name occurs again after the value that a path finds by it. `named` gives the
/// positions of those containers, in order.
pub(super) fn check_paths(document: &[u8], named: &[usize]) -> Result<(), ValueError> {
    let mut names = Names {
        document,
        named,
        open: Vec::new(),
    };
    // Depth was limited when the tokens came; repeated inside other values they may be deeper.
    walk_value(
        &mut Input::new(document),
        &mut Symbols::default(),
        u32::MAX,
        &mut names,
    )?;
    debug_assert!(names.named.is_empty(), "every container was met");
    Ok(())
}

struct Names<'d> {
    document: &'d [u8],
    /// The positions still to come.
    named: &'d [usize],
    open: Vec<Open<'d>>,
}

/// An open container.
#[derive(Default)]
struct Open<'d> {
    /// The last text key.
    key: Option<Name<'d>>,
    /// The keys that paths use.
    used: HashSet<Name<'d>>,
}

/// A text is always written in the same encoding, so its bytes identify it.
type Name<'d> = (Encoding, &'d [u8]);

impl Watch for Names<'_> {
    fn begin(&mut self, start: usize) {
        if let Some(rest) = self.named.strip_prefix(&[start]) {
            self.named = rest;
            if let Some(Open { key: Some(key), used }) = self.open.last_mut() {
                used.insert(*key);
            }
        }
        self.open.push(Open::default());
    }

    fn key(&mut self, key: Str) -> Result<(), ValueError> {
        let name = (key.encoding, key.bytes(self.document));
        let Some(open) = self.open.last_mut() else {
            return Ok(());
        };
        if !open.used.is_empty() && open.used.contains(&name) {
            return Err(repeated_key(&key.to_str(self.document)?));
        }
        open.key = Some(name);
        Ok(())
    }

    fn end(&mut self) {
        self.open.pop();
    }
}

#[cold]
fn repeated_key(name: &str) -> ValueError {
    let shown: String = name.chars().take(80).collect();
    ValueError::unsupported(format!(
        "JSONB has no form for a reference to the earlier of two values under \"{shown}\" in one map or object: its \
         path would lead to the later one; send each key once"
    ))
}

#[cfg(test)]
mod tests {
    use crate::{Numbering, Reader, Writer};
    use rialto_values::{Class, ErrorKind, Limits, OwnedToken, Recorder, Sink, Text, Token, ValueError};

    const MAP: Token<'_> = Token::Map { class: None };
    const END: Token<'_> = Token::End;
    const LIST: Token<'_> = Token::List {
        class: None,
        len: None,
    };

    fn text(s: &str) -> Token<'_> {
        Token::Text(Text::from_bmp(s).expect("BMP"))
    }

    fn write(tokens: &[Token<'_>]) -> Result<Vec<u8>, ValueError> {
        let mut writer = Writer::framed(Vec::new(), &Limits::default());
        tokens.iter().try_for_each(|token| writer.token(*token))?;
        writer.finish()
    }

    fn assert_refused(tokens: &[Token<'_>], name: &str) {
        let error = write(tokens).expect_err("a path that means something else");
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert!(error.text.contains(&format!("\"{name}\"")), "{error}");
    }

    /// The numbers of the references in the first document, as a reader sees them.
    fn references(tokens: &[Token<'_>]) -> Vec<u32> {
        let body = write(tokens).expect("a document");
        let document = crate::split_document(&mut &body[..]).expect("a document");
        let mut recorder = Recorder::default();
        let limits = Limits::default();
        Reader::new(document, &limits)
            .and_then(|mut reader| reader.copy_value(&mut recorder, &mut Numbering::new(&limits)))
            .expect("a value");
        let numbers = recorder.tokens.iter().filter_map(|token| match token {
            OwnedToken::Ref(number) => Some(*number),
            _ => None,
        });
        numbers.collect()
    }

    #[test]
    fn a_reference_to_the_first_value_of_a_key_is_refused() {
        let (a, b, wide) = (text("a"), text("b"), text("键"));
        // the key occurs again before the reference, after it, and around it
        assert_refused(&[MAP, a, LIST, END, a, LIST, END, b, Token::Ref(1), END], "a");
        assert_refused(&[MAP, a, LIST, END, b, Token::Ref(1), a, LIST, END, END], "a");
        assert_refused(&[MAP, a, LIST, END, a, LIST, Token::Ref(1), END, END], "a");
        // with a scalar, and with another reference
        assert_refused(&[MAP, a, LIST, Token::Ref(1), END, a, Token::Null, END], "a");
        assert_refused(&[MAP, a, LIST, END, b, Token::Ref(1), a, Token::Ref(0), END], "a");
        // further up on the path, and written in another encoding
        let deeper = [LIST, MAP, wide, MAP, a, LIST, END, END, wide, Token::Null, END];
        assert_refused(&[&deeper[..], &[Token::Ref(3), END]].concat(), "键");
        // in a document after another one
        let second = [MAP, a, LIST, END, a, LIST, END, b, Token::Ref(2), END];
        assert_refused(&[&[MAP, END], &second[..]].concat(), "a");
    }

    #[test]
    fn a_reference_to_the_first_value_of_a_field_is_refused() {
        let class = Class::new("com.acme.Twice", ["id", "next", "id"]);
        let bean = Token::Object(&class);
        assert_refused(&[bean, LIST, END, Token::Ref(1), Token::Null, END], "id");
        let other = [bean, Token::Int(1), LIST, END, Token::Ref(1), END];
        assert_eq!(references(&other), [1]);
    }

    #[test]
    fn repeated_keys_do_not_affect_other_references() {
        let (a, b, c) = (text("a"), text("b"), text("c"));
        let last = [MAP, a, LIST, END, a, LIST, END, b, Token::Ref(2), END];
        assert_eq!(references(&last), [2]);
        let around = [
            MAP,
            a,
            LIST,
            END,
            b,
            LIST,
            END,
            a,
            Token::Ref(2),
            c,
            Token::Ref(0),
            END,
        ];
        assert_eq!(references(&around), [2, 0]);
        let in_several_maps = [MAP, a, MAP, a, LIST, END, END, b, MAP, a, Token::Ref(2), END, END];
        assert_eq!(references(&in_several_maps), [2]);
        assert!(references(&[MAP, a, LIST, END, a, LIST, END, END]).is_empty());
        // the names of one document mean nothing in the next
        let first = [MAP, a, LIST, END, b, Token::Ref(1), END];
        let second = [MAP, a, Token::Null, a, Token::Null, END];
        assert_eq!(references(&[&first[..], &second].concat()), [1]);
    }
}
