//! Classes and header keys of SOFARPC (wire section 1.5).

/// The class of every SOFARPC request.
pub(crate) const REQUEST: &str = "com.alipay.sofa.rpc.core.request.SofaRequest";
/// The class of every SOFARPC answer.
pub(crate) const RESPONSE: &str = "com.alipay.sofa.rpc.core.response.SofaResponse";
/// How the machinery below SOFARPC reports its failures.
pub(crate) const SERVER_EXCEPTION: &str = "com.alipay.remoting.rpc.exception.RpcServerException";
/// How SOFARPC's own machinery throws.
pub(crate) const SOFA_EXCEPTIONS: [&str; 3] = [
    "com.alipay.sofa.rpc.core.exception.SofaRpcException",
    "com.alipay.sofa.rpc.core.exception.SofaTimeOutException",
    "com.alipay.sofa.rpc.core.exception.SofaRouteException",
];

/// The service's unique name; providers of S7 and newer go by it.
pub(crate) const SERVICE: &str = "service";
pub(crate) const TARGET_SERVICE: &str = "sofa_head_target_service";
pub(crate) const METHOD: &str = "sofa_head_method_name";
/// The calling application.
pub(crate) const APP: &str = "app";
/// sync, future, callback, oneway.
pub(crate) const TYPE: &str = "type";
pub(crate) const PROTOCOL: &str = "protocol";
/// What is left of the caller's time, in milliseconds.
pub(crate) const DEADLINE: &str = "sofa_head_deadline_remain_time";
/// `true` in answers that carry an error or an exception.
pub(crate) const RESPONSE_ERROR: &str = "sofa_head_response_error";

/// Trace facts: flat keys with a dot behind it in the header, a nested map of this name in the body.
pub(crate) const TRACE: &str = "rpc_trace_context";
pub(crate) const TRACE_ID: &str = "sofaTraceId";
pub(crate) const RPC_ID: &str = "sofaRpcId";
pub(crate) const SAMPLED: &str = "samp";
/// Baggage that tracers carry along; stock consumers send both, mostly empty.
pub(crate) const PENETRATE: [&str; 2] = ["sysPenAttrs", "sofaPenAttrs"];
/// User attachments of a request, likewise.
pub(crate) const BAGGAGE: &str = "rpc_req_baggage";
/// User attachments of an answer: flat keys with a dot behind it, in header and body.
pub(crate) const RESPONSE_BAGGAGE: &str = "rpc_resp_baggage";

pub(crate) const TRACEPARENT: &str = "traceparent";
pub(crate) const TRACESTATE: &str = "tracestate";

/// Fields of a request ...
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
/// ... and of an answer.
#[cfg(test)]
pub(crate) const RESPONSE_FIELDS: [&str; 4] = [IS_ERROR, ERROR_MSG, APP_RESPONSE, RESPONSE_PROPS];
pub(crate) const IS_ERROR: &str = "isError";
pub(crate) const ERROR_MSG: &str = "errorMsg";
pub(crate) const APP_RESPONSE: &str = "appResponse";
pub(crate) const RESPONSE_PROPS: &str = "responseProps";

/// The version of a service that was given none.
pub(crate) const DEFAULT_VERSION: &str = "1.0";

/// The user's name of an attachment.
pub(crate) fn user_key(key: &str) -> &str {
    key.strip_prefix(BAGGAGE)
        .and_then(|rest| rest.strip_prefix('.'))
        .unwrap_or(key)
}

/// The user's name of a response attachment, if that is what it is.
pub(crate) fn response_key(key: &str) -> Option<&str> {
    key.strip_prefix(RESPONSE_BAGGAGE)?.strip_prefix('.')
}

/// The name of a trace fact.
pub(crate) fn trace_key(key: &str) -> Option<&str> {
    key.strip_prefix(TRACE)?.strip_prefix('.')
}

/// What stands behind the name of a group and a dot.
#[inline]
pub(crate) fn part_of<'k>(key: &'k [u8], group: &str) -> Option<&'k [u8]> {
    key.strip_prefix(group.as_bytes())?.strip_prefix(b".")
}

/// Whether a key is SOFARPC's own affair on one hop: it says what is called and how. Such keys are neither
/// handed to another protocol nor changed as attachments.
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
