package com.acme;

/** The service of the demos and of the documentation. */
public interface Greeter {
    String hello(String name);
}
