package com.acme.sofa;

import com.acme.peer.Case;
import com.acme.zoo.Color;
import com.acme.zoo.Failures;
import com.acme.zoo.Person;
import com.acme.zoo.Zoo;
import com.alipay.hessian.generic.model.GenericObject;
import com.alipay.sofa.rpc.api.GenericService;
import com.alipay.sofa.rpc.config.ConsumerConfig;
import java.math.BigDecimal;
import java.sql.Timestamp;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.List;
import java.util.UUID;

/** Calls without the interface: `$invoke` with real classes, `$genericInvoke` with GenericObjects. */
final class GenericCases {
    private static final String STRING = "java.lang.String";
    private static final String PERSON = Person.class.getName();

    private final Consumer consumer;
    private final GenericService service;
    private final List<Case> cases = new ArrayList<>();

    GenericCases(Consumer consumer) {
        this.consumer = consumer;
        ConsumerConfig<GenericService> reference = consumer.reference(GenericService.class);
        reference.setInterfaceId(Zoo.class.getName());
        service = reference.setGeneric(true).refer();
    }

    List<Case> all() {
        invoke();
        genericInvoke();
        return cases;
    }

    private void invoke() {
        cases.add(invoked("invoke_string", "x", "echoString", STRING, "x"));
        cases.add(invoked("invoke_string_null", null, "echoString", STRING, null));
        cases.add(invoked("invoke_int", 7, "echoInt", "int", 7));
        cases.add(invoked("invoke_long", 1L << 40, "echoLong", "long", 1L << 40));
        cases.add(invoked("invoke_pojo", new Person("Bob", 2), "echoPerson", PERSON, new Person("Bob", 2)));
        cases.add(invoked("invoke_decimal", new BigDecimal("1.50"), "echoBigDecimal", "java.math.BigDecimal", new BigDecimal("1.50")));
        cases.add(invoked("invoke_date", new Date(5), "echoDate", "java.util.Date", new Date(5)));
        cases.add(invoked("invoke_timestamp", new Timestamp(5), "echoSqlTimestamp", "java.sql.Timestamp", new Timestamp(5)));
        cases.add(invoked("invoke_local_date", LocalDate.of(2024, 2, 29), "echoLocalDate", "java.time.LocalDate", LocalDate.of(2024, 2, 29)));
        cases.add(invoked("invoke_enum", Color.RED, "echoColor", Color.class.getName(), Color.RED));
        cases.add(invoked("invoke_uuid", new UUID(1, 2), "echoUuid", "java.util.UUID", new UUID(1, 2)));
        cases.add(invoked("invoke_ints", new int[] {1, 2}, "echoInts", "[I", new int[] {1, 2}));
        cases.add(invoked("invoke_list", new ArrayList<>(Arrays.asList(1L, 2L)), "echoLongList", "java.util.List", new ArrayList<>(Arrays.asList(1L, 2L))));
        cases.add(invoked("invoke_overload_int", "int 1", "over", "int", 1));
        cases.add(invoked("invoke_overload_string", "String s", "over", STRING, "s"));
        cases.add(invoked("invoke_future", "later x", "later", STRING, "x"));
        cases.add(Case.raises("invoke_fails", Failures.of("checked"), () -> service.$invoke("fail", new String[] {STRING}, new Object[] {"checked"})));
        cases.add(Case.fails("invoke_unknown_method", "SofaRpcException with a text", consumer::isFrameworkError,
            () -> service.$invoke("addedLater", new String[] {STRING}, new Object[] {"x"})));
    }

    private Case invoked(String name, Object expected, String method, String type, Object argument) {
        return Case.returns(name, expected, () -> service.$invoke(method, new String[] {type}, new Object[] {argument}));
    }

    private void genericInvoke() {
        cases.add(generic("generic_invoke_string", "x", "echoString", STRING, "x"));
        cases.add(generic("generic_invoke_string_null", null, "echoString", STRING, null));
        cases.add(generic("generic_invoke_int", 7, "echoInt", "int", 7));
        cases.add(generic("generic_invoke_overload_string", "String s", "over", STRING, "s"));
        Object[] bob = {person("Bob", 2)};
        Object[] two = {new ArrayList<>(Arrays.asList(person("Bob", 2), person("Eve", 3)))};
        cases.add(Case.returns("generic_invoke_pojo", "com.acme.zoo.Person Bob 2", () -> text(service.$genericInvoke("echoPerson", new String[] {PERSON}, bob))));
        cases.add(Case.returns("generic_invoke_pojo_list", "[com.acme.zoo.Person Bob 2, com.acme.zoo.Person Eve 3]",
            () -> text(service.$genericInvoke("echoPersonList", new String[] {"java.util.List"}, two))));
        cases.add(Case.returns("generic_invoke_typed", new Person("Bob", 2), () -> service.$genericInvoke("echoPerson", new String[] {PERSON}, bob, Person.class)));
        cases.add(Case.fails("generic_invoke_unknown_method", "SofaRpcException with a text", consumer::isFrameworkError,
            () -> service.$genericInvoke("addedLater", new String[] {STRING}, new Object[] {"x"})));
    }

    private Case generic(String name, Object expected, String method, String type, Object argument) {
        return Case.returns(name, expected, () -> service.$genericInvoke(method, new String[] {type}, new Object[] {argument}));
    }

    private static GenericObject person(String name, int age) {
        GenericObject person = new GenericObject(PERSON);
        person.putField("name", name);
        person.putField("age", age);
        return person;
    }

    /** The type and the set fields of the answered objects. */
    private static String text(Object v) {
        if (v instanceof List) {
            List<String> texts = new ArrayList<>();
            for (Object element : (List<?>) v) texts.add(text(element));
            return texts.toString();
        }
        if (!(v instanceof GenericObject)) return "not a GenericObject: " + v;
        GenericObject object = (GenericObject) v;
        return object.getType() + " " + object.getField("name") + " " + object.getField("age");
    }
}
