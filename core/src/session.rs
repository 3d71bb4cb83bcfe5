//! A session speaks one protocol on one connection, as server or client, sans-IO.
//!
//! It is *pulled*: an event borrows the input only, never the session or the connection, so between two
//! events any connection can be written to. Events carry our key of a call, commands carry the session's own
//! id of it, so neither side keeps a map for protocols whose ids we choose.
use crate::bridge::Bridge;
use crate::buf::OutBuf;
use crate::call::NeutralResponse;
use crate::error::CallError;
use crate::message::{Edits, Head, Message, ProtoId};
use crate::slots::CallKey;

/// Which end of the connection we are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The peer calls us.
    Server,
    /// We call the peer.
    Client,
}

/// One event and what it consumed.
pub struct Step<'a> {
    /// Bytes of the input that belong to it.
    pub used: usize,
    /// The event.
    pub event: Event<'a>,
}

/// What a session found in its input.
pub enum Event<'a> {
    /// Nothing whole is left. The number says how many bytes the next message takes in all, counted from the
    /// start of what is left; 0 if that is not known yet.
    More(usize),
    /// Dealt with inside (heartbeats, skipped bytes).
    Handled,
    /// A new call under the session's own id.
    Request {
        /// The caller's id.
        id: u64,
        /// The request.
        msg: Message<'a>,
    },
    /// A call that must not be passed on, and why; its bytes are skipped.
    Refused {
        /// Whom to tell; `None` if nobody waits.
        reply: Option<RespondTo>,
        /// What to tell.
        error: CallError,
    },
    /// An answer to one of our calls.
    Response {
        /// The call.
        call: CallKey,
        /// The answer.
        answer: Response<'a>,
    },
    /// The peer wants no new calls here.
    Drain,
    /// The peer takes new calls again.
    Undrain,
    /// A frame that makes no sense in this direction; it was skipped.
    Unexpected(&'static str),
    /// From detection only: replace this session; nothing was consumed.
    Detected(ProtoId),
}

/// Everything that a caller can be sent.
pub enum Response<'a> {
    /// The very message of the other side.
    Message(Message<'a>),
    /// A neutral result; boxed, because it is rare and large.
    NeutralResponse(Box<NeutralResponse<'a>>),
    /// An error.
    Error(CallError),
}

/// Ends the connection: what the peer sent leaves no way to go on. May carry last words.
#[derive(Debug, PartialEq, Eq)]
pub struct ProtocolError(pub &'static str);

/// Whom an answer goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RespondTo {
    /// The caller's id of the call.
    pub id: u64,
    /// See [`crate::message::Meta::hint`].
    pub hint: u32,
}

/// How a message is to be encoded.
#[derive(Clone, Copy)]
pub struct Dispatch<'a> {
    /// Changes by route and filters, if there are any.
    pub edits: Option<&'a Edits>,
    /// The head of the request, if it is still at hand.
    pub head: Option<&'a Head<'a>>,
    /// Rules for calls that change the protocol.
    pub bridge: &'a Bridge,
    /// What is left until the deadline, for requests that have to be encoded anew.
    pub timeout_ms: u32,
}

/// One protocol on one connection.
pub trait Session {
    /// The protocol.
    fn proto(&self) -> ProtoId;

    /// The next event in `input`. What the peer itself must be told at once goes to `out`.
    ///
    /// # Errors
    /// The connection cannot go on.
    fn next<'a>(&mut self, input: &'a [u8], out: &mut OutBuf) -> Result<Step<'a>, ProtocolError>;

    /// Whether a message can go to this peer as the bytes received, apart from its id. `to` is the call that
    /// it answers, `None` for a request.
    fn forwards_as_is(&self, msg: &Message<'_>, to: Option<RespondTo>) -> bool;

    /// Encodes a call under the id `call.bits()`.
    ///
    /// # Errors
    /// Why it cannot be said in this protocol; nothing was appended then.
    fn request(
        &mut self,
        out: &mut OutBuf,
        call: CallKey,
        msg: &Message<'_>,
        dispatch: &Dispatch<'_>,
    ) -> Result<(), CallError>;

    /// Encodes an answer. What cannot be said in this protocol becomes an error answer, which is returned.
    ///
    /// # Errors
    /// The error that the caller was sent instead of the answer.
    fn answer(
        &mut self,
        out: &mut OutBuf,
        to: RespondTo,
        answer: &Response<'_>,
        bridge: &Bridge,
    ) -> Result<(), CallError>;

    /// Writes an id into a message of this protocol.
    fn set_id(&self, frame: &mut [u8], id: u64);

    /// Asks an idle peer for a sign of life.
    fn heartbeat(&mut self, out: &mut OutBuf);

    /// Tells callers that this connection is going away, if the protocol has words for it.
    fn drain(&mut self, out: &mut OutBuf);
}

/// What detection made of a connection's first bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Detected {
    /// This protocol.
    Is(ProtoId),
    /// Could still be several.
    More,
    /// Something we know but do not serve here: these bytes are the polite refusal.
    Refused(&'static [u8], &'static str),
    /// Nothing we know.
    Unknown,
}

/// The most bytes that detection may ask for.
pub const DETECT_MAX: usize = 64;

/// The set of protocols. [`Protocols::Session`] is an enum of all of them: one match chooses.
pub trait Protocols: 'static {
    /// Any session.
    type Session: Session;

    /// A session of a protocol in a role. `None` if there is no such protocol.
    fn open(proto: ProtoId, role: Role, settings: &Settings) -> Option<Self::Session>;

    /// The session of an accepted connection whose protocol is yet to be found out.
    fn detecting() -> Self::Session;

    /// What a stranger is told who begins like this, in words that it understands; `None` if there are none.
    fn refusal(first: &[u8]) -> Option<&'static [u8]>;

    /// How messages of a protocol are read.
    fn dialect(proto: ProtoId) -> Option<&'static dyn crate::message::MessageReader>;
}

/// What a session is told about its peer and its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The largest message taken, in bytes; larger ones are refused and skipped.
    pub max_message: usize,
    /// The largest message that the peer takes, in bytes; none is sent that is larger. `None` for what stock peers of
    /// the protocol take.
    pub max_sent: Option<usize>,
    /// Which of a protocol's dialects an upstream speaks (Bolt: whether its Hessian is the final grammar);
    /// the protocol's own matter.
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
