//! The error model of all protocols. Each codec translates an error into a valid response of its own protocol.
use std::borrow::Cow;
use std::fmt;

/// The reason why a call failed without a response of the service.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum ErrorKind {
    /// No route matches the call.
    NoRoute,
    /// The provider does not have the service, version, group or method.
    NoService,
    /// No endpoint could be used, or none accepted a connection.
    NoEndpoint,
    /// The deadline passed.
    Timeout,
    /// A limit of the proxy or of the provider's thread pool is exhausted.
    Overload,
    /// The downstream may not make this call.
    Denied,
    /// The request cannot be read by the proxy or by the provider.
    BadRequest,
    /// The response cannot be read, or has no form in the downstream's protocol.
    BadResponse,
    /// The connection to the provider closed after the request was sent.
    UpstreamClosed,
    /// The provider reported a failure outside of the service.
    Upstream,
    /// The downstream connection closed before the response came.
    Cancelled,
}

/// A failed call. The kind determines the status on the wire, and the text is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// The kind of failure.
    pub kind: ErrorKind,
    /// What went wrong, with the names involved.
    pub text: Cow<'static, str>,
    /// The limit that refused the call, if a limit did.
    pub limit: Option<Limit>,
}

/// A limit of this process that refuses calls.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Limit {
    /// Calls in flight on a listener.
    ListenerCalls,
    /// Calls in flight on a downstream connection.
    DownstreamCalls,
    /// Calls in flight in a worker.
    WorkerCalls,
    /// Calls in flight to a cluster.
    ClusterCalls,
    /// A downstream's share of the calls in flight to a cluster.
    DownstreamShare,
    /// Calls in flight on all connections that a cluster may have.
    UpstreamCalls,
    /// Descriptors or ports for more upstream connections.
    Descriptors,
    /// Calls that wait for the answer of a registry.
    WaitingCalls,
    /// Bytes that wait for an upstream connection.
    UpstreamBytes,
    /// The rate of a rate-limit filter.
    Rate,
    /// The length of a request.
    RequestBytes,
    /// The length of a message that its receiver accepts.
    MessageBytes,
}

impl ErrorKind {
    /// All kinds, ordered by number.
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
            Limit::WaitingCalls => "waiting_calls",
            Limit::UpstreamBytes => "unsent_requests",
            Limit::Rate => "rate_limit",
            Limit::RequestBytes => "max_request_bytes",
            Limit::MessageBytes => "max_message_bytes",
        }
    }
}

impl CallError {
    /// Creates an error that no limit caused.
    pub fn new(kind: ErrorKind, text: impl Into<Cow<'static, str>>) -> Self {
        CallError {
            kind,
            text: text.into(),
            limit: None,
        }
    }

    /// Adds the limit that refused the call.
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
