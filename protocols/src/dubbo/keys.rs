//! Attachments that Dubbo itself uses (wire section 2.5).

pub(crate) const PATH: &str = "path";
pub(crate) const INTERFACE: &str = "interface";
pub(crate) const VERSION: &str = "version";
pub(crate) const GROUP: &str = "group";
/// The consumer's timeout in milliseconds, as text.
pub(crate) const TIMEOUT: &str = "timeout";
/// The time that the consumer has left in milliseconds, as int.
pub(crate) const COUNTDOWN: &str = "_TO";
pub(crate) const GENERIC: &str = "generic";
/// The name of the calling application.
pub(crate) const APPLICATION: &str = "remote.application";
/// The older key for the calling application.
pub(crate) const APPLICATION_OLD: &str = "application";
/// The protocol version, in responses.
pub(crate) const DUBBO: &str = "dubbo";
/// The prefix of keys that mark callback arguments.
pub(crate) const CALLBACK: &str = "sys_callback_arg-";

pub(crate) const TRACEPARENT: &str = "traceparent";
pub(crate) const TRACESTATE: &str = "tracestate";
/// SOFATracer's facts keep their Bolt names, so that a call that is bridged twice keeps its ids.
pub(crate) const SOFA_TRACE_ID: &str = "rpc_trace_context.sofaTraceId";
pub(crate) const SOFA_RPC_ID: &str = "rpc_trace_context.sofaRpcId";
pub(crate) const SOFA_SAMPLED: &str = "rpc_trace_context.samp";

/// The protocol version that Rialto writes.
pub(crate) const PROTOCOL_VERSION: &str = "2.0.2";
/// How Dubbo writes "no version" of a service.
pub(crate) const NO_VERSION: &str = "0.0.0";

pub(crate) const INVOKE: &str = "$invoke";
pub(crate) const INVOKE_ASYNC: &str = "$invokeAsync";
pub(crate) const ECHO: &str = "$echo";

/// Whether Dubbo itself uses this attachment for one hop. It is neither bridged to another protocol nor
/// accepted from one, where it would change what is called.
pub(crate) fn is_own(key: &[u8]) -> bool {
    const OWN: [&str; 18] = [
        PATH,
        INTERFACE,
        VERSION,
        GROUP,
        TIMEOUT,
        COUNTDOWN,
        GENERIC,
        APPLICATION,
        APPLICATION_OLD,
        DUBBO,
        "token",
        "async",
        "id",
        "return",
        "input",
        "output",
        "dubbo.stub.event",
        "callback.service.instid",
    ];
    OWN.iter().any(|own| own.as_bytes() == key) || key.starts_with(CALLBACK.as_bytes())
}

/// Whether the attachment overrides the address in the strings before the arguments.
pub(crate) fn is_address(key: &str) -> bool {
    matches!(key, PATH | VERSION | GROUP)
}

/// The part of the address that this attachment names, in the words of a route's `rewrite`; `None` for
/// attachments of users.
#[must_use]
pub fn address(key: &str) -> Option<&'static str> {
    match key {
        PATH | INTERFACE => Some("service"),
        VERSION => Some("version"),
        GROUP => Some("group"),
        _ => None,
    }
}

/// Whether a service version means "none".
pub(crate) fn is_no_version(version: &[u8]) -> bool {
    matches!(version, b"" | b"0.0.0" | b"*")
}

/// Whether the method name is that of a generic call.
#[inline]
pub(crate) fn is_generic(method: &[u8]) -> bool {
    is_special(method) && (method == INVOKE.as_bytes() || method == INVOKE_ASYNC.as_bytes())
}

/// Whether the method name is that of an echo.
#[inline]
pub(crate) fn is_echo(method: &[u8]) -> bool {
    is_special(method) && method == ECHO.as_bytes()
}

/// Whether a method name may have a special meaning. All special names begin with `$`, so one comparison
/// rules out the rest.
#[inline]
fn is_special(method: &[u8]) -> bool {
    method.first() == Some(&b'$')
}
