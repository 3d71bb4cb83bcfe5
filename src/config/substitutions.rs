//! The values that replaced `${NAME}` in a configuration. They may be secrets, so dumps and messages show `${NAME}`
//! instead.
use super::source::Span;
use super::tree::Node;
use rialto_config::Path;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};

/// A value of at least this length is hidden everywhere. A shorter one may also occur as a normal word, so it is
/// hidden only in its own place.
const TELLING: usize = 8;
/// In messages about its own place, a value shorter than this is hidden only where it is a whole word.
const WORD: usize = 4;

/// A scalar of the configuration with replaced variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replaced {
    pub(super) span: Span,
    /// The text in the file.
    pub(super) written: String,
    /// The text after the replacement.
    pub(super) text: String,
    /// The names and values of the variables.
    pub(super) variables: Vec<(String, String)>,
}

/// All scalars of a configuration that contain values from the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Substitutions {
    all: Vec<Replaced>,
    /// The index of the scalar at each path. An alias puts a scalar at several paths.
    places: BTreeMap<String, usize>,
}

impl Substitutions {
    pub(super) fn new(all: Vec<Replaced>, root: Option<&Node>) -> Self {
        let mut places = BTreeMap::new();
        if let (false, Some(root)) = (all.is_empty(), root) {
            let by_span: HashMap<_, _> = all.iter().enumerate().map(|(i, r)| (r.span.clone(), i)).collect();
            root.walk(&mut |now, _, mark| {
                if let Some(i) = by_span.get(&mark) {
                    places.insert(now.to_string(), *i);
                }
            });
        }
        Substitutions { all, places }
    }

    /// Whether nothing came from the environment.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Hides the values in a message about the text at `span`.
    pub(super) fn hide(&self, text: &str, span: Option<&Span>) -> String {
        let mut text = self.hide_telling(text);
        let meant = |r: &&Replaced| span.is_some_and(|span| *span == r.span);
        for replaced in self.all.iter().filter(meant) {
            text = replaced.hide(&text);
        }
        text
    }

    fn hide_telling(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in self.all.iter().flat_map(|r| &r.variables) {
            if value.len() >= TELLING && text.contains(value) {
                text = text.replace(value, &format!("${{{name}}}"));
            }
        }
        text
    }

    /// Hides the values in the dump of a configuration.
    pub(super) fn hide_in(&self, dump: &mut Json) {
        if !self.all.is_empty() {
            self.hide_at(dump, &Path::root(), None);
        }
    }

    fn hide_at(&self, value: &mut Json, path: &Path, inside: Option<&Replaced>) {
        let here = self.places.get(path.as_str()).map(|i| &self.all[*i]);
        match value {
            Json::Object(entries) => {
                for (key, value) in entries {
                    self.hide_at(value, &path.key(key), here.or(inside));
                }
            }
            Json::Array(items) => {
                for (i, item) in items.iter_mut().enumerate() {
                    self.hide_at(item, &path.index(i), here.or(inside));
                }
            }
            Json::Null => {}
            scalar => {
                let text = scalar.as_str().map_or_else(|| scalar.to_string(), str::to_owned);
                // the file may write as an object what the dump writes as one text
                let meant = here.or_else(|| self.within(path));
                let contains =
                    |r: &&Replaced| r.variables.iter().any(|(_, v)| !v.is_empty() && text.contains(v));
                if let Some(replaced) = meant.or_else(|| inside.filter(contains)) {
                    *scalar = replaced.written.clone().into();
                } else if let Json::String(text) = scalar {
                    *text = self.hide_telling(text);
                }
            }
        }
    }

    fn within(&self, path: &Path) -> Option<&Replaced> {
        let from = path.as_str();
        let mut under = self
            .places
            .range(from.to_owned()..)
            .take_while(|(p, _)| p.starts_with(from));
        let inside = under.find(|(p, _)| p[from.len()..].starts_with(['.', '[']));
        inside.map(|(_, i)| &self.all[*i])
    }
}

impl Replaced {
    /// Hides the values in a message about this scalar, also where it quotes only a part of a value.
    fn hide(&self, text: &str) -> String {
        let mut text = match self.text.len() {
            ..WORD => text.to_owned(),
            _ => text.replace(&self.text, &self.written),
        };
        for (name, value) in self.variables.iter().filter(|(_, value)| !value.is_empty()) {
            let name = format!("${{{name}}}");
            if value.len() >= WORD {
                text = text.replace(value, &name);
            }
            let quoted = text.split('"').enumerate().map(|(i, part)| {
                let is_part =
                    i % 2 == 1 && !part.is_empty() && value.to_lowercase().contains(&part.to_lowercase());
                if is_part { &name } else { part }
            });
            text = quoted.collect::<Vec<_>>().join("\"");
            let words = text
                .split(' ')
                .map(|word| if word == value { &name } else { word });
            text = words.collect::<Vec<_>>().join(" ");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn substitutions(written: &str, text: &str, value: &str) -> Substitutions {
        let replaced = Replaced {
            span: 3..9,
            written: written.into(),
            text: text.into(),
            variables: vec![("NAME".into(), value.into())],
        };
        Substitutions {
            all: vec![replaced],
            places: BTreeMap::from([("a.b".to_owned(), 0), ("c[0]".to_owned(), 0)]),
        }
    }

    #[test]
    fn messages_do_not_show_it() {
        let all = substitutions("${NAME}:80", "hunter2:80", "hunter2");
        for (message, shown) in [
            ("\"hunter2:80\" is no duration", "\"${NAME}:80\" is no duration"),
            (
                "expected a number, found hunter2:80",
                "expected a number, found ${NAME}:80",
            ),
            ("\"Hunter\" is unknown", "\"${NAME}\" is unknown"),
            ("write \"here\" or \"hunter2\"", "write \"here\" or \"${NAME}\""),
        ] {
            assert_eq!(all.hide(message, Some(&(3..9))), shown);
        }
        let short = substitutions("${NAME}", "7", "7");
        assert_eq!(
            short.hide("from 1 to 17, found 7", Some(&(3..9))),
            "from 1 to 17, found ${NAME}"
        );
        assert_eq!(
            short.hide("found 7", Some(&(10..11))),
            "found 7",
            "of something else"
        );
        let long = substitutions("${NAME}", "correct-horse", "correct-horse");
        assert_eq!(long.hide("no cluster correct-horse", None), "no cluster ${NAME}");
    }

    #[test]
    fn a_dump_shows_what_the_file_says() {
        let all = substitutions("${NAME}", "1500ms", "1500ms");
        let mut dump = serde_json::json!({"a": {"b": "1.5s", "x": "1500ms"}, "c": [{"d": "1500ms", "e": 7}]});
        all.hide_in(&mut dump);
        let shown =
            serde_json::json!({"a": {"b": "${NAME}", "x": "1500ms"}, "c": [{"d": "${NAME}", "e": 7}]});
        assert_eq!(dump, shown);
    }
}
