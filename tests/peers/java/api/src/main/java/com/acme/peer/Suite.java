package com.acme.peer;

import com.acme.Greeter;
import com.acme.zoo.Failures;
import com.acme.zoo.Node;
import com.acme.zoo.Nowhere;
import com.acme.zoo.Person;
import com.acme.zoo.Zoo;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/** All cases of a consumer: the value table, the calls that every framework can make, and the framework's own. */
final class Suite {
    private static final String[] FAILURES = {"checked", "checked_cause", "checked_no_message", "unchecked", "jdk", "jdk_no_message", "npe", "error", "error_jdk"};

    private final Client client;
    private final Zoo zoo;
    private final List<Case> cases = new ArrayList<>();

    private Suite(Client client) {
        this.client = client;
        this.zoo = client.zoo();
    }

    static List<Case> of(Client client) {
        Suite suite = new Suite(client);
        suite.values();
        suite.plain();
        suite.overloads();
        suite.identity();
        suite.failures();
        suite.timing();
        suite.attachments();
        suite.unknown();
        suite.cases.addAll(client.ownCases());
        return suite.cases;
    }

    private void returns(String name, Object expected, Case.Body body) { cases.add(Case.returns(name, expected, body)); }

    private void values() {
        for (Values.Value v : Values.all()) cases.add(Case.value(v.name, v.make(), () -> v.method.invoke(zoo, v.make())));
    }

    private void plain() {
        Greeter greeter = client.refer(Greeter.class);
        returns("greeter", "Hello, Ada", () -> greeter.hello("Ada"));
        returns("void", null, () -> {
            zoo.nothing();
            return null;
        });
        returns("no_arguments", "none", zoo::noArguments);
        Person p = ObjectValues.ada();
        List<String> words = CollectionValues.list("d", "e");
        returns("many_arguments", ZooService.manyText("x", 5, p, words, 7L, p), () -> zoo.many("x", 5, p, words, 7L, p));
        returns("node_name_known", true, () -> !zoo.whoami().isEmpty());
        returns("future_method", "later x", () -> zoo.later("x").get(2, TimeUnit.SECONDS));
        cases.add(Case.raises("future_method_fails", Failures.of("checked"), () -> zoo.laterFail("checked").get(2, TimeUnit.SECONDS)));
        returns("async", "async", () -> client.inFuture(z -> z.echoString("async")));
        cases.add(Case.raises("async_fails", Failures.of("checked"), () -> client.inFuture(z -> z.fail("checked"))));
    }

    private void overloads() {
        returns("over_int", "int 1", () -> zoo.over(1));
        returns("over_long", "long 1", () -> zoo.over(1L));
        returns("over_integer", "Integer 1", () -> zoo.over(Integer.valueOf(1)));
        returns("over_integer_null", "Integer null", () -> zoo.over((Integer) null));
        returns("over_string", "String s", () -> zoo.over("s"));
        returns("over_string_null", "String null", () -> zoo.over((String) null));
        returns("over_string_int", "String,int s2", () -> zoo.over("s", 2));
        returns("over_object", "Object s", () -> zoo.over((Object) "s"));
        returns("over_object_null", "Object null", () -> zoo.over((Object) null));
        returns("over_strings", "String[] [s, null]", () -> zoo.over(new String[] {"s", null}));
        returns("varargs", "a[1, b, null]", () -> zoo.varargs("a", 1, "b", null));
        returns("varargs_none", "a[]", () -> zoo.varargs("a"));
        returns("varargs_strings", "x y", () -> zoo.words("x", "y"));
    }

    private void identity() {
        Node a = new Node("a");
        a.setLeft(new Node("b"));
        returns("same_argument_twice", "same", () -> zoo.same(a, a));
        returns("equal_arguments", "two", () -> zoo.same(new Node("e"), new Node("e")));
        Person p = new Person("twin", 1);
        returns("same_element_twice", "same", () -> zoo.sameElements(CollectionValues.list(p, p)));
        returns("equal_elements", "two", () -> zoo.sameElements(CollectionValues.list(new Person("t", 1), new Person("t", 1))));
        returns("same_result_element_twice", "same", () -> {
            List<Person> got = zoo.twins("t");
            return got.get(0) == got.get(1) ? "same" : "two";
        });
    }

    static List<Person> twins(String name) {
        Person p = new Person(name, 1);
        return new ArrayList<>(Arrays.asList(p, p));
    }

    private void failures() {
        for (String kind : FAILURES) cases.add(Case.raises("fail_" + kind, Failures.of(kind), () -> zoo.fail(kind)));
    }

    private void timing() {
        returns("slow_ok", "slept 800", () -> zoo.slow(800));
        Zoo hasty = client.zooWithin(500);
        cases.add(Case.fails("timeout", "the framework's timeout within 2 s", client::isTimeout, () -> within(2000, () -> hasty.slow(3000))));
        returns("after_timeout", "still here", () -> hasty.echoString("still here"));
        returns("one_way", 1, () -> {
            String key = UUID.randomUUID().toString();
            client.tellOneWay(key);
            return await(key);
        });
    }

    /** The counter once it is no longer zero, or zero after 3 s. */
    private int await(String key) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(3);
        int told;
        do {
            told = zoo.told(key);
        } while (told == 0 && System.nanoTime() < end);
        return told;
    }

    private static Object within(int millis, Case.Body body) throws Throwable {
        long start = System.nanoTime();
        try {
            return body.run();
        } catch (Throwable t) {
            long took = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
            if (took > millis) throw new IllegalStateException("it took " + took + " ms", t);
            throw t;
        }
    }

    private void attachments() {
        returns("attach_none", null, zoo::tenant);
        returns("attach", "gold", () -> {
            client.attach("tenant", "gold");
            return zoo.tenant();
        });
        returns("attach_forgotten", null, zoo::tenant);
        returns("attach_cjk", "\u91d1", () -> {
            client.attach("tenant", "\u91d1");
            return zoo.tenant();
        });
        returns("attach_back", true, () -> {
            zoo.tenant();
            String servedBy = client.attached("served-by");
            return zoo.whoami().equals(servedBy);
        });
    }

    private void unknown() {
        Nowhere nowhere = client.refer(Nowhere.class);
        Zoo unknownVersion = client.zooOfUnknownVersion();
        frameworkError("unknown_service", () -> nowhere.hello("x"));
        frameworkError("unknown_version", () -> unknownVersion.echoString("x"));
        frameworkError("unknown_method", () -> Zoo.class.getMethod("addedLater", String.class).invoke(zoo, "x"));
        returns("after_errors", "still here", () -> zoo.echoString("still here"));
    }

    private void frameworkError(String name, Case.Body body) {
        cases.add(Case.fails(name, "the framework's error with a text, within 4 s", client::isFrameworkError, () -> within(4000, body)));
    }
}
