package com.acme.peer;

import static com.acme.peer.Values.add;

import com.acme.zoo.JdkFields;
import com.acme.zoo.Person;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.MonthDay;
import java.time.Period;
import java.time.Year;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.Calendar;
import java.util.Date;
import java.util.GregorianCalendar;
import java.util.Locale;
import java.util.TimeZone;
import java.util.UUID;
import java.util.function.BiConsumer;
import java.util.function.Supplier;

/** Each of the JDK's types where nothing but the value, or the declared field, tells what it is. As parameters and results they are among the other values. */
final class JdkValues {
    private static final LocalDateTime MOMENT = LocalDateTime.of(2024, 2, 29, 13, 14, 15, 123456789);

    private JdkValues() {}

    static void fill() {
        everywhere("big_decimal", JdkFields::setBigDecimal, () -> new BigDecimal("12.340"));
        everywhere("big_integer", JdkFields::setBigInteger, () -> new BigInteger("-123456789012345678901234567890"));
        everywhere("uuid", JdkFields::setUuid, () -> UUID.fromString("00112233-4455-6677-8899-aabbccddeeff"));
        everywhere("locale", JdkFields::setLocale, () -> Locale.CANADA_FRENCH);
        everywhere("type", JdkFields::setType, () -> Person.class);
        everywhere("date", JdkFields::setDate, () -> new Date(1700000000789L));
        everywhere("sql_date", JdkFields::setSqlDate, () -> new java.sql.Date(894672000000L));
        everywhere("sql_time", JdkFields::setSqlTime, () -> new java.sql.Time(47655000L));
        everywhere("sql_timestamp", JdkFields::setSqlTimestamp, () -> new java.sql.Timestamp(1700000000456L));
        everywhere("calendar", JdkFields::setCalendar, () -> calendar());
        everywhere("local_date", JdkFields::setLocalDate, () -> MOMENT.toLocalDate());
        everywhere("local_time", JdkFields::setLocalTime, () -> MOMENT.toLocalTime());
        everywhere("local_date_time", JdkFields::setLocalDateTime, () -> MOMENT);
        everywhere("instant", JdkFields::setInstant, () -> Instant.ofEpochSecond(1709212455L, 123456789));
        everywhere("duration", JdkFields::setDuration, () -> Duration.ofMillis(3600500));
        everywhere("period", JdkFields::setPeriod, () -> Period.of(1, -2, 3));
        everywhere("zoned_date_time", JdkFields::setZonedDateTime, () -> MOMENT.atZone(ZoneId.of("Europe/Oslo")));
        everywhere("offset_date_time", JdkFields::setOffsetDateTime, () -> MOMENT.atOffset(ZoneOffset.ofHoursMinutes(-3, -30)));
        everywhere("offset_time", JdkFields::setOffsetTime, () -> MOMENT.toLocalTime().atOffset(ZoneOffset.ofHours(8)));
        everywhere("year", JdkFields::setYear, () -> Year.of(2024));
        everywhere("year_month", JdkFields::setYearMonth, () -> YearMonth.of(2024, 2));
        everywhere("month_day", JdkFields::setMonthDay, () -> MonthDay.of(2, 29));
        everywhere("zone_id", JdkFields::setZoneId, () -> ZoneId.of("Asia/Shanghai"));
        everywhere("zone_offset", JdkFields::setZoneOffset, () -> ZoneOffset.ofHours(5));
    }

    private static <T> void everywhere(String type, BiConsumer<JdkFields, T> field, Supplier<? extends T> value) {
        add("jdk_field_" + type, "echoJdkFields", () -> {
            JdkFields fields = new JdkFields();
            field.accept(fields, value.get());
            return fields;
        });
        add("jdk_element_" + type, "echoList", () -> CollectionValues.list(value.get()));
        add("jdk_map_value_" + type, "echoMap", () -> CollectionValues.map("jdk", value.get()));
        add("jdk_object_" + type, "echoObject", value);
    }

    private static Calendar calendar() {
        Calendar c = new GregorianCalendar(TimeZone.getTimeZone("UTC"));
        c.setTimeInMillis(1700000000456L);
        return c;
    }
}
