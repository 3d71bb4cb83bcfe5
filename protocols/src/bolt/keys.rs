//! Class names and header keys of SOFARPC (wire section 1.5).

/// The class name in every SOFARPC request.
pub(crate) const REQUEST: &str = "com.alipay.sofa.rpc.core.request.SofaRequest";
/// The class name in every SOFARPC response.
pub(crate) const RESPONSE: &str = "com.alipay.sofa.rpc.core.response.SofaResponse";
/// The exception with which Bolt, below SOFARPC, reports a failure.
pub(crate) const SERVER_EXCEPTION: &str = "com.alipay.remoting.rpc.exception.RpcServerException";
/// The exceptions that SOFARPC itself throws, as opposed to those of services.
pub(crate) const SOFA_EXCEPTIONS: [&str; 3] = [
    "com.alipay.sofa.rpc.core.exception.SofaRpcException",
    "com.alipay.sofa.rpc.core.exception.SofaTimeOutException",
    "com.alipay.sofa.rpc.core.exception.SofaRouteException",
];

/// The service's unique name. Providers since SOFARPC 5.7 find the service by it.
pub(crate) const SERVICE: &str = "service";
pub(crate) const TARGET_SERVICE: &str = "sofa_head_target_service";
pub(crate) const METHOD: &str = "sofa_head_method_name";
/// The name of the calling application.
pub(crate) const APP: &str = "app";
/// The kind of call: `sync`, `future`, `callback` or `oneway`.
pub(crate) const TYPE: &str = "type";
pub(crate) const PROTOCOL: &str = "protocol";
/// The time left until the consumer's deadline, in milliseconds.
pub(crate) const DEADLINE: &str = "sofa_head_deadline_remain_time";
/// `true` in responses that carry an error or an exception.
pub(crate) const RESPONSE_ERROR: &str = "sofa_head_response_error";

/// Trace facts: in the header keys with this prefix and a dot, in the content a nested map of this name.
pub(crate) const TRACE: &str = "rpc_trace_context";
pub(crate) const TRACE_ID: &str = "sofaTraceId";
pub(crate) const RPC_ID: &str = "sofaRpcId";
pub(crate) const SAMPLED: &str = "samp";
/// Baggage of the tracer. Stock consumers send both keys, mostly with empty values.
pub(crate) const PENETRATE: [&str; 2] = ["sysPenAttrs", "sofaPenAttrs"];
/// The user's attachments of a request: prefixed keys in the header, a nested map in the content.
pub(crate) const BAGGAGE: &str = "rpc_req_baggage";
/// The user's attachments of a response: prefixed keys in both header and content.
pub(crate) const RESPONSE_BAGGAGE: &str = "rpc_resp_baggage";

pub(crate) const TRACEPARENT: &str = "traceparent";
pub(crate) const TRACESTATE: &str = "tracestate";

/// The fields of a request object, in the order of the stock class.
#[cfg(test)]
pub(crate) const REQUEST_FIELDS: [&str; 5] = [
    "targetAppName",
    METHOD_NAME,
    UNIQUE_NAME,
    REQUEST_PROPS,
    METHOD_ARG_SIGS,
];
pub(crate) const METHOD_NAME: &str = "methodName";
pub(crate) const UNIQUE_NAME: &str = "targetServiceUniqueName";
pub(crate) const REQUEST_PROPS: &str = "requestProps";
pub(crate) const METHOD_ARG_SIGS: &str = "methodArgSigs";
/// The fields of a response object, in the order of the stock class.
#[cfg(test)]
pub(crate) const RESPONSE_FIELDS: [&str; 4] = [IS_ERROR, ERROR_MSG, APP_RESPONSE, RESPONSE_PROPS];
pub(crate) const IS_ERROR: &str = "isError";
pub(crate) const ERROR_MSG: &str = "errorMsg";
pub(crate) const APP_RESPONSE: &str = "appResponse";
pub(crate) const RESPONSE_PROPS: &str = "responseProps";

/// The version of a service that sets none.
pub(crate) const DEFAULT_VERSION: &str = "1.0";

/// The user's own name of an attachment: the key without the baggage prefix.
pub(crate) fn user_key(key: &str) -> &str {
    key.strip_prefix(BAGGAGE)
        .and_then(|rest| rest.strip_prefix('.'))
        .unwrap_or(key)
}

/// The user's own name of a response attachment; `None` for other keys.
pub(crate) fn response_key(key: &str) -> Option<&str> {
    key.strip_prefix(RESPONSE_BAGGAGE)?.strip_prefix('.')
}

/// The name of a trace fact; `None` for other keys.
pub(crate) fn trace_key(key: &str) -> Option<&str> {
    key.strip_prefix(TRACE)?.strip_prefix('.')
}

/// The part of a key after `group.`; `None` for keys outside the group.
#[inline]
pub(crate) fn part_of<'k>(key: &'k [u8], group: &str) -> Option<&'k [u8]> {
    key.strip_prefix(group.as_bytes())?.strip_prefix(b".")
}

/// Whether SOFARPC itself uses this key for one hop, to say what is called and how. Such keys are not bridged
/// to another protocol and cannot be changed as attachments.
#[inline]
pub(crate) fn is_own(key: &[u8]) -> bool {
    const OWN: [&str; 6] = [
        SERVICE,
        APP,
        TYPE,
        PROTOCOL,
        "generic.revise",
        "new_rpc_trace_context",
    ];
    OWN.iter().any(|own| own.as_bytes() == key) || key.starts_with(b"sofa_head_")
}
