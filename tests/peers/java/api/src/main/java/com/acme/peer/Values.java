package com.acme.peer;

import com.acme.zoo.ZooValues;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** The table of value cases, the same on both sides: the case's name, the echo method, and a maker of the value. */
public final class Values {
    /** One value case. Two cases of one method never have equal values, so a value tells its case. */
    public static final class Value {
        public final String name;
        public final Method method;
        private final Supplier<?> maker;

        Value(String name, Method method, Supplier<?> maker) {
            this.name = name;
            this.method = method;
            this.maker = maker;
        }

        /** A fresh copy each time: a peer that changes it harms nobody. */
        public Object make() { return maker.get(); }
    }

    private static final Map<String, Value> BY_NAME = new LinkedHashMap<>();
    private static final Map<String, List<Value>> BY_METHOD = new HashMap<>();

    static {
        ScalarValues.fill();
        TimeValues.fill();
        ArrayValues.fill();
        CollectionValues.fill();
        ObjectValues.fill();
        JdkValues.fill();
    }

    private Values() {}

    public static List<Value> all() { return new ArrayList<>(BY_NAME.values()); }

    public static Value named(String name) { return BY_NAME.get(name); }

    public static List<Value> of(String method) { return BY_METHOD.getOrDefault(method, Collections.emptyList()); }

    static void add(String name, String method, Supplier<?> maker) {
        Value value = new Value(name, method(method), maker);
        for (Value other : of(method))
            if (Same.equal(other.make(), value.make())) throw new IllegalStateException("cases " + other.name + " and " + name + " have equal values");
        if (BY_NAME.put(name, value) != null) throw new IllegalStateException("two value cases are called " + name);
        BY_METHOD.computeIfAbsent(method, m -> new ArrayList<>()).add(value);
    }

    static void addConstant(String name, String method, Object immutable) { add(name, method, () -> immutable); }

    private static Method method(String name) {
        for (Method m : ZooValues.class.getMethods()) if (m.getName().equals(name)) return m;
        throw new IllegalStateException("ZooValues has no method " + name);
    }
}
