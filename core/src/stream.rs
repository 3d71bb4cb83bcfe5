//! Messages whose body comes in parts, as in HTTP/2.
//!
//! A head ([`Message`](crate::message::Message) with [`Body::Follows`]) is followed by [`Part`]s, the last of which
//! has an [`End`]. Bytes of parts are under *credit*: a session announces to its peer how many it may send, and
//! announces more only when [`Session::credit`](crate::session::Session::credit) says that so many have left on the
//! other side. What a session keeps because its own peer gives it no credit is therefore bounded by what the
//! session on the other side has announced.
use crate::error::CallError;
use crate::message::{ProtoId, Status};

/// How the body of a message comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Body {
    /// With its head, in one frame of a protocol that has no streams.
    #[default]
    Framed,
    /// With its head, in a protocol that has streams: the stream lasts until its call is over.
    Whole,
    /// In parts, behind its head.
    Follows,
}

/// A part of a message.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The protocol that it came in.
    pub proto: ProtoId,
    /// The bytes of the body in this part.
    pub data: &'a [u8],
    /// The end of the message; `None` if more parts follow.
    pub end: Option<End<'a>>,
    /// The bytes of its event are one frame that contains this part and nothing else, so that a peer of the same
    /// protocol can be sent the frame, under another id.
    pub is_frame: bool,
}

/// The end of a message.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    /// The status of a response, as far as its end shows it; [`Status::Ok`] for a request.
    pub status: Status,
    /// The trailers in the form of the protocol that they came in. Empty if there are none.
    pub trailers: &'a [u8],
}

/// What happened to a call of a protocol that has streams.
#[derive(Debug)]
pub enum StreamEvent<'a> {
    /// The next part of its request or response.
    Part(Part<'a>),
    /// So many bytes of parts, which the session had kept, are in the out-buffer now.
    Sent(u32),
    /// The peer gave the call up.
    Reset(CallError),
    /// The peer has not begun to process the call and will not, so that it can be sent elsewhere. If the peer is going
    /// to close the connection, the session says that first.
    Refused,
}

/// What the end of a connection's input means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndOfInput {
    /// The peer is gone.
    Gone,
    /// The peer sends nothing more, and still reads the responses to its calls.
    HalfClosed,
    /// The message that lasts until the end of the input is complete: the next event tells its end.
    Completes,
}

impl Part<'_> {
    /// Whether no part follows.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.end.is_some()
    }
}
