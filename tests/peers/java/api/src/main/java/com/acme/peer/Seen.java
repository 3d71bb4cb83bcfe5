package com.acme.peer;

import com.acme.zoo.Show;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The arguments that a provider got lately, so that a consumer can ask whether its own arrived whole. */
final class Seen {
    private static final int KEPT_PER_METHOD = 16;
    private static final Object NULL = new Object();

    private final Map<String, Deque<Object>> arguments = new ConcurrentHashMap<>();

    void note(String method, Object argument) {
        Deque<Object> kept = arguments.computeIfAbsent(method, m -> new ArrayDeque<>());
        synchronized (kept) {
            if (kept.size() == KEPT_PER_METHOD) kept.removeFirst();
            kept.addLast(argument == null ? NULL : argument);
        }
    }

    /** "equal", "nothing", or "different: ..." with the newest argument; what was judged is forgotten. */
    String judge(String caseName) {
        Values.Value value = Values.named(caseName);
        if (value == null) return "different: this provider has no case " + caseName;
        Deque<Object> kept = arguments.get(value.method.getName());
        if (kept == null) return "nothing";
        synchronized (kept) {
            if (kept.isEmpty()) return "nothing";
            Object expected = value.make();
            for (Iterator<Object> it = kept.iterator(); it.hasNext();) {
                Object got = it.next();
                if (!Same.equal(expected, got == NULL ? null : got)) continue;
                it.remove();
                return "equal";
            }
            Object newest = kept.removeLast();
            return "different: " + Show.typed(newest == NULL ? null : newest);
        }
    }

    /** The case value equal to the argument, else the argument itself. */
    static Object ownCopy(String method, Object argument) {
        for (Values.Value value : Values.of(method)) {
            Object own = value.make();
            if (Same.equal(own, argument)) return own;
        }
        return argument;
    }
}
