package com.acme.sofa;

import com.alipay.sofa.rpc.core.exception.SofaRpcException;
import com.alipay.sofa.rpc.core.request.SofaRequest;
import com.alipay.sofa.rpc.core.response.SofaResponse;
import com.alipay.sofa.rpc.filter.Filter;
import com.alipay.sofa.rpc.filter.FilterInvoker;

/** Sets the request property `tenant`. */
final class Tenant extends Filter {
    private final String tenant;

    Tenant(String tenant) { this.tenant = tenant; }

    @Override public SofaResponse invoke(FilterInvoker invoker, SofaRequest request) throws SofaRpcException {
        request.addRequestProp("tenant", tenant);
        return invoker.invoke(request);
    }
}
