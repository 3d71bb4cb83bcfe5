//! The one error model of all protocols. Each codec turns it into a valid answer of its own protocol.
use std::borrow::Cow;
use std::fmt;

/// Why a call failed without an answer of the service itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum ErrorKind {
    /// No route matches the call.
    NoRoute,
    /// The provider knows no such service, version, group or method.
    NoService,
    /// No endpoint could be used, or none took the connection.
    NoEndpoint,
    /// The deadline passed.
    Timeout,
    /// A limit of the proxy or the provider's pool is exhausted.
    Overload,
    /// The caller may not make this call.
    Denied,
    /// The request cannot be read, or the provider could not read it.
    BadRequest,
    /// The answer cannot be read or expressed in the caller's protocol.
    BadResponse,
    /// The connection to the provider was lost after the request left.
    UpstreamClosed,
    /// The provider reported a failure of its own machinery.
    Upstream,
    /// The caller is gone.
    Cancelled,
}

/// A failed call: the kind decides the status on the wire, the text is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// Its kind.
    pub kind: ErrorKind,
    /// What was wrong and with what.
    pub text: Cow<'static, str>,
    /// The limit that refused the call, if one did.
    pub limit: Option<Limit>,
}

/// A limit of this process that refuses calls.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Limit {
    /// Calls in flight of a listener.
    ListenerCalls,
    /// Calls in flight of a downstream connection.
    DownstreamCalls,
    /// Calls in flight of a worker.
    WorkerCalls,
    /// Calls in flight to a cluster.
    ClusterCalls,
    /// A downstream's share of the calls in flight to a cluster.
    DownstreamShare,
    /// Calls in flight over all connections that a cluster may have.
    UpstreamCalls,
    /// Descriptors or ports for further upstream connections.
    Descriptors,
    /// Bytes that wait for an upstream connection.
    UpstreamBytes,
    /// A filter's rate.
    Rate,
    /// Length of a request.
    RequestBytes,
    /// Length of a message that its receiver takes.
    MessageBytes,
}

impl ErrorKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [ErrorKind; 11] = [
        ErrorKind::NoRoute,
        ErrorKind::NoService,
        ErrorKind::NoEndpoint,
        ErrorKind::Timeout,
        ErrorKind::Overload,
        ErrorKind::Denied,
        ErrorKind::BadRequest,
        ErrorKind::BadResponse,
        ErrorKind::UpstreamClosed,
        ErrorKind::Upstream,
        ErrorKind::Cancelled,
    ];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ErrorKind::NoRoute => "no_route",
            ErrorKind::NoService => "no_service",
            ErrorKind::NoEndpoint => "no_endpoint",
            ErrorKind::Timeout => "timeout",
            ErrorKind::Overload => "overload",
            ErrorKind::Denied => "denied",
            ErrorKind::BadRequest => "bad_request",
            ErrorKind::BadResponse => "bad_response",
            ErrorKind::UpstreamClosed => "upstream_closed",
            ErrorKind::Upstream => "upstream_error",
            ErrorKind::Cancelled => "cancelled",
        }
    }
}

impl Limit {
    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Limit::ListenerCalls => "listener_in_flight",
            Limit::DownstreamCalls => "connection_in_flight",
            Limit::WorkerCalls => "worker_in_flight",
            Limit::ClusterCalls => "cluster_in_flight",
            Limit::DownstreamShare => "downstream_share",
            Limit::UpstreamCalls => "upstream_connections",
            Limit::Descriptors => "descriptors",
            Limit::UpstreamBytes => "unsent_requests",
            Limit::Rate => "rate_limit",
            Limit::RequestBytes => "max_request_bytes",
            Limit::MessageBytes => "max_message_bytes",
        }
    }
}

impl CallError {
    /// An error with a text.
    pub fn new(kind: ErrorKind, text: impl Into<Cow<'static, str>>) -> Self {
        CallError {
            kind,
            text: text.into(),
            limit: None,
        }
    }

    /// The same error, of a call that this limit refused.
    #[must_use]
    pub fn by(self, limit: Limit) -> Self {
        CallError {
            limit: Some(limit),
            ..self
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for CallError {}
