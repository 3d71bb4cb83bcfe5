package com.acme.zoo;

import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Every kind of call: overloads, failures, delays, one-way, context; and what a provider tells about itself and about what it got. */
public interface ZooCalls {
    void nothing();
    String noArguments();
    String many(String a, int b, Person c, List<String> d, long e, Person f);

    String over(int v);
    String over(long v);
    String over(Integer v);
    String over(String v);
    String over(String v, int n);
    String over(Object v);
    String over(String[] v);
    String varargs(String head, Object... rest);
    String words(String... words);

    /** "same" if both arguments are one object. */
    String same(Node a, Node b);
    /** "same" if the first two elements are one object. */
    String sameElements(List<Person> v);
    /** Two references to one object. */
    List<Person> twins(String name);

    /** Throws {@link Failures#of} of the kind. */
    String fail(String kind) throws AcmeException;
    String slow(int millis);
    CompletableFuture<String> later(String v);
    CompletableFuture<String> laterFail(String kind);

    /** Counts up the key's counter; meant to be called one-way. */
    void tell(String key);
    int told(String key);

    /** The request attachment `tenant` as the provider's framework shows it; answers with the response attachment `served-by`. */
    String tenant();
    /** The node name that the provider was started with. */
    String whoami();
    /** What the provider got in the value case of this name: "equal", "nothing", or "different: ..."; forgets it. */
    String seen(String caseName);
}
