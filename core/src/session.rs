//! A session speaks one protocol on one connection, as server or client. It reads and writes buffers only,
//! never sockets.
//!
//! Events are *pulled*: an event borrows the input only, neither the session nor the connection, so that
//! between two events any connection can be written to. Events carry our key of a call and commands carry the
//! session's id of it, so that neither side keeps a map for protocols whose ids we choose.
use crate::bridge::Bridge;
use crate::buf::OutBuf;
use crate::call::NeutralResponse;
use crate::error::{CallError, ErrorKind};
use crate::message::{Edits, Head, Message, ProtoId};
use crate::slots::CallKey;
use crate::stream::{Part, StreamEvent};

pub use crate::stream::EndOfInput;

/// The side of a connection that this process is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The peer calls us.
    Server,
    /// We call the peer.
    Client,
}

/// One event and the number of bytes that it consumed.
pub struct Step<'a> {
    /// Bytes of the input that belong to the event.
    pub used: usize,
    /// The event itself.
    pub event: Event<'a>,
}

/// What a session found in its input.
pub enum Event<'a> {
    /// The input contains no further whole message. The number is the whole length of the message that the
    /// remaining bytes begin; 0 if it is not known yet.
    More(usize),
    /// The session has handled it itself (heartbeats, skipped bytes).
    Handled,
    /// A new call, under the session's own id.
    Request {
        /// The downstream's id of the call.
        id: u64,
        /// The request as received.
        msg: Message<'a>,
    },
    /// A call that must not be forwarded. Its bytes are skipped.
    Refused {
        /// The call to respond to; `None` if it is one-way.
        reply: Option<RespondTo>,
        /// The error to respond with.
        error: CallError,
    },
    /// A response to one of our calls.
    Response {
        /// The call that it belongs to.
        call: CallKey,
        /// The response as received, or the error that replaces it.
        response: Response<'a>,
    },
    /// The peer wants no new calls.
    Drain(DrainScope),
    /// The peer takes new calls again.
    Undrain,
    /// A frame that has no meaning in this direction. It was skipped.
    Unexpected(&'static str),
    /// Detection found this protocol. The session must be replaced, and nothing was consumed.
    Detected(ProtoId),
    /// Something about a call of a protocol that has streams.
    Stream(CallKey, StreamEvent<'a>),
}

/// What a peer that wants no new calls is going to close.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DrainScope {
    /// This connection. The peer takes calls on others.
    Connection,
    /// All connections to the endpoint.
    Endpoint,
}

/// Everything that can be sent to a downstream as a response.
pub enum Response<'a> {
    /// The message of the upstream, as received.
    Message(Message<'a>),
    /// A neutral response. It is boxed, because it is rare and large.
    NeutralResponse(Box<NeutralResponse<'a>>),
    /// An error of this process, or one that replaces a response.
    Error(CallError),
}

/// The input breaks the protocol so that the connection has to be closed. The text is for the log.
#[derive(Debug, PartialEq, Eq)]
pub struct ProtocolError(pub &'static str);

/// The call that a response belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RespondTo {
    /// The downstream's id of the call.
    pub id: u64,
    /// The format of the response, see [`crate::message::Meta::hint`].
    pub hint: u32,
}

/// How a request is to be encoded.
#[derive(Clone, Copy)]
pub struct Dispatch<'a> {
    /// Changes by the route and filters; `None` if there are none.
    pub edits: Option<&'a Edits>,
    /// The head of the request, if the downstream still has it.
    pub head: Option<&'a Head<'a>>,
    /// Rules for calls that change the protocol.
    pub bridge: &'a Bridge,
    /// The deadline and the time now on one clock, in milliseconds; `u64::MAX` stands for no deadline.
    pub deadline_ms: u64,
    /// See `deadline_ms`.
    pub now_ms: u64,
}

impl Dispatch<'_> {
    /// The time left until the deadline, for requests that contain it, in milliseconds; 0 for no limit.
    #[must_use]
    pub fn timeout_ms(&self) -> u32 {
        match self.deadline_ms {
            u64::MAX => 0,
            at => at.saturating_sub(self.now_ms).clamp(1, u64::from(u32::MAX)) as u32,
        }
    }
}

/// One protocol on one connection.
pub trait Session {
    /// The protocol that the session speaks.
    fn proto(&self) -> ProtoId;

    /// Decodes the next event of `input`. Immediate responses, such as those to heartbeats, are appended to
    /// `out`. Messages that are not in the input as such are put together in `scratch`.
    ///
    /// A session that [keeps](Session::kept) bytes is also asked without input, when the out-buffer has room again.
    ///
    /// # Errors
    /// The input breaks the protocol, and the connection cannot go on.
    fn next<'a>(
        &mut self,
        input: &'a [u8],
        scratch: &'a mut Vec<u8>,
        out: &mut OutBuf,
    ) -> Result<Step<'a>, ProtocolError>;

    /// Whether a message can be sent to this peer as the bytes received, apart from its id. `to` is the call
    /// that a response belongs to, `None` for a request.
    fn forwards_as_is(&self, msg: &Message<'_>, to: Option<RespondTo>) -> bool;

    /// Encodes a call. Without streams its id is `call.bits()`, and 0 is returned; a session that has streams returns
    /// the number of the new stream, by which it is told of the call from now on.
    ///
    /// # Errors
    /// The call has no form in this protocol. Nothing was appended then.
    fn request(
        &mut self,
        out: &mut OutBuf,
        call: CallKey,
        msg: &Message<'_>,
        dispatch: &Dispatch<'_>,
    ) -> Result<u32, CallError>;

    /// Encodes a response. If it has no form in this protocol, an error response is encoded instead and its
    /// error returned.
    ///
    /// # Errors
    /// The error that was encoded in place of the response.
    fn respond(
        &mut self,
        out: &mut OutBuf,
        to: RespondTo,
        response: &Response<'_>,
        bridge: &Bridge,
    ) -> Result<(), CallError>;

    /// Writes an id into a message of this protocol.
    fn set_id(&self, frame: &mut [u8], id: u64);

    /// Sends a heartbeat, to find out whether a silent peer is alive.
    fn heartbeat(&mut self, out: &mut OutBuf);

    /// Announces that this connection is going away, if the protocol can express it.
    fn drain(&mut self, out: &mut OutBuf);

    /// What it means that the peer will send nothing more. Stock peers of protocols without streams close their
    /// connections as a whole.
    fn end_of_input(&mut self) -> EndOfInput {
        EndOfInput::Gone
    }

    // What follows is for protocols that have streams. `stream` is the number by which the session knows a call: the
    // one that it returned for a request, or the id of a request that it received.

    /// Whether the protocol has streams.
    fn has_streams(&self) -> bool {
        false
    }

    /// Says which call a received request has become. Its events carry this key.
    fn bind(&mut self, _stream: u64, _call: CallKey) {}

    /// Sends a part of a message. Returns how many of its bytes are in `out`. The session keeps the others until its
    /// peer gives credit for them and `out` has room, and then reports them by [`StreamEvent::Sent`]. When a response
    /// is complete, the session of the upstream drops what it keeps of a complete request.
    fn part(&mut self, _out: &mut OutBuf, _stream: u64, _part: &Part<'_>) -> u32 {
        0
    }

    /// Whether the frame of a part can go to this peer as it is, apart from its id. If so, the session counts it as
    /// sent.
    fn passes_part(&mut self, _stream: u64, _part: &Part<'_>) -> bool {
        false
    }

    /// Says that so many bytes of the stream's parts have left on the other side, so that the peer may send as many.
    fn credit(&mut self, _out: &mut OutBuf, _stream: u64, _bytes: u32) {}

    /// Gives a call up.
    fn reset(&mut self, _out: &mut OutBuf, _stream: u64, _error: ErrorKind) {}

    /// The number of bytes that the session keeps because its peer gives no credit for them or `out` has no room.
    fn kept(&self) -> usize {
        0
    }

    /// The largest number of calls that the peer takes at once.
    fn max_calls(&self) -> u32 {
        u32::MAX
    }

    /// Adds the calls that have streams on this connection, so that they are found without a look at all others.
    fn calls(&self, _calls: &mut Vec<CallKey>) {}
}

/// What detection concludes from the first bytes of a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Detected {
    /// The bytes are of this protocol.
    Is(ProtoId),
    /// The bytes may be of several protocols; more are needed.
    More,
    /// A known protocol that is not served here: the bytes to refuse it with in its own form, and a text for
    /// the log.
    Refused(&'static [u8], &'static str),
    /// An unknown protocol.
    Unknown,
}

/// The largest number of bytes that detection may need.
pub const DETECT_MAX: usize = 64;

/// The set of protocols. [`Protocols::Session`] is an enum of all sessions, so that a call is dispatched by one
/// match.
pub trait Protocols: 'static {
    /// A session of any of the protocols.
    type Session: Session;

    /// Creates a session of a protocol in a role; `None` if the protocol does not exist.
    fn open(proto: ProtoId, role: Role, settings: &Settings) -> Option<Self::Session>;

    /// The session of an accepted connection whose protocol has to be detected.
    fn detecting() -> Self::Session;

    /// The refusal of a peer that begins with these bytes, in the peer's own protocol; `None` for an unknown
    /// one.
    fn refusal(first: &[u8]) -> Option<&'static [u8]>;

    /// Whether a protocol has streams.
    fn has_streams(_proto: ProtoId) -> bool {
        false
    }

    /// The reader of a protocol's messages.
    fn reader(proto: ProtoId) -> Option<&'static dyn crate::message::MessageReader>;
}

/// Bounds of a session, and what is known of its peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The largest message accepted, in bytes. Longer ones are refused and skipped.
    pub max_message: usize,
    /// The largest message that the peer accepts, in bytes. Longer ones are not sent. `None` stands for the
    /// limit of stock peers of the protocol.
    pub max_sent: Option<usize>,
    /// Which variant of its protocol an upstream speaks (Bolt: whether it reads Hessian's final grammar). Only
    /// the protocol's own code interprets it.
    pub variant: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            max_message: 8 << 20,
            max_sent: None,
            variant: 0,
        }
    }
}
