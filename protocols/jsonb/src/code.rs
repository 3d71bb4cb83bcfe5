//! The first bytes of JSONB values (wire section 2.3).

pub(crate) const CHAR: u8 = 0x90;
pub(crate) const BINARY: u8 = 0x91;
/// A type name, followed by a value of that type.
pub(crate) const TYPED: u8 = 0x92;
/// A path to a value elsewhere in the document.
pub(crate) const REFERENCE: u8 = 0x93;
pub(crate) const ARRAY_0: u8 = 0x94;
pub(crate) const ARRAY: u8 = 0xa4;
pub(crate) const OBJECT_END: u8 = 0xa5;
pub(crate) const OBJECT: u8 = 0xa6;
pub(crate) const LOCAL_TIME: u8 = 0xa7;
pub(crate) const LOCAL_DATE_TIME: u8 = 0xa8;
pub(crate) const LOCAL_DATE: u8 = 0xa9;
pub(crate) const ZONED_DATE_TIME: u8 = 0xaa;
pub(crate) const DATE_MILLIS: u8 = 0xab;
pub(crate) const DATE_SECONDS: u8 = 0xac;
pub(crate) const DATE_MINUTES: u8 = 0xad;
pub(crate) const INSTANT: u8 = 0xae;
pub(crate) const NULL: u8 = 0xaf;
pub(crate) const FALSE: u8 = 0xb0;
pub(crate) const TRUE: u8 = 0xb1;
pub(crate) const DOUBLE_0: u8 = 0xb2;
pub(crate) const DOUBLE_1: u8 = 0xb3;
/// A double without a fraction, as a long.
pub(crate) const DOUBLE_LONG: u8 = 0xb4;
pub(crate) const DOUBLE: u8 = 0xb5;
/// A float without a fraction, as an int.
pub(crate) const FLOAT_INT: u8 = 0xb6;
pub(crate) const FLOAT: u8 = 0xb7;
/// A decimal of scale 0, as a long.
pub(crate) const DECIMAL_LONG: u8 = 0xb8;
pub(crate) const DECIMAL: u8 = 0xb9;
pub(crate) const BIG_LONG: u8 = 0xba;
pub(crate) const BIG: u8 = 0xbb;
pub(crate) const INT16: u8 = 0xbc;
pub(crate) const INT8: u8 = 0xbd;
pub(crate) const INT64: u8 = 0xbe;
/// A long in 32 bits.
pub(crate) const INT64_INT: u8 = 0xbf;
/// Longs −0x40000 to 0x3ffff in three bytes.
pub(crate) const INT64_THREE: u8 = 0xc0;
pub(crate) const INT64_THREE_ZERO: u8 = 0xc4;
/// Longs −0x800 to 0x7ff in two bytes.
pub(crate) const INT64_TWO: u8 = 0xc8;
pub(crate) const INT64_TWO_ZERO: u8 = 0xd0;
/// Longs −8 to 15 in one byte.
pub(crate) const INT64_ONE: u8 = 0xd8;
pub(crate) const INT64_ONE_ZERO: u8 = 0xe0;
pub(crate) const INT64_ONE_LAST: u8 = 0xef;
/// Ints −0x800 to 0x7ff in two bytes.
pub(crate) const INT_TWO: u8 = 0x30;
pub(crate) const INT_TWO_ZERO: u8 = 0x38;
pub(crate) const INT_TWO_LAST: u8 = 0x3f;
/// Ints −0x40000 to 0x3ffff in three bytes.
pub(crate) const INT_THREE: u8 = 0x40;
pub(crate) const INT_THREE_ZERO: u8 = 0x44;
pub(crate) const INT_THREE_LAST: u8 = 0x47;
pub(crate) const INT: u8 = 0x48;
/// ISO-8859-1 strings of 0 to 47 bytes; fastjson2 calls them ASCII.
pub(crate) const LATIN1_0: u8 = 0x49;
pub(crate) const LATIN1_47: u8 = 0x78;
pub(crate) const LATIN1: u8 = 0x79;
pub(crate) const UTF8: u8 = 0x7a;
pub(crate) const UTF16: u8 = 0x7b;
pub(crate) const UTF16_LE: u8 = 0x7c;
pub(crate) const UTF16_BE: u8 = 0x7d;
pub(crate) const GB18030: u8 = 0x7e;
/// A symbol: the definition of a name's number (a string and an int), or such a number.
pub(crate) const SYMBOL: u8 = 0x7f;

/// Whether a byte starts an int.
pub(crate) fn is_int(b: u8) -> bool {
    b <= INT || b >= 0xf0
}

/// Whether a byte starts a string, symbols excluded.
pub(crate) fn is_string(b: u8) -> bool {
    (LATIN1_0..=GB18030).contains(&b)
}

/// Whether a byte starts an array.
pub(crate) fn is_array(b: u8) -> bool {
    (ARRAY_0..=ARRAY).contains(&b)
}

/// The kind of value that a first byte starts, for error texts.
pub(crate) fn describe(b: u8) -> &'static str {
    match b {
        CHAR => "a char",
        BINARY => "binary data",
        TYPED => "a typed value",
        REFERENCE => "a reference",
        ARRAY_0..=ARRAY => "an array",
        OBJECT_END => "an object end",
        OBJECT => "an object",
        LOCAL_TIME..=INSTANT => "a date or time",
        NULL => "null",
        FALSE | TRUE => "a boolean",
        DOUBLE_0..=FLOAT => "a floating-point number",
        DECIMAL_LONG | DECIMAL => "a decimal",
        BIG_LONG | BIG => "a big integer",
        INT16 | INT8 => "an int",
        INT64..=INT64_ONE_LAST => "a long",
        LATIN1_0..=GB18030 => "a string",
        SYMBOL => "a symbol",
        _ => "an int",
    }
}
