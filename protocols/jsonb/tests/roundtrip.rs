//! Tests that write values of any shape and read them back.
#[path = "support/document.rs"]
mod common;

use common::{read, rewrite};
use proptest::prelude::*;
use rialto_values::{Class, OwnedToken, Recorder, text};

#[derive(Clone, Debug)]
enum Tree {
    Scalar(OwnedToken),
    List(Option<&'static str>, Vec<Tree>),
    Map(Option<&'static str>, Vec<(Tree, Tree)>),
    Object(u8, Vec<Tree>),
    /// The n-th container before this place, closed or not, modulo their number.
    Again(u32),
}

fn text_token(units: &[u16]) -> OwnedToken {
    let mut cesu8 = vec![];
    units.iter().for_each(|u| text::push_unit(*u, &mut cesu8));
    OwnedToken::Text(cesu8)
}

fn scalar() -> impl Strategy<Value = OwnedToken> {
    prop_oneof![
        Just(OwnedToken::Null),
        any::<bool>().prop_map(OwnedToken::Bool),
        any::<i32>().prop_map(OwnedToken::Int),
        (-70_000..70_000).prop_map(OwnedToken::Int),
        any::<i64>().prop_map(OwnedToken::Long),
        (-300_000_i64..300_000).prop_map(OwnedToken::Long),
        // NaN does not equal itself; its bits are covered by the vectors.
        any::<f64>()
            .prop_filter("NaN", |v| !v.is_nan())
            .prop_map(OwnedToken::Double),
        (-5.0..5.0).prop_map(|v: f64| OwnedToken::Double(v.round())),
        any::<i64>().prop_map(OwnedToken::Date),
        any::<i32>().prop_map(|v| OwnedToken::Date(i64::from(v) * 1000)),
        proptest::collection::vec(any::<u8>(), 0..70).prop_map(OwnedToken::Binary),
        proptest::collection::vec(any::<u16>(), 0..8).prop_map(|u| text_token(&u)),
        ".{0,60}".prop_map(|s| text_token(&s.encode_utf16().collect::<Vec<_>>())),
        "[a-zé.]{0,5}".prop_map(|s| text_token(&s.encode_utf16().collect::<Vec<_>>())),
    ]
}

const LISTS: [Option<&str>; 5] = [
    None,
    Some("java.util.LinkedList"),
    Some("[string"),
    Some("java.util.HashSet"),
    Some("[int"),
];
const MAPS: [Option<&str>; 4] = [
    None,
    Some("java.util.LinkedHashMap"),
    Some("java.util.TreeMap"),
    Some("com.acme.MyMap"),
];

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![4 => scalar().prop_map(Tree::Scalar), 1 => any::<u32>().prop_map(Tree::Again)];
    leaf.prop_recursive(5, 60, 6, |inner| {
        let children = proptest::collection::vec(inner.clone(), 0..6);
        let entries = proptest::collection::vec((scalar().prop_map(Tree::Scalar), inner), 0..5);
        prop_oneof![
            (proptest::sample::select(&LISTS[..]), children.clone()).prop_map(|(c, v)| Tree::List(c, v)),
            (proptest::sample::select(&MAPS[..]), entries).prop_map(|(c, v)| Tree::Map(c, v)),
            (0..3_u8, children).prop_map(|(c, v)| Tree::Object(c, v)),
        ]
    })
}

/// The tokens of a tree with shared parts written out, as if the writer repeated them.
#[derive(Default)]
struct Flat {
    recorder: Recorder,
    /// Closed containers. References to open ones would make cycles, which are not allowed everywhere.
    closed: Vec<u32>,
    containers: u32,
}

impl Flat {
    fn push(&mut self, tree: &Tree) {
        let begin = match tree {
            Tree::Scalar(token) => return self.recorder.tokens.push(token.clone()),
            Tree::Again(n) if self.closed.is_empty() => {
                return self.recorder.tokens.push(OwnedToken::Int(*n as i32));
            }
            Tree::Again(n) => {
                let number = self.closed[*n as usize % self.closed.len()];
                return self.recorder.tokens.push(OwnedToken::Ref(number));
            }
            Tree::List(class, v) => OwnedToken::List {
                class: class.map(Into::into),
                len: Some(v.len() as u32),
            },
            Tree::Map(class, _) => OwnedToken::Map {
                class: class.map(Into::into),
            },
            Tree::Object(n, v) => {
                let fields = (0..v.len()).map(|i| format!("f{i}"));
                OwnedToken::Object(Class::new(format!("com.acme.C{n}"), fields))
            }
        };
        let number = self.containers;
        self.containers += 1;
        self.recorder.tokens.push(begin);
        match tree {
            Tree::List(_, v) | Tree::Object(_, v) => v.iter().for_each(|t| self.push(t)),
            Tree::Map(_, v) => v.iter().for_each(|(k, v)| {
                self.push(k);
                self.push(v);
            }),
            _ => {}
        }
        self.recorder.tokens.push(OwnedToken::End);
        self.closed.push(number);
    }
}

/// Replaces references by their targets; empty if that takes too much.
fn expand(recorder: &Recorder) -> Vec<OwnedToken> {
    let (mut out, mut begun, mut open) = (vec![], vec![], vec![]);
    for token in &recorder.tokens {
        match token {
            OwnedToken::Ref(n) => {
                let (from, to): (usize, usize) = begun[*n as usize];
                assert!(to > 0, "a cycle");
                if out.len() + to - from > 100_000 {
                    return vec![];
                }
                out.extend_from_within(from..to);
                continue;
            }
            OwnedToken::End => {
                let n: usize = open.pop().expect("balanced");
                begun[n].1 = out.len() + 1;
            }
            token if token.as_token().opens() => {
                open.push(begun.len());
                begun.push((out.len(), 0));
            }
            _ => {}
        }
        out.push(token.clone());
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_value_is_read_back(tree in tree()) {
        let mut flat = Flat::default();
        flat.push(&tree);
        let expected = expand(&flat.recorder);
        prop_assume!(!expected.is_empty());
        let document = rewrite(&flat.recorder).unwrap();
        prop_assert_eq!(expand(&read(&document).unwrap()), expected);
    }

    #[test]
    fn any_bytes_do_no_harm(document in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = read(&document) {
            let _ = rewrite(&value);
        }
    }

    #[test]
    fn any_truncation_is_noticed(tree in tree(), cut in any::<proptest::sample::Index>()) {
        let mut flat = Flat::default();
        flat.push(&tree);
        let document = rewrite(&flat.recorder).unwrap();
        prop_assert!(read(&document[..cut.index(document.len())]).is_err());
    }
}
