package com.acme.peer;

import com.acme.zoo.AcmeException;
import com.acme.zoo.Failures;
import com.acme.zoo.Node;
import com.acme.zoo.Person;
import com.acme.zoo.Show;
import com.acme.zoo.Zoo;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/** The zoo, served. A framework's launcher adds how it shows attachments. */
public abstract class ZooService extends EchoService implements Zoo {
    private final String node;
    private final Map<String, AtomicInteger> counters = new ConcurrentHashMap<>();

    protected ZooService(String node, boolean lying) {
        super(lying);
        this.node = node;
    }

    /** The request attachment of this key, null if there is none. */
    protected abstract String requestAttachment(String key);

    protected abstract void setResponseAttachment(String key, String value);

    @Override public void nothing() {}
    @Override public String noArguments() { return "none"; }
    @Override public String many(String a, int b, Person c, List<String> d, long e, Person f) { return manyText(a, b, c, d, e, f); }

    /** The answer of `many`, for the one who expects it. */
    static String manyText(String a, int b, Person c, List<String> d, long e, Person f) {
        return Show.of(a) + " " + b + " " + c.getName() + " " + d + " " + e + " " + f.getName() + " " + (c == f);
    }

    @Override public String over(int v) { return "int " + v; }
    @Override public String over(long v) { return "long " + v; }
    @Override public String over(Integer v) { return "Integer " + v; }
    @Override public String over(String v) { return "String " + v; }
    @Override public String over(String v, int n) { return "String,int " + v + n; }
    @Override public String over(Object v) { return "Object " + v; }
    @Override public String over(String[] v) { return "String[] " + Arrays.toString(v); }
    @Override public String varargs(String head, Object... rest) { return head + Arrays.toString(rest); }
    @Override public String words(String... words) { return String.join(" ", words); }

    @Override public String same(Node a, Node b) { return a == b ? "same" : "two"; }
    @Override public String sameElements(List<Person> v) { return v.get(0) == v.get(1) ? "same" : "two"; }
    @Override public List<Person> twins(String name) { return Suite.twins(name); }

    @Override public String fail(String kind) throws AcmeException {
        Failures.raise(kind);
        return "not reached";
    }

    @Override public String slow(int millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
        return "slept " + millis;
    }

    @Override public CompletableFuture<String> later(String v) {
        return CompletableFuture.supplyAsync(() -> slow(20).isEmpty() ? v : "later " + v);
    }

    @Override public CompletableFuture<String> laterFail(String kind) {
        CompletableFuture<String> out = new CompletableFuture<>();
        CompletableFuture.runAsync(() -> {
            slow(20);
            out.completeExceptionally(Failures.of(kind));
        });
        return out;
    }

    @Override public void tell(String key) { counters.computeIfAbsent(key, k -> new AtomicInteger()).incrementAndGet(); }

    @Override public int told(String key) {
        AtomicInteger counter = counters.get(key);
        return counter == null ? 0 : counter.get();
    }

    @Override public String tenant() {
        setResponseAttachment("served-by", node);
        return requestAttachment("tenant");
    }

    @Override public String whoami() { return node; }
    @Override public String seen(String caseName) { return seen.judge(caseName); }
}
