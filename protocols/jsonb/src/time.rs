//! `java.time` values: their fields, and the texts that fastjson2 writes for some of them.

/// `java.time.LocalDate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: i32,
    pub(crate) month: i32,
    pub(crate) day: i32,
}

/// `java.time.LocalTime`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time {
    pub(crate) hour: i32,
    pub(crate) minute: i32,
    pub(crate) second: i32,
    pub(crate) nano: i32,
}

impl Date {
    pub(crate) fn is_valid(self) -> bool {
        (1..=12).contains(&self.month) && (1..=31).contains(&self.day)
    }
}

impl Time {
    pub(crate) fn is_valid(self) -> bool {
        (0..24).contains(&self.hour)
            && (0..60).contains(&self.minute)
            && (0..60).contains(&self.second)
            && (0..1_000_000_000).contains(&self.nano)
    }
}

/// The seconds of an offset id (`Z`, `+02:00`, `-03:30:15`); `None` for region names.
pub(crate) fn parse_offset(id: &str) -> Option<i32> {
    if id == "Z" {
        return Some(0);
    }
    let sign = match id.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let mut seconds = 0;
    let mut parts = id[1..].split(':');
    for unit in [3600, 60, 1] {
        let Some(part) = parts.next() else { break };
        if part.len() != 2 || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        seconds += part.parse::<i32>().ok()? * unit;
    }
    (parts.next().is_none() && seconds <= 18 * 3600).then_some(sign * seconds)
}

/// The id of an offset, as `java.time.ZoneOffset.getId()` returns it; `None` beyond 18 hours.
pub(crate) fn offset_id(seconds: i32) -> Option<String> {
    let n = seconds.checked_abs().filter(|n| *n <= 18 * 3600)?;
    let sign = if seconds < 0 { '-' } else { '+' };
    Some(match (n / 3600, n / 60 % 60, n % 60) {
        (0, 0, 0) => "Z".to_owned(),
        (h, m, 0) => format!("{sign}{h:02}:{m:02}"),
        (h, m, s) => format!("{sign}{h:02}:{m:02}:{s:02}"),
    })
}

/// Seconds and nanoseconds of a text from `java.time.Duration.toString()`.
pub(crate) fn parse_duration(text: &str) -> Option<(i64, i32)> {
    let (mut seconds, mut nanos) = (0_i128, 0_i128);
    let (days, clock) = text
        .strip_prefix('P')?
        .split_once('T')
        .unwrap_or((text.strip_prefix('P')?, ""));
    let mut rest = days;
    if let Some(n) = take_unit(&mut rest, 'D') {
        seconds += i128::from(n.parse::<i64>().ok()?) * 86_400;
    }
    if !rest.is_empty() {
        return None;
    }
    rest = clock;
    for (unit, factor) in [('H', 3600), ('M', 60)] {
        if let Some(n) = take_unit(&mut rest, unit) {
            seconds += i128::from(n.parse::<i64>().ok()?) * factor;
        }
    }
    if let Some(n) = take_unit(&mut rest, 'S') {
        let (whole, fraction) = n.split_once('.').unwrap_or((n, ""));
        if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        seconds += i128::from(whole.parse::<i64>().ok()?);
        nanos = format!("{fraction:0<9}").parse().ok()?;
        if whole.starts_with('-') {
            nanos = -nanos;
        }
    }
    let total = seconds * 1_000_000_000 + nanos;
    let seconds = i64::try_from(total.div_euclid(1_000_000_000)).ok()?;
    (rest.is_empty() && text.len() > 2).then_some((seconds, total.rem_euclid(1_000_000_000) as i32))
}

/// The text that `java.time.Duration.toString()` returns.
pub(crate) fn duration_text(seconds: i64, nanos: i32) -> Option<String> {
    if !(0..1_000_000_000).contains(&nanos) {
        return None;
    }
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let whole = total / 1_000_000_000;
    let fraction = (total % 1_000_000_000).abs();
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    let mut text = "PT".to_owned();
    if hours != 0 {
        text.push_str(&format!("{hours}H"));
    }
    if minutes != 0 {
        text.push_str(&format!("{minutes}M"));
    }
    if rest != 0 || fraction != 0 || text.len() == 2 {
        let sign = if total < 0 && rest == 0 { "-" } else { "" };
        let digits = format!(".{fraction:09}");
        let digits = if fraction == 0 {
            ""
        } else {
            digits.trim_end_matches('0')
        };
        text.push_str(&format!("{sign}{rest}{digits}S"));
    }
    Some(text)
}

/// Years, months and days of a text from `java.time.Period.toString()`.
pub(crate) fn parse_period(text: &str) -> Option<[i32; 3]> {
    let mut rest = text.strip_prefix('P').filter(|rest| !rest.is_empty())?;
    let mut out = [0; 3];
    for (unit, n) in ['Y', 'M', 'D'].into_iter().zip(&mut out) {
        if let Some(text) = take_unit(&mut rest, unit) {
            *n = text.parse().ok()?;
        }
    }
    rest.is_empty().then_some(out)
}

/// The text that `java.time.Period.toString()` returns.
pub(crate) fn period_text([years, months, days]: [i32; 3]) -> String {
    let mut text = "P".to_owned();
    for (n, unit) in [(years, 'Y'), (months, 'M'), (days, 'D')] {
        if n != 0 {
            text.push_str(&format!("{n}{unit}"));
        }
    }
    if text.len() == 1 {
        text.push_str("0D");
    }
    text
}

/// Splits the number before `unit` off the text, if the text begins with one.
fn take_unit<'t>(text: &mut &'t str, unit: char) -> Option<&'t str> {
    let end = text.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.'))?;
    if !text[end..].starts_with(unit) {
        return None;
    }
    let number = &text[..end];
    *text = &text[end + unit.len_utf8()..];
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_java_text() {
        for (seconds, nanos, text) in [
            (60, 500_000_000, "PT1M0.5S"),
            (0, 0, "PT0S"),
            (-1, 999_999_999, "PT-0.000000001S"),
            (-2, 500_000_000, "PT-1.5S"),
            (-60, 500_000_000, "PT-59.5S"),
            (-3661, 0, "PT-1H-1M-1S"),
            (86_400, 0, "PT24H"),
            (i64::MAX, 999_999_999, "PT2562047788015215H30M7.999999999S"),
            (i64::MIN, 0, "PT-2562047788015215H-30M-8S"),
        ] {
            assert_eq!(duration_text(seconds, nanos).as_deref(), Some(text));
            assert_eq!(parse_duration(text), Some((seconds, nanos)), "{text}");
        }
        assert_eq!(parse_duration("P1DT1S"), Some((86_401, 0)));
        for bad in [
            "",
            "P",
            "PT",
            "1S",
            "PTS",
            "PT1X",
            "PT1.5H",
            "PT1.1234567890S",
            "PT1S1M",
        ] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn periods_and_offsets_are_java_text() {
        for (period, text) in [([1, 2, 3], "P1Y2M3D"), ([0, 0, 0], "P0D"), ([0, -2, 0], "P-2M")] {
            assert_eq!(
                (period_text(period), parse_period(text)),
                (text.to_owned(), Some(period))
            );
        }
        for bad in ["", "P", "P1", "P1D1Y", "1D"] {
            assert_eq!(parse_period(bad), None, "{bad}");
        }
        for (seconds, id) in [
            (0, "Z"),
            (7200, "+02:00"),
            (-12_600, "-03:30"),
            (3661, "+01:01:01"),
        ] {
            assert_eq!(
                (offset_id(seconds).as_deref(), parse_offset(id)),
                (Some(id), Some(seconds))
            );
        }
        for bad in ["", "+", "+2", "+19:00", "Europe/Oslo", "+02:00:00:00", "+é"] {
            assert_eq!(parse_offset(bad), None, "{bad}");
        }
        assert_eq!(offset_id(i32::MIN), None);
    }
}
