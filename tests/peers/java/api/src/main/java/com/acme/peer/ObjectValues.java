package com.acme.peer;

import static com.acme.peer.CollectionValues.list;
import static com.acme.peer.Values.add;
import static com.acme.peer.Values.addConstant;

import com.acme.zoo.Address;
import com.acme.zoo.Circle;
import com.acme.zoo.Color;
import com.acme.zoo.Drawing;
import com.acme.zoo.Employee;
import com.acme.zoo.Node;
import com.acme.zoo.Page;
import com.acme.zoo.Person;
import com.acme.zoo.Wide;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.LocalDateTime;
import java.util.Date;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;

/** POJOs, graphs, and everything that travels as a plain Object. */
final class ObjectValues {
    private ObjectValues() {}

    static void fill() {
        persons();
        wide();
        graphs();
        untyped();
    }

    /** A person with every field set; `home` is also the second of `past`. */
    static Person ada() {
        Person p = new Person("Ada \u4e2d", 36);
        p.setBalance(9007199254740993L);
        p.setScore(new BigDecimal("12.340"));
        p.setBorn(new Date(1700000000123L));
        p.setColor(Color.BLUE);
        p.setHome(new Address("London", 12345));
        p.setPast(list(new Address("Paris", 75001), p.getHome()));
        Map<String, Object> tags = new HashMap<>();
        tags.put("k", 1L);
        tags.put("d", 2.5);
        p.setTags(tags);
        return p;
    }

    private static void persons() {
        add("pojo", "echoPerson", ObjectValues::ada);
        add("pojo_nulls", "echoPerson", Person::new);
        addConstant("pojo_null", "echoPerson", null);
        add("pojo_subclass", "echoPerson", () -> new Employee("Eve", 3, 10.5, new Person("Boss", 50)));
        add("pojo_generic", "echoPage", () -> new Page<>(list(new Person("Ada", 1), new Person("Bob", 2)), new Person("First", 0), 7));
        add("pojo_generic_empty", "echoPage", () -> new Page<Person>(list(), null, 0));
        add("pojo_interface_field", "echoDrawing", () -> new Drawing(new Circle(1.5), "text"));
        add("pojo_object_field", "echoDrawing", () -> new Drawing(null, new Person("inside", 9)));
        add("pojo_object_field_long", "echoDrawing", () -> new Drawing(null, 5L));
        add("interface_declared", "echoShape", () -> new Circle(2.5));
    }

    private static void wide() {
        add("wide_defaults", "echoWide", Wide::new);
        add("wide_float", "echoWide", () -> {
            Wide w = new Wide();
            w.setRatio(2.5f);
            return w;
        });
        add("wide_float_tenth", "echoWide", () -> {
            Wide w = new Wide();
            w.setRatio(0.1f);
            return w;
        });
        add("wide_float_box_tenth", "echoWide", () -> {
            Wide w = new Wide();
            w.setRatioBox(0.1f);
            return w;
        });
        add("wide_minus_zero", "echoWide", () -> {
            Wide w = new Wide();
            w.setExact(-0.0);
            return w;
        });
        add("wide_full", "echoWide", ObjectValues::fullWide);
    }

    private static Wide fullWide() {
        Wide w = new Wide();
        w.setFlag(true);
        w.setTiny((byte) -1);
        w.setSmall((short) 2000);
        w.setLetter('\u4e2d');
        w.setCount(70000);
        w.setBig(1L << 53 | 1);
        w.setExact(6.5);
        w.setFlagBox(false);
        w.setTinyBox((byte) 1);
        w.setSmallBox((short) 2);
        w.setLetterBox('C');
        w.setCountBox(3);
        w.setBigBox(4L);
        w.setRatioBox(0.25f);
        w.setExactBox(0.1);
        w.setText("s");
        w.setDecimal(new BigDecimal("1.50"));
        w.setInteger(BigInteger.TEN);
        w.setDate(new Date(894621091000L));
        w.setLocal(LocalDateTime.of(2024, 2, 29, 13, 14, 15));
        w.setColor(Color.RED);
        w.setBytes(new byte[] {1, 2});
        w.setInts(new int[] {1, 2});
        w.setStrings(new String[] {"x", "y"});
        w.setPersons(list(new Person("p", 1)));
        w.setByName(new HashMap<>());
        w.getByName().put("p", new Person("q", 2));
        w.setNumbers(new HashSet<>(list(1L, 1L << 40)));
        return w;
    }

    private static void graphs() {
        add("cycle_self", "echoNode", () -> {
            Node a = new Node("a");
            a.setLeft(a);
            return a;
        });
        add("cycle_two", "echoNode", () -> {
            Node a = new Node("a");
            a.setLeft(new Node("b"));
            a.getLeft().setLeft(a);
            return a;
        });
        add("shared_child", "echoNode", () -> {
            Node a = new Node("a");
            a.setLeft(new Node("c"));
            a.setRight(a.getLeft());
            return a;
        });
        add("equal_children", "echoNode", () -> {
            Node a = new Node("a");
            a.setLeft(new Node("c"));
            a.setRight(new Node("c"));
            return a;
        });
        add("chain_100", "echoNode", () -> {
            Node top = null;
            for (int i = 0; i < 100; i++) {
                Node n = new Node("n" + i);
                n.setLeft(top);
                top = n;
            }
            return top;
        });
    }

    private static void untyped() {
        addConstant("object_null", "echoObject", null);
        addConstant("object_string", "echoObject", "s");
        addConstant("object_boolean", "echoObject", true);
        addConstant("object_byte", "echoObject", (byte) 5);
        addConstant("object_short", "echoObject", (short) 6);
        addConstant("object_int", "echoObject", 7);
        addConstant("object_long", "echoObject", 8L);
        addConstant("object_float", "echoObject", 1.5f);
        addConstant("object_double", "echoObject", 2.5);
        addConstant("object_char", "echoObject", 'c');
        addConstant("object_bigdecimal", "echoObject", new BigDecimal("3.50"));
        addConstant("object_enum", "echoObject", Color.BLUE);
        addConstant("object_local_date_time", "echoObject", LocalDateTime.of(2024, 2, 29, 13, 14, 15));
        add("object_date", "echoObject", () -> new Date(1700000000123L));
        add("object_person", "echoObject", () -> new Person("Obj", 4));
        add("object_circle", "echoObject", () -> new Circle(3));
        add("object_list", "echoObject", () -> list("a", 1));
        add("object_map", "echoObject", () -> CollectionValues.map("k", list(1L)));
        add("object_bytes", "echoObject", () -> new byte[] {1, 2, 3});
        add("object_ints", "echoObject", () -> new int[] {1, 2, 3});
        add("object_strings", "echoObject", () -> new String[] {"a", "b"});
        add("object_persons", "echoObject", () -> new Person[] {new Person("arr", 1)});
        add("object_throwable", "echoObject", () -> new IllegalStateException("returned"));
        add("object_throwable_cause", "echoObject", () -> new IllegalStateException("outer", new RuntimeException("inner")));
    }
}
