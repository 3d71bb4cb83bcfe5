//! Converts scalars to the type of the parameter. Generic consumers have no classes, so a Dubbo provider
//! converts what they send (its `CompatibleTypeUtils`). Providers of other protocols do not, so Rialto does
//! it for them.
use super::enums::is_enum_of_jdk;
use super::{is_application_class, java_time};
use rialto_values::{Class, Sink, Text, Token, ValueError};

/// Settings of the route that conversions need.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rules {
    /// The zone in which texts of dates are, in seconds east of UTC; `None` if the route names none.
    pub(super) utc_offset: Option<i32>,
}

/// Emits a scalar as a parameter of the declared type. Returns how many containers were emitted for it.
///
/// # Errors
/// The text is not a value of the type, or the sink refuses it.
pub(super) fn put(
    declared: &str,
    token: Token<'_>,
    rules: Rules,
    sink: &mut dyn Sink,
) -> Result<u32, ValueError> {
    match token {
        Token::Text(text) => put_text(declared, text, rules, sink),
        Token::Int(v) => put_number(declared, Number::Whole(v.into()), token, sink),
        Token::Long(v) => put_number(declared, Number::Whole(v), token, sink),
        Token::Double(v) => put_number(declared, Number::Real(v), token, sink),
        Token::Date(v) if is_sql_date(declared) => put_object(declared, "value", Token::Date(v), sink),
        token => sink.token(token).map(|()| 0),
    }
}

fn put_text(declared: &str, v: Text<'_>, rules: Rules, sink: &mut dyn Sink) -> Result<u32, ValueError> {
    let s = v.to_str();
    let bad = || {
        let seen: String = s.chars().take(80).collect();
        ValueError::unsupported(format!(
            "the generic call gives \"{seen}\" for a {declared}, but it is not one"
        ))
    };
    let scalar = match declared {
        "byte" | "java.lang.Byte" => Token::Int(s.parse::<i8>().map_err(|_| bad())?.into()),
        "short" | "java.lang.Short" => Token::Int(s.parse::<i16>().map_err(|_| bad())?.into()),
        "int" | "java.lang.Integer" => Token::Int(s.parse().map_err(|_| bad())?),
        "long" | "java.lang.Long" => Token::Long(s.parse().map_err(|_| bad())?),
        "float" | "java.lang.Float" | "double" | "java.lang.Double" => {
            Token::Double(s.trim().parse().map_err(|_| bad())?)
        }
        "boolean" | "java.lang.Boolean" => Token::Bool(s.eq_ignore_ascii_case("true")),
        "char" | "java.lang.Character" if v.units() != 1 => return Err(bad()),
        "java.math.BigDecimal" if !is_decimal(&s) => return Err(bad()),
        "java.math.BigDecimal" => return put_object(declared, "value", Token::Text(v), sink),
        "java.math.BigInteger" => return put_big_integer(&s, sink)?.ok_or_else(bad),
        "java.util.Date" => Token::Date(moment(&s, declared, rules)?),
        "java.lang.Class" => return put_object(declared, "name", Token::Text(v), sink),
        _ if is_sql_date(declared) => {
            let date = Token::Date(moment(&s, declared, rules)?);
            return put_object(declared, "value", date, sink);
        }
        _ if is_application_class(declared) || is_enum_of_jdk(declared) => {
            return put_object(declared, "name", Token::Text(v), sink);
        }
        _ => match java_time::put_parsed(declared, &s, sink)? {
            Some(containers) => return containers.ok_or_else(bad),
            None => Token::Text(v),
        },
    };
    sink.token(scalar).map(|()| 0)
}

/// A number as it was received.
#[derive(Clone, Copy)]
enum Number {
    Whole(i64),
    Real(f64),
}

impl Number {
    /// Converts as Java's `longValue`.
    fn long(self) -> i64 {
        match self {
            Number::Whole(v) => v,
            Number::Real(v) => v as i64,
        }
    }

    /// Converts as Java's `intValue`.
    fn int(self) -> i32 {
        match self {
            Number::Whole(v) => v as i32,
            Number::Real(v) => v as i32,
        }
    }

    /// Converts as Java's `doubleValue`.
    fn double(self) -> f64 {
        match self {
            Number::Whole(v) => v as f64,
            Number::Real(v) => v,
        }
    }
}

fn put_number(
    declared: &str,
    number: Number,
    token: Token<'_>,
    sink: &mut dyn Sink,
) -> Result<u32, ValueError> {
    let scalar = match declared {
        "byte" | "java.lang.Byte" => Token::Int((number.int() as i8).into()),
        "short" | "java.lang.Short" => Token::Int((number.int() as i16).into()),
        "int" | "java.lang.Integer" => Token::Int(number.int()),
        "long" | "java.lang.Long" => Token::Long(number.long()),
        "float" | "java.lang.Float" | "double" | "java.lang.Double" => Token::Double(number.double()),
        "java.math.BigDecimal" => {
            // Dubbo 2.7 takes the way by a double here, which costs digits; Dubbo 3 does not
            let digits = match number {
                Number::Whole(v) => v.to_string(),
                Number::Real(v) => java_double(v),
            };
            let digits = Token::Text(Text::of_ascii(digits.as_bytes()));
            return put_object(declared, "value", digits, sink);
        }
        "java.math.BigInteger" => {
            let whole = number.long().to_string();
            return Ok(put_big_integer(&whole, sink)?.unwrap_or_default());
        }
        "java.util.Date" => Token::Date(number.long()),
        _ if is_sql_date(declared) => {
            return put_object(declared, "value", Token::Date(number.long()), sink);
        }
        _ => token,
    };
    sink.token(scalar).map(|()| 0)
}

/// Emits an object with one field.
fn put_object(
    class: &str,
    field: &'static str,
    value: Token<'_>,
    sink: &mut dyn Sink,
) -> Result<u32, ValueError> {
    sink.token(Token::Object(&Class::new(class, [field])))?;
    sink.token(value)?;
    sink.token(Token::End)?;
    Ok(1)
}

fn is_sql_date(class: &str) -> bool {
    matches!(class, "java.sql.Date" | "java.sql.Time" | "java.sql.Timestamp")
}

/// Whether `java.math.BigDecimal` can parse the text.
fn is_decimal(s: &str) -> bool {
    let (digits, exponent) = match s.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, Some(exponent)),
        None => (s, None),
    };
    let digits = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    all(whole)
        && all(part)
        && whole.len() + part.len() > 0
        && exponent.is_none_or(|e| e.parse::<i32>().is_ok())
}

/// The most digits of a whole number, because the time to parse them grows with their square.
const DIGITS_MAX: usize = 10_000;

/// Emits a whole number of any size; `None` if the text is not one.
fn put_big_integer(s: &str, sink: &mut dyn Sink) -> Result<Option<u32>, ValueError> {
    let (negative, digits) = match s.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, s.strip_prefix('+').unwrap_or(s)),
    };
    let fits = (1..=DIGITS_MAX).contains(&digits.len());
    if !fits || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(None);
    }
    let words = words(digits.as_bytes());
    let sign = match (words.is_empty(), negative) {
        (true, _) => 0,
        (_, true) => -1,
        (_, false) => 1,
    };
    sink.token(Token::Object(&Class::new(
        "java.math.BigInteger",
        ["signum", "mag"],
    )))?;
    sink.token(Token::Int(sign))?;
    sink.token(Token::List {
        class: Some("[int"),
        len: Some(words.len() as u32),
    })?;
    words
        .iter()
        .rev()
        .try_for_each(|word| sink.token(Token::Int(*word as i32)))?;
    sink.token(Token::End)?;
    sink.token(Token::End)?;
    Ok(Some(2))
}

/// The 32-bit words of a decimal number, lowest first.
fn words(digits: &[u8]) -> Vec<u32> {
    let mut words: Vec<u32> = vec![];
    for chunk in digits.chunks(9) {
        let scale = 10_u64.pow(chunk.len() as u32);
        let mut carry = chunk
            .iter()
            .fold(0_u64, |n, digit| n * 10 + u64::from(digit - b'0'));
        for word in &mut words {
            carry += u64::from(*word) * scale;
            *word = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            words.push(carry as u32);
        }
    }
    words
}

/// A double as Java's `Double.toString` writes it.
fn java_double(v: f64) -> String {
    let size = v.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{v:?}");
    }
    let text = format!("{v:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        Some((digits, exponent)) => format!("{digits}E{exponent}"),
        None => text,
    }
}

/// Milliseconds since the epoch of a text `yyyy-MM-dd HH:mm:ss`, in the time zone that the route names.
fn moment(s: &str, declared: &str, rules: Rules) -> Result<i64, ValueError> {
    let Some(seconds) = seconds(s) else {
        let seen: String = s.chars().take(80).collect();
        return Err(ValueError::unsupported(format!(
            "the generic call gives \"{seen}\" for a {declared}; dates must be written yyyy-MM-dd HH:mm:ss"
        )));
    };
    let Some(offset) = rules.utc_offset else {
        return Err(ValueError::unsupported(format!(
            "the generic call gives a text for a {declared}, and a Dubbo provider would read it in its own time \
             zone; name that zone in bridge.time_zone of the route, or send milliseconds"
        )));
    };
    Ok((seconds - i64::from(offset)) * 1000)
}

/// Seconds since the epoch, taking the text as UTC.
fn seconds(s: &str) -> Option<i64> {
    let (date, time) = s.trim().split_once(' ')?;
    let [year, month, day] = java_time::three(date, '-')?;
    let [hour, minute, second] = java_time::three(time.trim_start(), ':')?;
    let days = java_time::days(year, month, day)?;
    let in_day = hour < 24 && minute < 60 && second < 60;
    in_day.then(|| days * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_written_as_java_writes_them() {
        for (v, text) in [
            (7.0, "7.0"),
            (1.5, "1.5"),
            (0.0, "0.0"),
            (0.001, "0.001"),
            (0.000_12, "1.2E-4"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (-1.25e20, "-1.25E20"),
        ] {
            assert_eq!(java_double(v), text);
        }
    }

    #[test]
    fn dates_are_in_the_zone_of_the_route() {
        let at = |offset| {
            moment(
                "2026-01-02 03:04:05",
                "java.util.Date",
                Rules { utc_offset: offset },
            )
        };
        assert_eq!(at(Some(0)), Ok(1_767_323_045_000));
        assert_eq!(at(Some(8 * 3600)), Ok(1_767_323_045_000 - 8 * 3_600_000));
        assert!(at(None).unwrap_err().text.contains("bridge.time_zone"));
        for bad in [
            "2026-01-02",
            "2026-02-30 00:00:00",
            "2026-01-02 24:00:00",
            "x",
            "2026-01-02T03:04:05",
        ] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
        assert_eq!(seconds("1969-12-31 23:59:59"), Some(-1));
    }

    #[test]
    fn whole_numbers_of_any_size_are_split_into_words() {
        assert!(words(b"0").is_empty());
        assert_eq!(words(b"4294967296"), [0, 1]);
        assert_eq!(words(b"00018446744073709551616"), [0, 0, 1]);
        let long = words(b"123456789012345678901234567890");
        assert_eq!(long, [1312754386, 3279151342, 2397638646, 1]);
    }

    #[test]
    fn decimals_are_accepted_as_java_does() {
        for good in ["1.50", "-0", ".5", "5.", "1E3", "+1.2e-7"] {
            assert!(is_decimal(good), "{good}");
        }
        for bad in ["", ".", "1,5", "1.2.3", "1e", " 1", "NaN", "0x1"] {
            assert!(!is_decimal(bad), "{bad}");
        }
    }
}
