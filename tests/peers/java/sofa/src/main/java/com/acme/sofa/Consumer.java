package com.acme.sofa;

import com.acme.Greeter;
import com.acme.peer.Case;
import com.acme.peer.Client;
import com.acme.peer.Options;
import com.acme.zoo.AcmeException;
import com.acme.zoo.Failures;
import com.acme.zoo.Zoo;
import com.alipay.sofa.rpc.api.future.SofaResponseFuture;
import com.alipay.sofa.rpc.common.RpcConstants;
import com.alipay.sofa.rpc.config.ApplicationConfig;
import com.alipay.sofa.rpc.config.ConsumerConfig;
import com.alipay.sofa.rpc.context.RpcInvokeContext;
import com.alipay.sofa.rpc.core.exception.SofaRpcException;
import com.alipay.sofa.rpc.core.exception.SofaTimeOutException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** References by direct URL, without retries. */
final class Consumer implements Client {
    private final String url;
    private final String name;
    private final String version;
    private final String uniqueId;
    private final Zoo zoo;
    private Zoo oneWay;
    private Zoo future;

    Consumer(String host, int port, Options options) {
        name = options.text("name", "sofa-consumer");
        version = options.text("version", "1.0");
        uniqueId = options.nullable("unique-id", "none");
        options.done();
        url = "bolt://" + host + ":" + port;
        zoo = reference(Zoo.class).refer();
    }

    <T> ConsumerConfig<T> reference(Class<T> type) {
        ConsumerConfig<T> reference = new ConsumerConfig<T>().setApplication(new ApplicationConfig().setAppName(name)).setProtocol(RpcConstants.PROTOCOL_TYPE_BOLT)
            .setInterfaceId(type.getName()).setDirectUrl(url).setTimeout(TIMEOUT_MS).setRetries(0).setRegister(false).setRepeatedReferLimit(-1);
        reference.setVersion(version);
        if (uniqueId != null) reference.setUniqueId(uniqueId);
        return reference;
    }

    @Override public Zoo zoo() { return zoo; }

    @Override public Zoo zooWithin(int timeoutMs) { return reference(Zoo.class).setTimeout(timeoutMs).refer(); }

    @Override public Zoo zooOfUnknownVersion() {
        ConsumerConfig<Zoo> reference = reference(Zoo.class);
        reference.setVersion("9.9");
        return reference.refer();
    }

    @Override public <T> T refer(Class<T> type) { return reference(type).refer(); }

    @Override public void tellOneWay(String key) {
        if (oneWay == null) oneWay = reference(Zoo.class).setInvokeType(RpcConstants.INVOKER_TYPE_ONEWAY).refer();
        oneWay.tell(key);
    }

    @Override public Object inFuture(Call call) throws Throwable {
        if (future == null) future = reference(Zoo.class).setInvokeType(RpcConstants.INVOKER_TYPE_FUTURE).refer();
        call.on(future);
        try {
            return SofaResponseFuture.getResponse(TIMEOUT_MS, true);
        } catch (SofaRpcException e) {
            // A future wraps what the service threw, and so its users unwrap it.
            throw e.getCause() instanceof AcmeException ? e.getCause() : e;
        }
    }

    @Override public Greetings greetings(int timeoutMs) { return new CallbackGreetings(reference(Greeter.class).setTimeout(timeoutMs)); }

    @Override public void attach(String key, String value) { RpcInvokeContext.getContext().putRequestBaggage(key, value); }

    @Override public String attached(String key) { return RpcInvokeContext.getContext().getResponseBaggage(key); }

    @Override public boolean isFrameworkError(Throwable t) { return t instanceof SofaRpcException && t.getMessage() != null && !t.getMessage().trim().isEmpty(); }

    @Override public boolean isTimeout(Throwable t) { return t instanceof SofaTimeOutException; }

    @Override public void reset() { RpcInvokeContext.removeContext(); }

    @Override public List<Case> ownCases() {
        List<Case> cases = new ArrayList<>();
        Callbacks callbacks = new Callbacks(reference(Zoo.class));
        cases.add(Case.returns("callback", "called back", () -> callbacks.await(z -> z.echoString("called back"))));
        cases.add(Case.raises("callback_fails", Failures.of("checked"), () -> callbacks.await(z -> z.fail("checked"))));
        Zoo marked = reference(Zoo.class).setFilterRef(Arrays.asList(new Tenant("silver"))).refer();
        cases.add(Case.returns("attach_request_prop", "silver", marked::tenant));
        cases.addAll(new GenericCases(this).all());
        return cases;
    }
}
