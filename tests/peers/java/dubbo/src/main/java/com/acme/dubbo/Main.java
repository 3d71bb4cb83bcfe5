package com.acme.dubbo;

import com.acme.peer.Client;
import com.acme.peer.Json;
import com.acme.peer.Options;
import com.acme.peer.Peer;
import org.apache.dubbo.config.ApplicationConfig;

/** The Dubbo peer; the same source runs on every Dubbo line. */
public final class Main extends Peer {
    public static void main(String[] args) throws Exception {
        new Main().run(args);
    }

    private Main() {}

    @Override protected Json provide(Options options) throws Exception {
        allowlist(options);
        return new Provider(options).start();
    }

    @Override protected Client consume(String host, int port, Options options) {
        allowlist(options);
        return new Consumer(host, port, options);
    }

    private static void allowlist(Options options) {
        if (options.yes("allowlist")) Thread.currentThread().setContextClassLoader(new AllowlistLoader(Main.class.getClassLoader()));
    }

    /**
     * 127.0.0.1 in decimal. Dubbo takes `localhost` and `127.*` for a mistake, here and in URLs, and puts the first outer address of
     * the machine instead; as one number it is left alone.
     */
    static final String LOOPBACK = "2130706433";

    static ApplicationConfig application(String name) {
        ApplicationConfig app = new ApplicationConfig(name);
        app.setQosEnable(false);
        return app;
    }
}
