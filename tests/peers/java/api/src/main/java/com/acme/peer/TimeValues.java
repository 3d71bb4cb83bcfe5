package com.acme.peer;

import static com.acme.peer.Values.add;
import static com.acme.peer.Values.addConstant;

import com.acme.zoo.SqlTimes;
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
import java.util.TimeZone;

/** java.util, java.sql and java.time dates and times. */
final class TimeValues {
    private static final LocalDateTime MOMENT = LocalDateTime.of(2024, 2, 29, 13, 14, 15, 123456789);

    private TimeValues() {}

    static void fill() {
        old();
        modern();
    }

    private static void old() {
        add("date_millis", "echoDate", () -> new Date(1700000000123L));
        add("date_minute", "echoDate", () -> new Date(894621060000L));
        add("date_epoch", "echoDate", () -> new Date(0));
        add("date_before_epoch", "echoDate", () -> new Date(-1));
        add("date_far", "echoDate", () -> new Date(253402300799999L));
        addConstant("date_null", "echoDate", null);
        add("sql_date", "echoSqlDate", () -> new java.sql.Date(894585600000L));
        add("sql_time", "echoSqlTime", () -> new java.sql.Time(47655000L));
        add("sql_timestamp", "echoSqlTimestamp", () -> new java.sql.Timestamp(1700000000123L));
        add("sql_timestamp_nanos", "echoSqlTimestamp", () -> {
            java.sql.Timestamp t = new java.sql.Timestamp(1700000001000L);
            t.setNanos(123456789);
            return t;
        });
        add("sql_fields", "echoSqlTimes", TimeValues::row);
        add("sql_fields_null", "echoSqlTimes", SqlTimes::new);
        add("sql_elements", "echoList", () -> CollectionValues.list(row().getCreated(), row().getDay(), row().getAt()));
        add("sql_map_value", "echoMap", () -> CollectionValues.map("created", row().getCreated()));
        add("sql_object", "echoObject", () -> row().getCreated());
        add("calendar", "echoCalendar", () -> {
            Calendar c = new GregorianCalendar(TimeZone.getTimeZone("UTC"));
            c.setTimeInMillis(1700000000123L);
            return c;
        });
    }

    private static SqlTimes row() {
        return new SqlTimes(new java.sql.Timestamp(1700000000123L), new java.sql.Date(894585600000L), new java.sql.Time(47655000L), new Date(5));
    }

    private static void modern() {
        addConstant("local_date", "echoLocalDate", MOMENT.toLocalDate());
        addConstant("local_date_old", "echoLocalDate", MOMENT.toLocalDate().withYear(-44));
        addConstant("local_date_null", "echoLocalDate", null);
        addConstant("local_time", "echoLocalTime", MOMENT.toLocalTime());
        addConstant("local_date_time", "echoLocalDateTime", MOMENT);
        addConstant("instant", "echoInstant", Instant.ofEpochSecond(1709212455L, 123456789));
        addConstant("instant_before_epoch", "echoInstant", Instant.ofEpochSecond(-1L, 5));
        addConstant("duration", "echoDuration", Duration.ofMillis(3600500));
        addConstant("duration_negative", "echoDuration", Duration.ofSeconds(-1, 7));
        addConstant("period", "echoPeriod", Period.of(1, -2, 3));
        addConstant("zoned_date_time", "echoZonedDateTime", MOMENT.atZone(ZoneId.of("Europe/Oslo")));
        addConstant("zoned_date_time_offset", "echoZonedDateTime", MOMENT.atZone(ZoneOffset.ofHours(8)));
        addConstant("offset_date_time", "echoOffsetDateTime", MOMENT.atOffset(ZoneOffset.ofHoursMinutes(-3, -30)));
        addConstant("offset_time", "echoOffsetTime", MOMENT.toLocalTime().atOffset(ZoneOffset.ofHours(8)));
        addConstant("year", "echoYear", Year.of(2024));
        addConstant("year_month", "echoYearMonth", YearMonth.of(2024, 2));
        addConstant("month_day", "echoMonthDay", MonthDay.of(2, 29));
        addConstant("zone_id", "echoZoneId", ZoneId.of("Asia/Shanghai"));
        addConstant("zone_offset", "echoZoneOffset", ZoneOffset.ofHours(5));
    }
}
