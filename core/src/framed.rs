//! The session of every protocol with self-contained frames and ids: [`Framed`] with the protocol's [`Codec`].
//! The id on an upstream connection is the call's key, so the session keeps no table of calls.
use crate::bridge::Bridge;
use crate::buf::OutBuf;
use crate::call::{NeutralCall, NeutralResponse, ReturnValue, room_for};
use crate::error::{CallError, ErrorKind, Limit};
use crate::message::{Edits, Message, Meta, ProtoId};
use crate::session::{
    Dispatch, DrainScope, Event, ProtocolError, RespondTo, Response, Role, Session, Settings, Step,
};
use crate::slots::CallKey;

/// What a codec found at the start of the input.
pub enum Decoded {
    /// An incomplete frame, with its whole length; 0 if unknown.
    More(usize),
    /// A whole frame.
    Frame(Frame),
    /// A frame that is refused and skipped. Possibly only its head has been received.
    Refused(Refused),
}

impl Decoded {
    /// The message at the start of the bytes; `None` unless it is a whole frame.
    #[must_use]
    pub fn message(self, bytes: &[u8]) -> Option<Message<'_>> {
        let Decoded::Frame(Frame { len, meta, .. }) = self else {
            return None;
        };
        let bytes = bytes.get(..len)?;
        Some(Message { meta, bytes })
    }
}

/// A whole frame, as its head describes it.
#[derive(Clone, Copy)]
pub struct Frame {
    /// Its length in bytes.
    pub len: usize,
    /// Its id.
    pub id: u64,
    /// Its kind.
    pub kind: Kind,
    /// What the head says about its message.
    pub meta: Meta,
}

/// A frame whose end is known, but which is too long or has no meaning for the other side. Only its own call
/// fails, and the connection goes on.
pub struct Refused {
    /// Its length in bytes, all of which are skipped.
    pub len: usize,
    /// Its id.
    pub id: u64,
    /// Its kind.
    pub kind: Kind,
    /// The format of the response, see [`Meta::hint`].
    pub hint: u32,
    /// The frame expects no response.
    pub one_way: bool,
    /// The error that the downstream gets.
    pub error: CallError,
}

impl Refused {
    /// The error for a message longer than the limit.
    #[must_use]
    pub fn too_long(kind: Kind, len: usize, limit: usize) -> CallError {
        if kind == Kind::Response {
            let text = format!(
                "the response is {len} bytes long, more than the {limit} that are taken of a provider"
            );
            return Refused::bad(kind, text);
        }
        let text = format!(
            "the request is {len} bytes long, more than the {limit} that this listener takes (limits.max_request_bytes)"
        );
        Refused::bad(kind, text).by(Limit::RequestBytes)
    }

    /// The error for a message that cannot be forwarded.
    #[must_use]
    pub fn bad(kind: Kind, text: String) -> CallError {
        let kind = match kind {
            Kind::Response => ErrorKind::BadResponse,
            _ => ErrorKind::BadRequest,
        };
        CallError::new(kind, text)
    }
}

/// The kinds of frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A call.
    Request,
    /// A response to a call.
    Response,
    /// Asks for an acknowledgement.
    Heartbeat,
    /// Acknowledges our heartbeat.
    HeartbeatAck,
    /// Asks for no new calls on this connection.
    Drain,
    /// Asks for new calls again.
    Undrain,
}

/// The frame format of one protocol. An implementation keeps at most a few bytes of state per connection.
pub trait Codec: Sized {
    /// The protocol's number.
    const PROTO: ProtoId;

    /// The largest message that stock peers accept, in bytes as [`Codec::body_len`] counts them.
    const MAX_SENT: usize;

    /// The part of a frame that its receiver counts against its limit, in bytes.
    fn body_len(frame: &[u8]) -> usize;

    /// Creates the codec of a new connection.
    fn new(role: Role, settings: &Settings) -> Self;

    /// Decodes the frame at the start of the input. Lengths are checked here, before anything is buffered.
    ///
    /// # Errors
    /// The bytes are no frame, so the rest of the stream cannot be read either.
    fn decode(&mut self, bytes: &[u8]) -> Result<Decoded, ProtocolError>;

    /// Writes an id into a frame and updates what depends on it (checksums).
    fn set_id(frame: &mut [u8], id: u64);

    /// Whether this peer can read a frame of this protocol unchanged, apart from its id. `to` is the call that
    /// a response belongs to, `None` for a request.
    fn forwards_as_is(&self, msg: &Message<'_>, to: Option<RespondTo>) -> bool;

    /// Encodes a request or response of the same protocol with changes, or in this peer's framing.
    ///
    /// # Errors
    /// The changes cannot be made. `out` may then contain a partial frame, which the session cuts off.
    fn reframe(
        &mut self,
        out: &mut Vec<u8>,
        id: u64,
        msg: &Message<'_>,
        to: Option<RespondTo>,
        edits: &Edits,
    ) -> Result<(), CallError>;

    /// Encodes a neutral call.
    ///
    /// # Errors
    /// The call has no form in this protocol. `out` may then contain a partial frame.
    fn request(&mut self, out: &mut Vec<u8>, id: u64, call: &NeutralCall<'_>) -> Result<(), CallError>;

    /// Encodes a neutral response.
    ///
    /// # Errors
    /// As for [`Codec::request`].
    fn outcome(
        &mut self,
        out: &mut Vec<u8>,
        to: RespondTo,
        outcome: &NeutralResponse<'_>,
    ) -> Result<(), CallError>;

    /// Encodes an error. Every protocol can express one.
    fn error(&mut self, out: &mut Vec<u8>, to: RespondTo, error: &CallError);

    /// Encodes a heartbeat, under the id [`crate::slots::RESERVED_ID`].
    fn heartbeat(&mut self, out: &mut Vec<u8>);

    /// Encodes the acknowledgement of a heartbeat frame.
    fn heartbeat_ack(&mut self, frame: &[u8], out: &mut Vec<u8>);

    /// Announces that no new calls are wanted, if the protocol can express it.
    fn drain(&mut self, out: &mut Vec<u8>);
}

/// A frame protocol on one connection.
pub struct Framed<C> {
    codec: C,
    role: Role,
    /// The largest message that the peer accepts, in bytes.
    max_sent: usize,
    /// Bytes of a refused frame that have not been received yet.
    skip: usize,
}

/// A refused frame longer than this closes the connection instead of being skipped, in bytes.
const SKIP_MAX: usize = 1 << 30;

impl<C: Codec> Framed<C> {
    /// Creates the session of a new connection.
    #[must_use]
    pub fn new(role: Role, settings: &Settings) -> Self {
        Framed {
            codec: C::new(role, settings),
            role,
            max_sent: settings.max_sent.unwrap_or(C::MAX_SENT),
            skip: 0,
        }
    }

    /// The codec, for tests that build frames with it.
    pub fn codec_mut(&mut self) -> &mut C {
        &mut self.codec
    }

    #[cold]
    fn refuse<'a>(&mut self, frame: Refused) -> Result<Event<'a>, ProtocolError> {
        if frame.len > SKIP_MAX {
            return Err(ProtocolError("a frame announces more than 1 GiB"));
        }
        self.skip = frame.len;
        Ok(match (frame.kind, self.role) {
            (Kind::Request, Role::Server) => Event::Refused {
                reply: (!frame.one_way).then_some(RespondTo {
                    id: frame.id,
                    hint: frame.hint,
                }),
                error: frame.error,
            },
            (Kind::Response, Role::Client) => Event::Response {
                call: call_key(frame.id),
                response: Response::Error(frame.error),
            },
            _ => Event::Unexpected("a frame of no use was skipped"),
        })
    }

    /// Handles a frame in the wrong direction. A request from the provider (a callback) gets an error, because
    /// no consumer's connection belongs to it.
    fn against(&mut self, frame: &Frame, out: &mut OutBuf) -> &'static str {
        if frame.kind == Kind::Request && !frame.meta.one_way {
            let to = RespondTo {
                id: frame.id,
                hint: frame.meta.hint,
            };
            let text = "calls from the provider to the consumer are not supported through this proxy";
            self.codec
                .error(out.tail_mut(), to, &CallError::new(ErrorKind::NoService, text));
        }
        "a frame against the direction of the connection"
    }
}

/// The key that an id stands for. An id beyond 32 bits is not ours, and the reserved one finds no call.
#[inline]
fn call_key(id: u64) -> CallKey {
    CallKey::from_bits(u32::try_from(id).unwrap_or(crate::slots::RESERVED_ID))
}

/// What the other protocol may need in addition for the same message, in bytes: names and definitions that it
/// spells out.
const ROOM: usize = 512;

/// Longer error texts are cut, in bytes: they quote peers, who set no bound. Every peer accepts this length,
/// however it is escaped.
const TEXT_MAX: usize = 8 << 10;

impl<C: Codec> Framed<C> {
    /// Appends a message made from `len` bytes of source. Cuts it off again if encoding fails, or if it is
    /// longer than the peer accepts.
    fn append(
        &mut self,
        out: &mut OutBuf,
        len: usize,
        encode: impl FnOnce(&mut C, &mut Vec<u8>) -> Result<(), CallError>,
    ) -> Result<(), CallError> {
        let start = out.position();
        let tail = out.tail_mut();
        let from = tail.len();
        // Reserved in one step, since messages are built from many pieces and idle connections have no buffer.
        tail.reserve(len.min(self.max_sent) + ROOM);
        let mut done = encode(&mut self.codec, tail);
        let frame = &tail[from..];
        if frame.len() > self.max_sent.min(room_for(len)) {
            done = self.check_sent(frame, len, done);
        }
        if done.is_err() {
            out.truncate_to(start);
        }
        done
    }

    /// Compares a long message with what its peer accepts, and with the length of its source.
    #[cold]
    fn check_sent(&self, frame: &[u8], len: usize, done: Result<(), CallError>) -> Result<(), CallError> {
        let body = C::body_len(frame);
        // An encoding that was given up is incomplete, so its length is a lower bound.
        let is_part = if done.is_ok() { "" } else { "at least " };
        let (what, kind, peer, place) = match self.role {
            Role::Client => ("request", ErrorKind::BadRequest, "provider", "cluster"),
            Role::Server => ("answer", ErrorKind::BadResponse, "consumer", "listener"),
        };
        let is_too_long = body > self.max_sent;
        let text = if is_too_long {
            let max = self.max_sent;
            format!(
                "the {what} is {is_part}{body} bytes long, more than the {max} that the {peer} takes \
                 (limits.max_message_bytes of the {place})"
            )
        } else if body > room_for(len) {
            format!(
                "the {what} of {len} bytes would be {is_part}{body} bytes long when translated, out of all proportion"
            )
        } else {
            return done;
        };
        let error = CallError::new(kind, text);
        Err(if is_too_long {
            error.by(Limit::MessageBytes)
        } else {
            error
        })
    }

    /// Refuses a message that could be forwarded unchanged if it were shorter, without copying it.
    fn check_passed(&self, msg: &Message<'_>, to: Option<RespondTo>) -> Result<(), CallError> {
        if self.takes_len(msg) || !self.codec.forwards_as_is(msg, to) {
            return Ok(());
        }
        self.check_sent(msg.bytes, msg.bytes.len(), Ok(()))
    }

    /// Whether the peer accepts a message of this length.
    #[inline]
    fn takes_len(&self, msg: &Message<'_>) -> bool {
        msg.bytes.len() <= self.max_sent || C::body_len(msg.bytes) <= self.max_sent
    }

    /// Encodes an error, with its text cut to a bounded length.
    fn say(&mut self, out: &mut OutBuf, to: RespondTo, error: &CallError) {
        if error.text.len() <= TEXT_MAX {
            return self.codec.error(out.tail_mut(), to, error);
        }
        let end = error.text.floor_char_boundary(TEXT_MAX);
        let short = CallError::new(error.kind, format!("{} ...", &error.text[..end]));
        self.codec.error(out.tail_mut(), to, &short);
    }
}

impl<C: Codec> Session for Framed<C> {
    fn proto(&self) -> ProtoId {
        C::PROTO
    }

    #[inline]
    fn next<'a>(
        &mut self,
        input: &'a [u8],
        _: &'a mut Vec<u8>,
        out: &mut OutBuf,
    ) -> Result<Step<'a>, ProtocolError> {
        if self.skip > 0 {
            let used = self.skip.min(input.len());
            self.skip -= used;
            let event = if used == 0 { Event::More(0) } else { Event::Handled };
            return Ok(Step { used, event });
        }
        let frame = match self.codec.decode(input)? {
            Decoded::More(need) => {
                return Ok(Step {
                    used: 0,
                    event: Event::More(need),
                });
            }
            Decoded::Refused(frame) => {
                return Ok(Step {
                    used: 0,
                    event: self.refuse(frame)?,
                });
            }
            Decoded::Frame(frame) => frame,
        };
        let bytes = &input[..frame.len];
        let msg = Message {
            meta: frame.meta,
            bytes,
        };
        let event = match (frame.kind, self.role) {
            (Kind::Request, Role::Server) => Event::Request { id: frame.id, msg },
            (Kind::Response, Role::Client) => Event::Response {
                call: call_key(frame.id),
                response: Response::Message(msg),
            },
            (Kind::Heartbeat, _) => {
                self.codec.heartbeat_ack(bytes, out.tail_mut());
                Event::Handled
            }
            (Kind::HeartbeatAck, _) => Event::Handled,
            (Kind::Drain, Role::Client) => Event::Drain(DrainScope::Endpoint),
            (Kind::Undrain, Role::Client) => Event::Undrain,
            _ => Event::Unexpected(self.against(&frame, out)),
        };
        Ok(Step {
            used: frame.len,
            event,
        })
    }

    #[inline]
    fn forwards_as_is(&self, msg: &Message<'_>, to: Option<RespondTo>) -> bool {
        msg.meta.proto == C::PROTO && self.codec.forwards_as_is(msg, to) && self.takes_len(msg)
    }

    fn request(
        &mut self,
        out: &mut OutBuf,
        call: CallKey,
        msg: &Message<'_>,
        dispatch: &Dispatch<'_>,
    ) -> Result<u32, CallError> {
        let id = u64::from(call.bits());
        // The same protocol, but with edits or in another framing: no values are translated.
        if msg.meta.proto == C::PROTO {
            if dispatch.edits.is_none() {
                self.check_passed(msg, None)?;
            }
            self.append(out, msg.bytes.len(), |codec, v| {
                codec.reframe(v, id, msg, None, dispatch.edits.unwrap_or(Edits::NONE))
            })?;
            return Ok(0);
        }
        // Another protocol: the call is translated through its neutral form.
        let mut neutral = NeutralCall::default();
        msg.meta.reader.read_call(msg, dispatch.head, &mut neutral)?;
        neutral.timeout_ms = dispatch.timeout_ms();
        dispatch.bridge.on_request(&mut neutral);
        if let Some(edits) = dispatch.edits {
            neutral.apply(edits);
        }
        self.append(out, msg.bytes.len(), |codec, v| codec.request(v, id, &neutral))?;
        Ok(0)
    }

    fn respond(
        &mut self,
        out: &mut OutBuf,
        to: RespondTo,
        response: &Response<'_>,
        bridge: &Bridge,
    ) -> Result<(), CallError> {
        let said = match response {
            Response::Message(msg) if msg.meta.proto == C::PROTO => {
                self.check_passed(msg, Some(to)).and_then(|()| {
                    self.append(out, msg.bytes.len(), |codec, v| {
                        codec.reframe(v, to.id, msg, Some(to), Edits::NONE)
                    })
                })
            }
            Response::Message(msg) => {
                let mut outcome = NeutralResponse::default();
                msg.meta.reader.read_response(msg, &mut outcome).and_then(|()| {
                    bridge.on_response(&mut outcome);
                    self.append(out, msg.bytes.len(), |codec, v| codec.outcome(v, to, &outcome))
                })
            }
            Response::NeutralResponse(outcome) => {
                let len = match &outcome.reply {
                    ReturnValue::Value(values) => values.stream.len(),
                    _ => 0,
                };
                self.append(out, len, |codec, v| codec.outcome(v, to, outcome))
            }
            Response::Error(e) => Err(e.clone()),
        };
        // The downstream gets an error in place of a response that has no form in its protocol.
        said.inspect_err(|e| self.say(out, to, e))
    }

    #[inline]
    fn set_id(&self, frame: &mut [u8], id: u64) {
        C::set_id(frame, id);
    }

    fn heartbeat(&mut self, out: &mut OutBuf) {
        self.codec.heartbeat(out.tail_mut());
    }

    fn drain(&mut self, out: &mut OutBuf) {
        self.codec.drain(out.tail_mut());
    }
}
