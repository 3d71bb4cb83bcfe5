//! Values that are written as text or, in special cases, as an object.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::{self, MapAccess, Visitor};

/// The name under which such values ask their deserializer for text.
///
/// A YAML reader that knows the name returns the scalar as written, so that `version: 1.10` stays `1.10`
/// instead of becoming the number 1.1. Other formats ignore the names of newtypes.
pub const TEXT: &str = "rialto::text";

/// A type that is read from text, and possibly from an object or a whole number.
pub(super) trait FromText<'de>: Sized {
    /// The description of valid values, for "invalid type: …, expected …".
    const EXPECTING: &'static str;

    fn from_text<E: de::Error>(text: &str) -> Result<Self, E>;

    fn from_whole<E: de::Error>(number: u64) -> Result<Self, E> {
        Self::from_text(&number.to_string())
    }

    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        let _ = object;
        Err(de::Error::invalid_type(de::Unexpected::Map, &Self::EXPECTING))
    }
}

/// Reads a [`FromText`] value from any self-describing format.
pub(super) fn deserialize<'de, T: FromText<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_newtype_struct(TEXT, TextVisitor(PhantomData))
}

struct TextVisitor<T>(PhantomData<T>);

impl<'de, T: FromText<'de>> Visitor<'de> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTING)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        T::from_text(text)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        T::from_whole(number)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<T, A::Error> {
        T::from_object(object)
    }
}
