//! Turns scalars into tokens.
use rialto_values::{Allowance, Class, Limits, Sink, Text, Token, ValueError, text};

use crate::handle::{self, Kind};
use crate::names;
use crate::number::{Big, decimal_text, parse_decimal};
use crate::scalar::Scalar;
use crate::time::{self, Date, Time};

/// The counters of one token stream that several documents are read into.
#[derive(Clone, Copy, Debug)]
pub struct Numbering {
    containers: u32,
    tokens_left: u32,
}

impl Numbering {
    /// The counters of a new stream.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Numbering {
            containers: 0,
            tokens_left: limits.tokens,
        }
    }

    /// The number of containers in the stream so far, which is the number of the next one.
    #[must_use]
    pub fn containers(&self) -> u32 {
        self.containers
    }

    /// Counts containers that others have added to the stream.
    pub fn add_containers(&mut self, n: u32) {
        self.containers = self.containers.saturating_add(n);
    }
}

/// What is known about the class of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expect<'c> {
    Nothing,
    /// The value was written for this class, so the document does not name it.
    Declared(&'c str),
    /// The document names this class for the value.
    Named(&'c str),
}

impl<'c> Expect<'c> {
    fn class(self) -> Option<&'c str> {
        match self {
            Expect::Nothing => None,
            Expect::Declared(class) | Expect::Named(class) => Some(class),
        }
    }
}

/// A sink with the counters of its stream.
pub(crate) struct Emitter<'s> {
    pub(crate) sink: &'s mut dyn Sink,
    pub(crate) numbering: &'s mut Numbering,
    /// The remaining allowance of the document for names.
    pub(crate) names: Allowance,
}

impl Emitter<'_> {
    pub(crate) fn token(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        let Some(left) = self.numbering.tokens_left.checked_sub(1) else {
            return Err(ValueError::too_large(
                "JSONB: the value has more parts than the limit of tokens allows",
            ));
        };
        self.numbering.tokens_left = left;
        match token {
            Token::List { class, .. } | Token::Map { class } => {
                self.numbering.containers += 1;
                self.names.pay(class.map_or(0, str::len))?;
            }
            Token::Object(class) => {
                self.numbering.containers += 1;
                self.names.pay(class.weight())?;
            }
            _ => {}
        }
        self.sink.token(token)
    }

    /// Emits a scalar, converted to what it stands for in its class.
    pub(crate) fn scalar(&mut self, value: Scalar<'_>, expect: Expect<'_>) -> Result<(), ValueError> {
        let expected = expect.class();
        match value {
            Scalar::Null => self.token(Token::Null),
            Scalar::Bool(v) if expected.and_then(handle::kind) == Some(Kind::AtomicBoolean) => {
                self.object(Kind::AtomicBoolean, &[Token::Int(i32::from(v))])
            }
            Scalar::Bool(v) => self.token(Token::Bool(v)),
            Scalar::Int(v) => self.whole(i64::from(v), Token::Int(v), expect),
            Scalar::Long(v) => self.whole(v, Token::Long(v), expect),
            Scalar::Double(v) => self.token(Token::Double(v)),
            Scalar::Date(v) => self.date(v, expected),
            Scalar::Text(v) => self.text(v, expect),
            Scalar::Binary(v) => self.binary(v, expect),
            Scalar::Decimal(unscaled, scale) => {
                self.ascii_object(Kind::BigDecimal, &decimal_text(&unscaled, scale))
            }
            Scalar::Integer(v) => self.big_integer(&v),
            Scalar::LocalDate(v) => self.local_date(v),
            Scalar::LocalTime(v) => self.local_time(v),
            Scalar::LocalDateTime(date, time) => match expected {
                Some(class) if handle::kind(class) == Some(Kind::SqlDate) => Err(zoneless(class)),
                _ => self.local_date_time(date, time),
            },
            Scalar::Zoned(date, time, zone) => self.zoned(date, time, &zone, expected),
            Scalar::Instant(seconds, nanos) => {
                self.object(Kind::Instant, &[Token::Long(seconds), Token::Int(nanos)])
            }
        }
    }

    fn whole(&mut self, v: i64, plain: Token<'_>, expect: Expect<'_>) -> Result<(), ValueError> {
        match (expect.class(), i32::try_from(v)) {
            (Some("java.util.concurrent.atomic.AtomicInteger"), Ok(v)) => {
                self.object(Kind::AtomicInteger, &[Token::Int(v)])
            }
            (Some("java.util.concurrent.atomic.AtomicLong"), _) => {
                self.object(Kind::AtomicLong, &[Token::Long(v)])
            }
            (Some("long" | "java.lang.Long"), _) => self.token(Token::Long(v)),
            (Some("int" | "java.lang.Integer"), Ok(v)) => self.token(Token::Int(v)),
            (Some(class), _) if matches!(expect, Expect::Named(_)) && !class.starts_with("java.") => Err(
                ValueError::unsupported(format!("JSONB: an object of {class} held as the number {v}")),
            ),
            _ => self.token(plain),
        }
    }

    fn date(&mut self, millis: i64, expected: Option<&str>) -> Result<(), ValueError> {
        let expected = expected.unwrap_or_default();
        match handle::by_java_name(expected) {
            Some(Kind::SqlDate) => {
                let class = Class::new(expected, ["value"]);
                self.flat(&class, &[Token::Date(millis)])
            }
            Some(Kind::Calendar) => self.object(Kind::Calendar, &[Token::Null, Token::Date(millis)]),
            _ => self.token(Token::Date(millis)),
        }
    }

    fn text(&mut self, v: Text<'_>, expect: Expect<'_>) -> Result<(), ValueError> {
        let Some(class) = expect.class() else {
            return self.token(Token::Text(v));
        };
        match (class, handle::by_java_name(class)) {
            (_, Some(kind)) => self.text_of_kind(v, kind, class),
            (
                "java.lang.String"
                | "char"
                | "java.lang.Character"
                | "java.lang.CharSequence"
                | "java.lang.Object",
                _,
            )
            | ("java.lang.StringBuilder" | "java.lang.StringBuffer" | "[char" | "object" | "string", _) => {
                self.token(Token::Text(v))
            }
            _ if matches!(expect, Expect::Named(_)) && class.starts_with("java.") && names::is_map(class) => {
                Err(ValueError::malformed(format!(
                    "JSONB: a text that is to be a {class}"
                )))
            }
            // What remains are enum constants, which are given by name.
            _ if matches!(expect, Expect::Named(_)) || !class.starts_with("java.") && class.contains('.') => {
                self.flat(&Class::new(class, ["name"]), &[Token::Text(v)])
            }
            _ => self.token(Token::Text(v)),
        }
    }

    fn text_of_kind(&mut self, v: Text<'_>, kind: Kind, class: &str) -> Result<(), ValueError> {
        let s = v.to_str();
        let bad = || {
            ValueError::malformed(format!(
                "JSONB: \"{}\" is not a {class}",
                s.chars().take(80).collect::<String>()
            ))
        };
        match kind {
            Kind::Duration => {
                let (seconds, nanos) = time::parse_duration(&s).ok_or_else(bad)?;
                self.object(kind, &[Token::Long(seconds), Token::Int(nanos)])
            }
            Kind::Period => {
                let [y, m, d] = time::parse_period(&s).ok_or_else(bad)?.map(Token::Int);
                self.object(kind, &[y, m, d])
            }
            Kind::ZoneOffset => self.object(kind, &[Token::Int(time::parse_offset(&s).ok_or_else(bad)?)]),
            Kind::Uuid => {
                let hex: String = s.chars().filter(|c| *c != '-').collect();
                let bits = u128::from_str_radix(&hex, 16)
                    .ok()
                    .filter(|_| hex.len() == 32)
                    .ok_or_else(bad)?;
                self.uuid(bits)
            }
            Kind::BigDecimal => {
                parse_decimal(&s).ok_or_else(bad)?;
                self.object(kind, &[Token::Text(v)])
            }
            Kind::BigInteger => match parse_decimal(&s) {
                Some((big, 0)) => self.big_integer(&big),
                _ => Err(bad()),
            },
            Kind::Class => self.text_object(kind, &crate::names::java_name(&s)),
            Kind::ZoneId | Kind::Locale | Kind::Currency => self.object(kind, &[Token::Text(v)]),
            Kind::AtomicInteger | Kind::AtomicLong | Kind::AtomicBoolean => Err(bad()),
            Kind::SqlDate => Err(zoneless(class)),
            _ => self.token(Token::Text(v)),
        }
    }

    fn binary(&mut self, v: &[u8], expect: Expect<'_>) -> Result<(), ValueError> {
        match expect {
            Expect::Declared("java.util.UUID") | Expect::Named("java.util.UUID") => match v.try_into() {
                Ok(bits) => self.uuid(u128::from_be_bytes(bits)),
                Err(_) => Err(ValueError::malformed(format!(
                    "JSONB: a java.util.UUID of {} bytes",
                    v.len()
                ))),
            },
            Expect::Named(class) if !matches!(class, "[byte" | "java.lang.Object") => Err(
                ValueError::unsupported(format!("JSONB: an object of {class} held as binary data")),
            ),
            _ => self.token(Token::Binary(v)),
        }
    }

    fn uuid(&mut self, bits: u128) -> Result<(), ValueError> {
        self.object(
            Kind::Uuid,
            &[Token::Long((bits >> 64) as i64), Token::Long(bits as i64)],
        )
    }

    fn big_integer(&mut self, v: &Big) -> Result<(), ValueError> {
        self.open(Kind::BigInteger)?;
        self.token(Token::Int(v.signum()))?;
        let words = v.words();
        self.token(Token::List {
            class: Some("[int"),
            len: Some(words.len() as u32),
        })?;
        for word in words {
            self.token(Token::Int(word))?;
        }
        self.token(Token::End)?;
        self.token(Token::End)
    }

    fn local_date(&mut self, v: Date) -> Result<(), ValueError> {
        self.object(Kind::LocalDate, &[v.year, v.month, v.day].map(Token::Int))
    }

    fn local_time(&mut self, v: Time) -> Result<(), ValueError> {
        self.object(
            Kind::LocalTime,
            &[v.hour, v.minute, v.second, v.nano].map(Token::Int),
        )
    }

    fn local_date_time(&mut self, date: Date, time: Time) -> Result<(), ValueError> {
        self.open(Kind::LocalDateTime)?;
        self.local_date(date)?;
        self.local_time(time)?;
        self.token(Token::End)
    }

    fn offset(&mut self, seconds: i32) -> Result<(), ValueError> {
        self.object(Kind::ZoneOffset, &[Token::Int(seconds)])
    }

    /// Emits a zoned time. JSONB has one form for three classes, and gives only the id of a region, not its
    /// offset.
    fn zoned(
        &mut self,
        date: Date,
        time: Time,
        zone: &str,
        expected: Option<&str>,
    ) -> Result<(), ValueError> {
        let offset = time::parse_offset(zone);
        match (expected.and_then(handle::by_java_name), offset) {
            (Some(Kind::OffsetDateTime), Some(seconds)) => {
                self.open(Kind::OffsetDateTime)?;
                self.local_date_time(date, time)?;
                self.offset(seconds)?;
            }
            (Some(Kind::OffsetTime), Some(seconds)) => {
                self.open(Kind::OffsetTime)?;
                self.local_time(time)?;
                self.offset(seconds)?;
            }
            _ => {
                self.open(Kind::ZonedDateTime)?;
                self.local_date_time(date, time)?;
                match offset {
                    Some(seconds) => self.offset(seconds)?,
                    None => self.token(Token::Null)?,
                }
                let mut cesu8 = Vec::new();
                let units = text::encode(zone, &mut cesu8);
                self.token(Token::Text(Text::from_checked(&cesu8, units)))?;
            }
        }
        self.token(Token::End)
    }

    fn text_object(&mut self, kind: Kind, value: &str) -> Result<(), ValueError> {
        let mut cesu8 = Vec::new();
        let units = text::encode(value, &mut cesu8);
        self.object(kind, &[Token::Text(Text::from_checked(&cesu8, units))])
    }

    fn ascii_object(&mut self, kind: Kind, value: &str) -> Result<(), ValueError> {
        self.object(
            kind,
            &[Token::Text(Text::from_checked(
                value.as_bytes(),
                value.len() as u32,
            ))],
        )
    }

    fn open(&mut self, kind: Kind) -> Result<(), ValueError> {
        match handle::class(kind) {
            Some(class) => self.token(Token::Object(class)),
            None => Err(ValueError::unsupported(format!(
                "JSONB: no class stands for {kind:?}"
            ))),
        }
    }

    fn object(&mut self, kind: Kind, fields: &[Token<'_>]) -> Result<(), ValueError> {
        self.open(kind)?;
        fields.iter().try_for_each(|field| self.token(*field))?;
        self.token(Token::End)
    }

    fn flat(&mut self, class: &Class, fields: &[Token<'_>]) -> Result<(), ValueError> {
        self.token(Token::Object(class))?;
        fields.iter().try_for_each(|field| self.token(*field))?;
        self.token(Token::End)
    }
}

/// The error for a moment that is written as date or time of day in the time zone of the sender's JVM, which
/// the document does not name.
#[cold]
fn zoneless(class: &str) -> ValueError {
    ValueError::unsupported(format!(
        "JSONB: a {class} is written in the sender's time zone, which is not written; send a java.util.Date or a \
         java.time.Instant"
    ))
}
