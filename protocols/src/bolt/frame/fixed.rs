//! Decodes the fixed part of a frame, in either protocol version.
use super::super::hint::{Framing, Hint};
use super::super::{HESSIAN, header, keys, status};
use super::{CALL, CALL_RESPONSE, CRC_LEN, GOAWAY, HEARTBEAT, NOT_BOLT, ONE_WAY, REQUEST, RESPONSE};
use rialto_core::framed::Kind;
use rialto_core::session::ProtocolError;

pub(super) const BAD_VERSION: ProtocolError =
    ProtocolError("a Bolt v2 frame of a command set that is neither 1 nor 2");
pub(super) const BAD_TYPE: ProtocolError =
    ProtocolError("a Bolt frame of a type other than response, request and one-way");
pub(super) const BAD_CONTENT: ProtocolError =
    ProtocolError("a Bolt frame announces a content of negative length");

/// The fields of the fixed part, and the positions that follow from them.
#[derive(Clone, Copy)]
pub(super) struct Fixed {
    pub(super) framing: Framing,
    pub(super) kind: u8,
    pub(super) command: u16,
    pub(super) id: u32,
    pub(super) codec: u8,
    /// The timeout of a request, or the status of a response.
    pub(super) word: u32,
    /// Positions in the frame: the start of the class, of the header block and of the content, and the end of
    /// the content.
    pub(super) class: usize,
    pub(super) header: usize,
    pub(super) content: usize,
    pub(super) content_end: usize,
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
    /// Decodes the fixed part; `None` until all of it has arrived.
    #[inline(always)]
    pub(super) fn read(b: &[u8]) -> Result<Option<Fixed>, ProtocolError> {
        match Fixed::stock(b) {
            Some(start) => Fixed::v1(start).map(Some),
            None => Fixed::any(b),
        }
    }

    /// The first bytes of a v1 frame. They exist once the fixed part of a request, or slightly more than that
    /// of a response, has arrived.
    #[inline(always)]
    pub(super) fn stock(b: &[u8]) -> Option<&[u8; 22]> {
        b.first_chunk().filter(|start| start[0] == 1)
    }

    /// Decodes the fixed part of v1, which all stock SOFARPC peers send.
    #[inline(always)]
    pub(super) fn v1(b: &[u8; 22]) -> Result<Fixed, ProtocolError> {
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
            // the status of a response is two bytes shorter than a timeout, so the lengths begin earlier
            let [l0, l1, l2, l3, l4, l5, ..] = rest;
            let lengths = [w2, w3, l0, l1, l2, l3, l4, l5];
            (word >> 16, 20, u64::from_be_bytes(lengths))
        } else {
            (word, 22, u64::from_be_bytes(rest))
        };
        let (command, id) = (u16::from_be_bytes([c0, c1]), u32::from_be_bytes([i0, i1, i2, i3]));
        Fixed::of(Framing::V1, kind, command, id, codec, word, class, lengths)
    }

    /// Computes the positions from the three lengths.
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
    ) -> Result<Fixed, ProtocolError> {
        if lengths & 0x8000_0000 != 0 {
            return Err(BAD_CONTENT);
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

    /// Does the same as [`Fixed::read`] for either version and for any number of bytes.
    #[cold]
    pub(super) fn any(b: &[u8]) -> Result<Option<Fixed>, ProtocolError> {
        // One byte precedes the type in v1, two in v2. All later fields shift with it; after the codec they
        // shift by one more, because v2 has a switch byte there.
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
        // The class follows a word of two or four bytes and the three lengths.
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

    /// The kind of frame, and whether its command is known and matches its type. If not, the type alone
    /// decides between request and response.
    #[inline]
    pub(super) fn kind(&self) -> (Kind, bool) {
        match (self.command, self.kind) {
            (CALL, REQUEST | ONE_WAY) => (Kind::Request, true),
            (CALL_RESPONSE, RESPONSE) => (Kind::Response, true),
            (HEARTBEAT, REQUEST) => (Kind::Heartbeat, true),
            (HEARTBEAT, _) => (Kind::HeartbeatAck, true),
            (GOAWAY, _) => (Kind::Drain, true),
            (_, RESPONSE) => (Kind::Response, false),
            _ => (Kind::Request, false),
        }
    }

    /// Whether a stock reader cannot interpret the lengths or the status, and would close its connection.
    #[inline]
    pub(super) fn is_odd(&self) -> bool {
        let lengths = (self.header - self.class) | (self.content - self.header);
        lengths > header::MAX || (self.word != 0 && self.kind == RESPONSE && !status::is_listed(self.word))
    }

    pub(super) fn is_one_way(&self) -> bool {
        self.kind == ONE_WAY
    }

    /// The length of the whole frame in bytes.
    #[inline]
    pub(super) fn end(&self) -> usize {
        self.content_end + if self.framing.has_crc() { CRC_LEN } else { 0 }
    }

    /// What is known before the whole frame has arrived; `b` may end with the fixed part.
    #[inline]
    pub(super) fn hint(&self, b: &[u8]) -> Hint {
        let hint = Hint::new(self.framing, self.codec);
        let class_len = if self.kind == RESPONSE {
            keys::RESPONSE.len()
        } else {
            keys::REQUEST.len()
        };
        // The length suffices to choose the form of the response; `Parts::is_sofa_request` compares the name
        // itself.
        let hint = hint.with_foreign(self.header - self.class != class_len);
        if self.codec == HESSIAN && self.content < self.content_end {
            hint.with_content(b.get(self.content))
        } else {
            hint
        }
    }
}
