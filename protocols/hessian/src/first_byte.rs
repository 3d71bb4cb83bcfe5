//! The first byte of a value, in both grammars (wire sections 3.1 and 3.2).
use rialto_values::ValueError;

use crate::Grammar;
use crate::cursor::Cursor;

/// A value's first byte, decoded together with the operands of fixed width that follow it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum FirstByte {
    Null,
    Bool(bool),
    Int(i32),
    Long(i64),
    Double(f64),
    /// A date, in milliseconds since the epoch.
    Date(i64),
    /// A chunk of a string, with its length in UTF-16 units. If it is not the last chunk, another one
    /// follows.
    Text {
        units: u32,
        last: bool,
    },
    /// A chunk of binary data, with its length in bytes.
    Binary {
        len: u32,
        last: bool,
    },
    List(ListForm),
    /// A map. If `typed`, its type comes first; in the draft grammar the type is optional instead.
    Map {
        typed: bool,
    },
    /// A class definition; the value follows it.
    Definition,
    /// An instance of the class with that index.
    Object(i32),
    Ref(i32),
    /// The end mark of the innermost open container.
    End,
    /// The draft's remote reference: a type and a URL.
    Remote,
}

/// How a list encodes its type and length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListForm {
    /// The length is part of the first byte.
    Short { typed: bool, len: u32 },
    /// The length is an int after the type.
    Fixed { typed: bool },
    /// The elements are followed by an end mark.
    Variable { typed: bool },
    /// Draft `V`: an optional type, an optional length, and elements up to an end mark.
    Draft,
    /// Draft `v`: a type index, the length as an int, and no end mark.
    DraftRepeat,
}

impl Cursor<'_> {
    /// Reads a first byte with its operands.
    #[inline]
    pub(crate) fn first_byte(&mut self, grammar: Grammar) -> Result<FirstByte, ValueError> {
        let byte = self.u8()?;
        Ok(match byte {
            0x00..=0x1f => FirstByte::Text {
                units: u32::from(byte),
                last: true,
            },
            0x20..=0x2f => FirstByte::Binary {
                len: u32::from(byte - 0x20),
                last: true,
            },
            0x38..=0x3f => FirstByte::Long(((i64::from(byte) - 0x3c) << 16) + i64::from(self.u16()?)),
            b'D' => FirstByte::Double(f64::from_be_bytes(self.array()?)),
            b'F' => FirstByte::Bool(false),
            b'I' => FirstByte::Int(self.i32()?),
            b'L' => FirstByte::Long(self.i64()?),
            b'N' => FirstByte::Null,
            b'T' => FirstByte::Bool(true),
            0x80..=0xbf => FirstByte::Int(i32::from(byte) - 0x90),
            0xc0..=0xcf => FirstByte::Int(((i32::from(byte) - 0xc8) << 8) + i32::from(self.u8()?)),
            0xd0..=0xd7 => FirstByte::Int(((i32::from(byte) - 0xd4) << 16) + i32::from(self.u16()?)),
            0xd8..=0xef => FirstByte::Long(i64::from(byte) - 0xe0),
            0xf0..=0xff => FirstByte::Long(((i64::from(byte) - 0xf8) << 8) + i64::from(self.u8()?)),
            _ => {
                return if grammar == Grammar::Final {
                    self.final_first_byte(byte)
                } else {
                    self.draft_first_byte(byte)
                };
            }
        })
    }

    fn final_first_byte(&mut self, byte: u8) -> Result<FirstByte, ValueError> {
        Ok(match byte {
            0x30..=0x33 => FirstByte::Text {
                units: u32::from(byte - 0x30) << 8 | u32::from(self.u8()?),
                last: true,
            },
            0x34..=0x37 => FirstByte::Binary {
                len: u32::from(byte - 0x34) << 8 | u32::from(self.u8()?),
                last: true,
            },
            b'A' => FirstByte::Binary {
                len: u32::from(self.u16()?),
                last: false,
            },
            b'B' => FirstByte::Binary {
                len: u32::from(self.u16()?),
                last: true,
            },
            b'C' => FirstByte::Definition,
            b'H' => FirstByte::Map { typed: false },
            b'J' => FirstByte::Date(self.i64()?),
            b'K' => FirstByte::Date(i64::from(self.i32()?) * 60_000),
            b'M' => FirstByte::Map { typed: true },
            b'O' => FirstByte::Object(self.int(Grammar::Final)?),
            b'Q' => FirstByte::Ref(self.int(Grammar::Final)?),
            b'R' => FirstByte::Text {
                units: u32::from(self.u16()?),
                last: false,
            },
            b'S' => FirstByte::Text {
                units: u32::from(self.u16()?),
                last: true,
            },
            b'U' => FirstByte::List(ListForm::Variable { typed: true }),
            b'V' => FirstByte::List(ListForm::Fixed { typed: true }),
            b'W' => FirstByte::List(ListForm::Variable { typed: false }),
            b'X' => FirstByte::List(ListForm::Fixed { typed: false }),
            b'Y' => FirstByte::Long(i64::from(self.i32()?)),
            b'Z' => FirstByte::End,
            0x5b => FirstByte::Double(0.0),
            0x5c => FirstByte::Double(1.0),
            0x5d => FirstByte::Double(f64::from(self.u8()? as i8)),
            0x5e => FirstByte::Double(f64::from(self.u16()? as i16)),
            0x5f => FirstByte::Double(0.001 * f64::from(self.i32()?)),
            0x60..=0x6f => FirstByte::Object(i32::from(byte - 0x60)),
            0x70..=0x77 => FirstByte::List(ListForm::Short {
                typed: true,
                len: u32::from(byte - 0x70),
            }),
            0x78..=0x7f => FirstByte::List(ListForm::Short {
                typed: false,
                len: u32::from(byte - 0x78),
            }),
            _ => {
                return Err(self.malformed(format_args!("0x{byte:02x} starts no value in the final grammar")));
            }
        })
    }

    fn draft_first_byte(&mut self, byte: u8) -> Result<FirstByte, ValueError> {
        Ok(match byte {
            b'B' => FirstByte::Binary {
                len: u32::from(self.u16()?),
                last: true,
            },
            b'b' => FirstByte::Binary {
                len: u32::from(self.u16()?),
                last: false,
            },
            0x4a => FirstByte::Ref(i32::from(self.u8()?)),
            0x4b => FirstByte::Ref(i32::from(self.u16()?)),
            b'M' => FirstByte::Map { typed: false },
            b'O' => FirstByte::Definition,
            b'R' => FirstByte::Ref(self.i32()?),
            b'S' | b'X' => FirstByte::Text {
                units: u32::from(self.u16()?),
                last: true,
            },
            b's' | b'x' => FirstByte::Text {
                units: u32::from(self.u16()?),
                last: false,
            },
            b'V' => FirstByte::List(ListForm::Draft),
            b'd' => FirstByte::Date(self.i64()?),
            0x67 => FirstByte::Double(0.0),
            0x68 => FirstByte::Double(1.0),
            0x69 => FirstByte::Double(f64::from(self.u8()? as i8)),
            0x6a => FirstByte::Double(f64::from(self.u16()? as i16)),
            0x6b => FirstByte::Double(f64::from(f32::from_be_bytes(self.array()?))),
            b'o' => FirstByte::Object(self.int(Grammar::Draft)?),
            b'r' => FirstByte::Remote,
            b'v' => FirstByte::List(ListForm::DraftRepeat),
            0x77 => FirstByte::Long(i64::from(self.i32()?)),
            b'z' => FirstByte::End,
            _ => {
                return Err(self.malformed(format_args!("0x{byte:02x} starts no value in the draft grammar")));
            }
        })
    }

    /// Reads an int in any of its encodings: a length, count or index.
    pub(crate) fn int(&mut self, grammar: Grammar) -> Result<i32, ValueError> {
        // Accepts only the first bytes of ints, so that a malformed index cannot start another value.
        match self.peek() {
            Some(b'I' | 0x80..=0xd7) => match self.first_byte(grammar)? {
                FirstByte::Int(value) => Ok(value),
                _ => Err(self.malformed("an int was expected")),
            },
            Some(byte) => Err(self.malformed(format_args!("an int was expected, found 0x{byte:02x}"))),
            None => Err(self.ended()),
        }
    }

    /// Reads the number of elements. Each takes at least one byte, so a number above the remaining bytes is
    /// refused.
    pub(crate) fn count(&mut self, grammar: Grammar) -> Result<u32, ValueError> {
        let count = self.int(grammar)?;
        match u32::try_from(count) {
            Ok(count) if count as usize <= self.remaining() => Ok(count),
            Ok(_) => Err(ValueError::truncated(&format!(
                "a Hessian container: {count} elements in {} bytes (at byte {})",
                self.remaining(),
                self.at()
            ))),
            Err(_) => Err(self.malformed(format_args!("the count {count} is negative"))),
        }
    }
}
