//! Values without other values inside, as the document gives them.
use std::borrow::Cow;

use rialto_values::{Text, ValueError, text};

use crate::code;
use crate::input::Input;
use crate::number::Big;
use crate::string::Str;
use crate::time::{Date, Time};

/// A scalar.
#[derive(Clone, Debug)]
pub(crate) enum Scalar<'t> {
    Null,
    Bool(bool),
    Int(i32),
    Long(i64),
    Double(f64),
    Date(i64),
    Text(Text<'t>),
    Binary(&'t [u8]),
    /// The unscaled value, and the scale.
    Decimal(Big, i32),
    Integer(Big),
    LocalDate(Date),
    LocalTime(Time),
    LocalDateTime(Date, Time),
    /// Date and time with the id of the zone or offset.
    Zoned(Date, Time, Cow<'t, str>),
    /// Seconds and nanoseconds since the epoch.
    Instant(i64, i32),
}

impl<'t> Scalar<'t> {
    /// Reads a scalar. The next byte must not start a container, a reference or a type.
    pub(crate) fn read<'a: 't>(input: &mut Input<'a>, scratch: &'t mut Vec<u8>) -> Result<Self, ValueError> {
        let b = input.peek()?;
        if code::is_int(b) {
            return input.int("an int").map(Scalar::Int);
        }
        if code::is_string(b) {
            return input
                .string("a string")?
                .text(input.doc(), scratch)
                .map(Scalar::Text);
        }
        match b {
            code::INT64..=code::INT64_ONE_LAST => return input.long("a long").map(Scalar::Long),
            code::BINARY => return input.binary().map(Scalar::Binary),
            code::LOCAL_TIME..=code::INSTANT => return read_time(input),
            _ => {}
        }
        let at = *input;
        let what = code::describe(b);
        input.byte(what)?;
        Ok(match b {
            code::NULL => Scalar::Null,
            code::FALSE => Scalar::Bool(false),
            code::TRUE => Scalar::Bool(true),
            code::DOUBLE_0 => Scalar::Double(0.0),
            code::DOUBLE_1 => Scalar::Double(1.0),
            code::DOUBLE_LONG => Scalar::Double(input.long(what)? as f64),
            code::DOUBLE => Scalar::Double(f64::from_be_bytes(input.array(what)?)),
            code::FLOAT_INT => Scalar::Double(f64::from(input.int(what)? as f32)),
            code::FLOAT => Scalar::Double(f64::from(f32::from_be_bytes(input.array(what)?))),
            code::INT8 => Scalar::Int(i32::from(input.byte(what)? as i8)),
            code::INT16 => Scalar::Int(i32::from(i16::from_be_bytes(input.array(what)?))),
            code::DECIMAL_LONG | code::BIG_LONG => {
                let big = Big::from_bytes(&input.long(what)?.to_be_bytes())?;
                if b == code::BIG_LONG {
                    Scalar::Integer(big)
                } else {
                    Scalar::Decimal(big, 0)
                }
            }
            code::BIG => Scalar::Integer(read_big(input)?),
            code::DECIMAL => {
                let scale = input.int(what)?;
                let unscaled = match input.peek()? {
                    code::BIG => {
                        input.byte(what)?;
                        read_big(input)?
                    }
                    code::BIG_LONG => {
                        input.byte(what)?;
                        Big::from_bytes(&input.long(what)?.to_be_bytes())?
                    }
                    _ => Big::from_bytes(&input.long(what)?.to_be_bytes())?,
                };
                Scalar::Decimal(unscaled, scale)
            }
            code::CHAR => {
                let Ok(unit) = u16::try_from(input.int(what)?) else {
                    return Err(at.malformed("a char beyond 16 bits"));
                };
                scratch.clear();
                text::push_unit(unit, scratch);
                Scalar::Text(Text::from_checked(scratch, 1))
            }
            _ => return Err(at.malformed(&format!("{what} cannot stand here"))),
        })
    }
}

fn read_big(input: &mut Input<'_>) -> Result<Big, ValueError> {
    let len = input.count("a big integer")?;
    Big::from_bytes(input.take(len, "a big integer")?)
}

fn read_time<'a>(input: &mut Input<'a>) -> Result<Scalar<'a>, ValueError> {
    const WHAT: &str = "a date or time";
    let at = *input;
    let b = input.byte(WHAT)?;
    let seconds =
        |input: &mut Input<'_>| Ok::<_, ValueError>(i64::from(i32::from_be_bytes(input.array(WHAT)?)));
    Ok(match b {
        code::DATE_MILLIS => Scalar::Date(i64::from_be_bytes(input.array(WHAT)?)),
        code::DATE_SECONDS => Scalar::Date(seconds(input)? * 1000),
        code::DATE_MINUTES => Scalar::Date(seconds(input)? * 60_000),
        code::INSTANT => {
            let seconds = input.long(WHAT)?;
            let nanos = input.int(WHAT)?;
            if !(0..1_000_000_000).contains(&nanos) {
                return Err(at.malformed("an instant with nanoseconds out of range"));
            }
            Scalar::Instant(seconds, nanos)
        }
        code::LOCAL_DATE => Scalar::LocalDate(read_date(input, &at)?),
        code::LOCAL_TIME => Scalar::LocalTime(read_clock(input, &at)?),
        _ => {
            let date = read_date(input, &at)?;
            let time = read_clock(input, &at)?;
            if b == code::LOCAL_DATE_TIME {
                return Ok(Scalar::LocalDateTime(date, time));
            }
            let zone: Str = input.string("a time zone")?;
            Scalar::Zoned(date, time, zone.to_str(input.doc())?)
        }
    })
}

fn read_date(input: &mut Input<'_>, at: &Input<'_>) -> Result<Date, ValueError> {
    let [y0, y1, month, day] = input.array("a date")?;
    let date = Date {
        year: i32::from(i16::from_be_bytes([y0, y1])),
        month: i32::from(month),
        day: i32::from(day),
    };
    if date.is_valid() {
        Ok(date)
    } else {
        Err(at.malformed("a date with a month or day out of range"))
    }
}

fn read_clock(input: &mut Input<'_>, at: &Input<'_>) -> Result<Time, ValueError> {
    let [hour, minute, second] = input.array("a time of day")?.map(i32::from);
    let time = Time {
        hour,
        minute,
        second,
        nano: input.int("a time of day")?,
    };
    if time.is_valid() {
        Ok(time)
    } else {
        Err(at.malformed("a time of day out of range"))
    }
}
