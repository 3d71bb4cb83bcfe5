package com.acme.dubbo;

import org.apache.dubbo.rpc.Filter;
import org.apache.dubbo.rpc.Invocation;
import org.apache.dubbo.rpc.Invoker;
import org.apache.dubbo.rpc.Result;

/** Keeps the last response's attachments: in 2.7 a direct URL has no cluster layer, and nothing else hands them to the context. */
public final class ResponseAttachments implements Filter {
    /** The filter's name in META-INF/dubbo. */
    static final String NAME = "responseAttachments";
    private static volatile Result last;

    static String get(String key) { return last == null ? null : last.getAttachment(key); }

    @Override public Result invoke(Invoker<?> invoker, Invocation invocation) {
        return invoker.invoke(invocation).whenCompleteWithContext((result, thrown) -> last = result);
    }
}
