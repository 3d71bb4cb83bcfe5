//! Objects of token streams that stand for JDK values which JSONB writes as scalars (wire section 3.3).
use std::sync::LazyLock;

use rialto_values::{Class, handle};

/// The meaning of a class's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    BigDecimal,
    BigInteger,
    Uuid,
    LocalDate,
    LocalTime,
    LocalDateTime,
    OffsetDateTime,
    OffsetTime,
    ZonedDateTime,
    Instant,
    Duration,
    Period,
    ZoneId,
    ZoneOffset,
    Year,
    YearMonth,
    MonthDay,
    /// `java.sql.Date`, `Time` and `Timestamp`, whose only field is a `java.util.Date`.
    SqlDate,
    Calendar,
    Locale,
    Class,
    Currency,
    AtomicInteger,
    AtomicLong,
    AtomicBoolean,
    /// Caucho 4's wrappers of small numbers, and `Optional`: their only field is the value.
    Wrapper,
}

/// A class whose objects JSONB writes as scalars.
pub(crate) struct Handle {
    pub(crate) kind: Kind,
    pub(crate) class: Class,
}

/// All such classes.
pub(crate) static HANDLES: LazyLock<Vec<Handle>> = LazyLock::new(|| {
    let java8 = |name: &str| format!("{}java8.{name}Handle", handle::PACKAGE);
    let caucho = |name: &str| format!("{}{name}", handle::PACKAGE);
    let java = |name: &str| name.to_owned();
    let table: [(Kind, String, &[&str]); 31] = [
        (Kind::BigDecimal, java("java.math.BigDecimal"), &["value"]),
        (Kind::BigInteger, java("java.math.BigInteger"), &["signum", "mag"]),
        (Kind::Uuid, java(handle::UUID), &handle::UUID_FIELDS),
        (Kind::LocalDate, java8("LocalDate"), &["year", "month", "day"]),
        (
            Kind::LocalTime,
            java8("LocalTime"),
            &["hour", "minute", "second", "nano"],
        ),
        (Kind::LocalDateTime, java8("LocalDateTime"), &["date", "time"]),
        (
            Kind::OffsetDateTime,
            java8("OffsetDateTime"),
            &["dateTime", "offset"],
        ),
        (
            Kind::OffsetTime,
            java8("OffsetTime"),
            &["localTime", "zoneOffset"],
        ),
        (
            Kind::ZonedDateTime,
            java8("ZonedDateTime"),
            &["dateTime", "offset", "zoneId"],
        ),
        (Kind::Instant, java8("Instant"), &["seconds", "nanos"]),
        (Kind::Duration, java8("Duration"), &["seconds", "nanos"]),
        (Kind::Period, java8("Period"), &["years", "months", "days"]),
        (Kind::ZoneId, java8("ZoneId"), &["zoneId"]),
        (Kind::ZoneOffset, java8("ZoneOffset"), &["seconds"]),
        (Kind::Year, java8("Year"), &["year"]),
        (Kind::YearMonth, java8("YearMonth"), &["year", "month"]),
        (Kind::MonthDay, java8("MonthDay"), &["month", "day"]),
        (Kind::SqlDate, java("java.sql.Timestamp"), &["value"]),
        (Kind::SqlDate, java("java.sql.Date"), &["value"]),
        (Kind::SqlDate, java("java.sql.Time"), &["value"]),
        (Kind::Calendar, caucho("CalendarHandle"), &["type", "date"]),
        (Kind::Locale, caucho("LocaleHandle"), &["value"]),
        (Kind::Class, java("java.lang.Class"), &["name"]),
        (Kind::Currency, java("java.util.Currency"), &["currencyCode"]),
        (
            Kind::AtomicInteger,
            java("java.util.concurrent.atomic.AtomicInteger"),
            &["value"],
        ),
        (
            Kind::AtomicLong,
            java("java.util.concurrent.atomic.AtomicLong"),
            &["value"],
        ),
        (
            Kind::AtomicBoolean,
            java("java.util.concurrent.atomic.AtomicBoolean"),
            &["value"],
        ),
        (Kind::Wrapper, caucho("ByteHandle"), &["_value"]),
        (Kind::Wrapper, caucho("ShortHandle"), &["_value"]),
        (Kind::Wrapper, caucho("FloatHandle"), &["_value"]),
        (Kind::Wrapper, java("java.util.Optional"), &["value"]),
    ];
    table
        .into_iter()
        .map(|(kind, name, fields)| Handle {
            kind,
            class: Class::new(name, fields.iter().copied()),
        })
        .collect()
});

/// The kind of a class, by its name in token streams.
pub(crate) fn kind(class: &str) -> Option<Kind> {
    // All these classes are in one of two packages, so one test rules out most other classes.
    if !class.starts_with("java.") && !class.starts_with(handle::PACKAGE) {
        return None;
    }
    HANDLES.iter().find(|h| h.class.name() == class).map(|h| h.kind)
}

/// The class of a kind; for [`Kind::SqlDate`] and [`Kind::Wrapper`] the first of several.
pub(crate) fn class(kind: Kind) -> Option<&'static Class> {
    HANDLES.iter().find(|h| h.kind == kind).map(|h| &h.class)
}

/// The kind of a class by its Java name, which method descriptors and array types use: `Duration` for
/// `java.time.Duration`.
pub(crate) fn by_java_name(name: &str) -> Option<Kind> {
    if let Some(name) = name.strip_prefix("java.time.") {
        let name = if name == "ZoneRegion" { "ZoneId" } else { name };
        let java8 = HANDLES.iter().find(|h| {
            let simple = h
                .class
                .name()
                .strip_prefix(handle::PACKAGE)
                .and_then(|n| n.strip_prefix("java8."));
            simple.and_then(|n| n.strip_suffix("Handle")) == Some(name)
        });
        return java8.map(|h| h.kind);
    }
    match name {
        "java.util.Calendar" | "java.util.GregorianCalendar" => Some(Kind::Calendar),
        "java.util.Locale" => Some(Kind::Locale),
        _ => kind(name),
    }
}
