//! Just enough of the two wire formats to find where a provider's messages end, and which of them are responses.
//! It does not use Rialto's own codecs, so that a mistake of theirs is not repeated here.
use anyhow::{bail, ensure};

/// A protocol between Rialto and a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Dubbo,
    Bolt,
}

/// The first message of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) length: usize,
    /// Whether it is the response to a call, not a heartbeat or an event.
    pub(crate) is_response: bool,
}

const DUBBO_HEADER: usize = 16;
const DUBBO_MAGIC: [u8; 2] = [0xda, 0xbb];
const DUBBO_REQUEST: u8 = 0x80;
const DUBBO_EVENT: u8 = 0x20;

/// The header of a Bolt v1 response. That of a request, which providers do not send, is two bytes longer.
const BOLT_HEADER: usize = 20;
const BOLT_V1: u8 = 1;
const BOLT_RESPONSE: u8 = 0;
const BOLT_CALL_RESPONSE: u16 = 2;

impl Framing {
    /// The first message; `None` if it is not complete.
    ///
    /// # Errors
    /// The bytes are nothing that these providers send.
    pub(crate) fn first(self, bytes: &[u8]) -> anyhow::Result<Option<Frame>> {
        let frame = match self {
            Framing::Dubbo => dubbo(bytes)?,
            Framing::Bolt => bolt(bytes)?,
        };
        Ok(frame.filter(|frame| frame.length <= bytes.len()))
    }
}

fn dubbo(bytes: &[u8]) -> anyhow::Result<Option<Frame>> {
    let Some(header) = bytes.first_chunk::<DUBBO_HEADER>() else {
        return Ok(None);
    };
    ensure!(header[..2] == DUBBO_MAGIC, "not a Dubbo message: {header:02x?}");
    let body = u32::from_be_bytes([header[12], header[13], header[14], header[15]]);
    Ok(Some(Frame {
        length: DUBBO_HEADER + body as usize,
        is_response: header[2] & (DUBBO_REQUEST | DUBBO_EVENT) == 0,
    }))
}

fn bolt(bytes: &[u8]) -> anyhow::Result<Option<Frame>> {
    let Some(header) = bytes.first_chunk::<BOLT_HEADER>() else {
        return Ok(None);
    };
    if header[..2] != [BOLT_V1, BOLT_RESPONSE] {
        bail!("not a response of Bolt v1: {header:02x?}");
    }
    let short = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let content = u32::from_be_bytes([header[16], header[17], header[18], header[19]]);
    Ok(Some(Frame {
        length: BOLT_HEADER + usize::from(short(12)) + usize::from(short(14)) + content as usize,
        is_response: short(2) == BOLT_CALL_RESPONSE,
    }))
}
