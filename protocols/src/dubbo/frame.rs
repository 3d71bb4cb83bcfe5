//! Dubbo frames: a header of sixteen bytes and a body (wire section 2.1).
use super::hint::Hint;
use super::{FASTJSON2, HESSIAN2};
use crate::DUBBO;
use rialto_core::framed::{Decoded, Frame, Kind, Refused};
use rialto_core::message::{Meta, Status};
use rialto_core::session::ProtocolError;
use rialto_core::stream::Body;

/// The length of the header in bytes.
pub(crate) const HEADER: usize = 16;

const MAGIC: [u8; 2] = [0xda, 0xbb];
const REQUEST: u8 = 0x80;
const TWO_WAY: u8 = 0x40;
const EVENT: u8 = 0x20;
const SERIALIZATION: u8 = 0x1f;

/// The longest body of an event, in bytes. Stock peers refuse longer ones (wire section 2.7).
const EVENT_MAX: usize = 15;

/// The status of a response in which the service itself returned or threw.
pub(crate) const OK: u8 = 20;

/// The third byte of a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Flags(u8);

impl Flags {
    fn is(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    fn kind(self, body: &[u8]) -> Kind {
        match (self.is(EVENT), self.is(REQUEST)) {
            (false, true) => Kind::Request,
            (false, false) => Kind::Response,
            (true, false) => Kind::HeartbeatAck,
            (true, true) => self.event(body),
        }
    }

    /// The kind of an event. A string ends with its last character in every serialization, and no encoding of
    /// null ends with these letters.
    fn event(self, body: &[u8]) -> Kind {
        match body {
            [_, .., b'R'] => Kind::Drain,
            [_, .., b'W'] => Kind::Undrain,
            _ if self.is(TWO_WAY) => Kind::Heartbeat,
            _ => Kind::HeartbeatAck,
        }
    }
}

/// Decodes the frame at the start of the input. A body longer than `limit` bytes is refused before it is
/// buffered.
///
/// # Errors
/// The bytes are not a Dubbo header.
#[inline]
pub(crate) fn decode(b: &[u8], limit: usize) -> Result<Decoded, ProtocolError> {
    let Some(head) = b.first_chunk::<HEADER>() else {
        return short(b);
    };
    if head[..2] != MAGIC {
        return Err(NOT_DUBBO);
    }
    let flags = Flags(head[2]);
    let Ok(body_len) = usize::try_from(i32::from_be_bytes([head[12], head[13], head[14], head[15]])) else {
        return Err(ProtocolError("a Dubbo2 frame announces a negative length"));
    };
    let (len, id) = (HEADER + body_len, id_of(head));
    let hint = Hint::of_frame(flags.0 & SERIALIZATION);
    let one_way = flags.is(REQUEST) && !flags.is(TWO_WAY);
    let limit = if flags.is(EVENT) { EVENT_MAX } else { limit };
    if body_len > limit {
        let kind = flags.kind(&[]);
        return Ok(Decoded::Refused(Refused {
            len,
            id,
            kind,
            hint: hint.bits(),
            one_way,
            error: Refused::too_long(kind, len, limit),
        }));
    }
    let Some(body) = b.get(HEADER..len) else {
        return Ok(Decoded::More(len));
    };
    let status = if flags.is(REQUEST) {
        Status::Ok
    } else {
        status(hint, head[3], body)
    };
    let meta = Meta {
        proto: DUBBO,
        reader: super::reader(),
        hint: hint.bits(),
        timeout_ms: 0,
        status,
        one_way,
        body: Body::Framed,
    };
    Ok(Decoded::Frame(Frame {
        len,
        id,
        kind: flags.kind(body),
        meta,
    }))
}

const NOT_DUBBO: ProtocolError = ProtocolError("not a Dubbo2 frame: it does not begin with 0xdabb");

fn short(b: &[u8]) -> Result<Decoded, ProtocolError> {
    if MAGIC.starts_with(&b[..b.len().min(2)]) {
        Ok(Decoded::More(0))
    } else {
        Err(NOT_DUBBO)
    }
}

/// The status of a response: the header's, and the result type where one comparison finds it.
fn status(hint: Hint, status: u8, body: &[u8]) -> Status {
    let threw = match hint.serialization() {
        HESSIAN2 => matches!(body, [0x90 | 0x93, ..]),
        FASTJSON2 => matches!(body, [0, 0, 0, 2, 0xbd, 0 | 3, ..] | [0, 0, 0, 1, 0 | 3, ..]),
        _ => false,
    };
    match (status, threw) {
        (OK, false) => Status::Ok,
        (OK, true) => Status::Exception,
        _ => Status::Failed,
    }
}

fn id_of(head: &[u8; HEADER]) -> u64 {
    let mut id = [0; 8];
    id.copy_from_slice(&head[4..12]);
    u64::from_be_bytes(id)
}

/// Writes an id into a frame.
#[inline]
pub(crate) fn set_id(frame: &mut [u8], id: u64) {
    if let Some(field) = frame.get_mut(4..12) {
        field.copy_from_slice(&id.to_be_bytes());
    }
}

/// The status byte of a response.
pub(crate) fn status_byte(frame: &[u8]) -> u8 {
    frame.get(3).copied().unwrap_or_default()
}

/// A frame being appended to `out`. [`Open::close`] fills in its length.
#[must_use]
pub(crate) struct Open {
    at: usize,
}

impl Open {
    /// Begins a request.
    pub(crate) fn request(out: &mut Vec<u8>, id: u64, serialization: u8, one_way: bool) -> Self {
        let way = if one_way { 0 } else { TWO_WAY };
        Open::begin(out, REQUEST | way | serialization, 0, id)
    }

    /// Begins a response.
    pub(crate) fn response(out: &mut Vec<u8>, id: u64, serialization: u8, status: u8) -> Self {
        Open::begin(out, serialization, status, id)
    }

    /// Begins a frame with the flags and the status of another one.
    pub(crate) fn like(out: &mut Vec<u8>, frame: &[u8], id: u64) -> Self {
        Open::begin(
            out,
            frame.get(2).copied().unwrap_or_default(),
            status_byte(frame),
            id,
        )
    }

    fn begin(out: &mut Vec<u8>, flags: u8, status: u8, id: u64) -> Self {
        let at = out.len();
        out.extend_from_slice(&[MAGIC[0], MAGIC[1], flags, status]);
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        Open { at }
    }

    /// Fills in the length of the body.
    pub(crate) fn close(self, out: &mut [u8]) {
        let body = out.len() - self.at - HEADER;
        // A body beyond 2^31 cannot occur: it exceeds every limit on receiving and on sending.
        let len = u32::try_from(body).unwrap_or(u32::MAX);
        out[self.at + 12..self.at + HEADER].copy_from_slice(&len.to_be_bytes());
    }
}

/// Appends an event in Hessian 2, which every peer can read.
pub(crate) fn put_event(out: &mut Vec<u8>, id: u64, two_way: bool, body: &[u8]) {
    let way = if two_way { TWO_WAY } else { 0 };
    let open = Open::begin(out, REQUEST | EVENT | way | HESSIAN2, 0, id);
    out.extend_from_slice(body);
    open.close(out);
}

/// Appends the acknowledgement of an event: null in the event's serialization.
pub(crate) fn acknowledge(frame: &[u8], out: &mut Vec<u8>) {
    let Some(head) = frame.first_chunk::<HEADER>() else {
        return;
    };
    let serialization = head[2] & SERIALIZATION;
    let open = Open::begin(out, EVENT | serialization, OK, id_of(head));
    match serialization {
        HESSIAN2 => out.push(b'N'),
        FASTJSON2 => out.extend_from_slice(&[0, 0, 0, 1, 0xaf]),
        _ => out.extend_from_slice(&frame[HEADER..]),
    }
    open.close(out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(flags: u8, status: u8, body: &[u8]) -> Vec<u8> {
        let mut out = vec![];
        let open = Open::begin(&mut out, flags, status, 0x0102_0304_0506_0708);
        out.extend_from_slice(body);
        open.close(&mut out);
        out
    }

    fn whole(bytes: &[u8]) -> Frame {
        match decode(bytes, 8 << 20).unwrap() {
            Decoded::Frame(frame) => frame,
            _ => panic!("not a whole frame"),
        }
    }

    #[test]
    fn kinds_follow_the_flags() {
        for (flags, body, kind) in [
            (0xc2, &b"x"[..], Kind::Request),
            (0x82, b"x", Kind::Request),
            (0x02, b"\x92", Kind::Response),
            (0xe2, b"N", Kind::Heartbeat),
            (0xf7, b"\0\0\0\x01\xaf", Kind::Heartbeat),
            (0xa2, b"N", Kind::HeartbeatAck),
            (0x22, b"N", Kind::HeartbeatAck),
            (0x22, b"NN", Kind::HeartbeatAck),
            (0xa2, b"\x01R", Kind::Drain),
            (0xe2, b"\x01R", Kind::Drain),
            (0xb7, b"\0\0\0\x02JR", Kind::Drain),
            (0xa2, b"\x01W", Kind::Undrain),
        ] {
            assert_eq!(whole(&frame(flags, 0, body)).kind, kind, "{flags:x} {body:x?}");
        }
        assert!(whole(&frame(0x82, 0, b"x")).meta.one_way);
        assert!(!whole(&frame(0xc2, 0, b"x")).meta.one_way);
        assert!(
            !whole(&frame(0x02, 20, b"\x92")).meta.one_way,
            "a response is never one-way"
        );
    }

    #[test]
    fn the_status_of_a_response_includes_its_result_type() {
        for (flags, status, body, want) in [
            (0x02, 20, &b"\x91\x01x"[..], Status::Ok),
            (0x02, 20, b"\x90x", Status::Exception),
            (0x02, 20, b"\x93x", Status::Exception),
            (0x17, 20, b"\0\0\0\x02\xbd\x04", Status::Ok),
            (0x17, 20, b"\0\0\0\x02\xbd\x03", Status::Exception),
            (0x02, 40, b"\x90", Status::Failed),
            (0x02, 0, b"\x92", Status::Failed),
            (0xc2, 40, b"\x90", Status::Ok),
        ] {
            assert_eq!(
                whole(&frame(flags, status, body)).meta.status,
                want,
                "{flags:x} {status} {body:x?}"
            );
        }
    }

    #[test]
    fn every_cut_asks_for_more_and_foreign_bytes_end_the_stream() {
        let bytes = frame(0xc2, 0, b"0123456789");
        for n in 0..bytes.len() {
            let Ok(Decoded::More(need)) = decode(&bytes[..n], 1 << 10) else {
                panic!("cut at {n}")
            };
            assert_eq!(need, if n < HEADER { 0 } else { bytes.len() }, "cut at {n}");
        }
        assert_eq!(whole(&bytes).id, 0x0102_0304_0506_0708);
        for text in [&b"G"[..], b"status\r\n", b"GET / HTTP/1.1\r\n\r\n", &[0xda, 0xbc]] {
            assert_eq!(decode(text, 1 << 10).err(), Some(NOT_DUBBO), "{text:?}");
        }
    }

    #[test]
    fn lying_lengths_are_judged_by_the_header_alone() {
        let mut bytes = frame(0xc2, 0, b"")[..HEADER].to_vec();
        bytes[12..].copy_from_slice(&1025u32.to_be_bytes());
        let Ok(Decoded::Refused(found)) = decode(&bytes, 1024) else {
            panic!("taken")
        };
        assert_eq!(
            (found.len, found.kind, found.hint, found.one_way),
            (1041, Kind::Request, 2, false)
        );
        bytes[12..].copy_from_slice(&1024u32.to_be_bytes());
        assert!(matches!(decode(&bytes, 1024), Ok(Decoded::More(1040))));
        bytes[12] = 0x80;
        assert!(decode(&bytes, 1024).is_err());
        let event = frame(0xe2, 0, &[b'N'; 16]);
        let Ok(Decoded::Refused(found)) = decode(&event, 1024) else {
            panic!("taken")
        };
        assert_eq!((found.len, found.kind), (32, Kind::Heartbeat));
    }

    #[test]
    fn acknowledgements_match_stock_bytes() {
        let mut out = vec![];
        acknowledge(&frame(0xe2, 0, b"N"), &mut out);
        assert_eq!(
            out,
            b"\xda\xbb\x22\x14\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\x01N"
        );
        out.clear();
        acknowledge(&frame(0xf7, 0, b"\0\0\0\x01\xaf"), &mut out);
        assert_eq!(
            out,
            b"\xda\xbb\x37\x14\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\x05\0\0\0\x01\xaf"
        );
        out.clear();
        put_event(&mut out, 1, false, b"\x01R");
        assert_eq!(out, b"\xda\xbb\xa2\0\0\0\0\0\0\0\0\x01\0\0\0\x02\x01R");
    }
}
