package com.acme.sofa;

import com.acme.peer.Client;
import com.acme.peer.Json;
import com.acme.peer.Options;
import com.acme.peer.Peer;

/** The SOFARPC peer. */
public final class Main extends Peer {
    public static void main(String[] args) throws Exception {
        new Main().run(args);
    }

    @Override protected Json provide(Options options) throws Exception { return new Provider(options).start(); }

    @Override protected Client consume(String host, int port, Options options) { return new Consumer(host, port, options); }
}
