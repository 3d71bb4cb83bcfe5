package com.acme.peer;

import com.acme.zoo.Fields;
import java.lang.reflect.Field;
import java.util.Objects;

/** Equality as Java users see it: equals, arrays by elements, throwables by class, message, own fields and cause. */
public final class Same {
    private Same() {}

    public static boolean equal(Object expected, Object got) {
        if (expected instanceof Throwable && got instanceof Throwable) return thrown((Throwable) expected, (Throwable) got);
        return Objects.deepEquals(expected, got);
    }

    private static boolean thrown(Throwable expected, Throwable got) {
        if (expected.getClass() != got.getClass() || !Objects.equals(expected.getMessage(), got.getMessage())) return false;
        if (expected.getClass().getName().startsWith("com.acme."))
            for (Field f : Fields.of(expected.getClass())) if (!Objects.deepEquals(Fields.get(f, expected), Fields.get(f, got))) return false;
        Throwable cause = expected.getCause();
        return cause == null || got.getCause() != null && thrown(cause, got.getCause());
    }
}
