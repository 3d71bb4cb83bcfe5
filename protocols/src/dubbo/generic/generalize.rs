//! Converts return values for generic consumers, which have no classes: objects become maps that name their
//! class.
use super::enums::is_enum_of_jdk;
use super::java_time::{Kind, Moment, Part};
use super::{CLASS, is_jdk, put_text};
use rialto_values::{Class, Sink, Text, Token, ValueError};

/// Converts a stream of values into the form that a consumer with `generic=true` expects: objects become maps
/// with an entry `class`, enum constants their names, local dates and times texts. Other values of the JDK
/// stay as they are.
///
/// An enum constant and an object with the single field `name` look the same on the wire. If the name is
/// written like a constant (`RED`, `V_2`), the object is treated as one.
pub(crate) struct Generalize<'s> {
    out: &'s mut dyn Sink,
    open: Vec<Level>,
    /// What each container of the source became, by its number there.
    numbers: Vec<Became>,
    /// The number of the next container that is emitted.
    next: u32,
    /// An object whose first value will show whether it is a constant.
    maybe_constant: Option<Class>,
    /// The open objects of `java.time`, with their numbers in the source.
    moments: Vec<(Moment, usize)>,
}

enum Level {
    /// A container that is emitted unchanged.
    Kept,
    /// An object that is emitted as a map, and the number of its fields emitted so far.
    Fields(Class, usize),
    /// A constant, of which nothing more is emitted.
    Constant,
}

enum Became {
    Container(u32),
    Text(Box<[u8]>),
    /// Undecided: the object refers to itself in its only field.
    Unknown,
}

impl<'s> Generalize<'s> {
    pub(crate) fn new(out: &'s mut dyn Sink) -> Self {
        Generalize {
            out,
            open: vec![],
            numbers: vec![],
            next: 0,
            maybe_constant: None,
            moments: vec![],
        }
    }

    /// Prepares for a value: if its object became a map, emits the name of the field.
    fn before_value(&mut self) -> Result<(), ValueError> {
        match self.open.last_mut() {
            Some(Level::Fields(class, at)) => {
                let Some(field) = class.fields().get(*at) else {
                    return Err(ValueError::malformed(format!(
                        "too many values for the class {}",
                        class.name()
                    )));
                };
                *at += 1;
                put_text(field, self.out)
            }
            Some(Level::Constant) => Err(ValueError::malformed("an enum constant of more than one value")),
            _ => Ok(()),
        }
    }

    fn keep(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        self.number();
        self.open.push(Level::Kept);
        self.out.token(token)
    }

    fn number(&mut self) {
        self.numbers.push(Became::Container(self.next));
        self.next += 1;
    }

    /// Begins the map that stands for an object of this class.
    fn begin_map(&mut self, class: &str) -> Result<(), ValueError> {
        self.out.token(Token::Map { class: None })?;
        put_text(CLASS, self.out)?;
        put_text(class, self.out)
    }

    fn object(&mut self, class: &Class) -> Result<(), ValueError> {
        if let Some(kind) = Kind::of_handle(class.name()) {
            self.begin_moment(kind, class);
            return Ok(());
        }
        let is_class = class.name() == "java.lang.Class" || is_enum_of_jdk(class.name());
        if is_jdk(class.name()) && !is_class {
            return self.keep(Token::Object(class));
        }
        if is_class || matches!(class.fields(), [name] if **name == *"name") {
            self.numbers.push(Became::Unknown);
            self.maybe_constant = Some(class.clone());
            return Ok(());
        }
        self.number();
        self.open.push(Level::Fields(class.clone(), 0));
        self.begin_map(class.name())
    }

    /// Decides, by the value of its only field, whether an object is a constant.
    fn decide(&mut self, class: Class, token: Token<'_>) -> Result<(), ValueError> {
        let undecided = self
            .numbers
            .iter()
            .rposition(|n| matches!(n, Became::Unknown))
            .unwrap_or_default();
        if let Token::Text(text) = token
            && (is_jdk(class.name()) || is_constant(text))
        {
            self.numbers[undecided] = Became::Text(text.bytes().into());
            self.open.push(Level::Constant);
            return self.out.token(token);
        }
        self.numbers[undecided] = Became::Container(self.next);
        self.next += 1;
        self.begin_map(class.name())?;
        self.open.push(Level::Fields(class, 0));
        self.token(token)
    }

    fn begin_moment(&mut self, kind: Kind, class: &Class) {
        self.moments.push((Moment::new(kind, class), self.numbers.len()));
        self.numbers.push(Became::Unknown);
    }

    /// Handles a token inside an object of `java.time`.
    fn inside_moment(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        let part = match token {
            Token::Object(class) => match Kind::of_handle(class.name()) {
                Some(kind) => {
                    self.begin_moment(kind, class);
                    return Ok(());
                }
                None => return Err(ValueError::malformed(format!("a {} in a time", class.name()))),
            },
            Token::Int(v) => Part::Int(v),
            Token::Ref(number) => match self.numbers.get(number as usize) {
                Some(Became::Text(text)) => Part::Text(String::from_utf8_lossy(text).into_owned()),
                _ => return Err(ValueError::malformed("a time refers to something else")),
            },
            Token::End => match self.moments.pop() {
                Some((moment, number)) => {
                    let text = moment.text()?;
                    self.numbers[number] = Became::Text(text.as_bytes().into());
                    if self.moments.is_empty() {
                        return put_text(&text, self.out);
                    }
                    Part::Text(text)
                }
                None => return Ok(()),
            },
            _ => return Err(ValueError::malformed("a time of something else than numbers")),
        };
        match self.moments.last_mut() {
            Some((moment, _)) => moment.push(part),
            None => Ok(()),
        }
    }

    fn reference(&mut self, number: u32) -> Result<(), ValueError> {
        match self.numbers.get(number as usize) {
            Some(Became::Container(number)) => self.out.token(Token::Ref(*number)),
            Some(Became::Text(bytes)) => match Text::from_cesu8(bytes) {
                Some(text) => self.out.token(Token::Text(text)),
                None => Err(ValueError::malformed("an enum constant that is not a text")),
            },
            _ => Err(ValueError::malformed(format!(
                "reference {number} names nothing before it"
            ))),
        }
    }
}

impl Sink for Generalize<'_> {
    fn token(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        if !self.moments.is_empty() {
            return self.inside_moment(token);
        }
        if let Some(class) = self.maybe_constant.take() {
            return self.decide(class, token);
        }
        if token == Token::End {
            return match self.open.pop() {
                Some(Level::Constant) => Ok(()),
                _ => self.out.token(token),
            };
        }
        self.before_value()?;
        match token {
            Token::Object(class) => self.object(class),
            Token::Map { class: Some(class) } if !is_jdk(class) => {
                self.number();
                self.open.push(Level::Kept);
                self.begin_map(class)
            }
            Token::List {
                class: Some(class),
                len,
            } if !is_jdk_list(class) => {
                let class = class.starts_with('[').then_some("[object");
                self.keep(Token::List { class, len })
            }
            Token::List { .. } | Token::Map { .. } => self.keep(token),
            Token::Ref(number) => self.reference(number),
            scalar => self.out.token(scalar),
        }
    }
}

/// Whether the list type belongs to the JDK. Arrays of primitives have names without a package.
fn is_jdk_list(class: &str) -> bool {
    let element = class.trim_start_matches('[');
    is_jdk(element) || !element.contains('.')
}

fn is_constant(text: Text<'_>) -> bool {
    let bytes = text.bytes();
    bytes.first().is_some_and(u8::is_ascii_uppercase)
        && bytes
            .iter()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_')
}
