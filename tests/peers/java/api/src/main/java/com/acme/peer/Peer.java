package com.acme.peer;

import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.Stream;

/** The process: `provider ...`, `consumer ...`, `load ...` or `flood ...`, as README.md describes. A framework's launcher implements the two sides. */
public abstract class Peer {
    /** Exit code for a wrong command line. */
    private static final int USAGE = 2;
    private static final int FAILURE = 1;

    /** Starts what the options ask for; returns what to say after "READY ". */
    protected abstract Json provide(Options options) throws Exception;

    /** Connects. */
    protected abstract Client consume(String host, int port, Options options) throws Exception;

    protected final void run(String[] args) throws Exception {
        // Frameworks print banners and warnings: standard output is for the test driver alone.
        PrintStream out = System.out;
        System.setOut(System.err);
        Path scratch = scratch();
        try {
            Options options = new Options(args, 1);
            switch (args.length == 0 ? "" : args[0]) {
                case "provider": provider(options, out, scratch); return;
                case "consumer": consumer(options, out); break;
                case "load": load(options, out); break;
                case "flood": flood(options, out); break;
                default: throw new IllegalArgumentException("expected `provider`, `consumer`, `load` or `flood`, not " + Arrays.toString(args));
            }
            out.flush();
            exit(0, scratch);
        } catch (IllegalArgumentException e) {
            System.err.println("wrong command line: " + e.getMessage());
            exit(USAGE, scratch);
        } catch (Throwable t) {
            t.printStackTrace();
            exit(FAILURE, scratch);
        }
    }

    private void provider(Options options, PrintStream out, Path scratch) throws Exception {
        out.println("READY " + provide(options));
        out.flush();
        new Thread(() -> exitWithParent(scratch), "stdin-watch").start();
    }

    /** The driver holds our standard input open for as long as it wants us; SIGTERM, by contrast, takes the framework's own graceful way out. */
    private static void exitWithParent(Path scratch) {
        try {
            while (System.in.read() >= 0) { /* nothing is said to us */ }
        } catch (IOException gone) {
            System.err.println("standard input: " + gone);
        }
        exit(0, scratch);
    }

    private void consumer(Options options, PrintStream out) throws Exception {
        String wanted = options.text("zoo", "*");
        int limit = options.number("limit-seconds", 120);
        new Runner(connect(options), out, limit).run(wanted);
    }

    private void load(Options options, PrintStream out) throws Exception {
        int calls = options.number("calls", 100);
        int millis = options.number("millis", 0);
        int threads = options.number("threads", 1);
        out.println(new Load(connect(options)).run(calls, millis, threads));
    }

    private void flood(Options options, PrintStream out) throws Exception {
        String mark = options.text("mark", "call");
        int calls = options.number("calls", 100);
        int window = options.number("window", 1);
        int timeout = options.number("timeout", Client.TIMEOUT_MS);
        out.println(new Flood(connect(options), timeout, window).run(mark, calls));
    }

    private Client connect(Options options) throws Exception {
        String target = options.text("target", "");
        int colon = target.lastIndexOf(':');
        if (colon < 0) throw new IllegalArgumentException("--target wants HOST:PORT, not `" + target + "`");
        return consume(target.substring(0, colon), Integer.parseInt(target.substring(colon + 1)), options);
    }

    /** At once, past the frameworks' shutdown hooks, which may take long. */
    private static void exit(int code, Path scratch) {
        System.err.flush();
        delete(scratch);
        Runtime.getRuntime().halt(code);
    }

    /** Frameworks write caches and logs into the home directory: give them one of their own. */
    private static Path scratch() throws IOException {
        Path dir = Files.createTempDirectory("peer-");
        System.setProperty("user.home", dir.toString());
        System.setProperty("logging.path", dir.toString());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> delete(dir)));
        return dir;
    }

    private static void delete(Path dir) {
        try (Stream<Path> all = Files.walk(dir)) {
            all.sorted(Comparator.reverseOrder()).forEach(p -> p.toFile().delete());
        } catch (IOException | UncheckedIOException e) {
            System.err.println("left behind: " + dir);
        }
    }
}
