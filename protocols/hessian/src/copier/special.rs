//! Objects that are not copied field by field (wire section 3.3).
use rialto_values::{Class, Sink, Token, ValueError, handle};

use super::Copier;
use crate::Reader;
use crate::first_byte::FirstByte;
use crate::names::Form;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

impl Copier {
    /// Emits an instance of a class with a special form. Its header has been read.
    pub(super) fn special<S: Sink + ?Sized>(
        &mut self,
        reader: &mut Reader<'_, '_>,
        sink: &mut S,
        form: Form,
        class: u32,
    ) -> Result<(), ValueError> {
        match form {
            Form::Number => self.number(reader, sink),
            Form::UuidText => {
                self.assign(reader);
                let halves = uuid_halves(reader.read_text()?.text().bytes())
                    .ok_or_else(|| reader.cursor.malformed("a UUID is not of 32 hexadecimal digits"))?;
                let class = reader
                    .tables
                    .known(class, reader.stream, reader.library)?
                    .class
                    .clone();
                self.emit(reader, sink, Token::Object(&class))?;
                self.emit(reader, sink, Token::Long(halves[0]))?;
                self.emit(reader, sink, Token::Long(halves[1]))?;
                self.emit(reader, sink, Token::End)
            }
            Form::CompactDate => {
                self.assign(reader);
                let days = reader.read_long()?;
                self.date(reader, sink, days)
            }
            Form::CompactTime => {
                self.assign(reader);
                let nanos = reader.read_long()?;
                self.time(reader, sink, nanos)
            }
            Form::CompactDateTime => self.date_time(reader, sink),
            Form::Refused(why) => Err(ValueError::unsupported(why)),
            Form::Plain => Err(reader
                .cursor
                .malformed("a plain object was taken for a special one")),
        }
    }

    /// Emits the number inside a handle. The number is not a container, so a later reference to the handle
    /// copies it again.
    fn number<S: Sink + ?Sized>(
        &mut self,
        reader: &mut Reader<'_, '_>,
        sink: &mut S,
    ) -> Result<(), ValueError> {
        let token = match reader.first_byte()? {
            FirstByte::Int(value) => Token::Int(value),
            FirstByte::Long(value) => Token::Long(value),
            FirstByte::Double(value) => Token::Double(value),
            other => return Err(reader.unexpected("a number in its handle", other)),
        };
        self.emit(reader, sink, token)
    }

    fn date_time<S: Sink + ?Sized>(
        &mut self,
        reader: &mut Reader<'_, '_>,
        sink: &mut S,
    ) -> Result<(), ValueError> {
        self.assign(reader);
        let (days, nanos) = (reader.read_long()?, reader.read_long()?);
        self.emit(
            reader,
            sink,
            Token::Object(&java8("LocalDateTimeHandle", &["date", "time"])),
        )?;
        // One object of the source becomes three in the token stream.
        self.next += 2;
        self.date(reader, sink, days)?;
        self.time(reader, sink, nanos)?;
        self.emit(reader, sink, Token::End)
    }

    fn date<S: Sink + ?Sized>(
        &mut self,
        reader: &Reader<'_, '_>,
        sink: &mut S,
        days: i64,
    ) -> Result<(), ValueError> {
        let date = civil_date(days).ok_or_else(|| reader.cursor.malformed("a LocalDate out of range"))?;
        self.ints(
            reader,
            sink,
            &java8("LocalDateHandle", &["year", "month", "day"]),
            &date,
        )
    }

    fn time<S: Sink + ?Sized>(
        &mut self,
        reader: &Reader<'_, '_>,
        sink: &mut S,
        nanos: i64,
    ) -> Result<(), ValueError> {
        let seconds = nanos.div_euclid(NANOS_PER_SECOND);
        if !(0..86_400).contains(&seconds) {
            return Err(reader.cursor.malformed("a LocalTime out of range"));
        }
        let parts = [
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60,
            nanos % NANOS_PER_SECOND,
        ];
        let class = java8("LocalTimeHandle", &["hour", "minute", "second", "nano"]);
        self.ints(reader, sink, &class, &parts.map(|part| part as i32))
    }

    fn ints<S: Sink + ?Sized>(
        &mut self,
        reader: &Reader<'_, '_>,
        sink: &mut S,
        class: &Class,
        values: &[i32],
    ) -> Result<(), ValueError> {
        self.emit(reader, sink, Token::Object(class))?;
        for value in values {
            self.emit(reader, sink, Token::Int(*value))?;
        }
        self.emit(reader, sink, Token::End)
    }
}

fn java8(handle: &str, fields: &[&'static str]) -> Class {
    Class::new(
        format!("{}java8.{handle}", handle::PACKAGE),
        fields.iter().copied(),
    )
}

/// Year, month and day of a day counted from 1970-01-01, in the range of `java.time.LocalDate`.
fn civil_date(days: i64) -> Option<[i32; 3]> {
    const DAYS_PER_ERA: i64 = 146_097;
    if !(-365_243_219_162..=365_241_780_471).contains(&days) {
        return None;
    }
    // The computation starts years in March, so that the leap day is the last day of its year.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(DAYS_PER_ERA);
    let day_of_era = shifted.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    Some([i32::try_from(year).ok()?, month as i32, day as i32])
}

/// The two halves of a UUID in its usual text form.
fn uuid_halves(text: &[u8]) -> Option<[i64; 2]> {
    let (mut bits, mut digits) = (0u128, 0);
    for byte in text.iter().filter(|b| **b != b'-') {
        bits = bits << 4 | u128::from(char::from(*byte).to_digit(16)?);
        digits += 1;
    }
    (digits == 32).then_some([(bits >> 64) as i64, bits as i64])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        for (days, date) in [
            (0, [1970, 1, 1]),
            (-1, [1969, 12, 31]),
            (11_016, [2000, 2, 29]),
            (20_089, [2025, 1, 1]),
            (-719_529, [-1, 12, 31]),
            (365_241_780_471, [999_999_999, 12, 31]),
        ] {
            assert_eq!(civil_date(days), Some(date), "{days}");
        }
        assert_eq!(civil_date(i64::MAX), None);
    }

    #[test]
    fn uuids_are_read_with_or_without_dashes() {
        let halves = Some([0x0011_2233_4455_6677, 0x8899_aabb_ccdd_eeff_u64 as i64]);
        assert_eq!(uuid_halves(b"00112233-4455-6677-8899-aabbccddeeff"), halves);
        assert_eq!(uuid_halves(b"00112233445566778899aabbccddeeff"), halves);
        assert_eq!(uuid_halves(b"0011"), None);
        assert_eq!(uuid_halves(b"00112233-4455-6677-8899-aabbccddeefg"), None);
    }
}
