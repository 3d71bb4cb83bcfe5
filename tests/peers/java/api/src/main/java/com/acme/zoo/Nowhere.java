package com.acme.zoo;

/** A service that nobody exports. */
public interface Nowhere {
    String hello(String name);
}
