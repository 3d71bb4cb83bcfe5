//! Detects the protocol of a connection from its first bytes (wire sections 1.1 and 2.1). It decides only
//! when the bytes are unambiguous. Bytes that arrive one by one are waited for, up to [`DETECT_MAX`] of them.
use crate::{BOLT, DUBBO};
use rialto_core::session::Detected;

/// What a TLS peer expects from a port without TLS: a fatal `handshake_failure` alert.
const TLS_ALERT: &[u8] = &[21, 3, 1, 0, 2, 2, 40];

const HTTP_REFUSAL: &[u8] = b"HTTP/1.1 421 Misdirected Request\r\ncontent-type: text/plain\r\n\
connection: close\r\ncontent-length: 38\r\n\r\nThis port takes RPC calls and no HTTP\n";

/// Stock Dubbo providers offer a telnet console on their port, so operators try it here too.
const TELNET_REFUSAL: &[u8] = b"This port takes RPC calls; there is no telnet console here.\r\n";

const METHODS: [&[u8]; 9] = [
    b"GET ",
    b"PUT ",
    b"POST ",
    b"HEAD ",
    b"TRACE ",
    b"PATCH ",
    b"DELETE ",
    b"OPTIONS ",
    b"CONNECT ",
];

/// The preface of HTTP/2 begins with these bytes.
const PRI: &[u8] = b"PRI * HTTP/2.0";

/// The protocol of a connection that begins with these bytes.
#[must_use]
pub fn detect(b: &[u8]) -> Detected {
    match *b {
        [] | [1 | 2 | 0xda | 0x16] => Detected::More,
        // Bolt v1: protocol version 1, then the type: 0 (response), 1 (request) or 2 (one-way).
        [1, 1 | 2, ..] => Detected::Is(BOLT),
        // Bolt v2: protocol version 2, then the version of the command set, then the type.
        [2, 1 | 2] => Detected::More,
        [2, 1 | 2, 1 | 2, ..] => Detected::Is(BOLT),
        [0xda, 0xbb, ..] => Detected::Is(DUBBO),
        [0x16, 3, ..] => Detected::Refused(TLS_ALERT, "it speaks TLS, which listeners do not take"),
        _ => detect_text(b),
    }
}

fn detect_text(b: &[u8]) -> Detected {
    if METHODS.iter().chain([&PRI]).any(|m| b.starts_with(m)) {
        return Detected::Refused(HTTP_REFUSAL, "it speaks HTTP, which listeners do not take");
    }
    if METHODS.iter().chain([&PRI]).any(|m| m.starts_with(b)) {
        return Detected::More;
    }
    if b.iter().all(|c| c.is_ascii_graphic() || c.is_ascii_whitespace()) {
        return Detected::Refused(TELNET_REFUSAL, "it sends text, as telnet does");
    }
    Detected::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;
    use rialto_core::session::DETECT_MAX;

    const CASES: [(&[u8], Option<rialto_core::message::ProtoId>); 9] = [
        (b"ls -l\r\n", None),
        (&[1, 1, 0, 1, 1], Some(BOLT)),
        (&[1, 2, 0, 1, 1], Some(BOLT)),
        (&[2, 2, 1, 0, 1], Some(BOLT)),
        (&[0xda, 0xbb, 0xc2], Some(DUBBO)),
        (&[0x16, 3, 1, 2], None),
        (b"GET / HTTP/1.1", None),
        (b"PRI * HTTP/2.0\r\n", None),
        (b"OPTIONS * HTTP/1.1", None),
    ];

    #[test]
    fn bytes_that_arrive_one_by_one_decide_like_whole_ones() {
        for (bytes, proto) in CASES {
            let whole = detect(bytes);
            assert_eq!(
                proto.map(Detected::Is).as_ref(),
                (proto.is_some()).then_some(&whole),
                "{bytes:x?}"
            );
            let early = (0..bytes.len())
                .map(|n| detect(&bytes[..n]))
                .find(|d| *d != Detected::More);
            assert!(early.is_none_or(|e| e == whole), "{bytes:x?} misfired");
        }
    }

    #[test]
    fn detection_never_waits_for_more_than_its_bound() {
        for first in 0..=255u8 {
            for second in 0..=255u8 {
                let mut bytes = vec![first, second];
                bytes.resize(DETECT_MAX, b'x');
                assert_ne!(detect(&bytes), Detected::More, "{first:x} {second:x}");
            }
        }
    }

    #[test]
    fn the_http_refusal_announces_its_real_length() {
        let text = std::str::from_utf8(HTTP_REFUSAL).unwrap();
        let body = text.split("\r\n\r\n").nth(1).unwrap();
        assert!(text.contains(&format!("content-length: {}\r\n", body.len())));
    }
}
