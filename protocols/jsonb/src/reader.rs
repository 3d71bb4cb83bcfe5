//! Reading a document.
use std::borrow::Cow;

use rialto_values::{Allowance, Limits, Sink, ValueError};

use crate::code;
use crate::copy::Copy;
use crate::emit::{Emitter, Expect, Numbering};
use crate::index::Index;
use crate::input::Input;
use crate::names;
use crate::scalar::Scalar;
use crate::skip::{skip_flat, skip_value};
use crate::string::Str;
use crate::symbol::{Key, Symbols};

/// A cursor over one document.
///
/// A value can be stepped over, taken as a scalar, or copied into a token stream; an object can be entered and
/// walked by its keys, which costs no memory as long as the keys are plain strings.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    input: Input<'a>,
    symbols: Symbols,
    limits: Limits,
}

/// The key of an entry.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a> {
    doc: &'a [u8],
    name: Str,
}

impl<'a> Name<'a> {
    /// Whether the key is this string.
    #[must_use]
    pub fn is(&self, key: &str) -> bool {
        self.name.is(self.doc, key)
    }

    /// How many bytes it takes where it stands, which may be far before this entry.
    #[must_use]
    pub fn len(&self) -> usize {
        self.name.len as usize
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.name.len == 0
    }

    /// The key, lone surrogates replaced by U+FFFD.
    ///
    /// # Errors
    /// Bytes that are not text.
    pub fn to_str(&self) -> Result<Cow<'a, str>, ValueError> {
        self.name.to_str(self.doc)
    }
}

impl<'a> Reader<'a> {
    /// A reader in front of the document's value.
    ///
    /// # Errors
    /// A document of 2 GiB or more.
    pub fn new(document: &'a [u8], limits: &Limits) -> Result<Self, ValueError> {
        if i32::try_from(document.len()).is_err() {
            return Err(ValueError::too_large(format!(
                "a JSONB document of {} bytes",
                document.len()
            )));
        }
        Ok(Reader {
            input: Input::new(document),
            symbols: Symbols::default(),
            limits: *limits,
        })
    }

    /// Checks that nothing follows.
    ///
    /// # Errors
    /// Bytes behind the value.
    pub fn finish(&self) -> Result<(), ValueError> {
        if self.input.is_at_end() {
            Ok(())
        } else {
            Err(self.input.malformed("bytes behind the value"))
        }
    }

    /// How many bytes have been read.
    #[must_use]
    pub fn position(&self) -> usize {
        self.input.pos()
    }

    /// Whether the next value is null; it is not taken.
    ///
    /// # Errors
    /// The end of the document.
    pub fn is_null(&self) -> Result<bool, ValueError> {
        Ok(self.input.peek()? == code::NULL)
    }

    /// Steps over the next value.
    ///
    /// # Errors
    /// What breaks the grammar, or nests too deep.
    pub fn skip_value(&mut self) -> Result<(), ValueError> {
        skip_value(&mut self.input, &mut self.symbols, self.limits.depth)
    }

    /// Takes a string, or null.
    ///
    /// # Errors
    /// Any other value.
    pub fn string(&mut self) -> Result<Option<Cow<'a, str>>, ValueError> {
        if self.is_null()? {
            skip_flat(&mut self.input)?;
            return Ok(None);
        }
        self.input.string("the value")?.to_str(self.input.doc()).map(Some)
    }

    /// Takes an integer of any width that fits 32 bits.
    ///
    /// # Errors
    /// Any other value.
    pub fn int(&mut self) -> Result<i32, ValueError> {
        let at = self.input;
        let v = match self.input.peek()? {
            code::INT8 => {
                self.input.byte("a number")?;
                i64::from(self.input.byte("a number")? as i8)
            }
            code::INT16 => {
                self.input.byte("a number")?;
                i64::from(i16::from_be_bytes(self.input.array("a number")?))
            }
            _ => self.input.long("the value")?,
        };
        i32::try_from(v).map_err(|_| at.malformed(&format!("the number {v}, which is no int,")))
    }

    /// Enters an object; false if null stands there, which is then taken. [`Reader::next_key`] follows.
    ///
    /// # Errors
    /// Any other value.
    pub fn begin_object(&mut self) -> Result<bool, ValueError> {
        if self.input.peek()? == code::TYPED {
            self.input.byte("a typed value")?;
            self.symbols.class(&mut self.input)?;
        }
        match self.input.peek()? {
            code::NULL | code::OBJECT => Ok(self.input.byte("an object")? == code::OBJECT),
            b => Err(self
                .input
                .malformed(&format!("expected an object, found {}", code::describe(b)))),
        }
    }

    /// The next key of the entered object, whose value must then be taken or skipped; `None` at the end, which
    /// is taken. Entries whose keys are not strings are stepped over.
    ///
    /// # Errors
    /// What breaks the grammar.
    pub fn next_key(&mut self) -> Result<Option<Name<'a>>, ValueError> {
        loop {
            if self.input.peek()? == code::OBJECT_END {
                self.input.byte("an object")?;
                return Ok(None);
            }
            match self.symbols.key(&mut self.input)? {
                Key::Symbol(name) | Key::Text(name) => {
                    return Ok(Some(Name {
                        doc: self.input.doc(),
                        name,
                    }));
                }
                Key::Value => {
                    self.skip_value()?;
                    self.skip_value()?;
                }
            }
        }
    }

    /// Emits the next value into a token stream.
    ///
    /// References within the document are taken to start at this value: copy a document as a whole.
    ///
    /// # Errors
    /// What breaks the grammar or a limit, references that lead nowhere, and what the sink refuses.
    pub fn copy_value(&mut self, sink: &mut dyn Sink, numbering: &mut Numbering) -> Result<(), ValueError> {
        self.copy(None, sink, numbering)
    }

    /// Like [`Reader::copy_value`], for a value that was written for this class (`java.lang.Class.getName()`,
    /// or a primitive type's name): fastjson2 leaves some values to the reader's knowledge of it, such as a
    /// `java.util.UUID` (16 bytes of binary data) and a `java.time.Duration` (a string).
    ///
    /// # Errors
    /// As [`Reader::copy_value`]; and a scalar that is none of that class.
    pub fn copy_value_as(
        &mut self,
        class: &str,
        sink: &mut dyn Sink,
        numbering: &mut Numbering,
    ) -> Result<(), ValueError> {
        self.copy(Some(&names::from_wire(class)), sink, numbering)
    }

    fn copy(
        &mut self,
        declared: Option<&str>,
        sink: &mut dyn Sink,
        numbering: &mut Numbering,
    ) -> Result<(), ValueError> {
        let mut out = Emitter {
            sink,
            numbering,
            names: Allowance::of(self.input.doc().len()),
        };
        let b = self.input.peek()?;
        let may_hold_others = matches!(b, code::TYPED | code::OBJECT | code::REFERENCE) || code::is_array(b);
        if declared.is_none() && !may_hold_others {
            // Nothing has to be known beforehand, so no symbols are copied for each of very many values.
            let mut scratch = Vec::new();
            return out.scalar(Scalar::read(&mut self.input, &mut scratch)?, Expect::Nothing);
        }
        let index = Index::new(self.input, self.symbols.clone(), &self.limits)?;
        self.symbols = Copy::new(
            self.input,
            std::mem::take(&mut self.symbols),
            &index,
            out,
            &self.limits,
        )
        .run(declared)?;
        self.input.jump(index.end);
        Ok(())
    }
}
