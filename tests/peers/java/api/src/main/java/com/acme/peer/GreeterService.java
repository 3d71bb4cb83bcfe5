package com.acme.peer;

import com.acme.Greeter;

/** The greeter, served. */
public final class GreeterService implements Greeter {
    @Override public String hello(String name) { return "Hello, " + name; }
}
