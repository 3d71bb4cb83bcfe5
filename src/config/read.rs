//! Turns a [`Node`] tree into typed values with `serde`.
//!
//! The wanted type decides what an unquoted scalar means, so `version: 1.10` stays text where text is wanted. The
//! path of an error is collected while it is returned, so a valid file costs nothing for it.

use std::fmt;
use std::str::FromStr;

use rialto_config::TEXT;
use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, Expected, Visitor};
use serde::forward_to_deserialize_any;

use super::tree::{Entry, Item, Node, Scalar, Step, Value};

mod error;

pub(super) use error::{Kind, ReadError};

/// A `serde` deserializer for a node.
#[derive(Clone, Copy)]
pub(super) struct Reader<'de>(pub(super) &'de Node);

impl<'de> Reader<'de> {
    /// Describes the node in a message that something else was expected.
    fn found(self) -> String {
        match &self.0.value {
            Value::Scalar(scalar) if scalar.is_null() => "nothing".to_owned(),
            Value::Scalar(Scalar { text, plain: true }) => text.clone(),
            Value::Scalar(Scalar { text, plain: false }) => format!("the text \"{text}\""),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "keys with values".to_owned(),
        }
    }

    fn expected(self, what: impl fmt::Display) -> ReadError {
        ReadError::new(format!("expected {what}, found {}", self.found())).at(|| self.0.mark())
    }

    fn placed<T>(self, result: Result<T, ReadError>) -> Result<T, ReadError> {
        result.map_err(|error| error.at(|| self.0.mark()))
    }

    fn plain(self) -> Option<&'de str> {
        match &self.0.value {
            Value::Scalar(scalar) if scalar.plain && !scalar.is_null() => Some(&scalar.text),
            _ => None,
        }
    }

    /// The text of a scalar, even if it looks like a number or a boolean.
    fn text(self) -> Option<&'de str> {
        match &self.0.value {
            Value::Scalar(scalar) if !scalar.is_null() => Some(&scalar.text),
            _ => None,
        }
    }

    /// An integer. Messages name its bounds, and 1 as the least one if `wanted` is a nonzero type.
    fn whole<T: Whole>(self, wanted: &dyn Expected) -> Result<T, ReadError> {
        let text = self.plain().map(|text| text.strip_prefix('+').unwrap_or(text));
        match text.map(T::from_str) {
            Some(Ok(number)) => Ok(number),
            _ => {
                let least = if wanted.to_string().contains("nonzero") {
                    T::LEAST.max(1)
                } else {
                    T::LEAST
                };
                let error = self.expected(format_args!("a whole number from {least} to {}", T::MOST));
                Err(match self.text().map(T::from_str) {
                    Some(Ok(_)) => error.with_hint("remove the quotes"),
                    _ => error,
                })
            }
        }
    }

    fn visit_list<V: Visitor<'de>>(self, items: &'de [Item], visitor: V) -> Result<V::Value, ReadError> {
        self.placed(visitor.visit_seq(Items { items: items.iter() }))
    }

    fn visit_entries<V: Visitor<'de>>(
        self,
        entries: &'de [Entry],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let mut access = Entries {
            entries: entries.iter(),
            value: None,
        };
        let value = self.placed(visitor.visit_map(&mut access))?;
        match access.entries.next() {
            None => Ok(value),
            Some(entry) => Err(ReadError::new(format!(
                "only one key is allowed here, and \"{}\" is one too many",
                entry.key
            ))
            .with_hint("keep one of them")
            .at(|| entry.key_span.clone())
            .inside(Step::Key(entry.key.clone()))),
        }
    }
}

/// Integer types with their bounds, for messages.
trait Whole: FromStr {
    const LEAST: i128;
    const MOST: i128;
}

macro_rules! whole_numbers {
    ($($type:ident $method:ident $visit:ident),*) => {
        $(impl Whole for $type {
            const LEAST: i128 = $type::MIN as i128;
            const MOST: i128 = $type::MAX as i128;
        })*

        impl<'de> Reader<'de> {
            $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
                let number = self.whole::<$type>(&visitor)?;
                self.placed(visitor.$visit(number))
            })*
        }
    };
}

whole_numbers!(
    u8 read_u8 visit_u8, u16 read_u16 visit_u16, u32 read_u32 visit_u32, u64 read_u64 visit_u64,
    i8 read_i8 visit_i8, i16 read_i16 visit_i16, i32 read_i32 visit_i32, i64 read_i64 visit_i64
);

macro_rules! forward_numbers {
    ($($method:ident $read:ident),*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            self.$read(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = ReadError;

    forward_numbers!(
        deserialize_u8 read_u8, deserialize_u16 read_u16, deserialize_u32 read_u32, deserialize_u64 read_u64,
        deserialize_i8 read_i8, deserialize_i16 read_i16, deserialize_i32 read_i32, deserialize_i64 read_i64
    );

    /// A value for types that take anything: a scalar is what YAML's core schema says.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.0.value {
            Value::List(items) => self.visit_list(items, visitor),
            Value::Map(entries) => self.visit_entries(entries, visitor),
            Value::Scalar(scalar) => self.placed(visit_core(scalar, visitor)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.plain() {
            Some("true") => self.placed(visitor.visit_bool(true)),
            Some("false") => self.placed(visitor.visit_bool(false)),
            _ => Err(self.expected("true or false")),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.plain().map(f64::from_str) {
            Some(Ok(number)) if number.is_finite() => self.placed(visitor.visit_f64(number)),
            _ => Err(self.expected("a number")),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.text() {
            Some(text) => self.placed(visitor.visit_borrowed_str(text)),
            None => Err(self.expected("text")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.0.is_null() {
            self.placed(visitor.visit_none())
        } else {
            self.placed(visitor.visit_some(self))
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.text() {
            Some(text) if name == TEXT => self.placed(visitor.visit_borrowed_str(text)),
            _ if name == TEXT => self.deserialize_any(visitor),
            _ => self.placed(visitor.visit_newtype_struct(self)),
        }
    }

    /// A key without a value is accepted as empty, because its contents may be commented out.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.0.value {
            Value::List(items) => self.visit_list(items, visitor),
            _ if self.0.is_null() => self.visit_list(&[], visitor),
            _ => Err(self
                .expected("a list")
                .with_hint("begin each element with \"- \", or write [a, b]")),
        }
    }

    /// A key without a value is accepted as empty, because its contents may be commented out.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.0.value {
            Value::Map(entries) => self.visit_entries(entries, visitor),
            _ if self.0.is_null() => self.visit_entries(&[], visitor),
            _ => Err(self.expected("keys with values")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_map(visitor).map_err(|error| match error {
            ReadError {
                hint: None,
                ref message,
                ..
            } if message.starts_with("expected keys with values") => {
                let hint = format!("possible keys: {}", keys.join(", "));
                error.with_hint(hint)
            }
            error => error,
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match &self.0.value {
            Value::Scalar(scalar) if !scalar.is_null() => self.placed(visitor.visit_enum(Choice {
                reader: self,
                name: &scalar.text,
                entry: None,
            })),
            Value::Map(entries) if let [entry] = entries.as_slice() => {
                self.placed(visitor.visit_enum(Choice {
                    reader: self,
                    name: &entry.key,
                    entry: Some(entry),
                }))
            }
            Value::Map(entries) if let [_, second, ..] = entries.as_slice() => {
                let message = format!(
                    "only one key is allowed here, and \"{}\" is one too many",
                    second.key
                );
                Err(ReadError::new(message)
                    .with_hint("keep one of them")
                    .at(|| second.key_span.clone())
                    .inside(Step::Key(second.key.clone())))
            }
            _ => Err(self.expected(format_args!("one of {}", variants.join(", ")))),
        }
    }

    forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

fn visit_core<'de, V: Visitor<'de>>(scalar: &'de Scalar, visitor: V) -> Result<V::Value, ReadError> {
    let text = scalar.text.as_str();
    if scalar.is_null() {
        return visitor.visit_unit();
    }
    if scalar.plain {
        if let Ok(number) = text.parse::<u64>() {
            return visitor.visit_u64(number);
        }
        if let Ok(number) = text.parse::<i64>() {
            return visitor.visit_i64(number);
        }
        let numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
        if let (true, Ok(number)) = (numeric, text.parse::<f64>()) {
            return visitor.visit_f64(number);
        }
        if let Ok(truth) = text.parse::<bool>() {
            return visitor.visit_bool(truth);
        }
    }
    visitor.visit_borrowed_str(text)
}

struct Items<'de> {
    items: std::slice::Iter<'de, Item>,
}

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        let Some(item) = self.items.next() else {
            return Ok(None);
        };
        let result = seed.deserialize(Reader(&item.node));
        result
            .map(Some)
            .map_err(|error| error.at(|| item.node.mark()).inside(Step::Index(item.index)))
    }
}

struct Entries<'de> {
    entries: std::slice::Iter<'de, Entry>,
    value: Option<&'de Entry>,
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        let Some(entry) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some(entry);
        let result = seed.deserialize(StrDeserializer::<ReadError>::new(&entry.key));
        result.map(Some).map_err(|error| {
            error
                .at(|| entry.key_span.clone())
                .inside(Step::Key(entry.key.clone()))
        })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let Some(entry) = self.value.take() else {
            return Err(ReadError::new("a value without a key"));
        };
        read_entry(entry, seed)
    }
}

fn read_entry<'de, V: DeserializeSeed<'de>>(entry: &'de Entry, seed: V) -> Result<V::Value, ReadError> {
    seed.deserialize(Reader(&entry.node)).map_err(|error| {
        let mark = || {
            if entry.node.is_null() {
                entry.key_span.clone()
            } else {
                entry.node.mark()
            }
        };
        error.at(mark).inside(Step::Key(entry.key.clone()))
    })
}

/// An enum value: a name alone, or an object with the name as its only key.
struct Choice<'de> {
    reader: Reader<'de>,
    name: &'de str,
    entry: Option<&'de Entry>,
}

impl<'de> de::EnumAccess<'de> for Choice<'de> {
    type Error = ReadError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), ReadError> {
        let result = seed.deserialize(StrDeserializer::new(self.name));
        let variant = result.map_err(|error: ReadError| match self.entry {
            Some(entry) => error
                .at(|| entry.key_span.clone())
                .inside(Step::Key(entry.key.clone())),
            None => error.at(|| self.reader.0.mark()),
        })?;
        Ok((variant, self))
    }
}

impl<'de> de::VariantAccess<'de> for Choice<'de> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        match self.entry {
            None => Ok(()),
            Some(entry) if entry.node.is_null() => Ok(()),
            Some(entry) => Err(ReadError::new(format!("\"{}\" takes no value", entry.key))
                .at(|| entry.node.mark())
                .inside(Step::Key(entry.key.clone()))),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ReadError> {
        match self.entry {
            Some(entry) => read_entry(entry, seed),
            None => {
                let name = self.name;
                Err(self
                    .reader
                    .expected(format_args!("{{{name}: …}}"))
                    .with_hint(format!("write {name}: with its value")))
            }
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ReadError> {
        match self.entry {
            Some(entry) => Reader(&entry.node).deserialize_seq(visitor),
            None => Err(self.reader.expected("a list")),
        }
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.entry {
            Some(entry) => Reader(&entry.node).deserialize_struct("", keys, visitor),
            None => Err(self.reader.expected("keys with values")),
        }
    }
}
