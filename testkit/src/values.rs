//! Arguments and results as JSON, which is easy to read in a table and to write in a test. The key `class` names the
//! class of an object: `{"class": "com.acme.demo.Order", "item": "tea", "count": 2}`.
use rialto_core::call::{ValueSource, Values};
use rialto_core::values::{Class, Sink, Text, Token, ValueError, text};
use serde_json::{Map, Number, Value as Json};

/// The key that names the class of an object.
const CLASS: &str = "class";

/// Reads values from JSON text.
struct Source;

/// The values of a JSON array. It is given as text, because the values borrow from it.
pub(crate) fn values(array: &str, count: usize) -> Values<'_> {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    Values {
        source: &Source,
        stream: array.as_bytes(),
        at: 0,
        count,
        tag: 0,
        rules: None,
    }
}

/// Converts values to JSON.
///
/// # Errors
/// The values cannot be read.
pub(crate) fn to_json(values: &Values<'_>) -> Result<Vec<Json>, ValueError> {
    let mut collect = Collect::default();
    values.emit(&mut collect)?;
    Ok(collect.done)
}

impl ValueSource for Source {
    fn emit(&self, values: &Values<'_>, sink: &mut dyn Sink) -> Result<(), ValueError> {
        let all: Vec<Json> = serde_json::from_slice(values.stream)
            .map_err(|e| ValueError::malformed(format!("not a JSON array: {e}")))?;
        all.iter().try_for_each(|v| put(v, sink))
    }
}

fn put(value: &Json, sink: &mut dyn Sink) -> Result<(), ValueError> {
    match value {
        Json::Null => sink.token(Token::Null),
        Json::Bool(v) => sink.token(Token::Bool(*v)),
        Json::Number(n) => sink.token(number(n)?),
        Json::String(s) => put_text(s, sink),
        Json::Array(all) => {
            sink.token(Token::List {
                class: None,
                len: u32::try_from(all.len()).ok(),
            })?;
            all.iter().try_for_each(|v| put(v, sink))?;
            sink.token(Token::End)
        }
        Json::Object(map) => put_object(map, sink),
    }
}

fn number(n: &Number) -> Result<Token<'static>, ValueError> {
    if let Some(v) = n.as_i64() {
        return Ok(i32::try_from(v).map_or(Token::Long(v), Token::Int));
    }
    match n.as_f64() {
        Some(v) if !n.is_u64() => Ok(Token::Double(v)),
        _ => Err(ValueError::unsupported(format!("{n} is no Java long"))),
    }
}

fn put_text(s: &str, sink: &mut dyn Sink) -> Result<(), ValueError> {
    let mut bytes = Vec::with_capacity(s.len());
    let units = text::encode(s, &mut bytes);
    sink.token(Token::Text(Text::from_checked(&bytes, units)))
}

fn put_object(map: &Map<String, Json>, sink: &mut dyn Sink) -> Result<(), ValueError> {
    if let Some(Json::String(name)) = map.get(CLASS) {
        let fields = || map.iter().filter(|(k, _)| *k != CLASS);
        sink.token(Token::Object(&Class::new(
            name.as_str(),
            fields().map(|(k, _)| k.as_str()),
        )))?;
        fields().try_for_each(|(_, v)| put(v, sink))?;
    } else {
        sink.token(Token::Map { class: None })?;
        for (key, v) in map {
            put_text(key, sink)?;
            put(v, sink)?;
        }
    }
    sink.token(Token::End)
}

/// Builds JSON from tokens. A reference to a complete container becomes a copy of it; one to an open container
/// becomes its number, because JSON has no cycles.
#[derive(Default)]
struct Collect {
    done: Vec<Json>,
    open: Vec<Open>,
    /// The containers by their numbers; `None` while they are open.
    whole: Vec<Option<Json>>,
}

struct Open {
    number: usize,
    kind: Kind,
}

enum Kind {
    List(Vec<Json>),
    Map(Option<String>, Option<Json>, Map<String, Json>),
    Object(Class, Vec<Json>),
}

impl Sink for Collect {
    fn token(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        let value = match token {
            Token::Null => Json::Null,
            Token::Bool(v) => v.into(),
            Token::Int(v) => v.into(),
            Token::Long(v) | Token::Date(v) => v.into(),
            Token::Double(v) => v.into(),
            Token::Text(v) => v.to_str().into(),
            Token::Binary(v) => v.to_vec().into(),
            Token::List { .. } => return self.open(Kind::List(vec![])),
            Token::Map { class } => return self.open(Kind::Map(class.map(Into::into), None, Map::new())),
            Token::Object(class) => return self.open(Kind::Object(class.clone(), vec![])),
            Token::Ref(n) => match self.whole.get(n as usize) {
                Some(Some(value)) => value.clone(),
                _ => serde_json::json!({ "ref": n }),
            },
            Token::End => {
                let Some(Open { number, kind }) = self.open.pop() else {
                    return Err(ValueError::malformed("an end without a beginning"));
                };
                let value = kind.close();
                self.whole[number] = Some(value.clone());
                value
            }
        };
        self.add(value);
        Ok(())
    }
}

impl Collect {
    fn open(&mut self, kind: Kind) -> Result<(), ValueError> {
        self.open.push(Open {
            number: self.whole.len(),
            kind,
        });
        self.whole.push(None);
        Ok(())
    }

    fn add(&mut self, value: Json) {
        match self.open.last_mut().map(|o| &mut o.kind) {
            None => self.done.push(value),
            Some(Kind::List(all) | Kind::Object(_, all)) => all.push(value),
            Some(Kind::Map(_, key, map)) => match key.take() {
                None => *key = Some(value),
                Some(Json::String(key)) => _ = map.insert(key, value),
                Some(key) => _ = map.insert(key.to_string(), value),
            },
        }
    }
}

impl Kind {
    fn close(self) -> Json {
        match self {
            Kind::List(all) => all.into(),
            Kind::Map(class, _, mut map) => {
                if let Some(class) = class {
                    map.insert(CLASS.into(), class.into());
                }
                map.into()
            }
            Kind::Object(class, values) => {
                let fields = class.fields().iter().map(ToString::to_string).zip(values);
                let name = (CLASS.to_owned(), class.name().into());
                fields.chain([name]).collect::<Map<_, _>>().into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_goes_in_and_comes_out() {
        let all = json!([
            null, true, 7, 5_000_000_000_i64, 1.5, "中😀", [1, [2]], {"a": {"b": null}},
            {"class": "com.acme.Order", "item": "tea", "lines": [{"class": "com.acme.Line", "n": 1}]},
        ]);
        let text = all.to_string();
        assert_eq!(Json::from(to_json(&values(&text, 9)).unwrap()), all);
    }

    #[test]
    fn containers_that_are_met_again_are_copied_and_cycles_end() {
        let mut c = Collect::default();
        for token in [
            Token::List {
                class: None,
                len: None,
            },
            Token::List {
                class: None,
                len: None,
            },
            Token::Int(1),
            Token::End,
            Token::Ref(1),
            Token::Ref(0),
            Token::End,
        ] {
            c.token(token).unwrap();
        }
        assert_eq!(c.done, [json!([[1], [1], { "ref": 0 }])]);
    }

    #[test]
    fn what_java_has_no_number_for_is_refused() {
        assert!(to_json(&values("[18446744073709551615]", 1)).is_err());
        assert!(to_json(&values("{}", 1)).is_err());
    }
}
