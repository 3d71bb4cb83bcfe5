//! The two wire protocols of the benchmark, written independently of the proxy's own codecs: what the
//! generator sends, how the backend responds, and how a response is checked.

pub mod bolt;
pub mod dubbo;
pub mod hessian;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The interface of every benchmark call.
pub const SERVICE: &str = "com.acme.bench.Echo";
/// The method of every benchmark call: it takes one string and returns it.
pub const METHOD: &str = "echo";
/// The length of the nonce at the start of the argument, in ASCII characters.
pub const NONCE_LEN: usize = 16;
/// The longest frame in bytes; longer ones are refused before they are buffered.
pub const MAX_FRAME: usize = 16 << 20;

/// A protocol on one side of the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// SOFA Bolt version 1 with draft-Hessian content.
    Bolt,
    /// Dubbo2 with a Hessian 2 body.
    Dubbo,
}

impl Protocol {
    /// The protocol of a connection, by its first byte.
    pub fn detect(first: u8) -> Result<Self, WireError> {
        match first {
            bolt::MAGIC => Ok(Self::Bolt),
            dubbo::MAGIC_HIGH => Ok(Self::Dubbo),
            other => Err(WireError::UnknownProtocol(other)),
        }
    }

    /// The first frame in `bytes`, or `None` while it is incomplete.
    #[inline]
    pub fn frame(self, bytes: &[u8]) -> Result<Option<Frame>, WireError> {
        match self {
            Self::Bolt => bolt::frame(bytes),
            Self::Dubbo => dubbo::frame(bytes),
        }
    }

    /// Appends the response to the request frame `request` to `out`, or nothing if it expects none.
    pub fn respond(self, request: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
        match self {
            Self::Bolt => bolt::respond(request, out),
            Self::Dubbo => dubbo::respond(request, out),
        }
    }

    /// Passes the result string of the response frame `response` to `piece`, part by part.
    fn result<'a>(self, response: &'a [u8], piece: impl FnMut(&'a [u8])) -> Result<(), WireError> {
        match self {
            Self::Bolt => bolt::result(response, piece),
            Self::Dubbo => dubbo::result(response, piece),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bolt => "bolt",
            Self::Dubbo => "dubbo",
        })
    }
}

impl FromStr for Protocol {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "bolt" => Ok(Self::Bolt),
            "dubbo" => Ok(Self::Dubbo),
            other => anyhow::bail!("unknown protocol `{other}`: use bolt or dubbo"),
        }
    }
}

/// The length and identity of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The length of the whole frame in bytes.
    pub len: usize,
    /// The id that joins a response to its request.
    pub id: u64,
    /// True for requests, heartbeats and one-way calls; false for responses.
    pub request: bool,
}

/// What is wrong with received bytes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The first byte belongs to neither protocol.
    #[error("first byte 0x{0:02x} is neither Bolt nor Dubbo2")]
    UnknownProtocol(u8),
    /// The header announces more than [`MAX_FRAME`].
    #[error("frame of {0} bytes is over the limit of {MAX_FRAME}")]
    TooLong(usize),
    /// The frame ends inside a value.
    #[error("frame ends inside {0}")]
    Truncated(&'static str),
    /// A byte that is not allowed at its position.
    #[error("unexpected byte 0x{byte:02x} at offset {at} of the payload, where {wanted} was due")]
    Unexpected {
        /// The byte found.
        byte: u8,
        /// Its offset in the payload.
        at: usize,
        /// What the grammar or the protocol requires here.
        wanted: &'static str,
    },
    /// A response that reports an error.
    #[error("the call failed: {0}")]
    Failed(String),
    /// A response with another string than the request's.
    #[error("the response carries another string than the request did")]
    WrongEcho,
}

/// An encoded request, of which [`append`](RequestTemplate::append) makes any number of copies, each with its
/// own id and nonce.
#[derive(Debug)]
pub struct RequestTemplate {
    protocol: Protocol,
    frame: Vec<u8>,
    argument: Vec<u8>,
    nonce_at: usize,
}

impl RequestTemplate {
    /// An `echo(String)` call whose argument has `argument_len` ASCII characters, the first 16 of them the
    /// nonce.
    pub fn new(protocol: Protocol, argument_len: usize) -> anyhow::Result<Self> {
        anyhow::ensure!(
            (NONCE_LEN..=MAX_FRAME / 2).contains(&argument_len),
            "argument of {argument_len} characters: {NONCE_LEN} to {} are possible",
            MAX_FRAME / 2
        );
        let argument: Vec<u8> = (0..argument_len).map(|i| b'a' + (i % 26) as u8).collect();
        let (frame, argument_at) = match protocol {
            Protocol::Bolt => bolt::request(&argument),
            Protocol::Dubbo => dubbo::request(&argument),
        };
        let nonce_at = argument_at + hessian::string_head_len(hessian::Grammar::of(protocol), argument_len);
        Ok(Self {
            protocol,
            frame,
            argument,
            nonce_at,
        })
    }

    /// The protocol of the request.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The length of one request in bytes.
    pub fn frame_len(&self) -> usize {
        self.frame.len()
    }

    /// Changes how long the caller waits for a response, in milliseconds. Only for Bolt, which has it at a fixed
    /// place.
    pub fn set_timeout(&mut self, millis: u32) {
        if self.protocol == Protocol::Bolt {
            bolt::set_timeout(&mut self.frame, millis);
        }
    }

    /// Appends one request to `out`.
    #[inline]
    pub fn append(&self, id: u64, nonce: u64, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.frame);
        let frame = &mut out[start..];
        match self.protocol {
            Protocol::Bolt => bolt::set_id(frame, id),
            Protocol::Dubbo => dubbo::set_id(frame, id),
        }
        frame[self.nonce_at..self.nonce_at + NONCE_LEN].copy_from_slice(&nonce_text(nonce));
    }

    /// Checks that `response` is a success with exactly the argument sent with `nonce`.
    pub fn check(&self, response: &[u8], nonce: u64) -> Result<(), WireError> {
        let nonce = nonce_text(nonce);
        let (mut at, mut same) = (0, true);
        self.protocol.result(response, |piece| {
            let (head, tail) = piece.split_at(piece.len().min(NONCE_LEN.saturating_sub(at)));
            let tail_at = at + head.len();
            same &= nonce.get(at..tail_at).unwrap_or_default() == head
                && self.argument.get(tail_at..tail_at + tail.len()) == Some(tail);
            at = tail_at + tail.len();
        })?;
        if same && at == self.argument.len() {
            Ok(())
        } else {
            Err(WireError::WrongEcho)
        }
    }
}

/// A nonce as 16 hexadecimal digits.
#[inline]
fn nonce_text(nonce: u64) -> [u8; NONCE_LEN] {
    let mut text = [0; NONCE_LEN];
    for (i, digit) in text.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(nonce >> (60 - 4 * i) & 15) as usize];
    }
    text
}

#[cfg(test)]
mod tests;
