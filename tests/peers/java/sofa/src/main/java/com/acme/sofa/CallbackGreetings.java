package com.acme.sofa;

import com.acme.Greeter;
import com.acme.peer.Client;
import com.alipay.sofa.rpc.common.RpcConstants;
import com.alipay.sofa.rpc.config.ConsumerConfig;
import com.alipay.sofa.rpc.context.RpcInvokeContext;
import com.alipay.sofa.rpc.core.exception.SofaRpcException;
import com.alipay.sofa.rpc.core.invoke.SofaResponseCallback;
import com.alipay.sofa.rpc.core.request.RequestBase;
import java.util.function.BiConsumer;

/** The invoke type `callback` with many calls in flight, each with a callback of its own. */
final class CallbackGreetings implements Client.Greetings {
    private final Greeter greeter;

    CallbackGreetings(ConsumerConfig<Greeter> reference) { greeter = reference.setInvokeType(RpcConstants.INVOKER_TYPE_CALLBACK).refer(); }

    @Override public void greet(String name, BiConsumer<Object, Throwable> end) {
        RpcInvokeContext.getContext().setResponseCallback(new End(end));
        greeter.hello(name);
    }

    private static final class End implements SofaResponseCallback<Object> {
        private final BiConsumer<Object, Throwable> end;

        End(BiConsumer<Object, Throwable> end) { this.end = end; }

        @Override public void onAppResponse(Object response, String method, RequestBase request) { end.accept(response, null); }

        @Override public void onAppException(Throwable thrown, String method, RequestBase request) { end.accept(null, thrown); }

        @Override public void onSofaException(SofaRpcException thrown, String method, RequestBase request) { end.accept(null, thrown); }
    }
}
