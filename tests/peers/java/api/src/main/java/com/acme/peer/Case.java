package com.acme.peer;

import com.acme.zoo.Show;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.UndeclaredThrowableException;
import java.util.concurrent.ExecutionException;
import java.util.function.Predicate;

/** One named call and what must come of it. */
public final class Case {
    public interface Body {
        Object run() throws Throwable;
    }

    /** What came of a case. */
    public static final class Verdict {
        final String outcome;
        final String expected;
        final String got;
        final String detail;

        Verdict(String outcome, String expected, String got, String detail) {
            this.outcome = outcome;
            this.expected = expected;
            this.got = got;
            this.detail = detail;
        }
    }

    final String name;
    /** Whether the provider can be asked what it saw of the argument. */
    final boolean isValue;
    private final String expectedText;
    private final Object expected;
    private final Predicate<Throwable> failure;
    private final Body body;

    private Case(String name, boolean isValue, Object expected, String expectedText, Predicate<Throwable> failure, Body body) {
        this.name = name;
        this.isValue = isValue;
        this.expected = expected;
        this.expectedText = expectedText;
        this.failure = failure;
        this.body = body;
    }

    static Case value(String name, Object expected, Body body) { return new Case(name, true, expected, Show.typed(expected), null, body); }

    public static Case returns(String name, Object expected, Body body) { return new Case(name, false, expected, Show.typed(expected), null, body); }

    /** The call throws an equal throwable. */
    public static Case raises(String name, Throwable expected, Body body) {
        return new Case(name, false, null, "throws " + Show.of(expected), t -> Same.equal(expected, t), body);
    }

    /** The call throws something that the predicate accepts; `expectedText` says what. */
    public static Case fails(String name, String expectedText, Predicate<Throwable> failure, Body body) {
        return new Case(name, false, null, "throws " + expectedText, failure, body);
    }

    Verdict run() {
        Object got;
        try {
            got = body.run();
        } catch (Throwable wrapped) {
            Throwable t = unwrap(wrapped);
            boolean asExpected = failure != null && failure.test(t);
            String outcome = asExpected ? "ok" : failure != null ? "different" : "threw";
            return new Verdict(outcome, expectedText, "throws " + Show.of(t), Show.thrown(t));
        }
        if (failure != null) return new Verdict("different", expectedText, Show.typed(got), "it returned");
        if (!Same.equal(expected, got)) return new Verdict("different", expectedText, Show.typed(got), "");
        boolean sameClass = expected == null || expected.getClass() == got.getClass();
        return new Verdict("ok", expectedText, Show.typed(got), sameClass ? "" : "of class " + got.getClass().getName());
    }

    /** What reflection and futures wrap. */
    private static Throwable unwrap(Throwable t) {
        boolean wrapper = t instanceof InvocationTargetException || t instanceof ExecutionException || t instanceof UndeclaredThrowableException;
        return wrapper && t.getCause() != null ? unwrap(t.getCause()) : t;
    }
}
