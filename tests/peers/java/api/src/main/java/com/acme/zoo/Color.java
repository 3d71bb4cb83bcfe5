package com.acme.zoo;

/** An enum; `GREEN` has a body, hence a class of its own. */
public enum Color {
    RED,
    GREEN {
        @Override public String mood() { return "calm"; }
    },
    BLUE;

    public String mood() { return "plain"; }
}
