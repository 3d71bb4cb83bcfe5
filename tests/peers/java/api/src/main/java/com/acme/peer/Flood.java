package com.acme.peer;

import com.acme.zoo.Show;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Calls without a pause, a number of them in flight, each with a name of its own, and looks whether its greeting is for that name.
 * Calls that are in flight at the end are abandoned: nobody waits for them, and the process is about to end.
 */
final class Flood {
    private static final int MOST_EXAMPLES = 5;

    private final Client client;
    private final Client.Greetings greetings;
    private final Semaphore free;
    private final AtomicLong right = new AtomicLong();
    private final AtomicLong wrong = new AtomicLong();
    private final AtomicLong timedOut = new AtomicLong();
    private final AtomicLong failed = new AtomicLong();
    /** Of calls that got a wrong greeting, or failed by anything but their timeout. */
    private final List<String> examples = Collections.synchronizedList(new ArrayList<>());

    Flood(Client client, int timeoutMs, int window) {
        this.client = client;
        greetings = client.greetings(timeoutMs);
        free = new Semaphore(window);
    }

    /** Makes the calls; `mark` is what their names begin with. */
    Json run(String mark, int calls) throws InterruptedException {
        for (int i = 0; i < calls; i++) {
            String name = mark + '-' + i;
            free.acquire();
            try {
                greetings.greet(name, (greeting, thrown) -> ended(name, greeting, thrown));
            } catch (RuntimeException refused) {
                ended(name, null, refused);
            }
        }
        return counts(calls);
    }

    private Json counts(long sent) {
        long right = this.right.get(), wrong = this.wrong.get(), timedOut = this.timedOut.get(), failed = this.failed.get();
        return new Json().with("sent", sent).with("right", right).with("wrong", wrong).with("timedOut", timedOut).with("failed", failed)
            .with("abandoned", sent - right - wrong - timedOut - failed).with("examples", new ArrayList<>(examples));
    }

    private void ended(String name, Object greeting, Throwable thrown) {
        if (thrown == null) judge(name, greeting);
        else if (isTimeout(thrown)) timedOut.incrementAndGet();
        else {
            failed.incrementAndGet();
            example(name + " failed: " + Show.thrown(thrown));
        }
        free.release();
    }

    /** Futures wrap what ended them, and frameworks wrap what futures threw. */
    private boolean isTimeout(Throwable thrown) {
        for (Throwable t = thrown; t != null; t = t.getCause()) {
            if (client.isTimeout(t)) return true;
        }
        return false;
    }

    private void judge(String name, Object greeting) {
        if (("Hello, " + name).equals(greeting)) right.incrementAndGet();
        else {
            wrong.incrementAndGet();
            example(name + " got: " + Show.typed(greeting));
        }
    }

    private void example(String text) {
        if (examples.size() < MOST_EXAMPLES) examples.add(text);
    }
}
