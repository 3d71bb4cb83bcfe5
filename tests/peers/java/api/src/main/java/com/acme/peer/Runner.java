package com.acme.peer;

import com.acme.zoo.Show;
import com.acme.zoo.Zoo;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Runs the wanted cases one after the other and prints a line for each. A call that outlives its timeout is left behind, not waited for. */
final class Runner {
    private static final int CASE_LIMIT_MS = 2 * Client.TIMEOUT_MS;

    private final Client client;
    private final PrintStream out;
    private final long end;
    private ExecutorService thread = fresh();

    Runner(Client client, PrintStream out, int limitSeconds) {
        this.client = client;
        this.out = out;
        end = System.nanoTime() + TimeUnit.SECONDS.toNanos(limitSeconds);
    }

    void run(String wanted) {
        List<Case> chosen = choose(Suite.of(client), wanted);
        warmUp();
        for (Case c : chosen) print(c);
        out.println(new Json().with("done", chosen.size()));
        out.flush();
    }

    /** The first call loads classes on both sides, which can take longer than a call may last. Its result does not count. */
    private void warmUp() {
        for (int i = 0; i < 3 && seen("nothing").startsWith("unknown: "); i++) client.reset();
    }

    /** `wanted` is a comma-separated list of names; `*` at the end of one stands for any rest. */
    private static List<Case> choose(List<Case> all, String wanted) {
        List<Case> chosen = new ArrayList<>();
        for (String pattern : wanted.split(",")) {
            boolean prefix = pattern.endsWith("*");
            String text = prefix ? pattern.substring(0, pattern.length() - 1) : pattern;
            int before = chosen.size();
            for (Case c : all) if ((prefix ? c.name.startsWith(text) : c.name.equals(text)) && !chosen.contains(c)) chosen.add(c);
            if (chosen.size() == before) throw new IllegalArgumentException("no case is called " + pattern);
        }
        return chosen;
    }

    private void print(Case c) {
        long start = System.nanoTime();
        boolean late = start > end;
        Case.Verdict verdict = late ? new Case.Verdict("threw", "a turn", "none", "not run: the time for all cases was over") : within(c);
        long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
        String argument = c.isValue && !late ? seen(c.name) : null;
        String outcome = verdict.outcome;
        String detail = verdict.detail;
        if (outcome.equals("ok") && argument != null && !argument.equals("equal")) {
            outcome = "different";
            detail = "the result is right, but the provider saw: " + argument;
        }
        Json line = new Json().with("case", c.name).with("outcome", outcome).with("expected", verdict.expected).with("got", verdict.got).with("detail", detail);
        if (argument != null) line.with("argument", argument);
        out.println(line.with("ms", millis));
        out.flush();
    }

    private Case.Verdict within(Case c) {
        try {
            return onThread(c::run);
        } catch (TimeoutException e) {
            return new Case.Verdict("threw", "an end", "nothing", "the call ignored its own timeout and was given up after " + CASE_LIMIT_MS + " ms");
        } catch (Exception e) {
            return new Case.Verdict("threw", "a verdict", "throws " + Show.of(e), "the case itself failed: " + Show.thrown(e));
        }
    }

    /** What the provider saw of the value; "unknown: ..." if it cannot be asked. */
    private String seen(String name) {
        Zoo zoo = client.zoo();
        try {
            return onThread(() -> zoo.seen(name));
        } catch (Exception e) {
            return "unknown: " + Show.thrown(e.getCause() == null ? e : e.getCause());
        }
    }

    private <T> T onThread(java.util.concurrent.Callable<T> work) throws Exception {
        Future<T> future = thread.submit(() -> {
            client.reset();
            return work.call();
        });
        try {
            return future.get(CASE_LIMIT_MS, TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            thread.shutdownNow();
            thread = fresh();
            throw e;
        }
    }

    private static ExecutorService fresh() {
        return Executors.newSingleThreadExecutor(work -> {
            Thread t = new Thread(work, "case");
            t.setDaemon(true);
            return t;
        });
    }
}
