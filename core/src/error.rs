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

impl CallError {
    /// An error with a text.
    pub fn new(kind: ErrorKind, text: impl Into<Cow<'static, str>>) -> Self {
        CallError {
            kind,
            text: text.into(),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for CallError {}
