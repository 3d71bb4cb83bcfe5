package com.acme.sofa;

import com.acme.peer.ZooService;
import com.alipay.sofa.rpc.context.RpcInvokeContext;

/** The zoo with SOFARPC's attachments: baggage, else a request property. */
public final class SofaZoo extends ZooService {
    SofaZoo(String node, boolean lying) { super(node, lying); }

    @Override protected String requestAttachment(String key) {
        String baggage = RpcInvokeContext.getContext().getRequestBaggage(key);
        return baggage != null ? baggage : RequestProps.get(key);
    }

    @Override protected void setResponseAttachment(String key, String value) { RpcInvokeContext.getContext().putResponseBaggage(key, value); }
}
