package com.acme.zoo;

/** Every kind of value and every kind of call, as one service. Consumers run against a newer version of it, see the module api-next. */
public interface Zoo extends ZooValues, ZooCalls {}
