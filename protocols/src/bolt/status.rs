//! Errors on the wire: what a provider's status means, and how Rialto's own errors are sent (wire sections
//! 1.2 and 1.7; the choices are in docs/bridging.md).
use crate::text::first_line;
use rialto_core::{CallError, ErrorKind};

pub(crate) const SUCCESS: u16 = 0;
pub(crate) const SERVER_EXCEPTION: u16 = 2;
const BUSY: u16 = 4;
const NO_PROCESSOR: u16 = 6;
const TIMEOUT: u16 = 7;
const SEND_FAILED: u16 = 8;
const CODEC: u16 = 9;
const CLOSED: u16 = 0x10;
const SERIALIZE: u16 = 0x11;
const DESERIALIZE: u16 = 0x12;

/// Whether stock peers know this status. Their readers close a connection on which an unknown one arrives.
#[inline]
pub(crate) fn is_listed(status: u32) -> bool {
    const LISTED: u32 = 0x7_03ff;
    status < 32 && LISTED >> status & 1 != 0
}

/// How an error is sent to a SOFARPC consumer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ErrorForm {
    /// As a text: the consumer throws a `SofaRpcException` of type 199 with exactly this text.
    Text,
    /// As a status, for errors where the exception type matters more than a text: consumers decide by it what
    /// to do after a timeout, an overload or a lost connection. Each of these statuses gives a fixed text.
    Status(u16),
}

/// The form in which an error of this kind is sent.
pub(crate) fn form_of(kind: ErrorKind) -> ErrorForm {
    match kind {
        ErrorKind::Timeout => ErrorForm::Status(TIMEOUT),
        ErrorKind::Overload => ErrorForm::Status(BUSY),
        ErrorKind::UpstreamClosed => ErrorForm::Status(CLOSED),
        ErrorKind::NoRoute
        | ErrorKind::NoService
        | ErrorKind::NoEndpoint
        | ErrorKind::Denied
        | ErrorKind::BadRequest
        | ErrorKind::BadResponse
        | ErrorKind::Upstream
        | ErrorKind::Cancelled => ErrorForm::Text,
    }
}

/// The status of an error in a serialization that Rialto cannot write, where no text can be sent.
pub(crate) fn plain_status(kind: ErrorKind) -> u16 {
    match (form_of(kind), kind) {
        (ErrorForm::Status(status), _) => status,
        (_, ErrorKind::NoEndpoint) => CLOSED,
        (_, ErrorKind::NoRoute | ErrorKind::NoService) => NO_PROCESSOR,
        (_, ErrorKind::BadRequest) => DESERIALIZE,
        (_, ErrorKind::BadResponse) => SERIALIZE,
        _ => SERVER_EXCEPTION,
    }
}

/// The meaning of a response whose status is not success.
pub(crate) fn of_response(status: u16, text: &str) -> CallError {
    let (kind, name) = match status {
        1 => (ErrorKind::Upstream, "error"),
        SERVER_EXCEPTION => (ErrorKind::Upstream, "server exception"),
        3 => (ErrorKind::Upstream, "unknown"),
        BUSY => (ErrorKind::Overload, "thread pool busy"),
        5 => (ErrorKind::Upstream, "communication error"),
        NO_PROCESSOR => (ErrorKind::NoService, "no processor"),
        TIMEOUT => (ErrorKind::Timeout, "timeout"),
        SEND_FAILED => (ErrorKind::NoEndpoint, "send failed"),
        CODEC => (ErrorKind::BadRequest, "codec exception"),
        CLOSED => (ErrorKind::UpstreamClosed, "connection closed"),
        SERIALIZE => (
            ErrorKind::BadResponse,
            "the provider could not write its response",
        ),
        DESERIALIZE => (ErrorKind::BadRequest, "the provider could not read the request"),
        _ => (ErrorKind::Upstream, "unlisted"),
    };
    let line = first_line(text.strip_prefix("[Server]OriginErrorMsg: ").unwrap_or(text));
    let kind = if line.starts_with("No user processor found") {
        ErrorKind::NoService
    } else {
        kind
    };
    let colon = if line.is_empty() { "" } else { ": " };
    let hint = if line.contains("SqlDateDes") { SQL_DATE } else { "" };
    CallError::new(
        kind,
        format!("the provider answered with status {status} ({name}){colon}{line}{hint}"),
    )
}

/// Advice that is appended if SOFA's Hessian found a date for a `java.sql` field: Dubbo's Hessian does not
/// write the declared type of a field.
const SQL_DATE: &str = " (list the field under bridge.fields of the route, or declare it as java.util.Date)";

/// The meaning of the text in a SOFARPC error.
pub(crate) fn of_text(text: Option<&str>) -> CallError {
    let line = first_line(text.unwrap_or("it reported an error without a text"));
    if line.starts_with("no route on listener ") {
        return CallError::new(ErrorKind::NoRoute, line.into_owned()); // the text of another Rialto
    }
    if NO_SUCH_TARGET.iter().any(|pattern| line.contains(pattern)) {
        let text = format!(
            "the provider knows no such service, version, unique id, method or parameter types: {line}"
        );
        return CallError::new(ErrorKind::NoService, text);
    }
    CallError::new(
        ErrorKind::Upstream,
        format!("the provider's framework failed: {line}"),
    )
}

/// Stock texts for a call whose target does not exist, and their codes since SOFARPC 5.7 and in 5.4.
const NO_SUCH_TARGET: [&str; 6] = [
    "RPC-020100010:",
    "RPC-020100011:",
    "RPC-02411:",
    "RPC-02412:",
    "cannot find service",
    "Cannot find invoke method",
];

/// The meaning of an exception that SOFARPC itself threw.
pub(crate) fn of_type(error_type: i32, text: &str) -> CallError {
    let kind = match error_type {
        100 => ErrorKind::Overload,
        110 | 150 | 210 => ErrorKind::NoEndpoint,
        101 | 250 => ErrorKind::UpstreamClosed,
        120 | 230 => ErrorKind::BadResponse,
        130 | 220 => ErrorKind::BadRequest,
        200 => ErrorKind::Timeout,
        _ => ErrorKind::Upstream,
    };
    CallError::new(
        kind,
        format!(
            "the provider's framework failed (type {error_type}): {}",
            first_line(text)
        ),
    )
}

/// The error text for a serialization that cannot be bridged.
pub(crate) fn foreign(codec: u8) -> String {
    let name = match codec {
        2 => "java",
        11 => "protobuf",
        12 => "json",
        13 => "msgpack",
        14 => "protostuff",
        22 => "fury",
        23 => "fory",
        _ => return format!("serialization {codec} is unknown and cannot be bridged; use hessian2"),
    };
    format!("serialization {name} ({codec}) cannot be bridged; use hessian2")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_of_stock_providers_are_understood() {
        for (status, text, kind) in [
            (1, "", ErrorKind::Upstream),
            (2, "srv msg", ErrorKind::Upstream),
            (
                2,
                "No user processor found for request: com.x.Foo",
                ErrorKind::NoService,
            ),
            (4, "", ErrorKind::Overload),
            (6, "", ErrorKind::NoService),
            (7, "", ErrorKind::Timeout),
            (0x10, "", ErrorKind::UpstreamClosed),
            (0x11, "", ErrorKind::BadResponse),
            (
                0x12,
                "[Server]OriginErrorMsg: x.DeserializationException: readObject",
                ErrorKind::BadRequest,
            ),
            (77, "", ErrorKind::Upstream),
            (
                0x12,
                "com.acme.Order.at: com.caucho.hessian.io.SqlDateDeserializer: unexpected object java.util.Date",
                ErrorKind::BadRequest,
            ),
        ] {
            let error = of_response(status, text);
            assert_eq!(error.kind, kind, "{status} {text}");
            assert!(error.text.contains(&format!("status {status} (")), "{error}");
            assert!(!error.text.contains("[Server]"), "{error}");
            assert_eq!(
                error.text.contains("bridge.fields"),
                text.contains("SqlDate"),
                "{error}"
            );
        }
    }

    #[test]
    fn texts_of_stock_providers_are_understood() {
        for (text, kind) in [
            (
                "RPC-020100010: RPC cannot find service: [x.Y:1.0] ",
                ErrorKind::NoService,
            ),
            (
                "RPC-02412: Cannot find invoke method: [m], service: [s]",
                ErrorKind::NoService,
            ),
            ("argument type mismatch", ErrorKind::Upstream),
        ] {
            let error = of_text(Some(text));
            assert_eq!(error.kind, kind, "{text}");
            assert!(error.text.ends_with(text.trim()), "{error}");
        }
        assert_eq!(of_text(None).kind, ErrorKind::Upstream);
        assert_eq!(of_type(200, "late").kind, ErrorKind::Timeout);
    }

    #[test]
    fn every_error_kind_has_a_status_that_stock_consumers_know() {
        for kind in ErrorKind::ALL {
            assert!(matches!(plain_status(kind), 1..=9 | 0x10..=0x12), "{kind:?}");
        }
    }

    #[test]
    fn the_listed_statuses_are_those_of_stock_readers() {
        for status in 0..=u32::from(u16::MAX) {
            let want = matches!(status, 0..=9 | 0x10..=0x12);
            assert_eq!(is_listed(status), want, "{status}");
        }
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let error = of_text(Some(&"中".repeat(1000)));
        assert!(error.text.ends_with("中 ...") && error.text.chars().count() < 500);
    }
}
