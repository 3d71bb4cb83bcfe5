package com.acme.peer;

import com.acme.zoo.Fields;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/** Equality as Java users see it: equals, arrays by elements, throwables by class, message, own fields and cause. */
public final class Same {
    private Same() {}

    public static boolean equal(Object expected, Object got) {
        if (expected instanceof Throwable && got instanceof Throwable) return thrown((Throwable) expected, (Throwable) got);
        if (isBare(expected) && (isBare(got) || got instanceof List)) return new ArrayList<>((Collection<?>) expected).equals(new ArrayList<>((Collection<?>) got));
        return Objects.deepEquals(expected, got);
    }

    /** Whether it is a collection that has no equality of its own, as the values of a map. */
    private static boolean isBare(Object v) { return v instanceof Collection && !(v instanceof List) && !(v instanceof Set); }

    private static boolean thrown(Throwable expected, Throwable got) {
        if (expected.getClass() != got.getClass() || !Objects.equals(expected.getMessage(), got.getMessage())) return false;
        if (expected.getClass().getName().startsWith("com.acme."))
            for (Field f : Fields.of(expected.getClass())) if (!Objects.deepEquals(Fields.get(f, expected), Fields.get(f, got))) return false;
        Throwable cause = expected.getCause();
        return cause == null || got.getCause() != null && thrown(cause, got.getCause());
    }
}
