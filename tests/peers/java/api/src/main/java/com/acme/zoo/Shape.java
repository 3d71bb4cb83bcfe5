package com.acme.zoo;

import java.io.Serializable;

/** Declared type of a field and of a result, known only by interface. */
public interface Shape extends Serializable {}
