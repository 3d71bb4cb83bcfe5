//! Skips values.
use rialto_values::ValueError;

use crate::code;
use crate::input::Input;
use crate::string::Str;
use crate::symbol::{Key, Symbols};

/// What remains to skip in an open container.
#[derive(Clone, Copy)]
enum Open {
    Array(usize),
    /// The rest of an object; `true` if the value of a key is next.
    Object(bool),
}

/// Observes a value while it is skipped.
pub(crate) trait Watch {
    /// A list, map or object begins; its class name or first byte is at `start`.
    fn begin(&mut self, start: usize);
    /// A text key of the innermost container.
    fn key(&mut self, key: Str) -> Result<(), ValueError>;
    /// The innermost container ends.
    fn end(&mut self);
}

impl Watch for () {
    fn begin(&mut self, _: usize) {}

    fn key(&mut self, _: Str) -> Result<(), ValueError> {
        Ok(())
    }

    fn end(&mut self) {}
}

/// Skips one value; the symbols that it defines are kept.
pub(crate) fn skip_value(input: &mut Input<'_>, symbols: &mut Symbols, depth: u32) -> Result<(), ValueError> {
    walk_value(input, symbols, depth, &mut ())
}

/// Skips one value and reports its containers and keys to `watch`.
pub(crate) fn walk_value(
    input: &mut Input<'_>,
    symbols: &mut Symbols,
    depth: u32,
    watch: &mut impl Watch,
) -> Result<(), ValueError> {
    let mut open: Vec<Open> = Vec::new();
    loop {
        match open.last_mut() {
            Some(Open::Array(0)) => {
                open.pop();
                watch.end();
                if open.is_empty() {
                    return Ok(());
                }
                continue;
            }
            Some(Open::Array(left)) => *left -= 1,
            Some(Open::Object(value_next @ true)) => *value_next = false,
            Some(Open::Object(value_next)) => {
                if input.peek()? == code::OBJECT_END {
                    input.byte("an object")?;
                    open.pop();
                    watch.end();
                    if open.is_empty() {
                        return Ok(());
                    }
                    continue;
                }
                *value_next = true;
                if let Key::Symbol(key) | Key::Text(key) = symbols.key(input)? {
                    watch.key(key)?;
                    continue;
                }
            }
            None => {}
        }
        let start = input.pos();
        if input.peek()? == code::TYPED {
            input.byte("a typed value")?;
            symbols.class(input)?;
        }
        match input.peek()? {
            code::OBJECT => {
                input.byte("an object")?;
                push(&mut open, Open::Object(false), depth)?;
                watch.begin(start);
            }
            b if code::is_array(b) => {
                let len = input.array_len()?;
                push(&mut open, Open::Array(len), depth)?;
                watch.begin(start);
            }
            _ => {
                skip_flat(input)?;
                if open.is_empty() {
                    return Ok(());
                }
            }
        }
    }
}

fn push(open: &mut Vec<Open>, frame: Open, depth: u32) -> Result<(), ValueError> {
    check_depth(open.len(), depth)?;
    open.push(frame);
    Ok(())
}

/// Checks that one more container may be opened inside `open` others.
pub(crate) fn check_depth(open: usize, depth: u32) -> Result<(), ValueError> {
    if open < depth as usize {
        return Ok(());
    }
    Err(ValueError::too_large(format!(
        "JSONB: values nest deeper than the limit of {depth}"
    )))
}

/// Skips a value without other values inside.
pub(crate) fn skip_flat(input: &mut Input<'_>) -> Result<(), ValueError> {
    let b = input.peek()?;
    if code::is_int(b) {
        return input.int("an int").map(drop);
    }
    if code::is_string(b) {
        return input.string("a string").map(drop);
    }
    let fixed = match b {
        code::NULL | code::FALSE | code::TRUE | code::DOUBLE_0 | code::DOUBLE_1 => 1,
        code::INT8 => 2,
        code::INT16 => 3,
        code::FLOAT | code::DATE_SECONDS | code::DATE_MINUTES | code::LOCAL_DATE => 5,
        code::DOUBLE | code::DATE_MILLIS => 9,
        code::INT64..=code::INT64_ONE_LAST => return input.long("a long").map(drop),
        code::BINARY => return input.binary().map(drop),
        _ => return skip_composed(input, b),
    };
    input.take(fixed, code::describe(b)).map(drop)
}

fn skip_composed(input: &mut Input<'_>, b: u8) -> Result<(), ValueError> {
    let at = *input;
    let what = code::describe(b);
    input.byte(what)?;
    match b {
        code::CHAR | code::FLOAT_INT => input.int(what).map(drop),
        code::DOUBLE_LONG | code::DECIMAL_LONG | code::BIG_LONG => input.long(what).map(drop),
        code::DECIMAL => {
            input.int(what)?;
            match input.peek()? {
                code::BIG | code::BIG_LONG => skip_flat(input),
                _ => input.long(what).map(drop),
            }
        }
        code::BIG => {
            let len = input.count(what)?;
            input.take(len, what).map(drop)
        }
        code::LOCAL_TIME => {
            input.take(3, what)?;
            input.int(what).map(drop)
        }
        code::LOCAL_DATE_TIME | code::ZONED_DATE_TIME => {
            input.take(7, what)?;
            input.int(what)?;
            if b == code::ZONED_DATE_TIME {
                input.string(what).map(drop)
            } else {
                Ok(())
            }
        }
        code::INSTANT => {
            input.long(what)?;
            input.int(what).map(drop)
        }
        code::REFERENCE => input.string(what).map(drop),
        _ => Err(at.malformed(&format!("{} cannot stand here", what))),
    }
}
