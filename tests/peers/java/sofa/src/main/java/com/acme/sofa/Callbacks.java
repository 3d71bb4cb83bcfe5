package com.acme.sofa;

import com.acme.peer.Client;
import com.acme.zoo.Zoo;
import com.alipay.sofa.rpc.common.RpcConstants;
import com.alipay.sofa.rpc.config.ConsumerConfig;
import com.alipay.sofa.rpc.core.exception.SofaRpcException;
import com.alipay.sofa.rpc.core.invoke.SofaResponseCallback;
import com.alipay.sofa.rpc.core.request.RequestBase;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** The invoke type `callback`, one call at a time. */
final class Callbacks implements SofaResponseCallback<Object> {
    private final Zoo zoo;
    private volatile CompletableFuture<Object> answer;

    Callbacks(ConsumerConfig<Zoo> reference) { zoo = reference.setInvokeType(RpcConstants.INVOKER_TYPE_CALLBACK).setOnReturn(this).refer(); }

    Object await(Client.Call call) throws Throwable {
        CompletableFuture<Object> expected = new CompletableFuture<>();
        answer = expected;
        call.on(zoo);
        return expected.get(Client.TIMEOUT_MS, TimeUnit.MILLISECONDS);
    }

    @Override public void onAppResponse(Object response, String method, RequestBase request) { answer.complete(response); }

    @Override public void onAppException(Throwable thrown, String method, RequestBase request) { answer.completeExceptionally(thrown); }

    @Override public void onSofaException(SofaRpcException thrown, String method, RequestBase request) { answer.completeExceptionally(thrown); }
}
