//! Errors on the wire: the status or exception that an error of Rialto becomes, and what a provider's status
//! means (wire section 2.4). `LIFECYCLE.md` gives the reasons.
use crate::text::first_line;
use rialto_core::{CallError, ErrorKind};
use std::borrow::Cow;

/// How an error is sent to a Dubbo consumer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ErrorForm {
    /// As a status: a stock consumer with `retries` calls again.
    Status(u8),
    /// As status 20 with an `RpcException` of this code, which no consumer retries.
    Thrown(i32),
}

mod code {
    pub(super) const TIMEOUT: i32 = 2;
    pub(super) const FORBIDDEN: i32 = 4;
    pub(super) const SERIALIZATION: i32 = 5;
    pub(super) const LIMIT: i32 = 7;
    pub(super) const TIMEOUT_TERMINATE: i32 = 8;
    pub(super) const NO_METHOD: i32 = 11;
    pub(super) const VALIDATION: i32 = 12;
    pub(super) const AUTHORIZATION: i32 = 13;
}

/// The form in which an error of this kind is sent.
pub(crate) fn form_of(kind: ErrorKind) -> ErrorForm {
    match kind {
        ErrorKind::NoRoute | ErrorKind::NoService => ErrorForm::Status(60),
        ErrorKind::Timeout => ErrorForm::Status(31),
        ErrorKind::Overload => ErrorForm::Status(100),
        ErrorKind::BadRequest => ErrorForm::Status(40),
        ErrorKind::NoEndpoint | ErrorKind::UpstreamClosed | ErrorKind::Upstream | ErrorKind::Cancelled => {
            ErrorForm::Status(80)
        }
        ErrorKind::Denied => ErrorForm::Thrown(code::FORBIDDEN),
        ErrorKind::BadResponse => ErrorForm::Thrown(code::SERIALIZATION),
    }
}

/// The status to use where an exception cannot be written.
pub(crate) fn plain_status(kind: ErrorKind) -> u8 {
    match form_of(kind) {
        ErrorForm::Status(status) => status,
        ErrorForm::Thrown(_) if kind == ErrorKind::BadResponse => 50,
        ErrorForm::Thrown(_) => 70,
    }
}

/// The meaning of a provider's status and its text.
pub(crate) fn of_response(status: u8, text: &str) -> CallError {
    let kind = match status {
        30 | 31 => ErrorKind::Timeout,
        35 => ErrorKind::UpstreamClosed,
        40 if is_no_such_target(text) => ErrorKind::NoService,
        40 => ErrorKind::BadRequest,
        60 => ErrorKind::NoService,
        70 if is_no_such_target(text) => ErrorKind::NoService,
        100 => ErrorKind::Overload,
        _ => ErrorKind::Upstream,
    };
    let line = first_line(text);
    let line = if line.is_empty() {
        Cow::Borrowed("without a text")
    } else {
        line
    };
    // Stock 3.x providers use one text for an unknown method and for an unreadable argument.
    let text = match (kind, status) {
        (ErrorKind::NoService, 40) => format!(
            "the provider knows no such service, version, method or parameter types, or cannot read an argument \
             (status 40): {line}"
        ),
        (ErrorKind::NoService, _) => {
            format!("the provider knows no such service, version or group (status {status}): {line}")
        }
        _ => format!(
            "the provider answered with status {status} ({}): {line}",
            name(status)
        ),
    };
    CallError::new(kind, text)
}

/// The meaning of an `RpcException` that a provider threw.
pub(crate) fn of_code(code: i32, text: &str) -> CallError {
    let kind = match code {
        code::TIMEOUT | code::TIMEOUT_TERMINATE => ErrorKind::Timeout,
        code::FORBIDDEN | code::AUTHORIZATION => ErrorKind::Denied,
        code::SERIALIZATION => ErrorKind::BadResponse,
        code::LIMIT => ErrorKind::Overload,
        code::NO_METHOD => ErrorKind::NoService,
        code::VALIDATION => ErrorKind::BadRequest,
        _ => ErrorKind::Upstream,
    };
    CallError::new(
        kind,
        format!(
            "the provider's framework failed (code {code}): {}",
            first_line(text)
        ),
    )
}

/// Whether the text is a stock text for a call whose target does not exist. Everything else under these
/// statuses is a failure.
fn is_no_such_target(text: &str) -> bool {
    (text.contains("Fail to decode request due to: RpcInvocation") && text.contains("parameterTypes=null"))
        || text.contains("Service not found:")
        || text.contains("Not found exported service:")
        || text.contains("NoSuchMethodException")
}

fn name(status: u8) -> &'static str {
    match status {
        25 => "serialization error",
        30 => "client timeout",
        31 => "server timeout",
        35 => "channel inactive",
        40 => "bad request",
        50 => "bad response",
        60 => "service not found",
        70 => "service error",
        80 => "server error",
        90 => "client error",
        100 => "thread pool exhausted",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_and_texts_of_stock_providers_are_understood() {
        for (status, text, kind) in [
            (31, "", ErrorKind::Timeout),
            (30, "slow", ErrorKind::Timeout),
            (
                40,
                "Fail to decode request due to: RpcInvocation [methodName=nope, parameterTypes=null]",
                ErrorKind::NoService,
            ),
            (40, "Service not found:a.B, say", ErrorKind::NoService),
            (
                40,
                "Fail to decode request due to: java.io.IOException: x",
                ErrorKind::BadRequest,
            ),
            (60, "", ErrorKind::NoService),
            (
                70,
                "org.apache.dubbo.remoting.RemotingException: Not found exported service: g/a.B:20880 in [a.B]",
                ErrorKind::NoService,
            ),
            (70, "java.lang.IllegalStateException", ErrorKind::Upstream),
            (25, "Data length too large: 9", ErrorKind::Upstream),
            (50, "Failed to send response", ErrorKind::Upstream),
            (
                100,
                "Server side(1.2.3.4,1) thread pool is exhausted, detail msg:",
                ErrorKind::Overload,
            ),
            (35, "", ErrorKind::UpstreamClosed),
            (0, "", ErrorKind::Upstream),
        ] {
            let error = of_response(status, text);
            assert_eq!(error.kind, kind, "{status} {text}");
            assert!(error.text.contains(&format!("status {status}")), "{error}");
        }
    }

    #[test]
    fn every_error_kind_survives_a_second_proxy() {
        for kind in ErrorKind::ALL {
            let read_back = match form_of(kind) {
                ErrorForm::Status(status) => of_response(status, "x").kind,
                ErrorForm::Thrown(code) => of_code(code, "x").kind,
            };
            let want = match kind {
                ErrorKind::NoRoute => ErrorKind::NoService,
                ErrorKind::NoEndpoint | ErrorKind::UpstreamClosed | ErrorKind::Cancelled => {
                    ErrorKind::Upstream
                }
                same => same,
            };
            assert_eq!(read_back, want, "{kind:?}");
            assert_ne!(plain_status(kind), 20);
        }
    }

    #[test]
    fn texts_are_one_line() {
        let error = of_response(70, &format!("\n\n{}\n\tat a.B.c(B.java:1)", "x".repeat(5000)));
        assert!(error.text.len() < 500 && !error.text.contains('\n') && error.text.ends_with("..."));
    }
}
