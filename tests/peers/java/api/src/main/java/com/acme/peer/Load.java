package com.acme.peer;

import com.acme.zoo.Show;
import com.acme.zoo.Zoo;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Many calls, for tests of balancing, draining and upgrades: who answered how often, and what failed. */
final class Load {
    private final Client client;
    private final AtomicInteger calls = new AtomicInteger();
    private final AtomicInteger failed = new AtomicInteger();
    private final Map<String, AtomicInteger> nodes = new ConcurrentSkipListMap<>();
    private final Map<String, AtomicInteger> errors = new ConcurrentSkipListMap<>();

    Load(Client client) { this.client = client; }

    /** `calls` in all, or as many as go into `millis` if that is not 0. */
    Json run(int wanted, int millis, int threads) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        Zoo zoo = client.zoo();
        List<Thread> all = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            Thread t = new Thread(() -> {
                while (millis == 0 ? calls.getAndIncrement() < wanted : System.nanoTime() < end) one(zoo);
            });
            t.start();
            all.add(t);
        }
        for (Thread t : all) t.join();
        int answered = nodes.values().stream().mapToInt(AtomicInteger::get).sum();
        return new Json().with("calls", answered + failed.get()).with("failed", failed.get()).with("nodes", counts(nodes)).with("errors", counts(errors));
    }

    private void one(Zoo zoo) {
        try {
            count(nodes, zoo.whoami());
        } catch (RuntimeException e) {
            failed.incrementAndGet();
            count(errors, Show.thrown(e));
        }
    }

    private static void count(Map<String, AtomicInteger> counters, String key) { counters.computeIfAbsent(key, k -> new AtomicInteger()).incrementAndGet(); }

    private static Json counts(Map<String, AtomicInteger> counters) {
        Json out = new Json();
        counters.forEach((key, n) -> out.with(key, n.get()));
        return out;
    }
}
