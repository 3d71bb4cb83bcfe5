package com.acme.dubbo;

import com.acme.peer.Case;
import com.acme.zoo.AcmeException;
import com.acme.zoo.Color;
import com.acme.zoo.Failures;
import com.acme.zoo.Person;
import com.acme.zoo.Zoo;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.sql.Timestamp;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.rpc.service.EchoService;
import org.apache.dubbo.rpc.service.GenericService;

/** Calls without the interface: `$invoke` in two modes, and `$echo`. */
final class GenericCases {
    private static final String PERSON = Person.class.getName();

    private final Consumer consumer;
    private final List<Case> cases = new ArrayList<>();

    GenericCases(Consumer consumer) { this.consumer = consumer; }

    List<Case> all() {
        EchoService echo = (EchoService) consumer.zoo();
        cases.add(Case.returns("echo_service", "ping", () -> echo.$echo("ping")));
        cases.add(Case.returns("echo_service_null", null, () -> echo.$echo(null)));
        mode("generic_true", service("true"));
        mode("generic_raw", service("raw.return"));
        return cases;
    }

    private GenericService service(String mode) {
        ReferenceConfig<GenericService> reference = consumer.reference(GenericService.class);
        reference.setInterface(Zoo.class.getName());
        reference.setGeneric(mode);
        return reference.get();
    }

    private void mode(String prefix, GenericService service) {
        boolean raw = prefix.equals("generic_raw");
        cases.add(one(prefix + "_string", "x", service, "echoString", "java.lang.String", "x"));
        cases.add(one(prefix + "_string_null", null, service, "echoString", "java.lang.String", null));
        cases.add(one(prefix + "_int", 7, service, "echoInt", "int", 7));
        cases.add(one(prefix + "_long", 1L << 40, service, "echoLong", "long", 1L << 40));
        cases.add(one(prefix + "_boolean", true, service, "echoBoolean", "boolean", true));
        cases.add(one(prefix + "_enum", raw ? Color.RED : "RED", service, "echoColor", "com.acme.zoo.Color", "RED"));
        converted(prefix, service, raw);
        cases.add(one(prefix + "_overload_int", "int 1", service, "over", "int", 1));
        cases.add(one(prefix + "_overload_string", "String s", service, "over", "java.lang.String", "s"));
        cases.add(call(prefix + "_overload_two", "String,int s1", service, "over", new String[] {"java.lang.String", "int"}, "s", 1));
        cases.add(call(prefix + "_no_arguments", "none", service, "noArguments", new String[0]));
        cases.add(one(prefix + "_future", "later x", service, "later", "java.lang.String", "x"));
        Person bob = new Person("Bob", 2);
        cases.add(one(prefix + "_pojo", raw ? bob : fields("Bob", 2), service, "echoPerson", PERSON, given("Bob", 2)));
        List<?> two = raw ? Arrays.asList(bob, new Person("Eve", 3)) : Arrays.asList(fields("Bob", 2), fields("Eve", 3));
        cases.add(one(prefix + "_pojo_list", two, service, "echoPersonList", "java.util.List", Arrays.asList(given("Bob", 2), given("Eve", 3))));
        cases.add(Case.fails(prefix + "_fails", "GenericException with the class and the message of the AcmeException", GenericCases::tellsFailure,
            () -> service.$invoke("fail", new String[] {"java.lang.String"}, new Object[] {"checked"})));
        cases.add(Case.fails(prefix + "_unknown_method", "a RpcException or GenericException with a text", t -> consumer.isFrameworkError(t) || isGeneric(t),
            () -> service.$invoke("addedLater", new String[] {"java.lang.String"}, new Object[] {"x"})));
    }

    /** What the caller gives is of another type than what the method takes. */
    private void converted(String prefix, GenericService service, boolean raw) {
        String decimal = BigDecimal.class.getName();
        cases.add(one(prefix + "_text_for_long", 5L, service, "echoLongBox", "java.lang.Long", "5"));
        cases.add(one(prefix + "_int_for_long", 5L, service, "echoLongBox", "java.lang.Long", 5));
        cases.add(one(prefix + "_int_for_double", 5.0, service, "echoDouble", "double", 5));
        cases.add(one(prefix + "_text_for_boolean", true, service, "echoBoolean", "boolean", "true"));
        cases.add(one(prefix + "_text_for_decimal", new BigDecimal("1.50"), service, "echoBigDecimal", decimal, "1.50"));
        cases.add(one(prefix + "_double_for_decimal", new BigDecimal("1.5"), service, "echoBigDecimal", decimal, 1.5));
        cases.add(one(prefix + "_text_for_integer", new BigInteger("123456789012345678901234567890"), service, "echoBigInteger", "java.math.BigInteger", "123456789012345678901234567890"));
        cases.add(one(prefix + "_text_for_date", new Date(1767323045000L), service, "echoDate", "java.util.Date", "2026-01-02 03:04:05"));
        cases.add(one(prefix + "_long_for_date", new Date(1767323045000L), service, "echoDate", "java.util.Date", 1767323045000L));
        cases.add(one(prefix + "_text_for_timestamp", new Timestamp(1767323045000L), service, "echoSqlTimestamp", "java.sql.Timestamp", "2026-01-02 03:04:05"));
        LocalDate leap = LocalDate.of(2024, 2, 29);
        cases.add(one(prefix + "_local_date", raw ? leap : "2024-02-29", service, "echoLocalDate", "java.time.LocalDate", "2024-02-29"));
        LocalDateTime moment = leap.atTime(1, 2, 3, 4_000_000);
        cases.add(one(prefix + "_local_date_time", raw ? moment : "2024-02-29T01:02:03.004", service, "echoLocalDateTime", "java.time.LocalDateTime", "2024-02-29T01:02:03.004"));
        scalars(prefix, service);
        cases.add(one(prefix + "_int_for_decimal", new BigDecimal("5"), service, "echoBigDecimal", decimal, 5));
        cases.add(one(prefix + "_long_for_integer", BigInteger.valueOf(5), service, "echoBigInteger", "java.math.BigInteger", 5L));
        cases.add(one(prefix + "_text_for_sql_date", java.sql.Date.valueOf("2026-01-02"), service, "echoSqlDate", "java.sql.Date", "2026-01-02 00:00:00"));
        cases.add(one(prefix + "_text_for_sql_time", new java.sql.Time(1767323045000L), service, "echoSqlTime", "java.sql.Time", "2026-01-02 03:04:05"));
        cases.add(one(prefix + "_local_time", raw ? LocalTime.of(1, 2, 3) : "01:02:03", service, "echoLocalTime", "java.time.LocalTime", "01:02:03"));
        Object colors = raw ? new Color[] {Color.RED, Color.BLUE} : new Object[] {"RED", "BLUE"};
        cases.add(one(prefix + "_enum_array", colors, service, "echoColors", "com.acme.zoo.Color[]", new String[] {"RED", "BLUE"}));
    }

    private void scalars(String prefix, GenericService service) {
        cases.add(one(prefix + "_text_for_int", 5, service, "echoInt", "int", "5"));
        cases.add(one(prefix + "_text_for_int_box", 5, service, "echoIntBox", "java.lang.Integer", "5"));
        cases.add(one(prefix + "_text_for_short", (short) 5, service, "echoShort", "short", "5"));
        cases.add(one(prefix + "_text_for_byte_box", (byte) 5, service, "echoByteBox", "java.lang.Byte", "5"));
        cases.add(one(prefix + "_text_for_double", 1.5, service, "echoDouble", "double", "1.5"));
        cases.add(one(prefix + "_text_for_float_box", 1.5f, service, "echoFloatBox", "java.lang.Float", "1.5"));
        cases.add(one(prefix + "_text_for_char", 'q', service, "echoChar", "char", "q"));
        cases.add(one(prefix + "_long_for_int", 5, service, "echoInt", "int", 5L));
        cases.add(one(prefix + "_double_for_long", 5L, service, "echoLong", "long", 5.0));
        cases.add(one(prefix + "_ints", new int[] {1, 2}, service, "echoInts", "int[]", new int[] {1, 2}));
        cases.add(one(prefix + "_list_for_ints", new int[] {1, 2}, service, "echoInts", "int[]", Arrays.asList(1, 2)));
        cases.add(one(prefix + "_strings", new String[] {"a", "b"}, service, "echoStrings", "java.lang.String[]", new String[] {"a", "b"}));
        cases.add(one(prefix + "_longs_for_list", Arrays.asList(1L, 2L), service, "echoLongList", "java.util.List", new Long[] {1L, 2L}));
    }

    /** Whichever of the GenericExceptions of Dubbo's two packages it is: in 2.7 they are not related. */
    private static boolean isGeneric(Throwable t) { return t.getClass().getSimpleName().equals("GenericException") && t.getMessage() != null; }

    private static boolean tellsFailure(Throwable t) {
        return isGeneric(t) && t.getMessage().contains(AcmeException.class.getName()) && t.getMessage().contains(Failures.of("checked").getMessage());
    }

    private static Case one(String name, Object expected, GenericService service, String method, String type, Object argument) {
        return call(name, expected, service, method, new String[] {type}, argument);
    }

    private static Case call(String name, Object expected, GenericService service, String method, String[] types, Object... arguments) {
        return Case.returns(name, expected, () -> service.$invoke(method, types, arguments));
    }

    /** A person as a user of the generic interface writes it. */
    private static Map<String, Object> given(String name, int age) {
        Map<String, Object> person = new LinkedHashMap<>();
        person.put("class", PERSON);
        person.put("name", name);
        person.put("age", age);
        return person;
    }

    /** A person as it is answered: with its class and its unset fields, whatever the map's class. */
    private static Map<String, Object> fields(String name, int age) {
        Map<String, Object> person = new HashMap<>(given(name, age));
        person.put("balance", 0L);
        for (String unset : new String[] {"score", "born", "color", "home", "past", "tags"}) person.put(unset, null);
        return person;
    }

}
