//! `java.time` in generic calls, where stock providers read and write dates and times as texts.
use rialto_values::{Class, Sink, Token, ValueError, handle};

/// The three classes that are texts in generic calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Date,
    Time,
    DateTime,
}

impl Kind {
    /// The kind whose objects have this class name in token streams.
    pub(super) fn of_handle(class: &str) -> Option<Self> {
        let simple = class.strip_prefix(handle::PACKAGE)?.strip_prefix("java8.")?;
        match simple {
            "LocalDateHandle" => Some(Kind::Date),
            "LocalTimeHandle" => Some(Kind::Time),
            "LocalDateTimeHandle" => Some(Kind::DateTime),
            _ => None,
        }
    }

    fn of_class(class: &str) -> Option<Self> {
        match class {
            "java.time.LocalDate" => Some(Kind::Date),
            "java.time.LocalTime" => Some(Kind::Time),
            "java.time.LocalDateTime" => Some(Kind::DateTime),
            _ => None,
        }
    }

    fn class(self) -> Class {
        let (name, fields): (_, &[&'static str]) = match self {
            Kind::Date => ("LocalDateHandle", &["year", "month", "day"]),
            Kind::Time => ("LocalTimeHandle", &["hour", "minute", "second", "nano"]),
            Kind::DateTime => ("LocalDateTimeHandle", &["date", "time"]),
        };
        Class::new(format!("{}java8.{name}", handle::PACKAGE), fields.iter().copied())
    }
}

/// The value of a field.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Int(i32),
    Text(String),
}

/// An object whose fields are being collected.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) kind: Kind,
    class: Class,
    parts: Vec<Part>,
}

impl Moment {
    pub(super) fn new(kind: Kind, class: &Class) -> Self {
        Moment {
            kind,
            class: class.clone(),
            parts: vec![],
        }
    }

    /// Adds the next field.
    ///
    /// # Errors
    /// The object has more values than its class has fields.
    pub(super) fn push(&mut self, part: Part) -> Result<(), ValueError> {
        if self.parts.len() == self.class.fields().len() {
            return Err(self.malformed());
        }
        self.parts.push(part);
        Ok(())
    }

    /// The text that `toString` gives in Java.
    ///
    /// # Errors
    /// The fields do not form such an object.
    pub(super) fn text(&self) -> Result<String, ValueError> {
        self.spelled().ok_or_else(|| self.malformed())
    }

    fn spelled(&self) -> Option<String> {
        match self.kind {
            Kind::Date => {
                let year = self.int("year")?;
                let year = match year {
                    10_000.. => format!("+{year}"),
                    0..10_000 => format!("{year:04}"),
                    _ => format!("-{:04}", year.unsigned_abs()),
                };
                Some(format!(
                    "{year}-{:02}-{:02}",
                    self.int("month")?,
                    self.int("day")?
                ))
            }
            Kind::Time => {
                let (second, nano) = (self.int("second")?, self.int("nano")?);
                let mut text = format!("{:02}:{:02}", self.int("hour")?, self.int("minute")?);
                if second > 0 || nano > 0 {
                    text += &format!(":{second:02}");
                }
                match nano {
                    0 => {}
                    n if n % 1_000_000 == 0 => text += &format!(".{:03}", n / 1_000_000),
                    n if n % 1_000 == 0 => text += &format!(".{:06}", n / 1_000),
                    n => text += &format!(".{n:09}"),
                }
                Some(text)
            }
            Kind::DateTime => match (self.part("date")?, self.part("time")?) {
                (Part::Text(date), Part::Text(time)) => Some(format!("{date}T{time}")),
                _ => None,
            },
        }
    }

    fn part(&self, name: &str) -> Option<&Part> {
        self.parts.get(self.class.field(name)?)
    }

    fn int(&self, name: &str) -> Option<i32> {
        match self.part(name)? {
            Part::Int(v) => Some(*v),
            Part::Text(_) => None,
        }
    }

    pub(super) fn malformed(&self) -> ValueError {
        ValueError::malformed(format!(
            "the fields of a {} do not form a value",
            self.class.name()
        ))
    }
}

/// Emits the text as an object of the declared class. Returns how many containers were emitted for it. The
/// outer `None` means that the class is not one of these three, the inner one that the text is not a value of
/// it.
///
/// # Errors
/// The sink's errors.
pub(super) fn put_parsed(
    declared: &str,
    s: &str,
    sink: &mut dyn Sink,
) -> Result<Option<Option<u32>>, ValueError> {
    let Some(kind) = Kind::of_class(declared) else {
        return Ok(None);
    };
    let containers = match kind {
        Kind::Date => match date(s) {
            Some(date) => Some(put_ints(kind, &date, sink)?),
            None => None,
        },
        Kind::Time => match time(s) {
            Some(time) => Some(put_ints(kind, &time, sink)?),
            None => None,
        },
        Kind::DateTime => match s.split_once('T').and_then(|(d, t)| date(d).zip(time(t))) {
            Some((date, time)) => {
                sink.token(Token::Object(&kind.class()))?;
                put_ints(Kind::Date, &date, sink)?;
                put_ints(Kind::Time, &time, sink)?;
                sink.token(Token::End)?;
                Some(3)
            }
            // Stock providers read an empty text as null.
            None if s.is_empty() => {
                sink.token(Token::Null)?;
                Some(0)
            }
            None => None,
        },
    };
    Ok(Some(containers))
}

fn put_ints(kind: Kind, values: &[i64], sink: &mut dyn Sink) -> Result<u32, ValueError> {
    sink.token(Token::Object(&kind.class()))?;
    values
        .iter()
        .try_for_each(|v| sink.token(Token::Int(*v as i32)))?;
    sink.token(Token::End)?;
    Ok(1)
}

/// Parses three numbers with a separator between them.
pub(super) fn three(s: &str, between: char) -> Option<[i64; 3]> {
    let mut parts = s.split(between).map(number);
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

fn number(s: &str) -> Option<i64> {
    (s.len() <= 9 && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse().ok())?
}

/// Days since the epoch; `None` if the date does not exist.
pub(super) fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    // The computation starts years in March, so that the leap day is the last day of its year.
    let (shifted, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468)
}

fn date(s: &str) -> Option<[i64; 3]> {
    let [year, month, day] = three(s, '-')?;
    days(year, month, day).map(|_| [year, month, day])
}

fn time(s: &str) -> Option<[i64; 4]> {
    let (whole, part) = s.split_once('.').unwrap_or((s, ""));
    let [hour, minute, second] = match whole.matches(':').count() {
        1 => three(&format!("{whole}:00"), ':')?,
        _ => three(whole, ':')?,
    };
    let nano = match part.len() {
        0 => 0,
        len @ 1..=9 => number(part)? * 10_i64.pow(9 - len as u32),
        _ => return None,
    };
    (hour < 24 && minute < 60 && second < 60).then_some([hour, minute, second, nano])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_values::Recorder;

    /// Parses a text and writes it again.
    fn round_trip(class: &str, text: &str) -> Option<String> {
        let mut out = Recorder::default();
        put_parsed(class, text, &mut out).unwrap().unwrap()?;
        let mut open: Vec<Moment> = vec![];
        for token in &out.tokens {
            match token.as_token() {
                Token::Object(class) => {
                    open.push(Moment::new(Kind::of_handle(class.name()).unwrap(), class));
                }
                Token::Int(v) => open.last_mut().unwrap().push(Part::Int(v)).unwrap(),
                Token::End => {
                    let text = open.pop().unwrap().text().unwrap();
                    match open.last_mut() {
                        Some(outer) => outer.push(Part::Text(text)).unwrap(),
                        None => return Some(text),
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        None
    }

    #[test]
    fn texts_are_read_and_written_as_in_java() {
        for (class, text) in [
            ("java.time.LocalDate", "2026-05-06"),
            ("java.time.LocalDate", "0099-02-28"),
            ("java.time.LocalTime", "07:08"),
            ("java.time.LocalTime", "07:08:09"),
            ("java.time.LocalTime", "07:08:00.100"),
            ("java.time.LocalTime", "07:08:09.000001"),
            ("java.time.LocalTime", "07:08:09.123456789"),
            ("java.time.LocalDateTime", "2024-02-29T23:59:59.999"),
        ] {
            assert_eq!(round_trip(class, text).as_deref(), Some(text));
        }
        for (class, text) in [
            ("java.time.LocalDate", "2026-02-29"),
            ("java.time.LocalDate", "2026-13-01"),
            ("java.time.LocalTime", "24:00"),
            ("java.time.LocalTime", "7"),
            ("java.time.LocalDateTime", "2026-05-06 07:08:09"),
        ] {
            assert_eq!(round_trip(class, text), None, "{text}");
        }
        assert_eq!(
            put_parsed("java.time.Instant", "x", &mut Recorder::default()),
            Ok(None)
        );
    }

    #[test]
    fn days_are_counted_from_the_epoch() {
        for (date, n) in [([1970, 1, 1], 0), ([2000, 2, 29], 11_016), ([1969, 12, 31], -1)] {
            let [y, m, d] = date;
            assert_eq!(days(y, m, d), Some(n));
        }
    }
}
