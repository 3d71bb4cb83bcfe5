import com.alibaba.fastjson2.JSONB;
import com.alibaba.fastjson2.JSONReader;
import com.alibaba.fastjson2.JSONWriter;
import com.alibaba.fastjson2.filter.ContextAutoTypeBeforeHandler;
import java.io.Serializable;
import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.*;
import java.util.*;
import java.util.concurrent.ConcurrentHashMap;

/** Writes JSONB vectors with the features Dubbo uses, and reads foreign ones back and compares. See README.md. */
public class Vectors {
    public enum Color {
        RED, GREEN {
            @Override
            public String toString() {
                return "green!";
            }
        }
    }

    public static class Address implements Serializable {
        public String city;
        public int zip;
    }

    public static class Person implements Serializable {
        String name;
        int age;
        Long balance;
        Date born;
        BigDecimal score;
        BigInteger big;
        Color color;
        Address home;
        List<Address> past;
        Map<String, String> tags;
        Object anything;
        byte tiny;
        short small;
        float ratio;
        double weight;
        boolean good;
        char letter = 'x';
        byte[] blob;
        int[] numbers;
        String[] words;
        LocalDate day;
        UUID id;
        Set<String> names;
    }

    public static class Employee extends Person {
        double salary;
    }

    public static class Node implements Serializable {
        public int id;
        public Node next;
        public Node other;
        public Object any;
    }

    public static class Key implements Serializable {
        public int k;

        public Key() {}

        Key(int k) {
            this.k = k;
        }

        @Override
        public boolean equals(Object o) {
            return o instanceof Key && ((Key) o).k == k;
        }

        @Override
        public int hashCode() {
            return k;
        }
    }

    public static class BizException extends Exception {
        public int code;
        public Address where;

        public BizException() {}

        public BizException(String message, Throwable cause) {
            super(message, cause);
        }
    }

    public static class Slots implements Serializable {
        public UUID id;
        public Duration duration;
        public Instant instant;
        public ZonedDateTime zoned;
        public OffsetDateTime offset;
        public Calendar calendar;
        public java.sql.Timestamp timestamp;
        public Locale locale;
        public StringBuilder builder;
        public Class<?> type;
        public Color color;
        public Color[] colors;
        public List<Color> palette;
        public char letter;
        public Character boxed;
        public float ratio;
        public byte tiny;
        public Byte tinyBoxed;
        public short small;
        public Long big;
        public int[] numbers;
        public long[] longs;
        public String[] words;
        public Object[] objects;
        public Address[] addresses;
        public List<Address> list;
        public Map<String, Address> map;
        public Map<Integer, Address> byNumber;
        public Set<Address> set;
        public java.util.concurrent.atomic.AtomicInteger counter;
        public Currency money;
        public java.util.concurrent.atomic.AtomicLong total;
        public Object any;
    }

    record Case(Object value, Class<?> declared) {}

    static final Map<String, Case> CASES = new LinkedHashMap<>();

    static void any(String name, Object value) {
        CASES.put(name, new Case(value, Object.class));
    }

    static void typed(String name, Object value, Class<?> declared) {
        CASES.put(name, new Case(value, declared));
    }

    static Address address(String city, int zip) {
        Address a = new Address();
        a.city = city;
        a.zip = zip;
        return a;
    }

    static Person fill(Person p) {
        p.name = "Ada";
        p.age = 36;
        p.balance = 1L << 40;
        p.born = new Date(1700000000123L);
        p.score = new BigDecimal("12.340");
        p.big = BigInteger.ONE.shiftLeft(70);
        p.color = Color.GREEN;
        p.home = address("Zürich", 8001);
        p.past = new ArrayList<>(List.of(address("Bern", 3000), address("北京", 100000)));
        p.tags = new HashMap<>(Map.of("k", "v"));
        p.anything = 7L;
        p.tiny = -3;
        p.small = 300;
        p.ratio = 1.5f;
        p.weight = 2.25;
        p.good = true;
        p.letter = '中';
        p.blob = new byte[] {1, 2, -1};
        p.numbers = new int[] {1, -70000, Integer.MAX_VALUE};
        p.words = new String[] {"a", null, "b"};
        p.day = LocalDate.of(2024, 2, 29);
        p.id = UUID.fromString("00112233-4455-6677-8899-aabbccddeeff");
        p.names = new HashSet<>(List.of("one"));
        return p;
    }

    static Node node(int id) {
        Node n = new Node();
        n.id = id;
        return n;
    }

    static void cases() {
        any("null", null);
        any("true", true);
        any("false", false);
        for (int i : new int[] {0, -16, 47, 48, -17, 2047, -2048, 2048, -2049, 262143, -262144, 262144, -262145,
            Integer.MIN_VALUE, Integer.MAX_VALUE}) any("int " + i, i);
        for (long i : new long[] {0, -8, 15, 16, -9, 2047, -2048, 2048, -2049, 262143, -262144, 262144, -262145,
            Integer.MIN_VALUE, Integer.MAX_VALUE, 1L << 31, Long.MIN_VALUE, Long.MAX_VALUE}) any("long " + i, i);
        any("byte", (byte) -5);
        any("short", (short) 12345);
        any("char", '中');
        any("char ascii", 'c');
        for (double d : new double[] {0, 1, -1, 2.5, 1e300, -0.0, 4.9E-324, Double.NaN, Double.POSITIVE_INFINITY,
            Double.NEGATIVE_INFINITY, 1e15, 9.007199254740993E15, 1e18, 1e19, 123456}) any("double " + d, d);
        for (float d : new float[] {0, 1, -1, 2.5f, 0.1f, 3.4e38f, -0.0f, Float.NaN, 16777216f, 1e9f}) any("float " + d, d);
        any("string empty", "");
        for (int n : new int[] {1, 2, 46, 47, 48, 49, 2047, 2048}) any("string ascii " + n, "x".repeat(n));
        any("string latin1", "héllo");
        any("string latin1 long", "é".repeat(60));
        any("string cjk", "中文");
        any("string mostly ascii", "abcdefghijklmnopq中");
        any("string emoji", "a😀b");
        any("string emoji long ascii", "abcdefghijklmnopqrstuvwxyz😀");
        any("string lone surrogate", "a\ud83d");
        any("string lone surrogate long ascii", "abcdefghijklmnopqrstuvwxyz\ud83d.");
        any("string nul", "a\u0000b");
        for (String s : new String[] {"0", "1", "1.0", "12.340", "-0.001", "1E+300", "1E-300", "123456789012345678",
            "1234567890123456789", "12345678901234567890", "-98765432109876543210.123456789", "2147483648.5",
            "-9223372036854775808", "-9223372036854775808.5", "100", "0.00"}) any("decimal " + s, new BigDecimal(s));
        for (String s : new String[] {"0", "-1", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
            "-9223372036854775809", "1180591620717411303425", "-1180591620717411303424"}) any("bigint " + s, new BigInteger(s));
        for (long m : new long[] {0, 1700000000123L, 1700000000000L, 1699999980000L, -1, -1000, 4102444800000L * 10,
            4102444800000L * 10 + 1000, Long.MAX_VALUE, Long.MIN_VALUE}) any("date " + m, new Date(m));
        any("sql timestamp", new java.sql.Timestamp(1700000000123L));
        any("sql date", new java.sql.Date(1700000000123L));
        any("sql time", new java.sql.Time(1700000000123L));
        any("localdate", LocalDate.of(2024, 2, 29));
        any("localdate old", LocalDate.of(-44, 3, 15));
        any("localtime", LocalTime.of(23, 59, 58, 999999999));
        any("localtime zero", LocalTime.MIDNIGHT);
        any("localdatetime", LocalDateTime.of(2023, 11, 14, 22, 13, 20, 5));
        any("localdatetime whole", LocalDateTime.of(2023, 11, 14, 22, 13, 20));
        any("zoned", ZonedDateTime.of(2023, 11, 14, 22, 13, 20, 5, ZoneId.of("Europe/Zurich")));
        any("zoned shanghai", ZonedDateTime.of(2023, 11, 14, 22, 13, 20, 5, ZoneId.of("Asia/Shanghai")));
        any("zoned utc", ZonedDateTime.of(2023, 11, 14, 22, 13, 20, 0, ZoneOffset.UTC));
        any("zoned overlap", ZonedDateTime.ofInstant(Instant.parse("2023-10-29T01:30:00Z"), ZoneId.of("Europe/Zurich")));
        any("offsetdatetime", OffsetDateTime.of(2023, 11, 14, 22, 13, 20, 5, ZoneOffset.ofHours(2)));
        any("offsetdatetime utc", OffsetDateTime.of(2023, 11, 14, 22, 13, 20, 0, ZoneOffset.UTC));
        any("offsettime", OffsetTime.of(22, 13, 20, 5, ZoneOffset.ofHours(-2)));
        any("instant", Instant.ofEpochSecond(1700000000L, 5));
        any("instant whole", Instant.ofEpochSecond(1700000000L));
        any("instant old", Instant.ofEpochSecond(-5, 999999999));
        any("duration", Duration.ofMillis(60500));
        any("period", Period.of(1, 2, 3));
        any("year", Year.of(2024));
        any("yearmonth", YearMonth.of(2024, 2));
        any("monthday", MonthDay.of(2, 29));
        any("zoneid", ZoneId.of("Europe/Zurich"));
        any("zoneoffset", ZoneOffset.ofHours(2));
        any("uuid", UUID.fromString("00112233-4455-6677-8899-aabbccddeeff"));
        any("enum", Color.RED);
        any("enum body", Color.GREEN);
        any("enum jdk", java.util.concurrent.TimeUnit.SECONDS);
        any("class", String.class);
        any("locale", Locale.CHINA);
        any("currency", Currency.getInstance("CHF"));
        any("optional", Optional.of("x"));
        any("optional empty", Optional.empty());
        any("atomicint", new java.util.concurrent.atomic.AtomicInteger(5));
        any("atomiclong", new java.util.concurrent.atomic.AtomicLong(5));
        any("atomicbool", new java.util.concurrent.atomic.AtomicBoolean(true));
        any("stringbuilder", new StringBuilder("sb"));
        any("bitset", BitSet.valueOf(new long[] {5}));
        Calendar calendar = Calendar.getInstance(TimeZone.getTimeZone("UTC"));
        calendar.setTimeInMillis(1700000000123L);
        any("calendar", calendar);
        any("bytes", new byte[] {0, 1, -1});
        any("bytes empty", new byte[0]);
        any("bytes 3000", new byte[3000]);
        any("bool array", new boolean[] {true, false});
        any("short array", new short[] {1, -300});
        any("int array", new int[] {1, -300, 70000, Integer.MIN_VALUE});
        any("long array", new long[] {1, -300, 1L << 50});
        any("float array", new float[] {1, 2.5f});
        any("double array", new double[] {1, 2.5});
        any("char array", new char[] {'a', '中'});
        any("string array", new String[] {"a", null});
        any("integer array", new Integer[] {1, null});
        any("object array", new Object[] {1, "a", null, 2L});
        any("address array", new Address[] {address("Bern", 1), null});
        any("int array 2d", new int[][] {{1}, {}, {2, 3}});
        any("byte boxes", new Byte[] {1, null});
        any("date array", new Date[] {new Date(5)});
        any("decimal array", new BigDecimal[] {new BigDecimal("1.5")});
        any("list empty", new ArrayList<>());
        any("list", new ArrayList<>(List.of(1, "a", 2L, 1.5, true)));
        any("list 15", new ArrayList<>(Collections.nCopies(15, 1)));
        any("list 16", new ArrayList<>(Collections.nCopies(16, 1)));
        any("list of", List.of(1, 2));
        any("list aslist", Arrays.asList(1, 2));
        any("list linked", new LinkedList<>(List.of(1, 2)));
        any("list nested", new ArrayList<>(List.of(new ArrayList<>(List.of(1)), new HashMap<>(Map.of("a", new ArrayList<>())))));
        any("list values", new ArrayList<>(List.of((byte) 1, (short) 2, 1.5f, 'c', new Date(5), new BigDecimal("1.5"),
            BigInteger.TEN, Color.RED, LocalDate.of(2024, 1, 1), Instant.ofEpochSecond(1), UUID.fromString("00112233-4455-6677-8899-aabbccddeeff"))));
        any("list singleton", Collections.singletonList(1));
        any("list unmodifiable", Collections.unmodifiableList(new ArrayList<>(List.of(1))));
        any("list emptyList", Collections.emptyList());
        any("set hash", new HashSet<>(List.of("a")));
        any("set linked", new LinkedHashSet<>(List.of("a", "b")));
        any("set tree", new TreeSet<>(List.of("a", "b")));
        any("deque", new ArrayDeque<>(List.of(1, 2)));
        any("map empty", new HashMap<>());
        any("map", new HashMap<>(Map.of("a", 1, "b", "x")));
        HashMap<Object, Object> nulls = new HashMap<>();
        nulls.put("n", null);
        any("map null value", nulls);
        any("map linked", new LinkedHashMap<>(Map.of("a", 1)));
        any("map tree", new TreeMap<>(Map.of("a", 1, "b", 2)));
        any("map concurrent", new ConcurrentHashMap<>(Map.of("a", 1)));
        any("map of", Map.of("a", 1));
        any("map int keys", new HashMap<>(Map.of(1, "a", 70000, "b")));
        any("map long keys", new HashMap<>(Map.of(1L, "a", 1L << 40, "b")));
        any("map enum keys", new HashMap<>(Map.of(Color.RED, 1)));
        any("map bean keys", new HashMap<>(Map.of(new Key(1), "a")));
        any("map bean values", new LinkedHashMap<>(Map.of(3, address("Bern", 1))));
        any("map unicode keys", new HashMap<>(Map.of("中", 1, "é", 2, "", 3, "x".repeat(60), 4)));
        typed("address", address("Bern", 3000), Address.class);
        any("address as object", address("Bern", 3000));
        any("person", fill(new Person()));
        any("person empty", new Person());
        Employee employee = (Employee) fill(new Employee());
        employee.salary = 1.25;
        employee.anything = new ArrayList<>(List.of(address("A", 1), 5, "x"));
        any("employee", employee);
        any("list person", new ArrayList<>(List.of(fill(new Person()), fill(new Person()))));
        any("no fields", new Empty());
        Node cycle = node(1);
        cycle.next = node(2);
        cycle.next.next = cycle;
        any("cycle", cycle);
        Node self = node(1);
        self.next = self;
        any("self", self);
        Node shared = node(1);
        shared.next = node(2);
        shared.other = shared.next;
        any("shared", shared);
        Node deep = node(1);
        deep.any = new ArrayList<>(List.of(new ArrayList<>(List.of(address("A", 1))), "s"));
        deep.next = node(2);
        deep.next.any = ((List<?>) ((List<?>) deep.any).get(0)).get(0);
        deep.other = node(3);
        deep.other.any = deep.next.any;
        any("shared deep", deep);
        Address one = address("A", 1);
        any("list shared", new ArrayList<>(List.of(one, one, address("B", 2), one)));
        LinkedHashMap<Object, Object> byOddKey = new LinkedHashMap<>();
        byOddKey.put("a.b[0] 'q' \"d\" \\ 中 é", one);
        byOddKey.put("", address("E", 3));
        byOddKey.put(5, address("F", 4));
        byOddKey.put("r1", one);
        byOddKey.put("r2", byOddKey.get(""));
        byOddKey.put("r3", byOddKey.get(5));
        any("map shared odd keys", byOddKey);
        for (String key : new String[] {"a.b", "a b", "a-b", "a$b", "0", "1a", "a\"b", "a'b", "a\\b", "a/b", "中", "é", "a[0]",
            "*", "@", "a😀", "#x", "..", "$", "_x", "x_1", "A", "x:y", "a\tb"}) {
            LinkedHashMap<Object, Object> m = new LinkedHashMap<>();
            m.put(key, one);
            m.put("r", one);
            any("map shared key " + key.replace("\t", "\\t"), m);
        }
        ArrayList<Object> selfList = new ArrayList<>();
        selfList.add(selfList);
        any("list self", selfList);
        HashMap<Object, Object> selfMap = new HashMap<>();
        selfMap.put("self", selfMap);
        any("map self", selfMap);
        HashMap<Object, Object> inner = new HashMap<>();
        inner.put("in", inner);
        any("list map self", new ArrayList<>(List.of(inner)));
        ArrayList<Object> innerList = new ArrayList<>();
        innerList.add(1);
        innerList.add(innerList);
        any("list list self", new ArrayList<>(List.of("x", innerList)));
        HashMap<Object, Object> sm = new HashMap<>(Map.of("v", 1));
        any("list shared maps", new ArrayList<>(List.of(sm, sm)));
        ArrayList<Object> sl = new ArrayList<>(List.of(1));
        any("list shared lists", new ArrayList<>(List.of(sl, sl, sl)));
        int[] si = {1, 2};
        any("list shared int arrays", new ArrayList<>(List.of(si, si)));
        Object[] so = {1, one, one};
        any("object array shared", so);
        any("address array shared", new Address[] {one, one});
        any("list linked shared", new LinkedList<>(List.of(one, one)));
        any("set linked shared", new LinkedHashSet<>(List.of(new ArrayList<>(List.of(one)), one)));
        TreeMap<Object, Object> tree = new TreeMap<>();
        tree.put(1, one);
        tree.put(2, one);
        any("map int keys shared", tree);
        LinkedHashMap<Object, Object> beanKeys = new LinkedHashMap<>();
        beanKeys.put(new Key(1), one);
        beanKeys.put(new Key(2), one);
        any("map bean keys shared", beanKeys);
        any("throwable", trace(new IllegalStateException("boom")));
        any("throwable null message", trace(new RuntimeException()));
        BizException biz = trace(new BizException("biz", trace(new IllegalArgumentException("inner"))));
        biz.code = 7;
        biz.where = address("Bern", 3000);
        any("throwable biz", biz);
        RuntimeException suppressed = trace(new RuntimeException("outer"));
        suppressed.addSuppressed(trace(new RuntimeException("inner")));
        any("throwable suppressed", suppressed);
        Duration second = Duration.ofSeconds(1);
        any("list shared duration", new ArrayList<>(List.of(second, second, second)));
        any("vector shared", new Vector<>(List.of(one, one)));
        any("aslist shared", Arrays.asList(one, one));
        any("unmodifiable shared", Collections.unmodifiableList(new ArrayList<>(List.of(one, one))));
        any("map concurrent shared", new ConcurrentHashMap<>(Map.of("a", one, "b", one)));
        any("map tree shared", new TreeMap<>(Map.of("a", one, "b", one)));
        any("map shared", new LinkedHashMap<>(new TreeMap<>(Map.of("a", one, "b", one))));
        any("enum array", new Color[] {Color.RED, null});
        any("enum list", new ArrayList<>(List.of(Color.RED, Color.GREEN, Color.RED)));
        any("enum map", new EnumMap<>(Map.of(Color.RED, 1)));
        any("uuid array", new UUID[] {new UUID(1, 2)});
        any("address array 2d", new Address[][] {{address("A", 1)}, {}, null});
        any("object array of arrays", new Object[] {new int[] {1}, new String[] {"a"}, new ArrayList<>(List.of(1))});
        any("sublist", new ArrayList<>(List.of(1, 2, 3)).subList(0, 2));
        any("priority queue", new PriorityQueue<>(List.of(1)));
        Slots slots = new Slots();
        slots.id = new UUID(1, 2);
        slots.duration = Duration.ofMillis(-1500);
        slots.instant = Instant.ofEpochSecond(1700000000L, 5);
        slots.zoned = ZonedDateTime.of(2023, 11, 14, 22, 13, 20, 5, ZoneId.of("Europe/Zurich"));
        slots.offset = OffsetDateTime.of(2023, 11, 14, 22, 13, 20, 5, ZoneOffset.ofHours(2));
        slots.locale = Locale.CHINA;
        slots.builder = new StringBuilder("b");
        slots.type = String.class;
        slots.color = Color.GREEN;
        slots.colors = new Color[] {Color.RED, Color.GREEN};
        slots.palette = new ArrayList<>(List.of(Color.RED, Color.GREEN));
        slots.letter = '中';
        slots.boxed = 'c';
        slots.ratio = 0.1f;
        slots.tiny = -3;
        slots.tinyBoxed = 4;
        slots.small = 300;
        slots.big = 5L;
        slots.numbers = new int[] {1, -70000};
        slots.longs = new long[] {1, 1L << 40};
        slots.words = new String[] {"a", null};
        slots.objects = new Object[] {1, "a", address("X", 9)};
        slots.addresses = new Address[] {one, address("B", 2)};
        slots.list = new ArrayList<>(List.of(one, one));
        slots.map = new HashMap<>(Map.of("k", one));
        slots.byNumber = new HashMap<>(Map.of(7, address("C", 3)));
        slots.set = new HashSet<>(List.of(address("D", 4)));
        slots.counter = new java.util.concurrent.atomic.AtomicInteger(3);
        slots.money = Currency.getInstance("CHF");
        slots.total = new java.util.concurrent.atomic.AtomicLong(1L << 40);
        slots.any = new LinkedHashMap<>(Map.of("x", one));
        any("slots", slots);
        slots = new Slots();
        slots.timestamp = new java.sql.Timestamp(1700000000123L);
        any("slot timestamp", slots);
        slots = new Slots();
        slots.calendar = calendar;
        any("slot calendar", slots);
        any("stack trace element", new StackTraceElement("a.B", "m", "B.java", 5));
    }

    public static class Empty implements Serializable {}

    static <T extends Throwable> T trace(T throwable) {
        throwable.setStackTrace(new StackTraceElement[] {
            new StackTraceElement("com.acme.Shop", "buy", "Shop.java", 42), new StackTraceElement("Main", "main", null, -2)
        });
        return throwable;
    }

    static byte[] write(Object value) {
        return JSONB.toBytes(value, JSONWriter.Feature.WriteClassName, JSONWriter.Feature.FieldBased,
            JSONWriter.Feature.ErrorOnNoneSerializable, JSONWriter.Feature.ReferenceDetection,
            JSONWriter.Feature.WriteNulls, JSONWriter.Feature.NotWriteDefaultValue,
            JSONWriter.Feature.NotWriteHashMapArrayListClassName, JSONWriter.Feature.WriteNameAsSymbol);
    }

    static final ContextAutoTypeBeforeHandler HANDLER = new ContextAutoTypeBeforeHandler(true, new String[0]) {
        @Override
        public Class<?> apply(String typeName, Class<?> expectClass, long features) {
            Class<?> known = super.apply(typeName, expectClass, features);
            if (known != null) return known;
            known = com.alibaba.fastjson2.util.TypeUtils.getMapping(typeName);
            return known != null ? known : com.alibaba.fastjson2.util.TypeUtils.loadClass(typeName);
        }
    };

    static Object read(byte[] bytes, Class<?> declared) {
        return JSONB.parseObject(bytes, declared, HANDLER, JSONReader.Feature.UseDefaultConstructorAsPossible,
            JSONReader.Feature.ErrorOnNoneSerializable, JSONReader.Feature.IgnoreAutoTypeNotMatch,
            JSONReader.Feature.UseNativeObject, JSONReader.Feature.FieldBased);
    }

    /** The first difference between two graphs, sharing included; null if there is none. */
    static String differ(Object a, Object b, String at, IdentityHashMap<Object, Object> seen) throws Exception {
        if (a == b) return null;
        if (a == null || b == null) return at + ": " + show(a) + " is not " + show(b);
        if (a.getClass() != b.getClass()) return at + ": " + a.getClass().getName() + " is not " + b.getClass().getName();
        Class<?> c = a.getClass();
        boolean scalar = c.getName().startsWith("java.") && !(a instanceof Collection) && !(a instanceof Map)
            && !(a instanceof Throwable) && !c.isArray();
        if (a instanceof Calendar x) return x.getTime().equals(((Calendar) b).getTime()) ? null : at + ": another time";
        if (scalar || a instanceof Enum) {
            boolean same;
            try {
                c.getDeclaredMethod("equals", Object.class);
                same = a.equals(b);
            } catch (NoSuchMethodException e) {
                same = a.toString().equals(b.toString());
            }
            return same ? null : at + ": " + show(a) + " is not " + show(b);
        }
        if (seen.containsKey(a)) return seen.get(a) == b ? null : at + ": sharing differs";
        seen.put(a, b);
        if (c.isArray()) {
            if (Array.getLength(a) != Array.getLength(b)) return at + ": length";
            for (int i = 0; i < Array.getLength(a); i++) {
                String d = differ(Array.get(a, i), Array.get(b, i), at + "[" + i + "]", seen);
                if (d != null) return d;
            }
            return null;
        }
        if (a instanceof Collection<?> x) {
            Collection<?> y = (Collection<?>) b;
            if (x.size() != y.size()) return at + ": size " + x.size() + " is not " + y.size();
            Iterator<?> i = x.iterator(), j = y.iterator();
            for (int n = 0; i.hasNext(); n++) {
                String d = differ(i.next(), j.next(), at + "[" + n + "]", seen);
                if (d != null) return d;
            }
            return null;
        }
        if (a instanceof Map<?, ?> x) {
            Map<?, ?> y = (Map<?, ?>) b;
            if (x.size() != y.size()) return at + ": size " + x.size() + " is not " + y.size();
            for (Map.Entry<?, ?> e : x.entrySet()) {
                if (!y.containsKey(e.getKey())) return at + ": no key " + show(e.getKey());
                String d = differ(e.getValue(), y.get(e.getKey()), at + "." + e.getKey(), seen);
                if (d != null) return d;
            }
            return null;
        }
        if (a instanceof Throwable x) {
            Throwable y = (Throwable) b;
            String d = differ(x.getMessage(), y.getMessage(), at + ".message", seen);
            if (d == null) d = differ(x.getStackTrace(), y.getStackTrace(), at + ".stackTrace", seen);
            if (d == null) d = differ(x.getCause(), y.getCause(), at + ".cause", seen);
            if (d == null) d = differ(x.getSuppressed(), y.getSuppressed(), at + ".suppressed", seen);
            if (d != null) return d;
        }
        for (; c != null && !c.getName().startsWith("java."); c = c.getSuperclass()) {
            for (Field f : c.getDeclaredFields()) {
                if (Modifier.isStatic(f.getModifiers())) continue;
                f.setAccessible(true);
                String d = differ(f.get(a), f.get(b), at + "." + f.getName(), seen);
                if (d != null) return d;
            }
        }
        return null;
    }

    static String show(Object o) {
        if (o == null) return "null";
        String s;
        try {
            s = o.toString();
        } catch (StackOverflowError e) {
            s = "(cycle)";
        }
        return o.getClass().getName() + " " + (s.length() > 80 ? s.substring(0, 80) : s);
    }

    public static void main(String[] args) throws Exception {
        cases();
        if (args[0].equals("write")) {
            StringBuilder out = new StringBuilder();
            for (Map.Entry<String, Case> e : CASES.entrySet()) {
                try {
                    out.append(e.getKey()).append('\t').append(HexFormat.of().formatHex(write(e.getValue().value()))).append('\n');
                } catch (Throwable t) {
                    System.err.println(e.getKey() + ": not writable: " + t);
                }
            }
            Files.writeString(Path.of(args[1]), out.toString());
            return;
        }
        int bad = 0, good = 0;
        StringBuilder verdicts = new StringBuilder();
        for (String line : Files.readAllLines(Path.of(args[1]))) {
            if (line.isEmpty() || line.startsWith("#")) continue;
            String[] parts = line.split("\t");
            Case expected = CASES.get(parts[0].replaceFirst(" // .*", ""));
            String verdict;
            try {
                Object value = read(HexFormat.of().parseHex(parts[1]), expected.declared());
                verdict = differ(expected.value(), value, "$", new IdentityHashMap<>());
            } catch (Throwable t) {
                verdict = t.toString();
            }
            if (verdict == null) {
                good++;
            } else {
                bad++;
                verdicts.append(parts[0]).append('\t').append(verdict.replace('\n', ' ')).append('\n');
            }
        }
        System.out.println(verdicts + "" + good + " equal, " + bad + " not");
    }
}
