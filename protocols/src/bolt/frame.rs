//! Bolt frames: a fixed part, class, header block, content, and in some a checksum (wire section 1.1).
use super::hint::Framing;
use super::{HESSIAN, header, keys, read_response, status};
use crate::BOLT;
use rialto_core::CallError;
use rialto_core::framed::{Decoded, Frame, Kind, Refused};
use rialto_core::message::{Meta, Status};
use rialto_core::session::ProtocolError;
use rialto_core::stream::Body;

mod fixed;
use fixed::Fixed;

const RESPONSE: u8 = 0;
const REQUEST: u8 = 1;
const ONE_WAY: u8 = 2;

const HEARTBEAT: u16 = 0;
const CALL: u16 = 1;
const CALL_RESPONSE: u16 = 2;
/// MOSN's goaway: "send no new calls here". Stock peers close a connection on which they receive it.
const GOAWAY: u16 = 100;

/// The command version field, which is 1 in every frame.
const COMMAND_VERSION: u8 = 1;
const CRC_LEN: usize = 4;

pub(crate) const NOT_BOLT: ProtocolError = ProtocolError("not a Bolt frame: it begins with neither 1 nor 2");
const BAD_COMMAND: ProtocolError = ProtocolError(
    "a Bolt frame whose command is unknown or does not match its type, with a content beyond the limit",
);
const BAD_CRC: ProtocolError = ProtocolError("the checksum of a Bolt frame does not match its bytes");

/// The parts of a complete frame.
#[derive(Clone, Copy, Default)]
pub(crate) struct Parts<'a> {
    pub(crate) framing: Framing,
    pub(crate) codec: u8,
    /// The status of a response; 0 in requests.
    pub(crate) status: u16,
    pub(crate) one_way: bool,
    /// The timeout of a request in milliseconds, unchanged; -1 for none.
    pub(crate) timeout: i32,
    pub(crate) class: &'a [u8],
    pub(crate) header: &'a [u8],
    pub(crate) content: &'a [u8],
}

/// Decodes the frame at the start of the input. A content longer than `limit` bytes is refused before it is
/// buffered.
///
/// # Errors
/// The bytes are not a Bolt frame, or its checksum does not match.
#[inline]
pub(crate) fn decode(b: &[u8], limit: usize) -> Result<Decoded, ProtocolError> {
    match Fixed::stock(b) {
        Some(start) => judge(b, Fixed::v1(start)?, limit),
        None => decode_any(b, limit),
    }
}

/// The slow path for v2 frames, partial frames and invalid bytes. It stays out of line to keep the v1 path
/// small.
#[inline(never)]
fn decode_any(b: &[u8], limit: usize) -> Result<Decoded, ProtocolError> {
    match Fixed::any(b)? {
        Some(f) => judge(b, f, limit),
        None => Ok(Decoded::More(0)),
    }
}

/// Checks the lengths and the command, and waits for the rest of the frame.
#[inline(always)]
fn judge(b: &[u8], f: Fixed, limit: usize) -> Result<Decoded, ProtocolError> {
    let (kind, fits) = f.kind();
    if f.content_end - f.content > limit {
        if !fits {
            return Err(BAD_COMMAND);
        }
        let error = Refused::too_long(kind, f.end(), limit);
        return Ok(refused(b, &f, kind, error));
    }
    if !fits || f.is_odd() {
        return Ok(odd(b, &f, kind));
    }
    let end = f.end();
    let Some(frame) = b.get(..end) else {
        return Ok(Decoded::More(end));
    };
    if f.framing.has_crc() && checksum(&frame[..f.content_end]) != frame[f.content_end..] {
        return Err(BAD_CRC);
    }
    let is_request = f.kind != RESPONSE;
    let meta = Meta {
        proto: BOLT,
        reader: super::reader(),
        hint: f.hint(frame).bits(),
        timeout_ms: if is_request {
            (f.word as i32).max(0) as u32
        } else {
            0
        },
        status: if is_request {
            Status::Ok
        } else {
            response_status(&f, frame)
        },
        one_way: f.is_one_way(),
        body: Body::Framed,
    };
    Ok(Decoded::Frame(Frame {
        len: end,
        id: f.id.into(),
        kind,
        meta,
    }))
}

/// The framing of the frame at the start of the input, once its fixed part has arrived.
#[cold]
pub(crate) fn framing(b: &[u8]) -> Option<Framing> {
    Fixed::read(b).ok()?.map(|f| f.framing)
}

/// Steps over a frame. The error is written in the sender's Hessian, which the first byte of the content
/// shows, so this waits for that byte.
#[cold]
fn refused(b: &[u8], f: &Fixed, kind: Kind, error: CallError) -> Decoded {
    let need = (f.content + 1).min(f.end());
    if kind == Kind::Request && b.len() < need {
        return Decoded::More(need);
    }
    Decoded::Refused(Refused {
        len: f.end(),
        id: f.id.into(),
        kind,
        hint: f.hint(b).bits(),
        one_way: f.is_one_way(),
        error,
    })
}

/// Steps over a frame for which a stock reader would close its connection, and with it all other calls.
#[cold]
fn odd(b: &[u8], f: &Fixed, kind: Kind) -> Decoded {
    let error = if f.kind == RESPONSE && f.command == CALL_RESPONSE && !status::is_listed(f.word) {
        status::of_response(f.word as u16, "")
    } else if matches!(
        (f.kind, f.command),
        (RESPONSE, CALL_RESPONSE) | (REQUEST | ONE_WAY, CALL)
    ) {
        let text = format!(
            "its class takes {} bytes and its header {}, and Bolt has room for {}",
            f.header - f.class,
            f.content - f.header,
            header::MAX
        );
        Refused::bad(kind, text)
    } else {
        let text = format!(
            "a Bolt frame of type {} has the command {}, which no peer knows",
            f.kind, f.command
        );
        Refused::bad(kind, text)
    };
    refused(b, f, kind, error)
}

/// The status of a response, from the frame and the header. Stock providers flag every response that carries
/// an error or an exception (wire section 1.5), so only flagged contents are read.
#[inline]
fn response_status(f: &Fixed, frame: &[u8]) -> Status {
    if f.word != 0 {
        return Status::Failed;
    }
    if f.header == f.content {
        return Status::Ok;
    }
    flagged(f, frame)
}

#[cold]
fn flagged(f: &Fixed, frame: &[u8]) -> Status {
    match header::get(&frame[f.header..f.content], keys::RESPONSE_ERROR) {
        Some(b"true") if f.codec != HESSIAN => Status::Exception,
        Some(b"true") => read_response::status(&frame[f.content..f.content_end]),
        _ => Status::Ok,
    }
}

fn checksum(bytes: &[u8]) -> [u8; CRC_LEN] {
    crc32fast::hash(bytes).to_be_bytes()
}

/// Writes an id into a frame and renews its checksum, if it has one.
#[inline]
pub(crate) fn set_id(frame: &mut [u8], id: u64) {
    let at = if frame.first() == Some(&1) { 5 } else { 6 };
    let Some(field) = frame.get_mut(at..at + 4) else {
        return;
    };
    field.copy_from_slice(&(id as u32).to_be_bytes());
    if at == 6 && frame[1] == 2 && frame.get(11).is_some_and(|switch| switch & 1 != 0) {
        seal(frame);
    }
}

/// The length of a frame's content in bytes. The end of the frame may still be missing.
pub(crate) fn content_len(frame: &[u8]) -> usize {
    match Fixed::read(frame) {
        Ok(Some(f)) => frame
            .len()
            .saturating_sub(f.content + if f.framing.has_crc() { CRC_LEN } else { 0 }),
        _ => frame.len(),
    }
}

/// Writes the checksum at the end of a complete frame.
fn seal(frame: &mut [u8]) {
    if let Some((bytes, crc)) = frame.split_last_chunk_mut::<CRC_LEN>() {
        *crc = checksum(bytes);
    }
}

impl<'a> Parts<'a> {
    /// Splits a complete frame. Anything else gives empty parts.
    #[inline]
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        let Ok(Some(f)) = Fixed::read(bytes) else {
            return Parts::default();
        };
        if bytes.len() < f.end() {
            return Parts::default();
        }
        let is_response = f.kind == RESPONSE;
        Parts {
            framing: f.framing,
            codec: f.codec,
            status: if is_response { f.word as u16 } else { 0 },
            one_way: f.is_one_way(),
            timeout: if is_response { 0 } else { f.word as i32 },
            class: &bytes[f.class..f.header],
            header: &bytes[f.header..f.content],
            content: &bytes[f.content..f.content_end],
        }
    }

    /// Whether this is a SOFARPC call, judged by its class name.
    #[inline]
    pub(crate) fn is_sofa_request(&self) -> bool {
        self.class == keys::REQUEST.as_bytes()
    }
}

/// A frame being appended. Its length fields are filled in when its parts are complete.
#[must_use]
pub(crate) struct Open {
    at: usize,
    lengths: usize,
    framing: Framing,
}

/// A part is longer than its length field can express.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong {
    /// The length of the part, in bytes.
    pub(crate) len: usize,
    /// The largest length that fits, in bytes.
    pub(crate) max: usize,
}

impl Open {
    /// Begins a request: writes the fixed part and the class.
    pub(crate) fn request(
        out: &mut Vec<u8>,
        framing: Framing,
        id: u64,
        codec: u8,
        one_way: bool,
        timeout: i32,
        class: &[u8],
    ) -> Self {
        let kind = if one_way { ONE_WAY } else { REQUEST };
        Open::begin(out, framing, kind, CALL, id, codec, &timeout.to_be_bytes(), class)
    }

    /// Begins a response: writes the fixed part and the class.
    pub(crate) fn response(
        out: &mut Vec<u8>,
        framing: Framing,
        id: u64,
        codec: u8,
        status: u16,
        class: &[u8],
    ) -> Self {
        Open::begin(
            out,
            framing,
            RESPONSE,
            CALL_RESPONSE,
            id,
            codec,
            &status.to_be_bytes(),
            class,
        )
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "the fields of the fixed part, in their order"
    )]
    fn begin(
        out: &mut Vec<u8>,
        framing: Framing,
        kind: u8,
        command: u16,
        id: u64,
        codec: u8,
        word: &[u8],
        class: &[u8],
    ) -> Self {
        let at = out.len();
        if framing.is_v2() {
            out.extend_from_slice(&[2, if framing.is_second() { 2 } else { 1 }]);
        } else {
            out.push(1);
        }
        let [high, low] = command.to_be_bytes();
        let [a, b, c, d] = (id as u32).to_be_bytes();
        out.extend_from_slice(&[kind, high, low, COMMAND_VERSION, a, b, c, d, codec]);
        if framing.is_v2() {
            out.push(framing.has_crc().into());
        }
        out.extend_from_slice(word);
        let lengths = out.len();
        // Class names are constants or were received, so their length fits.
        let [high, low] = (class.len() as u16).to_be_bytes();
        out.extend_from_slice(&[high, low, 0, 0, 0, 0, 0, 0]);
        out.extend_from_slice(class);
        Open { at, lengths, framing }
    }

    /// Ends the header block, which began at `from`.
    ///
    /// # Errors
    /// The header block is longer than its length field can express.
    pub(crate) fn end_header(&self, out: &mut [u8], from: usize) -> Result<(), TooLong> {
        let len = out.len() - from;
        if len > header::MAX {
            return Err(TooLong {
                len,
                max: header::MAX,
            });
        }
        out[self.lengths + 2..self.lengths + 4].copy_from_slice(&(len as u16).to_be_bytes());
        Ok(())
    }

    /// Ends the content, which began at `from`, and with it the frame.
    ///
    /// # Errors
    /// The content is longer than its length field can express.
    pub(crate) fn close(self, out: &mut Vec<u8>, from: usize) -> Result<(), TooLong> {
        let len = out.len() - from;
        if len > i32::MAX as usize {
            return Err(TooLong {
                len,
                max: i32::MAX as usize,
            });
        }
        out[self.lengths + 4..self.lengths + 8].copy_from_slice(&(len as u32).to_be_bytes());
        if self.framing.has_crc() {
            out.extend_from_slice(&[0; CRC_LEN]);
            seal(&mut out[self.at..]);
        }
        Ok(())
    }

    /// Ends the frame with an empty header block and an empty content.
    pub(crate) fn close_empty(self, out: &mut Vec<u8>) {
        let end = out.len();
        // An empty content always fits.
        self.close(out, end).ok();
    }
}

/// Appends a heartbeat request.
pub(crate) fn put_heartbeat(out: &mut Vec<u8>, framing: Framing, id: u64) {
    Open::begin(
        out,
        framing,
        REQUEST,
        HEARTBEAT,
        id,
        HESSIAN,
        &(-1_i32).to_be_bytes(),
        &[],
    )
    .close_empty(out);
}

/// Appends the acknowledgement of a heartbeat, in its protocol version but without a checksum, as stock peers
/// do.
pub(crate) fn acknowledge(frame: &[u8], out: &mut Vec<u8>) {
    let Ok(Some(f)) = Fixed::read(frame) else { return };
    let framing = f.framing.without_crc();
    Open::begin(
        out,
        framing,
        RESPONSE,
        HEARTBEAT,
        f.id.into(),
        HESSIAN,
        &[0, 0],
        &[],
    )
    .close_empty(out);
}

#[cfg(test)]
mod tests;
