//! Objects of token streams that are scalars in JSONB.
use std::borrow::Cow;

use rialto_values::{Class, ErrorKind, Text, Token, ValueError};

use crate::code;
use crate::handle::Kind;
use crate::names;
use crate::number::{Big, parse_decimal};
use crate::output::{put_binary, put_date, put_double, put_int, put_long};
use crate::string::{put_ascii, put_text};
use crate::time::{self, Date, Time};

/// A field of such an object.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Null,
    Int(i64),
    Double(f64),
    Date(i64),
    /// A text in CESU-8.
    Text(Vec<u8>),
    Words(Vec<i32>),
    Value(Value),
}

/// A scalar.
#[derive(Clone, Debug)]
pub(super) enum Value {
    LocalDate(Date),
    LocalTime(Time),
    LocalDateTime(Date, Time),
    /// An offset in seconds.
    Offset(i32),
    /// Any other value, encoded, with its class if that must be written.
    Encoded(Option<Named>, Vec<u8>),
}

/// A class that must be written.
#[derive(Clone, Debug)]
pub(super) enum Named {
    Wire(&'static str),
    /// The class of an enum constant, shared by all its constants.
    Enum(Class),
}

impl Named {
    fn wire(&self) -> Cow<'_, str> {
        match self {
            Named::Wire(name) => Cow::Borrowed(name),
            Named::Enum(class) => names::to_wire(class.name()),
        }
    }
}

impl Part {
    pub(super) fn scalar(token: Token<'_>) -> Result<Self, ValueError> {
        Ok(match token {
            Token::Null => Part::Null,
            Token::Bool(v) => Part::Int(i64::from(v)),
            Token::Int(v) => Part::Int(i64::from(v)),
            Token::Long(v) => Part::Int(v),
            Token::Double(v) => Part::Double(v),
            Token::Date(v) => Part::Date(v),
            Token::Text(v) => Part::Text(v.bytes().to_vec()),
            _ => return Err(unexpected_part("a list, a map or binary data")),
        })
    }
}

#[cold]
pub(super) fn unexpected_part(what: &str) -> ValueError {
    ValueError::unsupported(format!("JSONB: a JDK value with {what} among its fields"))
}

/// Whether a text looks like the name of an enum constant.
pub(super) fn is_constant(text: Text<'_>) -> bool {
    let bytes = text.bytes();
    bytes.first().is_some_and(u8::is_ascii_uppercase)
        && bytes
            .iter()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_')
}

impl Value {
    /// The value of a complete object.
    pub(super) fn new(kind: Kind, class: &Class, parts: &[Part]) -> Result<Self, ValueError> {
        Fields { class, parts }.value(kind).ok_or_else(|| {
            let text = format!(
                "JSONB: the fields of an object of {} do not form a value",
                class.name()
            );
            ValueError::new(ErrorKind::Malformed, text)
        })
    }

    /// An enum constant: a text with a class.
    pub(super) fn constant(class: Class, value: &str) -> Self {
        let mut out = Vec::new();
        put_ascii(value, &mut out);
        Value::Encoded(Some(Named::Enum(class)), out)
    }

    pub(super) fn class(&self) -> Option<Cow<'_, str>> {
        match self {
            Value::Encoded(class, _) => class.as_ref().map(Named::wire),
            _ => None,
        }
    }

    /// Appends the value without its class.
    pub(super) fn put(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        match self {
            Value::LocalDate(date) => {
                out.push(code::LOCAL_DATE);
                put_local_date(*date, out)
            }
            Value::LocalTime(time) => {
                out.push(code::LOCAL_TIME);
                put_local_time(*time, out);
                Ok(())
            }
            Value::LocalDateTime(date, time) => {
                out.push(code::LOCAL_DATE_TIME);
                put_local_date(*date, out)?;
                put_local_time(*time, out);
                Ok(())
            }
            Value::Offset(seconds) => {
                put_ascii(&time::offset_id(*seconds).unwrap_or_default(), out);
                Ok(())
            }
            Value::Encoded(_, bytes) => {
                out.extend_from_slice(bytes);
                Ok(())
            }
        }
    }
}

fn put_local_date(date: Date, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let Ok(year) = i16::try_from(date.year) else {
        return Err(ValueError::unsupported(format!(
            "JSONB has no form for a java.time date in the year {}",
            date.year
        )));
    };
    out.extend_from_slice(&year.to_be_bytes());
    out.extend_from_slice(&[date.month as u8, date.day as u8]);
    Ok(())
}

fn put_local_time(time: Time, out: &mut Vec<u8>) {
    out.extend_from_slice(&[time.hour as u8, time.minute as u8, time.second as u8]);
    put_int(time.nano, out);
}

/// The fields of an object by name.
struct Fields<'f> {
    class: &'f Class,
    parts: &'f [Part],
}

impl Fields<'_> {
    fn get(&self, name: &str) -> Option<&Part> {
        self.parts.get(self.class.field(name)?)
    }

    fn long(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Part::Int(v) => Some(*v),
            _ => None,
        }
    }

    fn int(&self, name: &str) -> Option<i32> {
        i32::try_from(self.long(name)?).ok()
    }

    fn text(&self, name: &str) -> Option<Text<'_>> {
        match self.get(name)? {
            Part::Text(v) => Text::from_cesu8(v),
            _ => None,
        }
    }

    fn inner(&self, name: &str) -> Option<&Value> {
        match self.get(name)? {
            Part::Value(v) => Some(v),
            _ => None,
        }
    }

    fn date_time(&self, name: &str) -> Option<(Date, Time)> {
        match self.inner(name)? {
            Value::LocalDateTime(date, time) => Some((*date, *time)),
            _ => None,
        }
    }

    fn offset(&self, name: &str) -> Option<String> {
        match self.inner(name)? {
            Value::Offset(seconds) => time::offset_id(*seconds),
            _ => None,
        }
    }

    fn value(&self, kind: Kind) -> Option<Value> {
        if self.parts.len() != self.class.fields().len() {
            return None;
        }
        let mut out = Vec::new();
        let mut class = None;
        match kind {
            Kind::LocalDate => {
                let date = Date {
                    year: self.int("year")?,
                    month: self.int("month")?,
                    day: self.int("day")?,
                };
                return date.is_valid().then_some(Value::LocalDate(date));
            }
            Kind::LocalTime => {
                let [hour, minute, second] = [self.int("hour")?, self.int("minute")?, self.int("second")?];
                let time = Time {
                    hour,
                    minute,
                    second,
                    nano: self.int("nano")?,
                };
                return time.is_valid().then_some(Value::LocalTime(time));
            }
            Kind::LocalDateTime => match (self.inner("date")?, self.inner("time")?) {
                (Value::LocalDate(date), Value::LocalTime(time)) => {
                    return Some(Value::LocalDateTime(*date, *time));
                }
                _ => return None,
            },
            Kind::ZoneOffset => {
                let seconds = self.int("seconds")?;
                return time::offset_id(seconds).map(|_| Value::Offset(seconds));
            }
            Kind::OffsetDateTime | Kind::OffsetTime | Kind::ZonedDateTime => {
                self.put_zoned(kind, &mut out)?;
            }
            Kind::BigDecimal => {
                let (unscaled, scale) = parse_decimal(&self.text("value")?.to_str())?;
                put_decimal(&unscaled, scale, &mut out);
            }
            Kind::BigInteger => {
                let Part::Words(words) = self.get("mag").or_else(|| self.get("magnitude"))? else {
                    return None;
                };
                put_integer(&Big::from_words(self.int("signum")?, words)?, &mut out);
            }
            Kind::Uuid => {
                let bits = [self.long("mostSigBits")?, self.long("leastSigBits")?];
                put_binary(&bits.map(i64::to_be_bytes).concat(), &mut out);
            }
            Kind::Instant => {
                out.push(code::INSTANT);
                put_long(self.long("seconds")?, &mut out);
                put_int(
                    self.int("nanos").filter(|n| (0..1_000_000_000).contains(n))?,
                    &mut out,
                );
            }
            Kind::Duration => put_ascii(
                &time::duration_text(self.long("seconds")?, self.int("nanos")?)?,
                &mut out,
            ),
            Kind::Period => {
                put_ascii(
                    &time::period_text([self.int("years")?, self.int("months")?, self.int("days")?]),
                    &mut out,
                );
            }
            Kind::SqlDate | Kind::Calendar => {
                let Part::Date(millis) = self.get("value").or_else(|| self.get("date"))? else {
                    return None;
                };
                put_date(*millis, &mut out);
            }
            Kind::ZoneId => put_text(self.text("zoneId")?, &mut out),
            Kind::Locale => put_text(self.text("value")?, &mut out),
            Kind::Class => {
                class = Some(Named::Wire("java.lang.Class"));
                put_text(self.text("name")?, &mut out);
            }
            Kind::Currency => {
                class = Some(Named::Wire("Currency"));
                put_text(self.text("currencyCode")?, &mut out);
            }
            Kind::AtomicInteger => put_int(self.int("value")?, &mut out),
            // Written without the class, because a field of that type does not read one.
            Kind::AtomicLong => put_long(self.long("value")?, &mut out),
            Kind::AtomicBoolean => out.push(if self.long("value")? == 0 {
                code::FALSE
            } else {
                code::TRUE
            }),
            Kind::Wrapper => self.put_wrapped(&mut out)?,
            Kind::Year | Kind::YearMonth | Kind::MonthDay => return None,
        }
        Some(Value::Encoded(class, out))
    }

    fn put_zoned(&self, kind: Kind, out: &mut Vec<u8>) -> Option<()> {
        let (date, time) = match kind {
            Kind::OffsetTime => match self.inner("localTime")? {
                Value::LocalTime(time) => (
                    Date {
                        year: 1970,
                        month: 1,
                        day: 1,
                    },
                    *time,
                ),
                _ => return None,
            },
            _ => self.date_time("dateTime")?,
        };
        out.push(code::ZONED_DATE_TIME);
        put_local_date(date, out).ok()?;
        put_local_time(time, out);
        match kind {
            Kind::OffsetDateTime => put_ascii(&self.offset("offset")?, out),
            Kind::OffsetTime => put_ascii(&self.offset("zoneOffset")?, out),
            _ => put_text(self.text("zoneId")?, out),
        }
        Some(())
    }

    fn put_wrapped(&self, out: &mut Vec<u8>) -> Option<()> {
        match self.parts.first()? {
            Part::Null => out.push(code::NULL),
            Part::Int(v) => match i32::try_from(*v) {
                Ok(v) => put_int(v, out),
                Err(_) => put_long(*v, out),
            },
            Part::Double(v) => put_double(*v, out),
            Part::Date(v) => put_date(*v, out),
            Part::Text(v) => put_text(Text::from_cesu8(v)?, out),
            Part::Value(v) if v.class().is_none() => v.put(out).ok()?,
            _ => return None,
        }
        Some(())
    }
}

fn put_decimal(unscaled: &Big, scale: i32, out: &mut Vec<u8>) {
    match (unscaled.to_long(), scale) {
        (Some(v), 0) => {
            out.push(code::DECIMAL_LONG);
            put_long(v, out);
        }
        (long, scale) => {
            out.push(code::DECIMAL);
            put_int(scale, out);
            match long.map(|v| (v, i32::try_from(v))) {
                Some((_, Ok(v))) => put_int(v, out),
                Some((v, Err(_))) => put_long(v, out),
                None => put_integer(unscaled, out),
            }
        }
    }
}

fn put_integer(v: &Big, out: &mut Vec<u8>) {
    match v.to_long() {
        Some(v) => {
            out.push(code::BIG_LONG);
            put_long(v, out);
        }
        None => {
            let bytes = v.to_bytes();
            out.push(code::BIG);
            put_int(bytes.len() as i32, out);
            out.extend_from_slice(&bytes);
        }
    }
}
