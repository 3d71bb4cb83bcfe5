package com.acme.zoo;

/** The zoo as a newer consumer knows it: one method more than any provider has. */
public interface Zoo extends ZooValues, ZooCalls {
    String addedLater(String v);
}
