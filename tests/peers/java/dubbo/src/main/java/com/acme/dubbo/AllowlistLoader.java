package com.acme.dubbo;

import java.io.IOException;
import java.net.URL;
import java.util.Collections;
import java.util.Enumeration;
import java.util.List;

/** Adds the resource that opens Dubbo 3's class check for com.acme. It is off the class path otherwise: the stock check is the default. */
final class AllowlistLoader extends ClassLoader {
    private static final String NAME = "security/serialize.allowlist";

    AllowlistLoader(ClassLoader parent) { super(parent); }

    @Override public Enumeration<URL> getResources(String name) throws IOException {
        List<URL> found = Collections.list(super.getResources(name));
        if (NAME.equals(name)) found.addAll(Collections.list(super.getResources("variant/" + name)));
        return Collections.enumeration(found);
    }
}
