package com.acme.zoo;

import java.io.Serializable;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.MonthDay;
import java.time.OffsetDateTime;
import java.time.OffsetTime;
import java.time.Period;
import java.time.Year;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.Calendar;
import java.util.Date;
import java.util.Locale;
import java.util.UUID;

/** A field declared as each of the JDK's types: what a field is declared as may decide how its value is written. */
public class JdkFields implements Serializable {
    private static final long serialVersionUID = 1L;
    private BigDecimal bigDecimal;
    private BigInteger bigInteger;
    private UUID uuid;
    private Locale locale;
    private Class<?> type;
    private Date date;
    private java.sql.Date sqlDate;
    private java.sql.Time sqlTime;
    private java.sql.Timestamp sqlTimestamp;
    private Calendar calendar;
    private LocalDate localDate;
    private LocalTime localTime;
    private LocalDateTime localDateTime;
    private Instant instant;
    private Duration duration;
    private Period period;
    private ZonedDateTime zonedDateTime;
    private OffsetDateTime offsetDateTime;
    private OffsetTime offsetTime;
    private Year year;
    private YearMonth yearMonth;
    private MonthDay monthDay;
    private ZoneId zoneId;
    private ZoneOffset zoneOffset;

    public JdkFields() {}

    public BigDecimal getBigDecimal() { return bigDecimal; }
    public void setBigDecimal(BigDecimal v) { bigDecimal = v; }
    public BigInteger getBigInteger() { return bigInteger; }
    public void setBigInteger(BigInteger v) { bigInteger = v; }
    public UUID getUuid() { return uuid; }
    public void setUuid(UUID v) { uuid = v; }
    public Locale getLocale() { return locale; }
    public void setLocale(Locale v) { locale = v; }
    public Class<?> getType() { return type; }
    public void setType(Class<?> v) { type = v; }
    public Date getDate() { return date; }
    public void setDate(Date v) { date = v; }
    public java.sql.Date getSqlDate() { return sqlDate; }
    public void setSqlDate(java.sql.Date v) { sqlDate = v; }
    public java.sql.Time getSqlTime() { return sqlTime; }
    public void setSqlTime(java.sql.Time v) { sqlTime = v; }
    public java.sql.Timestamp getSqlTimestamp() { return sqlTimestamp; }
    public void setSqlTimestamp(java.sql.Timestamp v) { sqlTimestamp = v; }
    public Calendar getCalendar() { return calendar; }
    public void setCalendar(Calendar v) { calendar = v; }
    public LocalDate getLocalDate() { return localDate; }
    public void setLocalDate(LocalDate v) { localDate = v; }
    public LocalTime getLocalTime() { return localTime; }
    public void setLocalTime(LocalTime v) { localTime = v; }
    public LocalDateTime getLocalDateTime() { return localDateTime; }
    public void setLocalDateTime(LocalDateTime v) { localDateTime = v; }
    public Instant getInstant() { return instant; }
    public void setInstant(Instant v) { instant = v; }
    public Duration getDuration() { return duration; }
    public void setDuration(Duration v) { duration = v; }
    public Period getPeriod() { return period; }
    public void setPeriod(Period v) { period = v; }
    public ZonedDateTime getZonedDateTime() { return zonedDateTime; }
    public void setZonedDateTime(ZonedDateTime v) { zonedDateTime = v; }
    public OffsetDateTime getOffsetDateTime() { return offsetDateTime; }
    public void setOffsetDateTime(OffsetDateTime v) { offsetDateTime = v; }
    public OffsetTime getOffsetTime() { return offsetTime; }
    public void setOffsetTime(OffsetTime v) { offsetTime = v; }
    public Year getYear() { return year; }
    public void setYear(Year v) { year = v; }
    public YearMonth getYearMonth() { return yearMonth; }
    public void setYearMonth(YearMonth v) { yearMonth = v; }
    public MonthDay getMonthDay() { return monthDay; }
    public void setMonthDay(MonthDay v) { monthDay = v; }
    public ZoneId getZoneId() { return zoneId; }
    public void setZoneId(ZoneId v) { zoneId = v; }
    public ZoneOffset getZoneOffset() { return zoneOffset; }
    public void setZoneOffset(ZoneOffset v) { zoneOffset = v; }

    @Override public boolean equals(Object o) { return Fields.equal(this, o); }
    @Override public int hashCode() { return Fields.hash(this); }
    @Override public String toString() { return Fields.text(this); }
}
