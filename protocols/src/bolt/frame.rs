//! The frame: a fixed part, class, header block, content, and maybe a checksum (wire section 1.1).
use super::hint::{Framing, Hint};
use super::{HESSIAN, header, keys, outcome};
use crate::BOLT;
use rialto_core::framed::{Decoded, Frame, Kind, Oversized};
use rialto_core::message::{Meta, Status};
use rialto_core::session::Fault;

const RESPONSE: u8 = 0;
const REQUEST: u8 = 1;
const ONE_WAY: u8 = 2;

const HEARTBEAT: u16 = 0;
const CALL: u16 = 1;
const ANSWER: u16 = 2;
/// MOSN's word for "send no new calls here". Stock peers close a connection on which they read it.
const GOAWAY: u16 = 100;

/// The command version of every frame.
const COMMAND_VERSION: u8 = 1;
const CRC_LEN: usize = 4;

pub(crate) const NOT_BOLT: Fault = Fault("not a Bolt frame: it begins with neither 1 nor 2");
const BAD_VERSION: Fault = Fault("a Bolt v2 frame of a command set that is neither 1 nor 2");
const BAD_TYPE: Fault = Fault("a Bolt frame of a type other than response, request and one-way");
const BAD_COMMAND: Fault = Fault("a Bolt frame of an unknown command, or one that does not fit its type");
const BAD_LENGTH: Fault = Fault("a Bolt frame announces a class or header of more than 32767 bytes");
const BAD_CONTENT: Fault = Fault("a Bolt frame announces a content of negative length");
const BAD_CRC: Fault = Fault("the checksum of a Bolt frame does not fit its bytes");

/// What the fixed part says.
#[derive(Clone, Copy)]
struct Fixed {
    framing: Framing,
    kind: u8,
    command: u16,
    id: u32,
    codec: u8,
    /// The timeout of a request or the status of an answer.
    word: u32,
    /// Where the class, the header block and the content begin, and where the content ends.
    class: usize,
    header: usize,
    content: usize,
    content_end: usize,
}

/// The parts of a whole frame.
#[derive(Clone, Copy, Default)]
pub(crate) struct Parts<'a> {
    pub(crate) framing: Framing,
    pub(crate) codec: u8,
    /// Of an answer.
    pub(crate) status: u16,
    pub(crate) one_way: bool,
    /// Of a request, as it stands there.
    pub(crate) timeout: i32,
    pub(crate) class: &'a [u8],
    pub(crate) header: &'a [u8],
    pub(crate) content: &'a [u8],
}

#[inline]
fn u32_at(b: &[u8], at: usize) -> Option<u32> {
    b.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

#[inline]
fn u64_at(b: &[u8], at: usize) -> Option<u64> {
    b.get(at..)?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

impl Fixed {
    /// The fixed part, once it is there.
    #[inline(always)]
    fn read(b: &[u8]) -> Result<Option<Fixed>, Fault> {
        match Fixed::stock(b) {
            Some(start) => Fixed::v1(start).map(Some),
            None => Fixed::any(b),
        }
    }

    /// The beginning of a frame of version 1, if more than the fixed part of an answer is there.
    #[inline(always)]
    fn stock(b: &[u8]) -> Option<&[u8; 22]> {
        b.first_chunk().filter(|start| start[0] == 1)
    }

    /// What stock SOFARPC peers send, with every field at its own place.
    #[inline(always)]
    fn v1(b: &[u8; 22]) -> Result<Fixed, Fault> {
        let [
            _,
            kind,
            c0,
            c1,
            _,
            i0,
            i1,
            i2,
            i3,
            codec,
            w0,
            w1,
            w2,
            w3,
            rest @ ..,
        ] = *b;
        if kind > ONE_WAY {
            return Err(BAD_TYPE);
        }
        let word = u32::from_be_bytes([w0, w1, w2, w3]);
        let (word, class, lengths) = if kind == RESPONSE {
            // the word is two bytes shorter, and so the lengths begin earlier
            let [l0, l1, l2, l3, l4, l5, ..] = rest;
            let lengths = [w2, w3, l0, l1, l2, l3, l4, l5];
            (word >> 16, 20, u64::from_be_bytes(lengths))
        } else {
            (word, 22, u64::from_be_bytes(rest))
        };
        let (command, id) = (u16::from_be_bytes([c0, c1]), u32::from_be_bytes([i0, i1, i2, i3]));
        Fixed::of(Framing::V1, kind, command, id, codec, word, class, lengths)
    }

    /// Puts the lengths together.
    #[inline(always)]
    #[allow(clippy::too_many_arguments, reason = "the fields of the fixed part")]
    fn of(
        framing: Framing,
        kind: u8,
        command: u16,
        id: u32,
        codec: u8,
        word: u32,
        class: usize,
        lengths: u64,
    ) -> Result<Fixed, Fault> {
        if lengths & 0x8000_8000_8000_0000 != 0 {
            return Err(bad_length(lengths));
        }
        let header = class + (lengths >> 48) as usize;
        let content = header + (lengths >> 32 & 0xffff) as usize;
        Ok(Fixed {
            framing,
            kind,
            command,
            id,
            codec,
            word,
            class,
            header,
            content,
            content_end: content + (lengths & 0xffff_ffff) as usize,
        })
    }

    /// As [`Fixed::read`], for either version and any beginning of it.
    #[cold]
    fn any(b: &[u8]) -> Result<Option<Fixed>, Fault> {
        // In front of the type: one byte, or two in v2. What follows shifts with it, and by one more behind
        // the codec, where v2 has its switch.
        let at = match b.first() {
            Some(1) => 1,
            Some(2) => 2,
            Some(_) => return Err(NOT_BOLT),
            None => return Ok(None),
        };
        if at == 2 && !matches!(b.get(1), Some(1 | 2) | None) {
            return Err(BAD_VERSION);
        }
        let Some(&kind) = b.get(at) else { return Ok(None) };
        if kind > ONE_WAY {
            return Err(BAD_TYPE);
        }
        // The class begins behind a word of two or four bytes and the three lengths.
        let class = 18 + 2 * at + if kind == RESPONSE { 0 } else { 2 };
        let (Some(lengths), Some(word), Some(command)) =
            (u64_at(b, class - 8), u32_at(b, class - 12), u64_at(b, at + 1))
        else {
            return Ok(None);
        };
        let framing = match at {
            1 => Framing::V1,
            _ => Framing::v2(b[1] == 2, b[11] & 1 != 0),
        };
        let word = if kind == RESPONSE { word & 0xffff } else { word };
        let (id, codec) = ((command >> 8) as u32, command as u8);
        let command = (command >> 48) as u16;
        Fixed::of(framing, kind, command, id, codec, word, class, lengths).map(Some)
    }

    #[inline]
    fn kind(&self) -> Result<Kind, Fault> {
        match (self.command, self.kind) {
            (CALL, REQUEST | ONE_WAY) => Ok(Kind::Request),
            (ANSWER, RESPONSE) => Ok(Kind::Answer),
            (HEARTBEAT, REQUEST) => Ok(Kind::Heartbeat),
            (HEARTBEAT, _) => Ok(Kind::HeartbeatAck),
            (GOAWAY, _) => Ok(Kind::Drain),
            _ => Err(BAD_COMMAND),
        }
    }

    fn is_one_way(&self) -> bool {
        self.kind == ONE_WAY
    }

    /// Where the frame ends.
    #[inline]
    fn end(&self) -> usize {
        self.content_end + if self.framing.has_crc() { CRC_LEN } else { 0 }
    }

    /// What is known before the whole frame is there; `b` may end with the fixed part.
    #[inline]
    fn hint(&self, b: &[u8]) -> Hint {
        let hint = Hint::new(self.framing, self.codec);
        let class_len = if self.kind == RESPONSE {
            keys::RESPONSE.len()
        } else {
            keys::REQUEST.len()
        };
        // The length tells enough for an answer's sake; who needs to be sure compares the name.
        let hint = hint.with_foreign(self.header - self.class != class_len);
        if self.codec == HESSIAN && self.content < self.content_end {
            hint.with_content(b.get(self.content))
        } else {
            hint
        }
    }
}

#[cold]
fn bad_length(lengths: u64) -> Fault {
    if lengths >> 32 & 0x8000_8000 != 0 {
        BAD_LENGTH
    } else {
        BAD_CONTENT
    }
}

/// Looks at the start of the input. Only contents up to `limit` bytes are asked for.
///
/// # Errors
/// What is there is no frame, or not the one that was sent.
#[inline]
pub(crate) fn decode(b: &[u8], limit: usize) -> Result<Decoded, Fault> {
    match Fixed::stock(b) {
        Some(start) => judge(b, Fixed::v1(start)?, limit),
        None => decode_any(b, limit),
    }
}

/// Apart from the way of stock frames, so that nothing is carried through both.
#[inline(never)]
fn decode_any(b: &[u8], limit: usize) -> Result<Decoded, Fault> {
    match Fixed::any(b)? {
        Some(f) => judge(b, f, limit),
        None => Ok(Decoded::More(0)),
    }
}

/// Goes on behind the fixed part.
#[inline(always)]
fn judge(b: &[u8], f: Fixed, limit: usize) -> Result<Decoded, Fault> {
    let kind = f.kind()?;
    if f.content_end - f.content > limit {
        return Ok(too_large(b, &f, kind));
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
        dialect: super::dialect(),
        hint: f.hint(frame).bits(),
        timeout_ms: if is_request {
            (f.word as i32).max(0) as u32
        } else {
            0
        },
        status: if is_request { Status::Ok } else { status(&f, frame) },
        one_way: f.is_one_way(),
    };
    Ok(Decoded::Frame(Frame {
        len: end,
        id: f.id.into(),
        kind,
        meta,
    }))
}

/// The framing of the frame that begins here, once its fixed part is there.
#[cold]
pub(crate) fn framing(b: &[u8]) -> Option<Framing> {
    Fixed::read(b).ok()?.map(|f| f.framing)
}

/// The refusal is in the caller's Hessian, which the content's first byte tells: so much is waited for.
#[cold]
fn too_large(b: &[u8], f: &Fixed, kind: Kind) -> Decoded {
    if b.len() <= f.content {
        return Decoded::More(f.content + 1);
    }
    Decoded::TooLarge(Oversized {
        len: f.end(),
        id: f.id.into(),
        kind,
        hint: f.hint(b).bits(),
        one_way: f.is_one_way(),
    })
}

/// An answer's status: the frame's, and what the header adds. Stock providers flag every answer that carries
/// an error or an exception (wire section 1.5), so only flagged contents are looked into.
#[inline]
fn status(f: &Fixed, frame: &[u8]) -> Status {
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
        Some(b"true") => outcome::status(&frame[f.content..f.content_end]),
        _ => Status::Ok,
    }
}

fn checksum(bytes: &[u8]) -> [u8; CRC_LEN] {
    crc32fast::hash(bytes).to_be_bytes()
}

/// Writes an id into a frame and seals it again.
#[inline]
pub(crate) fn set_id(frame: &mut [u8], id: u64) {
    let at = if frame.first() == Some(&1) { 5 } else { 6 };
    let Some(place) = frame.get_mut(at..at + 4) else {
        return;
    };
    place.copy_from_slice(&(id as u32).to_be_bytes());
    if at == 6 && frame[1] == 2 && frame.get(11).is_some_and(|switch| switch & 1 != 0) {
        seal(frame);
    }
}

/// Writes the checksum at the end of a whole frame.
fn seal(frame: &mut [u8]) {
    if let Some((bytes, place)) = frame.split_last_chunk_mut::<CRC_LEN>() {
        *place = checksum(bytes);
    }
}

impl<'a> Parts<'a> {
    /// Takes a whole frame apart; one that is none has empty parts.
    #[inline]
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        let Ok(Some(f)) = Fixed::read(bytes) else {
            return Parts::default();
        };
        if bytes.len() < f.end() {
            return Parts::default();
        }
        let answers = f.kind == RESPONSE;
        Parts {
            framing: f.framing,
            codec: f.codec,
            status: if answers { f.word as u16 } else { 0 },
            one_way: f.is_one_way(),
            timeout: if answers { 0 } else { f.word as i32 },
            class: &bytes[f.class..f.header],
            header: &bytes[f.header..f.content],
            content: &bytes[f.content..f.content_end],
        }
    }

    /// Whether this is a call of SOFARPC.
    #[inline]
    pub(crate) fn is_sofa_request(&self) -> bool {
        self.class == keys::REQUEST.as_bytes()
    }
}

/// A frame that is being appended: the lengths are filled in as its parts are done.
#[must_use]
pub(crate) struct Open {
    at: usize,
    lengths: usize,
    framing: Framing,
}

/// A part that Bolt has no length for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong {
    /// Bytes that it takes.
    pub(crate) len: usize,
    /// Bytes that it may take.
    pub(crate) max: usize,
}

impl Open {
    /// Begins a request: fixed part and class.
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

    /// Begins an answer.
    pub(crate) fn answer(
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
            ANSWER,
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
        out.extend_from_slice(&[kind, high, low, COMMAND_VERSION]);
        out.extend_from_slice(&(id as u32).to_be_bytes());
        out.push(codec);
        if framing.is_v2() {
            out.push(framing.has_crc().into());
        }
        out.extend_from_slice(word);
        let lengths = out.len();
        // Classes are ours or were received, so they fit.
        out.extend_from_slice(&(class.len() as u16).to_be_bytes());
        out.extend_from_slice(&[0; 6]);
        out.extend_from_slice(class);
        Open { at, lengths, framing }
    }

    /// The header block is done: `from` is where it began.
    ///
    /// # Errors
    /// It is longer than Bolt can say.
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

    /// The content is done: `from` is where it began.
    ///
    /// # Errors
    /// It is longer than Bolt can say.
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

    /// Header and content are empty.
    pub(crate) fn close_empty(self, out: &mut Vec<u8>) {
        let end = out.len();
        // Nothing is always short enough.
        self.close(out, end).ok();
    }
}

/// Appends a heartbeat.
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

/// Appends the acknowledgement of a heartbeat: in its version, but never with a checksum, as stock peers do.
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
