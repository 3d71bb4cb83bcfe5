//! The protocols of the simulation: those of the product, and the toy protocol that has streams.
use super::toy::{TOY, Toy};
use rialto_core::bridge::Bridge;
use rialto_core::buf::OutBuf;
use rialto_core::message::{Message, MessageReader, ProtoId};
use rialto_core::session::{
    Dispatch, EndOfInput, ProtocolError, Protocols, RespondTo, Response, Role, Session, Settings, Step,
};
use rialto_core::slots::CallKey;
use rialto_core::stream::Part;
use rialto_core::{CallError, ErrorKind};
use rialto_protocols::{All, AnySession};

pub struct Simulated;

pub enum SimSession {
    Real(AnySession),
    Toy(Box<Toy>),
}

impl Protocols for Simulated {
    type Session = SimSession;

    fn open(proto: ProtoId, role: Role, settings: &Settings) -> Option<SimSession> {
        match proto {
            TOY => Some(SimSession::Toy(Box::new(Toy::new(role)))),
            _ => All::open(proto, role, settings).map(SimSession::Real),
        }
    }

    fn detecting() -> SimSession {
        SimSession::Real(All::detecting())
    }

    fn refusal(first: &[u8]) -> Option<&'static [u8]> {
        All::refusal(first)
    }

    fn has_streams(proto: ProtoId) -> bool {
        proto == TOY || All::has_streams(proto)
    }

    fn reader(proto: ProtoId) -> Option<&'static dyn MessageReader> {
        match proto {
            TOY => Some(super::toy::reader()),
            _ => All::reader(proto),
        }
    }
}

macro_rules! each {
    ($any:expr, $s:ident => $call:expr) => {
        match $any {
            SimSession::Real($s) => $call,
            SimSession::Toy($s) => $call,
        }
    };
}

impl Session for SimSession {
    fn proto(&self) -> ProtoId {
        each!(self, s => s.proto())
    }
    fn next<'a>(
        &mut self,
        input: &'a [u8],
        scratch: &'a mut Vec<u8>,
        out: &mut OutBuf,
    ) -> Result<Step<'a>, ProtocolError> {
        each!(self, s => s.next(input, scratch, out))
    }
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
    fn set_id(&self, frame: &mut [u8], id: u64) {
        each!(self, s => s.set_id(frame, id));
    }
    fn heartbeat(&mut self, out: &mut OutBuf) {
        each!(self, s => s.heartbeat(out));
    }
    fn drain(&mut self, out: &mut OutBuf) {
        each!(self, s => s.drain(out));
    }
    fn end_of_input(&mut self) -> EndOfInput {
        each!(self, s => s.end_of_input())
    }
    fn has_streams(&self) -> bool {
        each!(self, s => s.has_streams())
    }
    fn bind(&mut self, stream: u64, call: CallKey) {
        each!(self, s => s.bind(stream, call));
    }
    fn part(&mut self, out: &mut OutBuf, stream: u64, part: &Part<'_>) -> u32 {
        each!(self, s => s.part(out, stream, part))
    }
    fn passes_part(&mut self, stream: u64, part: &Part<'_>) -> bool {
        each!(self, s => s.passes_part(stream, part))
    }
    fn credit(&mut self, out: &mut OutBuf, stream: u64, bytes: u32) {
        each!(self, s => s.credit(out, stream, bytes));
    }
    fn reset(&mut self, out: &mut OutBuf, stream: u64, error: ErrorKind) {
        each!(self, s => s.reset(out, stream, error));
    }
    fn kept(&self) -> usize {
        each!(self, s => s.kept())
    }
    fn max_calls(&self) -> u32 {
        each!(self, s => s.max_calls())
    }
    fn calls(&self, calls: &mut Vec<CallKey>) {
        each!(self, s => s.calls(calls));
    }
}
