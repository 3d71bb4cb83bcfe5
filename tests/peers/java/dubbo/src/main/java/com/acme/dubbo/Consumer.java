package com.acme.dubbo;

import com.acme.Greeter;
import com.acme.peer.Case;
import com.acme.peer.Client;
import com.acme.peer.Options;
import com.acme.zoo.Zoo;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.dubbo.common.Version;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.MethodConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.remoting.TimeoutException;
import org.apache.dubbo.rpc.RpcContext;
import org.apache.dubbo.rpc.RpcException;

/** References by direct URL, without retries. */
final class Consumer implements Client {
    private static final boolean CONTEXT_LACKS_RESPONSE = Version.getVersion().startsWith("2.");

    private final ApplicationConfig application;
    private final String url;
    private final String version;
    private final String group;
    private final Zoo zoo;
    private Zoo oneWay;

    Consumer(String host, int port, Options options) {
        application = Main.application(options.text("name", "dubbo-consumer"));
        version = options.nullable("version", "1.0.0");
        group = options.nullable("group", "none");
        String serialization = options.nullable("serialization", "none");
        options.done();
        boolean loopback = host.equals("127.0.0.1") || host.equals("localhost");
        url = "dubbo://" + (loopback ? Main.LOOPBACK : host) + ":" + port
            + (serialization == null ? "" : "?prefer.serialization=" + serialization + "&serialization=" + serialization.split(",")[0]);
        zoo = reference(Zoo.class).get();
    }

    <T> ReferenceConfig<T> reference(Class<T> type) {
        ReferenceConfig<T> reference = new ReferenceConfig<>();
        reference.setApplication(application);
        reference.setInterface(type);
        reference.setUrl(url);
        reference.setCheck(false);
        reference.setRetries(0);
        reference.setTimeout(TIMEOUT_MS);
        if (version != null) reference.setVersion(version);
        if (group != null) reference.setGroup(group);
        if (CONTEXT_LACKS_RESPONSE) reference.setFilter(ResponseAttachments.NAME);
        return reference;
    }

    @Override public Zoo zoo() { return zoo; }

    @Override public Zoo zooWithin(int timeoutMs) {
        ReferenceConfig<Zoo> reference = reference(Zoo.class);
        reference.setTimeout(timeoutMs);
        return reference.get();
    }

    @Override public Zoo zooOfUnknownVersion() {
        ReferenceConfig<Zoo> reference = reference(Zoo.class);
        reference.setVersion("9.9.9");
        return reference.get();
    }

    @Override public <T> T refer(Class<T> type) { return reference(type).get(); }

    @Override public void tellOneWay(String key) {
        if (oneWay == null) {
            MethodConfig tell = new MethodConfig();
            tell.setName("tell");
            tell.setReturn(false);
            ReferenceConfig<Zoo> reference = reference(Zoo.class);
            reference.setMethods(new ArrayList<>(Collections.singletonList(tell)));
            oneWay = reference.get();
        }
        oneWay.tell(key);
    }

    @Override public Object inFuture(Call call) throws Throwable {
        CompletableFuture<Object> future = RpcContext.getContext().asyncCall(() -> {
            try {
                return call.on(zoo);
            } catch (Exception e) {
                throw e;
            } catch (Throwable t) {
                throw new AssertionError(t);
            }
        });
        return future.get(TIMEOUT_MS, TimeUnit.MILLISECONDS);
    }

    @Override public Greetings greetings(int timeoutMs) {
        ReferenceConfig<Greeter> reference = reference(Greeter.class);
        reference.setTimeout(timeoutMs);
        Greeter greeter = reference.get();
        return (name, end) -> RpcContext.getContext().asyncCall(() -> greeter.hello(name)).whenComplete(end);
    }

    @Override public void attach(String key, String value) { RpcContext.getContext().setAttachment(key, value); }

    @Override public String attached(String key) { return CONTEXT_LACKS_RESPONSE ? ResponseAttachments.get(key) : RpcContext.getServerContext().getAttachment(key); }

    @Override public boolean isFrameworkError(Throwable t) { return t instanceof RpcException && t.getMessage() != null && !t.getMessage().trim().isEmpty(); }

    /** A future ends with the exception of the transport where a call ends with that of the framework. */
    @Override public boolean isTimeout(Throwable t) { return t instanceof TimeoutException || t instanceof RpcException && ((RpcException) t).isTimeout(); }

    @Override public void reset() { RpcContext.removeContext(); }

    @Override public List<Case> ownCases() { return new GenericCases(this).all(); }
}
