package com.acme.zoo;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** equals, hashCode and toString over all fields of a value class and of its superclasses, without what the JDK's classes declare. */
public final class Fields {
    private Fields() {}

    public static boolean equal(Object a, Object b) {
        if (a == b) return true;
        if (a == null || b == null || a.getClass() != b.getClass()) return false;
        for (Field f : of(a.getClass())) if (!Objects.deepEquals(get(f, a), get(f, b))) return false;
        return true;
    }

    public static int hash(Object v) {
        int hash = 1;
        for (Field f : of(v.getClass())) {
            Object value = get(f, v);
            hash = 31 * hash + (value == null || value.getClass().isArray() ? 0 : value.hashCode());
        }
        return hash;
    }

    public static String text(Object v) {
        StringBuilder out = new StringBuilder(v.getClass().getSimpleName()).append('{');
        String comma = "";
        for (Field f : of(v.getClass())) {
            out.append(comma).append(f.getName()).append('=').append(Show.of(get(f, v)));
            comma = ", ";
        }
        return out.append('}').toString();
    }

    /** The instance fields that the class declares itself or inherits, the most derived class first. */
    public static List<Field> of(Class<?> type) {
        List<Field> out = new ArrayList<>();
        for (Class<?> c = type; c != null && !c.getName().startsWith("java."); c = c.getSuperclass())
            for (Field f : c.getDeclaredFields()) {
                if (Modifier.isStatic(f.getModifiers()) || f.isSynthetic()) continue;
                f.setAccessible(true);
                out.add(f);
            }
        return out;
    }

    public static Object get(Field f, Object owner) {
        try {
            return f.get(owner);
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e);
        }
    }
}
