//! Symbols: names that a document numbers, which are class names and the field names of objects.
use rialto_values::ValueError;

use crate::code;
use crate::input::Input;
use crate::string::Str;

/// The symbols defined so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Symbols {
    names: Vec<Option<Str>>,
}

/// The key of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// A numbered name, which is how fields are written.
    Symbol(Str),
    /// A plain string, which is how map keys are written.
    Text(Str),
    /// Any other value; it has not been read.
    Value,
}

impl Symbols {
    /// The number of symbols defined so far.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// Reads the class name after [`code::TYPED`].
    pub(crate) fn class(&mut self, input: &mut Input<'_>) -> Result<Str, ValueError> {
        let b = input.peek()?;
        if code::is_int(b) {
            return self.get(input);
        }
        if b == code::SYMBOL {
            input.byte("a class name")?;
            return self.get(input);
        }
        let name = input.string("a class name")?;
        self.define(name, input)?;
        Ok(name)
    }

    /// Reads the key of an entry, unless it is some other value.
    pub(crate) fn key(&mut self, input: &mut Input<'_>) -> Result<Key, ValueError> {
        let b = input.peek()?;
        if code::is_string(b) {
            return input.string("a key").map(Key::Text);
        }
        if b != code::SYMBOL {
            return Ok(Key::Value);
        }
        input.byte("a name")?;
        if code::is_int(input.peek()?) {
            return self.get(input).map(Key::Symbol);
        }
        let name = input.string("a name")?;
        self.define(name, input)?;
        Ok(Key::Symbol(name))
    }

    fn get(&self, input: &mut Input<'_>) -> Result<Str, ValueError> {
        let at = *input;
        let number = input.int("a symbol")?;
        let Ok(index) = usize::try_from(number) else {
            let text = format!(
                "JSONB: symbol {number} at byte {} is of a shared symbol table, which Dubbo does not use",
                at.pos()
            );
            return Err(ValueError::unsupported(text));
        };
        self.names
            .get(index)
            .copied()
            .flatten()
            .ok_or_else(|| at.malformed(&format!("symbol {number} was not defined")))
    }

    /// Numbers grow by one per name, so each is smaller than the length of the document.
    fn define(&mut self, name: Str, input: &mut Input<'_>) -> Result<(), ValueError> {
        let at = *input;
        let number = input.int("a symbol")?;
        match usize::try_from(number) {
            Ok(index) if index < input.pos() => {
                if index >= self.names.len() {
                    self.names.resize(index + 1, None);
                }
                self.names[index] = Some(name);
                Ok(())
            }
            _ => Err(at.malformed(&format!("symbol {number} is out of range"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_refused() {
        for doc in [
            &[0x7f, 0x4a, b'a', 0x48, 0x7f, 0xff, 0xff, 0xff][..],
            &[0x7f, 0x4a, b'a', 0xff],
            &[0x7f, 0x4a, b'a', 0x20],
            &[0x7f, 5],
            &[0x7f, 0xff],
        ] {
            assert!(Symbols::default().key(&mut Input::new(doc)).is_err(), "{doc:x?}");
        }
    }
}
