//! Reads a document.
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
/// A value can be skipped, read as a scalar, or copied into a token stream. An object can be entered and read
/// key by key, which takes no memory as long as the keys are plain strings.
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

    /// The length of the key in bytes. The key may be a symbol that was defined far before this entry.
    #[must_use]
    pub fn len(&self) -> usize {
        self.name.len as usize
    }

    /// Whether the key is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.name.len == 0
    }

    /// The key; lone surrogates become U+FFFD.
    ///
    /// # Errors
    /// The bytes are not text.
    pub fn to_str(&self) -> Result<Cow<'a, str>, ValueError> {
        self.name.to_str(self.doc)
    }
}

impl<'a> Reader<'a> {
    /// A reader before the document's value.
    ///
    /// # Errors
    /// The document is 2 GiB or longer.
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

    /// Checks that nothing follows the value.
    ///
    /// # Errors
    /// Bytes follow the value.
    pub fn finish(&self) -> Result<(), ValueError> {
        if self.input.is_at_end() {
            Ok(())
        } else {
            Err(self.input.malformed("bytes after the value"))
        }
    }

    /// The number of bytes read.
    #[must_use]
    pub fn position(&self) -> usize {
        self.input.pos()
    }

    /// Whether the next value is null; it is not consumed.
    ///
    /// # Errors
    /// The document ends.
    pub fn is_null(&self) -> Result<bool, ValueError> {
        Ok(self.input.peek()? == code::NULL)
    }

    /// Skips the next value.
    ///
    /// # Errors
    /// The value breaks the grammar, or nests too deeply.
    pub fn skip_value(&mut self) -> Result<(), ValueError> {
        skip_value(&mut self.input, &mut self.symbols, self.limits.depth)
    }

    /// Reads a string, or null.
    ///
    /// # Errors
    /// The next value has another type.
    pub fn string(&mut self) -> Result<Option<Cow<'a, str>>, ValueError> {
        if self.is_null()? {
            skip_flat(&mut self.input)?;
            return Ok(None);
        }
        self.input.string("the value")?.to_str(self.input.doc()).map(Some)
    }

    /// Reads an integer of any width that fits 32 bits.
    ///
    /// # Errors
    /// The next value has another type, or does not fit.
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
        i32::try_from(v).map_err(|_| at.malformed(&format!("the number {v}, which is not an int,")))
    }

    /// Enters an object, for [`Reader::next_key`]. Returns `false` for null, which it consumes.
    ///
    /// # Errors
    /// The next value has another type.
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

    /// The next key of the entered object; its value must then be read or skipped. `None` at the end, which
    /// it consumes. Entries whose keys are not strings are skipped.
    ///
    /// # Errors
    /// The document breaks the grammar.
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
    /// References in the document are resolved as if this value were its root, so copy a document as a whole.
    ///
    /// # Errors
    /// The value breaks the grammar or exceeds a limit, a reference has no target, or the sink refuses a
    /// token.
    pub fn copy_value(&mut self, sink: &mut dyn Sink, numbering: &mut Numbering) -> Result<(), ValueError> {
        self.copy(None, sink, numbering)
    }

    /// Does the same as [`Reader::copy_value`] for a value that was written for this class, given as by
    /// `java.lang.Class.getName()` or as the name of a primitive type. fastjson2 leaves the interpretation of
    /// some values to the reader's knowledge of the class, such as a `java.util.UUID` (16 bytes of binary
    /// data) and a `java.time.Duration` (a string).
    ///
    /// # Errors
    /// Those of [`Reader::copy_value`]; and a scalar that is not a value of that class.
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
            // A scalar needs no index, so the symbols are not copied for it. Otherwise a great many scalars
            // after many names would be slow.
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
