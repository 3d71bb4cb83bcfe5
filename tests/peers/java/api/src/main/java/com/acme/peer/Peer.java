package com.acme.peer;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** The process: `provider ...`, `consumer ...` or `cases`, as README.md describes. A framework's launcher implements the two sides. */
public abstract class Peer {
    /** Exit code for a wrong command line. */
    private static final int USAGE = 2;

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
            switch (args.length == 0 ? "" : args[0]) {
                case "provider": provider(new Options(args, 1), out); break;
                case "consumer": Runtime.getRuntime().halt(consumer(new Options(args, 1), out)); break;
                case "cases": Values.all().forEach(v -> out.println(v.name)); break;
                default: throw new IllegalArgumentException("expected `provider` or `consumer`, not " + Arrays.toString(args));
            }
        } catch (IllegalArgumentException e) {
            System.err.println("wrong command line: " + e.getMessage());
            Runtime.getRuntime().halt(USAGE);
        } finally {
            System.err.flush();
        }
        if (scratch.toFile().isDirectory() && args[0].equals("cases")) delete(scratch);
    }

    private void provider(Options options, PrintStream out) throws Exception {
        Json ready = provide(options);
        out.println("READY " + ready);
        out.flush();
        Thread watch = new Thread(Peer::exitWithParent, "stdin-watch");
        watch.start();
    }

    /** The driver holds our standard input open for as long as it wants us; SIGTERM, by contrast, takes the framework's own graceful way out. */
    private static void exitWithParent() {
        try {
            while (System.in.read() >= 0) { /* nothing is said to us */ }
        } catch (IOException gone) {
            System.err.println("standard input: " + gone);
        }
        Runtime.getRuntime().halt(0);
    }

    private int consumer(Options options, PrintStream out) throws Exception {
        String target = options.text("target", "");
        int colon = target.lastIndexOf(':');
        if (colon < 0) throw new IllegalArgumentException("--target wants HOST:PORT, not `" + target + "`");
        String wanted = options.text("zoo", "*");
        Client client = consume(target.substring(0, colon), Integer.parseInt(target.substring(colon + 1)), options);
        return new Runner(client, out).run(wanted);
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
        try (java.util.stream.Stream<Path> all = Files.walk(dir)) {
            all.sorted(java.util.Comparator.reverseOrder()).forEach(p -> p.toFile().delete());
        } catch (IOException | java.io.UncheckedIOException e) {
            System.err.println("left behind: " + dir);
        }
    }
}
