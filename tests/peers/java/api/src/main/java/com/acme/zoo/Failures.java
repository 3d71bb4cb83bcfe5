package com.acme.zoo;

/** What `fail(kind)` throws: made here for the provider that throws it and for the consumer that expects it. */
public final class Failures {
    private Failures() {}

    public static Throwable of(String kind) {
        switch (kind) {
            case "checked": return new AcmeException("out of \u8d27 stock", 42, new Address("Oslo", 150));
            case "checked_cause": return new AcmeException("outer", 7, null, new IllegalArgumentException("inner"));
            case "checked_no_message": return new AcmeException(null, 9, null);
            case "unchecked": return new AcmeRuntimeException("undeclared", "look here");
            case "jdk": return new IllegalStateException("bad state");
            case "jdk_no_message": return new IllegalStateException();
            case "npe": return new NullPointerException();
            case "error": return new AssertionError("asserted");
            case "error_jdk": return new StackOverflowError("too deep");
            default: throw new IllegalArgumentException("unknown kind of failure: " + kind);
        }
    }

    /** Throws {@link #of}, whatever it is. */
    public static void raise(String kind) throws AcmeException {
        Throwable t = of(kind);
        t.setStackTrace(new Throwable().getStackTrace());
        if (t instanceof AcmeException) throw (AcmeException) t;
        if (t instanceof RuntimeException) throw (RuntimeException) t;
        throw (Error) t;
    }
}
