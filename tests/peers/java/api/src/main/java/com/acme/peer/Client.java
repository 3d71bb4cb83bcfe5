package com.acme.peer;

import com.acme.zoo.Zoo;
import java.util.List;
import java.util.function.BiConsumer;

/** What the cases need from a framework's consumer side. */
public interface Client {
    /** How long any call may take, unless a case says otherwise. */
    int TIMEOUT_MS = 5000;

    /** Something to do with the zoo. */
    interface Call {
        Object on(Zoo zoo) throws Throwable;
    }

    /** A greeter that is called without waiting; the end of a call is a greeting, or what was thrown. */
    interface Greetings {
        void greet(String name, BiConsumer<Object, Throwable> end);
    }

    /** The zoo at the version, group and unique id that the options name. */
    Zoo zoo();

    /** The zoo with another timeout. */
    Zoo zooWithin(int timeoutMs);

    /** The zoo at a version that nobody exports. */
    Zoo zooOfUnknownVersion();

    /** A reference to some other interface, at the same version. */
    <T> T refer(Class<T> type);

    /** `zoo.tell(key)`, sent one-way. */
    void tellOneWay(String key) throws Throwable;

    /** The call made asynchronously by the framework's own means, and its result awaited. */
    Object inFuture(Call call) throws Throwable;

    /** The greeter by the framework's own asynchronous means. */
    Greetings greetings(int timeoutMs);

    /** Attaches the pair to the next call of this thread. */
    void attach(String key, String value);

    /** A response attachment of the last call of this thread, null if there is none. */
    String attached(String key);

    /** Whether the framework itself says that the call failed, in words. */
    boolean isFrameworkError(Throwable t);

    /** Whether the framework itself says that the call took too long. */
    boolean isTimeout(Throwable t);

    /** Forgets what this thread attached. */
    void reset();

    /** Cases that only this framework has: generic invocation and the like. */
    List<Case> ownCases();
}
