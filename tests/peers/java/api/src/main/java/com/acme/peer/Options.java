package com.acme.peer;

import java.util.HashMap;
import java.util.Map;

/** Command line options of the form `--key value`. Each one asked for is known; what remains is a mistake. */
public final class Options {
    private final Map<String, String> given = new HashMap<>();

    public Options(String[] args, int from) {
        for (int i = from; i < args.length; i += 2) {
            if (!args[i].startsWith("--") || i + 1 == args.length) throw new IllegalArgumentException("expected `--key value` at `" + args[i] + "`");
            if (given.put(args[i].substring(2), args[i + 1]) != null) throw new IllegalArgumentException(args[i] + " is given twice");
        }
    }

    public String text(String key, String fallback) {
        String v = given.remove(key);
        return v == null ? fallback : v;
    }

    /** As {@link #text}; the word `none` means null. */
    public String nullable(String key, String fallback) {
        String v = text(key, fallback);
        return "none".equals(v) ? null : v;
    }

    public int number(String key, int fallback) {
        String v = text(key, null);
        if (v == null) return fallback;
        try {
            return Integer.parseInt(v);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("--" + key + " wants a number, not `" + v + "`");
        }
    }

    public boolean yes(String key) {
        String v = text(key, "no");
        if (!v.equals("yes") && !v.equals("no")) throw new IllegalArgumentException("--" + key + " wants yes or no, not `" + v + "`");
        return v.equals("yes");
    }

    /** To be called once all known options were asked for. */
    public void done() {
        if (!given.isEmpty()) throw new IllegalArgumentException("unknown options: " + given.keySet());
    }
}
