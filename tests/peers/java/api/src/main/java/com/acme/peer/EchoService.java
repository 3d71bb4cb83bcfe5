package com.acme.peer;

import com.acme.zoo.Color;
import com.acme.zoo.Drawing;
import com.acme.zoo.JdkFields;
import com.acme.zoo.Node;
import com.acme.zoo.Page;
import com.acme.zoo.Person;
import com.acme.zoo.Shape;
import com.acme.zoo.SqlTimes;
import com.acme.zoo.Wide;
import com.acme.zoo.ZooValues;
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
import java.util.ArrayList;
import java.util.Calendar;
import java.util.Collection;
import java.util.Date;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.LinkedList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Notes each argument and answers with this side's own copy of the value, so that the result is encoded from the class that the
 * case is about and not from what the argument was decoded to. A value of no case is returned as it came.
 */
abstract class EchoService implements ZooValues {
    final Seen seen = new Seen();
    private final boolean lying;

    /** A lying service answers each value case wrongly: proof that a consumer notices. */
    EchoService(boolean lying) { this.lying = lying; }

    @SuppressWarnings("unchecked")
    private <T> T answer(String method, T v) {
        seen.note(method, v);
        return (T) (lying ? Lies.instead(method, v) : Seen.ownCopy(method, v));
    }

    @Override public boolean echoBoolean(boolean v) { return answer("echoBoolean", v); }
    @Override public byte echoByte(byte v) { return answer("echoByte", v); }
    @Override public short echoShort(short v) { return answer("echoShort", v); }
    @Override public char echoChar(char v) { return answer("echoChar", v); }
    @Override public int echoInt(int v) { return answer("echoInt", v); }
    @Override public long echoLong(long v) { return answer("echoLong", v); }
    @Override public float echoFloat(float v) { return answer("echoFloat", v); }
    @Override public double echoDouble(double v) { return answer("echoDouble", v); }
    @Override public Boolean echoBooleanBox(Boolean v) { return answer("echoBooleanBox", v); }
    @Override public Byte echoByteBox(Byte v) { return answer("echoByteBox", v); }
    @Override public Short echoShortBox(Short v) { return answer("echoShortBox", v); }
    @Override public Character echoCharBox(Character v) { return answer("echoCharBox", v); }
    @Override public Integer echoIntBox(Integer v) { return answer("echoIntBox", v); }
    @Override public Long echoLongBox(Long v) { return answer("echoLongBox", v); }
    @Override public Float echoFloatBox(Float v) { return answer("echoFloatBox", v); }
    @Override public Double echoDoubleBox(Double v) { return answer("echoDoubleBox", v); }
    @Override public String echoString(String v) { return answer("echoString", v); }
    @Override public BigDecimal echoBigDecimal(BigDecimal v) { return answer("echoBigDecimal", v); }
    @Override public BigInteger echoBigInteger(BigInteger v) { return answer("echoBigInteger", v); }
    @Override public UUID echoUuid(UUID v) { return answer("echoUuid", v); }
    @Override public Locale echoLocale(Locale v) { return answer("echoLocale", v); }
    @Override public Class<?> echoClass(Class<?> v) { return answer("echoClass", v); }
    @Override public Color echoColor(Color v) { return answer("echoColor", v); }
    @Override public Optional<String> echoOptional(Optional<String> v) { return answer("echoOptional", v); }
    @Override public Object echoObject(Object v) { return answer("echoObject", v); }
    @Override public Date echoDate(Date v) { return answer("echoDate", v); }
    @Override public java.sql.Date echoSqlDate(java.sql.Date v) { return answer("echoSqlDate", v); }
    @Override public java.sql.Time echoSqlTime(java.sql.Time v) { return answer("echoSqlTime", v); }
    @Override public java.sql.Timestamp echoSqlTimestamp(java.sql.Timestamp v) { return answer("echoSqlTimestamp", v); }
    @Override public SqlTimes echoSqlTimes(SqlTimes v) { return answer("echoSqlTimes", v); }
    @Override public JdkFields echoJdkFields(JdkFields v) { return answer("echoJdkFields", v); }
    @Override public Calendar echoCalendar(Calendar v) { return answer("echoCalendar", v); }
    @Override public LocalDate echoLocalDate(LocalDate v) { return answer("echoLocalDate", v); }
    @Override public LocalTime echoLocalTime(LocalTime v) { return answer("echoLocalTime", v); }
    @Override public LocalDateTime echoLocalDateTime(LocalDateTime v) { return answer("echoLocalDateTime", v); }
    @Override public Instant echoInstant(Instant v) { return answer("echoInstant", v); }
    @Override public Duration echoDuration(Duration v) { return answer("echoDuration", v); }
    @Override public Period echoPeriod(Period v) { return answer("echoPeriod", v); }
    @Override public ZonedDateTime echoZonedDateTime(ZonedDateTime v) { return answer("echoZonedDateTime", v); }
    @Override public OffsetDateTime echoOffsetDateTime(OffsetDateTime v) { return answer("echoOffsetDateTime", v); }
    @Override public OffsetTime echoOffsetTime(OffsetTime v) { return answer("echoOffsetTime", v); }
    @Override public Year echoYear(Year v) { return answer("echoYear", v); }
    @Override public YearMonth echoYearMonth(YearMonth v) { return answer("echoYearMonth", v); }
    @Override public MonthDay echoMonthDay(MonthDay v) { return answer("echoMonthDay", v); }
    @Override public ZoneId echoZoneId(ZoneId v) { return answer("echoZoneId", v); }
    @Override public ZoneOffset echoZoneOffset(ZoneOffset v) { return answer("echoZoneOffset", v); }
    @Override public boolean[] echoBooleans(boolean[] v) { return answer("echoBooleans", v); }
    @Override public byte[] echoBytes(byte[] v) { return answer("echoBytes", v); }
    @Override public short[] echoShorts(short[] v) { return answer("echoShorts", v); }
    @Override public char[] echoChars(char[] v) { return answer("echoChars", v); }
    @Override public int[] echoInts(int[] v) { return answer("echoInts", v); }
    @Override public long[] echoLongs(long[] v) { return answer("echoLongs", v); }
    @Override public float[] echoFloats(float[] v) { return answer("echoFloats", v); }
    @Override public double[] echoDoubles(double[] v) { return answer("echoDoubles", v); }
    @Override public String[] echoStrings(String[] v) { return answer("echoStrings", v); }
    @Override public Integer[] echoIntBoxes(Integer[] v) { return answer("echoIntBoxes", v); }
    @Override public Long[] echoLongBoxes(Long[] v) { return answer("echoLongBoxes", v); }
    @Override public Object[] echoObjects(Object[] v) { return answer("echoObjects", v); }
    @Override public Date[] echoDates(Date[] v) { return answer("echoDates", v); }
    @Override public Color[] echoColors(Color[] v) { return answer("echoColors", v); }
    @Override public Person[] echoPersonArray(Person[] v) { return answer("echoPersonArray", v); }
    @Override public int[][] echoIntGrid(int[][] v) { return answer("echoIntGrid", v); }
    @Override public String[][] echoStringGrid(String[][] v) { return answer("echoStringGrid", v); }
    @Override public Collection<String> echoCollection(Collection<String> v) { return answer("echoCollection", v); }
    @Override public List<Object> echoList(List<Object> v) { return answer("echoList", v); }
    @Override public List<Long> echoLongList(List<Long> v) { return answer("echoLongList", v); }
    @Override public List<Person> echoPersonList(List<Person> v) { return answer("echoPersonList", v); }
    @Override public List<List<Integer>> echoNestedList(List<List<Integer>> v) { return answer("echoNestedList", v); }
    @Override public ArrayList<String> echoArrayList(ArrayList<String> v) { return answer("echoArrayList", v); }
    @Override public LinkedList<String> echoLinkedList(LinkedList<String> v) { return answer("echoLinkedList", v); }
    @Override public Set<String> echoSet(Set<String> v) { return answer("echoSet", v); }
    @Override public HashSet<String> echoHashSet(HashSet<String> v) { return answer("echoHashSet", v); }
    @Override public LinkedHashSet<String> echoLinkedHashSet(LinkedHashSet<String> v) { return answer("echoLinkedHashSet", v); }
    @Override public TreeSet<String> echoTreeSet(TreeSet<String> v) { return answer("echoTreeSet", v); }
    @Override public Map<Object, Object> echoMap(Map<Object, Object> v) { return answer("echoMap", v); }
    @Override public Map<String, Person> echoPersonMap(Map<String, Person> v) { return answer("echoPersonMap", v); }
    @Override public Map<String, List<Person>> echoPersonsByName(Map<String, List<Person>> v) { return answer("echoPersonsByName", v); }
    @Override public HashMap<String, Integer> echoHashMap(HashMap<String, Integer> v) { return answer("echoHashMap", v); }
    @Override public LinkedHashMap<String, Integer> echoLinkedHashMap(LinkedHashMap<String, Integer> v) { return answer("echoLinkedHashMap", v); }
    @Override public TreeMap<String, Integer> echoTreeMap(TreeMap<String, Integer> v) { return answer("echoTreeMap", v); }
    @Override public ConcurrentHashMap<String, Integer> echoConcurrentMap(ConcurrentHashMap<String, Integer> v) { return answer("echoConcurrentMap", v); }
    @Override public Person echoPerson(Person v) { return answer("echoPerson", v); }
    @Override public Wide echoWide(Wide v) { return answer("echoWide", v); }
    @Override public Page<Person> echoPage(Page<Person> v) { return answer("echoPage", v); }
    @Override public Drawing echoDrawing(Drawing v) { return answer("echoDrawing", v); }
    @Override public Shape echoShape(Shape v) { return answer("echoShape", v); }
    @Override public Node echoNode(Node v) { return answer("echoNode", v); }
}
