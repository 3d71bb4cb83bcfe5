package com.acme.sofa;

import com.acme.Greeter;
import com.acme.peer.GreeterService;
import com.acme.peer.Json;
import com.acme.peer.Options;
import com.acme.zoo.Zoo;
import com.alipay.sofa.rpc.common.RpcConstants;
import com.alipay.sofa.rpc.common.Version;
import com.alipay.sofa.rpc.config.ApplicationConfig;
import com.alipay.sofa.rpc.config.ProviderConfig;
import com.alipay.sofa.rpc.config.ServerConfig;
import com.alipay.sofa.rpc.core.exception.SofaRpcRuntimeException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Exports the zoo and the greeter once per version. */
final class Provider {
    private static final int BIND_ATTEMPTS = 5;
    private static final String LOOPBACK = "127.0.0.1";

    private final int port;
    private final String name;
    private final String[] versions;
    private final String uniqueId;
    private final boolean lying;

    Provider(Options options) {
        port = options.number("port", 0);
        name = options.text("name", "sofa-" + version());
        versions = options.text("version", "1.0").split(",");
        uniqueId = options.nullable("unique-id", "none");
        lying = options.yes("lie");
        options.done();
    }

    /** 51302 as 5.13.2. */
    private static String version() { return Version.RPC_VERSION / 10000 + "." + Version.RPC_VERSION / 100 % 100 + "." + Version.RPC_VERSION % 100; }

    Json start() throws IOException {
        for (int attempt = 1; ; attempt++) {
            int chosen = port == 0 ? freePort() : port;
            try {
                return export(chosen);
            } catch (SofaRpcRuntimeException e) {
                if (port != 0 || attempt == BIND_ATTEMPTS) throw e;
                System.err.println("port " + chosen + " could not be used, trying another: " + e);
            }
        }
    }

    /** SOFARPC wants a number; this one was free a moment ago. */
    private static int freePort() throws IOException {
        try (ServerSocket probe = new ServerSocket(0, 1, InetAddress.getByName(LOOPBACK))) {
            return probe.getLocalPort();
        }
    }

    private Json export(int chosen) {
        // An adaptive port would replace a taken one by its neighbour, silently.
        ServerConfig server = new ServerConfig().setProtocol(RpcConstants.PROTOCOL_TYPE_BOLT).setHost(LOOPBACK).setBoundHost(LOOPBACK)
            .setPort(chosen).setAdaptivePort(false).setDaemon(false);
        List<String> exported = new ArrayList<>();
        for (String version : versions) {
            export(Zoo.class, new SofaZoo(name, lying), version, server, exported);
            export(Greeter.class, new GreeterService(), version, server, exported);
        }
        return new Json().with("port", chosen).with("framework", "sofa").with("frameworkVersion", version()).with("name", name).with("services", exported);
    }

    private <T> void export(Class<T> type, T implementation, String version, ServerConfig server, List<String> exported) {
        ProviderConfig<T> provider = new ProviderConfig<T>().setApplication(new ApplicationConfig().setAppName(name)).setInterfaceId(type.getName())
            .setRef(implementation).setServer(server).setRegister(false).setRepeatedExportLimit(-1).setFilterRef(Arrays.asList(new RequestProps()));
        provider.setVersion(version);
        if (uniqueId != null) provider.setUniqueId(uniqueId);
        provider.export();
        exported.add(type.getName() + ":" + version + (uniqueId == null ? "" : ":" + uniqueId));
    }
}
