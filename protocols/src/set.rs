//! The set of all protocols that a worker uses. A new protocol adds a line to each match here, and changes
//! nothing else in this crate.
use crate::bolt::{self, Bolt};
use crate::dubbo::{self, Dubbo};
use crate::ids::DETECTING;
use crate::{BOLT, DUBBO, detect};
use rialto_core::CallError;
use rialto_core::bridge::Bridge;
use rialto_core::buf::OutBuf;
use rialto_core::framed::Framed;
use rialto_core::message::{Message, MessageReader, ProtoId};
use rialto_core::session::{
    DETECT_MAX, Detected, Dispatch, Event, ProtocolError, Protocols, RespondTo, Response, Role, Session,
    Settings, Step,
};
use rialto_core::slots::CallKey;

/// All protocols that Rialto speaks.
pub struct All;

/// A session of any protocol. A match selects it, so no call on the data path is dispatched dynamically.
pub enum AnySession {
    /// The protocol is not detected yet.
    Detecting(Detecting),
    /// SOFA Bolt.
    Bolt(Framed<Bolt>),
    /// Dubbo2.
    Dubbo(Framed<Dubbo>),
}

/// The session of a connection whose protocol is not detected yet. It only looks at the input.
#[derive(Default)]
pub struct Detecting;

impl Protocols for All {
    type Session = AnySession;

    fn open(proto: ProtoId, role: Role, settings: &Settings) -> Option<AnySession> {
        match proto {
            BOLT => Some(AnySession::Bolt(Framed::new(role, settings))),
            DUBBO => Some(AnySession::Dubbo(Framed::new(role, settings))),
            _ => None,
        }
    }

    fn detecting() -> AnySession {
        AnySession::Detecting(Detecting)
    }

    fn refusal(first: &[u8]) -> Option<&'static [u8]> {
        match detect(&first[..first.len().min(DETECT_MAX)]) {
            Detected::Refused(answer, _) => Some(answer),
            _ => None,
        }
    }

    fn reader(proto: ProtoId) -> Option<&'static dyn MessageReader> {
        match proto {
            BOLT => Some(bolt::reader()),
            DUBBO => Some(dubbo::reader()),
            _ => None,
        }
    }
}

/// The name of a protocol in configuration, metrics and logs.
#[must_use]
pub fn protocol_name(id: ProtoId) -> &'static str {
    All::reader(id).map_or("unknown", |r| r.name())
}

macro_rules! each {
    ($any:expr, $session:ident => $call:expr) => {
        match $any {
            AnySession::Bolt($session) => $call,
            AnySession::Dubbo($session) => $call,
            AnySession::Detecting($session) => $call,
        }
    };
}

impl Session for AnySession {
    fn proto(&self) -> ProtoId {
        each!(self, s => s.proto())
    }

    #[inline]
    fn next<'a>(
        &mut self,
        input: &'a [u8],
        scratch: &'a mut Vec<u8>,
        out: &mut OutBuf,
    ) -> Result<Step<'a>, ProtocolError> {
        each!(self, s => s.next(input, scratch, out))
    }

    #[inline]
    fn forwards_as_is(&self, msg: &Message<'_>, to: Option<RespondTo>) -> bool {
        each!(self, s => s.forwards_as_is(msg, to))
    }

    fn request(
        &mut self,
        out: &mut OutBuf,
        call: CallKey,
        msg: &Message<'_>,
        dispatch: &Dispatch<'_>,
    ) -> Result<u32, CallError> {
        each!(self, s => s.request(out, call, msg, dispatch))
    }

    fn respond(
        &mut self,
        out: &mut OutBuf,
        to: RespondTo,
        response: &Response<'_>,
        bridge: &Bridge,
    ) -> Result<(), CallError> {
        each!(self, s => s.respond(out, to, response, bridge))
    }

    #[inline]
    fn set_id(&self, frame: &mut [u8], id: u64) {
        each!(self, s => s.set_id(frame, id));
    }

    fn heartbeat(&mut self, out: &mut OutBuf) {
        each!(self, s => s.heartbeat(out));
    }

    fn drain(&mut self, out: &mut OutBuf) {
        each!(self, s => s.drain(out));
    }
}

/// The core sends neither requests nor responses on a connection without a protocol, so these methods do
/// nothing.
impl Session for Detecting {
    fn proto(&self) -> ProtoId {
        DETECTING
    }

    fn next<'a>(
        &mut self,
        input: &'a [u8],
        _: &'a mut Vec<u8>,
        out: &mut OutBuf,
    ) -> Result<Step<'a>, ProtocolError> {
        let event = match detect(&input[..input.len().min(DETECT_MAX)]) {
            Detected::Is(proto) => Event::Detected(proto),
            Detected::More => Event::More(0),
            Detected::Refused(answer, why) => {
                out.put(answer);
                return Err(ProtocolError(why));
            }
            Detected::Unknown => return Err(ProtocolError("the first bytes are of no protocol known here")),
        };
        Ok(Step { used: 0, event })
    }

    fn forwards_as_is(&self, _: &Message<'_>, _: Option<RespondTo>) -> bool {
        false
    }

    fn request(
        &mut self,
        _: &mut OutBuf,
        _: CallKey,
        _: &Message<'_>,
        _: &Dispatch<'_>,
    ) -> Result<u32, CallError> {
        Err(CallError::new(
            rialto_core::ErrorKind::NoEndpoint,
            "the connection has no protocol yet",
        ))
    }

    fn respond(
        &mut self,
        _: &mut OutBuf,
        _: RespondTo,
        _: &Response<'_>,
        _: &Bridge,
    ) -> Result<(), CallError> {
        Ok(())
    }

    fn set_id(&self, _: &mut [u8], _: u64) {}

    fn heartbeat(&mut self, _: &mut OutBuf) {}

    fn drain(&mut self, _: &mut OutBuf) {}
}
