package com.acme.dubbo;

import com.acme.Greeter;
import com.acme.peer.GreeterService;
import com.acme.peer.Json;
import com.acme.peer.Options;
import com.acme.zoo.Zoo;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.dubbo.common.Version;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/** Exports the zoo and the greeter once per version. */
final class Provider {
    private static final int BIND_ATTEMPTS = 5;

    private final int port;
    private final String name;
    private final String[] versions;
    private final String group;
    private final String serialization;
    private final boolean lying;

    Provider(Options options) {
        port = options.number("port", 0);
        name = options.text("name", "dubbo-" + Version.getVersion());
        versions = options.text("version", "1.0.0,none").split(",");
        group = options.nullable("group", "none");
        serialization = options.nullable("serialization", "none");
        lying = options.yes("lie");
        options.done();
    }

    Json start() throws IOException {
        for (int attempt = 1; ; attempt++) {
            int chosen = port == 0 ? freePort() : port;
            try {
                return export(chosen);
            } catch (RuntimeException e) {
                DubboBootstrap.reset();
                if (port != 0 || attempt == BIND_ATTEMPTS) throw e;
                System.err.println("port " + chosen + " could not be used, trying another: " + e);
            }
        }
    }

    /** Dubbo wants a number; this one was free a moment ago. */
    private static int freePort() throws IOException {
        try (ServerSocket probe = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            return probe.getLocalPort();
        }
    }

    /** Through the bootstrap, as applications do it: only so are the defaults of all settings filled in. */
    private Json export(int chosen) {
        ProtocolConfig protocol = new ProtocolConfig("dubbo", chosen);
        protocol.setHost(Main.LOOPBACK);
        if (serialization != null) {
            protocol.setSerialization(serialization.split(",")[0]);
            protocol.setParameters(Collections.singletonMap("prefer.serialization", serialization));
        }
        DubboBootstrap bootstrap = DubboBootstrap.getInstance().application(Main.application(name)).registry(new RegistryConfig("N/A")).protocol(protocol);
        List<String> exported = new ArrayList<>();
        for (String version : versions) {
            bootstrap.service(service(Zoo.class, new DubboZoo(name, lying), version, exported));
            bootstrap.service(service(Greeter.class, new GreeterService(), version, exported));
        }
        bootstrap.start();
        return new Json().with("port", chosen).with("framework", "dubbo").with("frameworkVersion", Version.getVersion()).with("name", name).with("services", exported);
    }

    private <T> ServiceConfig<T> service(Class<T> type, T implementation, String version, List<String> exported) {
        ServiceConfig<T> service = new ServiceConfig<>();
        service.setInterface(type);
        service.setRef(implementation);
        if (!version.equals("none")) service.setVersion(version);
        if (group != null) service.setGroup(group);
        String key = (group == null ? "" : group + "/") + type.getName() + (version.equals("none") ? "" : ":" + version);
        service.setId(key);
        exported.add(key);
        return service;
    }
}
