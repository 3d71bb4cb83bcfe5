package com.acme.zoo;

import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.util.Calendar;
import java.util.Collection;
import java.util.Date;
import java.util.Iterator;
import java.util.Map;

/** Values as one line of printable ASCII, so that logs and JSON carry every text, lone surrogates included. */
public final class Show {
    private static final int LONGEST = 1000;
    private static final int LONGEST_TEXT = 200;
    private static final int MOST_ELEMENTS = 12;

    private Show() {}

    public static String of(Object v) {
        String text = ascii(raw(v));
        return text.length() <= LONGEST || v instanceof Throwable ? text : text.substring(0, LONGEST) + "... (" + text.length() + " characters)";
    }

    /** The class as well: for values that differ only there. */
    public static String typed(Object v) { return v == null ? "null" : v.getClass().getTypeName() + " " + of(v); }

    /** A throwable with its causes. */
    public static String thrown(Throwable t) {
        StringBuilder out = new StringBuilder();
        Throwable at = t;
        for (int depth = 0; at != null && depth < 4; depth++) {
            out.append(depth == 0 ? "" : " <- ").append(at.getClass().getName()).append(": ").append(message(at));
            at = at.getCause() == at ? null : at.getCause();
        }
        return out.toString();
    }

    private static String raw(Object v) {
        if (v == null) return "null";
        if (v instanceof String) return text((String) v);
        if (v instanceof Character) return "'" + v + "'";
        if (v instanceof Float) return v + "f";
        if (v instanceof Long) return v + "L";
        if (v instanceof Byte || v instanceof Short) return "(" + v.getClass().getSimpleName() + ") " + v;
        if (v instanceof java.sql.Timestamp) return "Timestamp " + ((Date) v).getTime() + " ms, nanos " + ((java.sql.Timestamp) v).getNanos();
        if (v instanceof Date) return v.getClass().getName() + " " + ((Date) v).getTime() + " ms";
        if (v instanceof Calendar) return "Calendar " + ((Calendar) v).getTimeInMillis() + " ms " + ((Calendar) v).getTimeZone().getID();
        if (v instanceof Throwable) return throwable((Throwable) v);
        if (v.getClass().isArray()) return array(v);
        if (v instanceof Map) return map((Map<?, ?>) v);
        if (v instanceof Collection) return list(((Collection<?>) v).iterator(), ((Collection<?>) v).size());
        if (v.getClass().getName().startsWith("java.time.")) return v.getClass().getSimpleName() + " " + v;
        return v.toString();
    }

    private static String text(String v) {
        if (v.length() <= LONGEST_TEXT) return '"' + v + '"';
        return '"' + v.substring(0, 20) + "...\" (" + v.length() + " characters, hash " + Integer.toHexString(v.hashCode()) + ")";
    }

    private static String throwable(Throwable t) {
        StringBuilder out = new StringBuilder(t.getClass().getName()).append('(').append(message(t));
        if (t.getClass().getName().startsWith("com.acme."))
            for (Field f : Fields.of(t.getClass())) out.append(", ").append(f.getName()).append('=').append(of(Fields.get(f, t)));
        if (t.getCause() != null && t.getCause() != t && t.getClass().getName().startsWith("com.acme.")) out.append(", cause ").append(throwable(t.getCause()));
        return out.append(')').toString();
    }

    private static String message(Throwable t) {
        if (t.getMessage() == null) return "null";
        String text = ascii(t.getMessage());
        return '"' + (text.length() <= LONGEST ? text : text.substring(0, LONGEST) + "...") + '"';
    }

    private static String array(Object v) {
        int length = Array.getLength(v);
        StringBuilder out = new StringBuilder(v.getClass().getComponentType().getSimpleName()).append('[').append(length).append("]{");
        for (int i = 0; i < Math.min(length, MOST_ELEMENTS); i++) out.append(i == 0 ? "" : ", ").append(raw(Array.get(v, i)));
        return out.append(length > MOST_ELEMENTS ? ", ..." : "").append('}').toString();
    }

    private static String map(Map<?, ?> v) {
        StringBuilder out = new StringBuilder("{");
        int n = 0;
        for (Map.Entry<?, ?> e : v.entrySet()) {
            if (n == MOST_ELEMENTS) return out.append(", ... ").append(v.size()).append(" entries}").toString();
            out.append(n++ == 0 ? "" : ", ").append(raw(e.getKey())).append('=').append(raw(e.getValue()));
        }
        return out.append('}').toString();
    }

    private static String list(Iterator<?> it, int size) {
        StringBuilder out = new StringBuilder("[");
        for (int n = 0; it.hasNext(); n++) {
            if (n == MOST_ELEMENTS) return out.append(", ... ").append(size).append(" elements]").toString();
            out.append(n == 0 ? "" : ", ").append(raw(it.next()));
        }
        return out.append(']').toString();
    }

    private static String ascii(String text) {
        StringBuilder out = new StringBuilder(text.length());
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c >= ' ' && c < 0x7f) out.append(c);
            else out.append(String.format("\\u%04x", (int) c));
        }
        return out.toString();
    }
}
