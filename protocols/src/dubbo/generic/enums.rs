//! Enums of the JDK. On the wire their constants look like objects of any other class.

/// The enums of the JDK that services use in their signatures, sorted for the binary search.
const OF_JDK: [&str; 16] = [
    "java.lang.Thread$State",
    "java.math.RoundingMode",
    "java.net.Proxy$Type",
    "java.net.StandardProtocolFamily",
    "java.nio.file.StandardOpenOption",
    "java.sql.JDBCType",
    "java.time.DayOfWeek",
    "java.time.Month",
    "java.time.format.FormatStyle",
    "java.time.format.ResolverStyle",
    "java.time.format.TextStyle",
    "java.time.temporal.ChronoField",
    "java.time.temporal.ChronoUnit",
    "java.util.Formatter$BigDecimalLayoutForm",
    "java.util.Locale$Category",
    "java.util.concurrent.TimeUnit",
];

pub(super) fn is_enum_of_jdk(class: &str) -> bool {
    OF_JDK.binary_search(&class).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found() {
        assert!(OF_JDK.iter().all(|class| is_enum_of_jdk(class)));
        assert!(!is_enum_of_jdk("java.util.Date"));
    }
}
