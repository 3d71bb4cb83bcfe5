package com.acme.sofa;

import com.alipay.sofa.rpc.core.exception.SofaRpcException;
import com.alipay.sofa.rpc.core.request.SofaRequest;
import com.alipay.sofa.rpc.core.response.SofaResponse;
import com.alipay.sofa.rpc.filter.Filter;
import com.alipay.sofa.rpc.filter.FilterInvoker;

/** Shows the service the request properties of the call that its thread runs: SOFARPC itself shows them to filters only. */
final class RequestProps extends Filter {
    private static final ThreadLocal<SofaRequest> CURRENT = new ThreadLocal<>();

    static String get(String key) {
        Object v = CURRENT.get() == null ? null : CURRENT.get().getRequestProp(key);
        return v == null ? null : v.toString();
    }

    @Override public SofaResponse invoke(FilterInvoker invoker, SofaRequest request) throws SofaRpcException {
        CURRENT.set(request);
        try {
            return invoker.invoke(request);
        } finally {
            CURRENT.remove();
        }
    }
}
