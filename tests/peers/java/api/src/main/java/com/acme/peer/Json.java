package com.acme.peer;

import java.util.ArrayList;
import java.util.List;

/** One JSON object on one line, its keys in the order given. */
public final class Json {
    private final List<String> members = new ArrayList<>();

    public Json with(String key, String value) { return raw(key, value == null ? "null" : quote(value)); }

    public Json with(String key, long value) { return raw(key, Long.toString(value)); }

    public Json with(String key, List<String> values) {
        StringBuilder out = new StringBuilder("[");
        for (String v : values) out.append(out.length() == 1 ? "" : ",").append(quote(v));
        return raw(key, out.append(']').toString());
    }

    public Json with(String key, Json value) { return raw(key, value.toString()); }

    private Json raw(String key, String value) {
        members.add(quote(key) + ":" + value);
        return this;
    }

    @Override public String toString() { return "{" + String.join(",", members) + "}"; }

    private static String quote(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') out.append('\\').append(c);
            else if (c >= ' ' && c < 0x7f) out.append(c);
            else out.append(String.format("\\u%04x", (int) c));
        }
        return out.append('"').toString();
    }
}
