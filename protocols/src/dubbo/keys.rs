//! Attachments that mean something to Dubbo itself (wire section 2.5).

pub(crate) const PATH: &str = "path";
pub(crate) const INTERFACE: &str = "interface";
pub(crate) const VERSION: &str = "version";
pub(crate) const GROUP: &str = "group";
/// The caller's timeout in milliseconds, as text.
pub(crate) const TIMEOUT: &str = "timeout";
/// What is left of it, as int.
pub(crate) const COUNTDOWN: &str = "_TO";
pub(crate) const GENERIC: &str = "generic";
/// The calling application ...
pub(crate) const APPLICATION: &str = "remote.application";
/// ... and its older name.
pub(crate) const APPLICATION_OLD: &str = "application";
/// The protocol version, in answers.
pub(crate) const DUBBO: &str = "dubbo";
/// Begins the keys that mark callback arguments.
pub(crate) const CALLBACK: &str = "sys_callback_arg-";

pub(crate) const TRACEPARENT: &str = "traceparent";
pub(crate) const TRACESTATE: &str = "tracestate";
/// SOFATracer's facts keep the names that they have in Bolt, so that a call which changes twice keeps its ids.
pub(crate) const SOFA_TRACE_ID: &str = "rpc_trace_context.sofaTraceId";
pub(crate) const SOFA_RPC_ID: &str = "rpc_trace_context.sofaRpcId";
pub(crate) const SOFA_SAMPLED: &str = "rpc_trace_context.samp";

/// The protocol version that we speak.
pub(crate) const PROTOCOL_VERSION: &str = "2.0.2";
/// How an absent service version is written.
pub(crate) const NO_VERSION: &str = "0.0.0";

pub(crate) const INVOKE: &str = "$invoke";
pub(crate) const INVOKE_ASYNC: &str = "$invokeAsync";
pub(crate) const ECHO: &str = "$echo";

/// Whether an attachment is Dubbo's own affair on one hop: it is neither handed to another protocol nor
/// taken from one, where it would change what is called.
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

/// Whether an attachment says which service is called, over what stands in front of the arguments.
pub(crate) fn is_address(key: &str) -> bool {
    matches!(key, PATH | VERSION | GROUP)
}

/// The part of an address, as a route's `rewrite` calls it, that an attachment says; `None` for those of users.
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

/// Whether a method name is that of a generic call.
#[inline]
pub(crate) fn is_generic(method: &[u8]) -> bool {
    is_special(method) && (method == INVOKE.as_bytes() || method == INVOKE_ASYNC.as_bytes())
}

/// Whether a method name is that of an echo.
#[inline]
pub(crate) fn is_echo(method: &[u8]) -> bool {
    is_special(method) && method == ECHO.as_bytes()
}

/// Methods with a meaning of their own have names that begin like no other: one look tells that it is none of them.
#[inline]
fn is_special(method: &[u8]) -> bool {
    method.first() == Some(&b'$')
}
