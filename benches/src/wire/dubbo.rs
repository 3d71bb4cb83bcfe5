//! Dubbo2 with a Hessian 2 body (wire sections 2.1 and 2.4 to 2.7).

use super::hessian::{Grammar, Reader, write_string, write_text};
use super::{Frame, MAX_FRAME, METHOD, SERVICE, WireError};

/// The first byte of every frame.
pub const MAGIC_HIGH: u8 = 0xda;

const MAGIC_LOW: u8 = 0xbb;
const HEAD: usize = 16;
const FLAG_REQUEST: u8 = 0x80;
const FLAG_TWO_WAY: u8 = 0x40;
const FLAG_EVENT: u8 = 0x20;
const HESSIAN2: u8 = 2;
const STATUS_OK: u8 = 20;
const STATUS_BAD_REQUEST: u8 = 40;
const RESPONSE_VALUE: i32 = 1;
const RESPONSE_VALUE_WITH_ATTACHMENTS: i32 = 4;
/// The protocol version, which also requests attachments in responses.
const PROTOCOL_VERSION: &str = "2.0.2";

/// The first frame in `bytes`, or `None` while it is incomplete.
#[inline]
pub fn frame(bytes: &[u8]) -> Result<Option<Frame>, WireError> {
    let Some(head) = bytes.first_chunk::<HEAD>() else {
        return Ok(None);
    };
    if head[..2] != [MAGIC_HIGH, MAGIC_LOW] {
        return Err(WireError::UnknownProtocol(head[0]));
    }
    let [.., a, b, c, d] = *head;
    let len = HEAD + u32::from_be_bytes([a, b, c, d]) as usize;
    if len > MAX_FRAME {
        return Err(WireError::TooLong(len));
    }
    if bytes.len() < len {
        return Ok(None);
    }
    let id = head[4..12].iter().fold(0, |id, &byte| id << 8 | u64::from(byte));
    Ok(Some(Frame {
        len,
        id,
        request: head[2] & FLAG_REQUEST != 0,
    }))
}

/// Writes `id` into a frame.
#[inline]
pub fn set_id(frame: &mut [u8], id: u64) {
    frame[4..12].copy_from_slice(&id.to_be_bytes());
}

/// A request for `echo(argument)` as a Dubbo 3.3 consumer writes it, and the offset of the argument in it.
pub fn request(argument: &[u8]) -> (Vec<u8>, usize) {
    let version = "0.0.0";
    let mut body = Vec::new();
    for text in [PROTOCOL_VERSION, SERVICE, version, METHOD, "Ljava/lang/String;"] {
        write_text(Grammar::Final, text, &mut body);
    }
    let argument_at = HEAD + body.len();
    write_string(Grammar::Final, argument, &mut body);
    body.push(b'H');
    for (key, value) in [
        ("path", SERVICE),
        ("remote.application", "bench-consumer"),
        ("interface", SERVICE),
        ("version", version),
        ("timeout", "3000"),
    ] {
        write_text(Grammar::Final, key, &mut body);
        write_text(Grammar::Final, value, &mut body);
    }
    body.push(b'Z');
    let mut frame = vec![
        MAGIC_HIGH,
        MAGIC_LOW,
        FLAG_REQUEST | FLAG_TWO_WAY | HESSIAN2,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
    ];
    frame.extend_from_slice(&(body.len() as u32).to_be_bytes());
    frame.extend_from_slice(&body);
    (frame, argument_at)
}

/// Responds to a request frame; one-way calls and events get nothing.
pub fn respond(request: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
    let (&[_, _, flags, ..], body) = request
        .split_first_chunk::<HEAD>()
        .ok_or(WireError::Truncated("the header"))?;
    if flags & FLAG_TWO_WAY == 0 {
        return Ok(());
    }
    let start = out.len();
    if flags & FLAG_EVENT != 0 {
        response_head(request, FLAG_EVENT | HESSIAN2, STATUS_OK, out);
        out.push(b'N');
        close(start, out);
        return Ok(());
    }
    response_head(request, HESSIAN2, STATUS_OK, out);
    let outcome = echo(body, out);
    if let Err(error) = &outcome {
        out.truncate(start);
        response_head(request, HESSIAN2, STATUS_BAD_REQUEST, out);
        write_text(Grammar::Final, &error.to_string(), out);
    }
    close(start, out);
    outcome
}

fn response_head(request: &[u8], flags: u8, status: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[MAGIC_HIGH, MAGIC_LOW, flags, status]);
    out.extend_from_slice(&request[4..12]);
    out.extend_from_slice(&[0; 4]);
}

/// Fills in the body length of the frame that began at `start`.
fn close(start: usize, out: &mut [u8]) {
    let body = (out.len() - start - HEAD) as u32;
    out[start + 12..start + 16].copy_from_slice(&body.to_be_bytes());
}

/// Reads the first argument of a request body and writes the response body that returns it.
fn echo(body: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
    let mut reader = Reader::new(Grammar::Final, body);
    for _ in ["dubbo version", "path", "version", "method", "parameter types"] {
        reader.skip_string()?;
    }
    let argument_at = reader.position();
    reader.string(|_| {})?;
    out.push(0x90 + RESPONSE_VALUE_WITH_ATTACHMENTS as u8);
    out.extend_from_slice(&body[argument_at..reader.position()]);
    out.push(b'H');
    for text in ["dubbo", PROTOCOL_VERSION] {
        write_text(Grammar::Final, text, out);
    }
    out.push(b'Z');
    Ok(())
}

/// Reads the result string of a successful response.
pub fn result<'a>(response: &'a [u8], piece: impl FnMut(&'a [u8])) -> Result<(), WireError> {
    let (&[_, _, _, status, ..], body) = response
        .split_first_chunk::<HEAD>()
        .ok_or(WireError::Truncated("the header"))?;
    let mut reader = Reader::new(Grammar::Final, body);
    if status != STATUS_OK {
        let text = reader.text().unwrap_or_else(|_| "no text".into());
        return Err(WireError::Failed(format!("Dubbo2 status {status}, {text}")));
    }
    match reader.int()? {
        RESPONSE_VALUE | RESPONSE_VALUE_WITH_ATTACHMENTS => reader.string(piece),
        other => Err(WireError::Failed(format!(
            "Dubbo2 response of kind {other} instead of a value"
        ))),
    }
}
