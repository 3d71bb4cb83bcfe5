//! Generic calls. A generic consumer has no classes, so it names the method and its types as strings, and
//! sends objects as maps with an entry `class` (wire section 2.9). For other protocols they become the call
//! that they stand for.
use super::body::Body;
use super::encode::put_text;
use super::types;
use rialto_core::value_rules::ValueRules;
use rialto_values::{Class, OwnedToken, Recorder, Sink, Token, ValueError};
use smallvec::SmallVec;
use std::borrow::Cow;

mod convert;
mod enums;
mod generalize;
mod java_time;
pub(crate) use generalize::Generalize;

/// The key under which a map names the class of the object it stands for.
const CLASS: &str = "class";

/// The method that a generic call invokes.
pub(crate) struct Invoke<'a> {
    pub(crate) method: &'a [u8],
    pub(crate) types: SmallVec<[Cow<'static, str>; 4]>,
    /// The number of arguments for the method.
    pub(crate) count: u32,
}

impl<'a> Invoke<'a> {
    /// The arguments of a generic call: method name, names of types, and the list of arguments. Providers
    /// accept no other number.
    pub(crate) const ARGUMENTS: usize = 3;

    /// Reads method name, type names and arguments from a body.
    ///
    /// # Errors
    /// The values do not have the form of `$invoke(String, String[], Object[])`, or types are missing:
    /// without them no other protocol can find the method.
    pub(crate) fn read(body: &mut Body<'a, '_>) -> Result<Self, ValueError> {
        let method = body.name("method name of the generic call")?.unwrap_or_default();
        if method.is_empty() {
            return Err(ValueError::malformed("the generic call names no method"));
        }
        let mut names = Recorder::default();
        body.copy(&mut names)?;
        let types = type_names(&names.tokens)?;
        let mut elements = Elements::default();
        body.copy(&mut elements)?;
        if types.len() != elements.count as usize {
            return Err(ValueError::unsupported(format!(
                "the generic call has {} arguments and {} parameter types; name all types: the method cannot \
                 be found without them in another protocol",
                elements.count,
                types.len()
            )));
        }
        Ok(Invoke {
            method,
            types,
            count: elements.count,
        })
    }
}

fn type_names(tokens: &[OwnedToken]) -> Result<SmallVec<[Cow<'static, str>; 4]>, ValueError> {
    let wrong = || ValueError::malformed("the parameter types of the generic call are not a list of strings");
    let names = match tokens {
        [OwnedToken::Null] => &[][..],
        [OwnedToken::List { .. }, names @ .., OwnedToken::End] => names,
        _ => return Err(wrong()),
    };
    let name = |token: &OwnedToken| match token.as_token() {
        Token::Text(text) => Ok(Cow::Owned(types::name_of_source(&text.to_str()).into_owned())),
        _ => Err(wrong()),
    };
    names.iter().map(name).collect()
}

/// Counts the elements of one list.
#[derive(Default)]
struct Elements {
    depth: u32,
    count: u32,
}

impl Sink for Elements {
    fn token(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        match (self.depth, token) {
            (0, Token::List { .. } | Token::Null) => {}
            (0, _) => {
                return Err(ValueError::malformed(
                    "the arguments of the generic call are not a list",
                ));
            }
            (_, Token::End) => {}
            (1, _) => self.count += 1,
            _ => {}
        }
        if token.opens() {
            self.depth += 1;
        } else if token == Token::End {
            self.depth -= 1;
        }
        Ok(())
    }
}

/// Emits the arguments of the generic call at the start of the body. Maps that name a class become maps of
/// that class, and scalars are converted to the parameter's type, in arrays too.
///
/// # Errors
/// A value breaks the grammar or cannot be converted to the parameter's type, or the sink refuses it.
pub(crate) fn emit(
    body: &mut Body<'_, '_>,
    rules: Option<&ValueRules>,
    sink: &mut dyn Sink,
) -> Result<(), ValueError> {
    body.skip()?;
    let (mut names, mut list) = (Recorder::default(), Recorder::default());
    body.copy(&mut names)?;
    body.copy(&mut list)?;
    let types = type_names(&names.tokens)?;
    let [OwnedToken::List { .. }, elements @ .., OwnedToken::End] = &list.tokens[..] else {
        return Ok(());
    };
    let mut out = Arguments {
        sink,
        types: &types,
        rules: convert::Rules {
            utc_offset: rules.and_then(|rules| rules.utc_offset),
        },
        next: 0,
        numbers: vec![],
        open: vec![],
        emitted: 0,
    };
    let classes = Classes::find(elements);
    let mut rest = 0;
    for (at, token) in elements.iter().enumerate() {
        if at < rest {
            continue;
        }
        match (token.as_token(), classes.of[at]) {
            (_, Found::Entry) => {}
            // A constant of an enum and a bean with only a name have the same form, as in `Generalize`.
            (Token::Map { .. }, Found::Map(class)) if constant(&elements[at..]).is_some() => {
                if let (Token::Text(class), Some(name)) =
                    (elements[class as usize].as_token(), constant(&elements[at..]))
                {
                    out.put(Token::Object(&Class::new(&*class.to_str(), ["name"])))?;
                    out.put(name)?;
                    rest = at + CONSTANT - 1;
                }
            }
            (Token::Map { .. }, Found::Map(class)) => match elements[class as usize].as_token() {
                Token::Text(name) => out.put(Token::Map {
                    class: Some(&name.to_str()),
                })?,
                _ => return Err(ValueError::malformed("the class of a map is not a string")),
            },
            (token, _) => out.put(token)?,
        }
    }
    Ok(())
}

/// The number of tokens in a map that has only a class and a name.
const CONSTANT: usize = 6;

/// The name in a map that has only a class and a name; `None` for other maps.
fn constant(tokens: &[OwnedToken]) -> Option<Token<'_>> {
    let [_, first, one, second, two, OwnedToken::End, ..] = tokens else {
        return None;
    };
    let is_name = |token: &OwnedToken| matches!(token, OwnedToken::Text(text) if text == b"name");
    let name = match (is_class_key(first), is_class_key(second)) {
        (true, _) if is_name(second) => two,
        (_, true) if is_name(first) => one,
        _ => return None,
    };
    matches!(name, OwnedToken::Text(_)).then(|| name.as_token())
}

/// Passes the elements of the argument list on, without the list itself.
struct Arguments<'s> {
    sink: &'s mut dyn Sink,
    types: &'s [Cow<'static, str>],
    rules: convert::Rules,
    /// The number of arguments passed on so far.
    next: usize,
    /// For each container of the list, its number among those passed on.
    numbers: Vec<u32>,
    /// The open containers. Arrays have the type of their elements, others `None`.
    open: Vec<Option<&'s str>>,
    emitted: u32,
}

impl<'s> Arguments<'s> {
    fn put(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        if token == Token::End {
            self.open.pop();
            return self.sink.token(token);
        }
        let declared = match self.open.last() {
            Some(element) => *element,
            None => {
                self.next += 1;
                self.types.get(self.next - 1).map(|name| &**name)
            }
        };
        match (token, declared) {
            (Token::Ref(number), _) => self.reference(number),
            (token, _) if token.opens() => self.container(token, declared),
            (token, Some(declared)) => {
                self.emitted += convert::put(declared, token, self.rules, self.sink)?;
                Ok(())
            }
            (token, None) => self.sink.token(token),
        }
    }

    fn container(&mut self, token: Token<'_>, declared: Option<&'s str>) -> Result<(), ValueError> {
        self.numbers.push(self.emitted);
        self.emitted += 1;
        let element = match token {
            Token::List { .. } => declared.and_then(types::element_of),
            _ => None,
        };
        self.open.push(element);
        match (token, element) {
            (Token::List { len, .. }, Some(_)) => {
                let class = declared.map(types::list_of);
                self.sink.token(Token::List {
                    class: class.as_deref(),
                    len,
                })
            }
            _ => self.sink.token(token),
        }
    }

    /// Translates a reference. The argument list itself has number 0, but the receiver does not see it.
    fn reference(&mut self, number: u32) -> Result<(), ValueError> {
        let number = number.checked_sub(1).ok_or_else(|| {
            ValueError::unsupported("an argument of the generic call holds the list of all arguments")
        })?;
        match self.numbers.get(number as usize) {
            Some(number) => self.sink.token(Token::Ref(*number)),
            None => Err(ValueError::malformed(format!(
                "reference {number} names nothing before it"
            ))),
        }
    }
}

/// Whether the type is a class of the application: neither of the JDK nor an array.
fn is_application_class(name: &str) -> bool {
    name.contains('.') && !name.starts_with('[') && !is_jdk(name)
}

/// Whether every Java consumer has this class. Handles of the serialization libraries count.
fn is_jdk(class: &str) -> bool {
    class.starts_with("java.")
        || class.starts_with("javax.")
        || class.starts_with(rialto_values::handle::PACKAGE)
}

/// Which tokens are maps that name their class, and which tokens are the entries that name it.
struct Classes {
    of: Vec<Found>,
}

#[derive(Clone, Copy)]
enum Found {
    Nothing,
    /// The key or the value of an entry `class`.
    Entry,
    /// A map whose class is the token at this position.
    Map(u32),
}

impl Classes {
    fn find(tokens: &[OwnedToken]) -> Self {
        /// An open container: the position where it began, if it is a map, and whether a value is next.
        struct Level {
            map: Option<usize>,
            value: bool,
        }
        let mut of = vec![Found::Nothing; tokens.len()];
        let mut open: Vec<Level> = vec![];
        for (at, token) in tokens.iter().enumerate() {
            if matches!(token, OwnedToken::End) {
                open.pop();
                continue;
            }
            if let Some(Level {
                map: Some(map),
                value,
            }) = open.last_mut()
            {
                if *value
                    && is_class_key(&tokens[at - 1])
                    && matches!(token, OwnedToken::Text(name) if !name.is_empty())
                    && matches!(of[*map], Found::Nothing)
                {
                    of[*map] = Found::Map(at as u32);
                    of[at - 1] = Found::Entry;
                    of[at] = Found::Entry;
                }
                *value = !*value;
            }
            if token.as_token().opens() {
                let map = matches!(token, OwnedToken::Map { .. }).then_some(at);
                open.push(Level { map, value: false });
            }
        }
        Classes { of }
    }
}

fn is_class_key(token: &OwnedToken) -> bool {
    matches!(token, OwnedToken::Text(text) if text == CLASS.as_bytes())
}

#[cfg(test)]
mod tests;
