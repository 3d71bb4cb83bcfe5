package com.acme.dubbo;

import com.acme.peer.ZooService;
import org.apache.dubbo.rpc.RpcContext;

/** The zoo with Dubbo's attachments. */
public final class DubboZoo extends ZooService {
    DubboZoo(String node, boolean lying) { super(node, lying); }

    @Override protected String requestAttachment(String key) { return RpcContext.getContext().getAttachment(key); }

    @Override protected void setResponseAttachment(String key, String value) { RpcContext.getServerContext().setAttachment(key, value); }
}
