//! A route's rules for values that change their serialization: how deep they may be nested, and which date
//! fields have a class of `java.sql`.
use rialto_values::{Class, Limits, Sink, Token, ValueError};
use std::collections::HashMap;

/// The rules for the values of one target of a route.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueRules {
    /// The largest number of nested containers.
    pub depth: u32,
    /// The date fields with another class than `java.util.Date`.
    pub dates: DateFields,
    /// The time zone of dates in text form, in seconds east of UTC; `None` if such dates are not read.
    pub utc_offset: Option<i32>,
}

/// Date fields by the class that has them, with the class of the date.
///
/// Dubbo's Hessian writes a field declared as `java.sql.Timestamp` as a plain date, which does not contain the
/// class. SOFA's Hessian reads such a field only from an object of that class, and a field of `java.util.Date`
/// only from a plain date. So the configuration has to name these fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DateFields(HashMap<Box<str>, Vec<(Box<str>, Class)>>);

impl Default for ValueRules {
    fn default() -> Self {
        ValueRules {
            depth: Limits::default().depth,
            dates: DateFields::default(),
            utc_offset: None,
        }
    }
}

impl DateFields {
    /// Declares that dates in this field are objects of class `of`.
    pub fn insert(&mut self, class: &str, field: &str, of: &str) {
        let fields = self.0.entry(class.into()).or_default();
        fields.push((field.into(), Class::new(of, ["value"])));
    }

    /// Whether no field is declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Passes tokens on, with the dates in declared fields as objects of their class.
pub(crate) struct Dated<'s> {
    sink: &'s mut dyn Sink,
    fields: &'s DateFields,
    open: Vec<Level<'s>>,
    /// Containers received, and for each added object the number of containers received before it. References
    /// are renumbered by them.
    came: u32,
    added: Vec<u32>,
}

/// An open container.
enum Level<'s> {
    Other,
    /// An object: the declared fields of its class, the class, and the index of the next field.
    Object(&'s [(Box<str>, Class)], Class, usize),
    /// A map that stands for an object: the declared fields of its class, and the field whose value is next.
    Map(&'s [(Box<str>, Class)], Option<Box<str>>),
}

impl<'s> Dated<'s> {
    pub(crate) fn new(sink: &'s mut dyn Sink, fields: &'s DateFields) -> Self {
        Dated {
            sink,
            fields,
            open: vec![],
            came: 0,
            added: vec![],
        }
    }

    /// The declared class of the next value, if it is a date field. Moves on to the next field.
    fn next_class(&mut self, token: Token<'_>) -> Option<&'s Class> {
        let find = |rules: &'s [(Box<str>, Class)], name: &str| {
            rules
                .iter()
                .find(|(field, _)| **field == *name)
                .map(|(_, class)| class)
        };
        match self.open.last_mut()? {
            Level::Other => None,
            Level::Object(rules, class, at) => {
                let name = class.fields().get(*at);
                *at += 1;
                find(rules, name?)
            }
            Level::Map(rules, key) => match key.take() {
                Some(name) => find(rules, &name),
                None => {
                    *key = Some(match token {
                        Token::Text(text) => text.to_str().into(),
                        _ => "".into(),
                    });
                    None
                }
            },
        }
    }

    fn rules(&self, class: &str) -> Option<&'s [(Box<str>, Class)]> {
        self.fields.0.get(class).map(Vec::as_slice)
    }

    fn level(&self, token: Token<'_>) -> Level<'s> {
        match token {
            Token::Object(class) => self
                .rules(class.name())
                .map(|rules| Level::Object(rules, class.clone(), 0)),
            Token::Map { class: Some(class) } => self.rules(class).map(|rules| Level::Map(rules, None)),
            _ => None,
        }
        .unwrap_or(Level::Other)
    }
}

impl Sink for Dated<'_> {
    fn token(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        if token == Token::End {
            self.open.pop();
            return self.sink.token(token);
        }
        let class = self.next_class(token);
        match (token, class) {
            (Token::Date(_), Some(class)) => {
                self.added.push(self.came);
                self.sink.token(Token::Object(class))?;
                self.sink.token(token)?;
                return self.sink.token(Token::End);
            }
            (Token::Ref(number), _) => {
                let before = self.added.partition_point(|came| *came <= number);
                return self.sink.token(Token::Ref(number + before as u32));
            }
            (token, _) if token.opens() => {
                self.came += 1;
                let level = self.level(token);
                self.open.push(level);
            }
            _ => {}
        }
        self.sink.token(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_values::{OwnedToken, Recorder, Text};

    fn dated(tokens: &[Token<'_>]) -> Vec<OwnedToken> {
        let mut fields = DateFields::default();
        fields.insert("a.Order", "at", "java.sql.Timestamp");
        fields.insert("a.Order", "day", "java.sql.Date");
        let mut to = Recorder::default();
        let mut sink = Dated::new(&mut to, &fields);
        tokens.iter().for_each(|t| sink.token(*t).unwrap());
        to.tokens
    }

    fn owned(tokens: &[Token<'_>]) -> Vec<OwnedToken> {
        tokens.iter().map(|t| OwnedToken::from(*t)).collect()
    }

    #[test]
    fn dates_in_declared_fields_get_their_class_and_references_are_renumbered() {
        let order = Class::new("a.Order", ["at", "id", "day", "other"]);
        let stamp = Class::new("java.sql.Timestamp", ["value"]);
        let day = Class::new("java.sql.Date", ["value"]);
        let list = Token::List {
            class: None,
            len: None,
        };
        let came = dated(&[
            list,
            Token::Object(&order),
            Token::Date(1),
            Token::Date(2),
            Token::Date(3),
            list,
            Token::Date(4),
            Token::End,
            Token::End,
            Token::Ref(1),
            Token::Ref(2),
            Token::Ref(0),
            Token::Object(&order),
            Token::Null,
            Token::Int(1),
            Token::Ref(2),
            Token::Date(5),
            Token::End,
            Token::End,
        ]);
        let want = owned(&[
            list,
            Token::Object(&order),
            Token::Object(&stamp),
            Token::Date(1),
            Token::End,
            Token::Date(2),
            Token::Object(&day),
            Token::Date(3),
            Token::End,
            list,
            Token::Date(4),
            Token::End,
            Token::End,
            Token::Ref(1),
            Token::Ref(4),
            Token::Ref(0),
            Token::Object(&order),
            Token::Null,
            Token::Int(1),
            Token::Ref(4),
            Token::Date(5),
            Token::End,
            Token::End,
        ]);
        assert_eq!(came, want);
    }

    #[test]
    fn a_map_with_a_class_name_is_treated_as_an_object() {
        let stamp = Class::new("java.sql.Timestamp", ["value"]);
        let map = Token::Map {
            class: Some("a.Order"),
        };
        let (at, id) = (
            Token::Text(Text::of_ascii(b"at")),
            Token::Text(Text::of_ascii(b"id")),
        );
        let came = dated(&[map, id, at, at, Token::Date(1), id, Token::Date(2), Token::End]);
        let object = [Token::Object(&stamp), Token::Date(1), Token::End];
        let want = [&[map, id, at, at][..], &object, &[id, Token::Date(2), Token::End]].concat();
        assert_eq!(came, owned(&want));
        let other = [Token::Map { class: None }, at, Token::Date(1), Token::End];
        assert_eq!(dated(&other), owned(&other));
    }
}
