//! Dubbo2: the framing of stock Dubbo peers, its events and failures, and what their messages mean.
//!
//! A call that stays in Dubbo is looked at, given another id and passed on: `head` finds where it goes
//! without taking it apart, and nothing is allocated. Values are only read for calls that change the protocol,
//! in the two serializations that need no Java: Hessian 2 (id 2) and fastjson2's JSONB (id 23). Messages in
//! others can be passed on, not understood. The life of a connection and of a call, and all the choices made
//! for what has no equal elsewhere, are told in `LIFECYCLE.md` beside this module's files.
use crate::DUBBO;
use rialto_core::CallError;
use rialto_core::call::{NeutralCall, NeutralResponse};
use rialto_core::framed::{Codec, Decoded};
use rialto_core::message::{Edits, Head, Message, MessageReader, ProtoId};
use rialto_core::session::{ProtocolError, RespondTo, Role, Settings};
use rialto_core::slots::RESERVED_ID;
use std::borrow::Cow;

mod body;
mod call;
mod encode;
mod frame;
mod generic;
mod head;
mod hint;
mod keys;
mod outcome;
mod reframe;
mod status;
mod types;
mod values;

#[cfg(test)]
mod tests;

use hint::Hint;
pub use keys::address;

/// Serialization id of Hessian 2.
const HESSIAN2: u8 = 2;
/// Serialization id of fastjson2's JSONB.
const FASTJSON2: u8 = 23;

/// The frame codec of one connection.
pub struct Dubbo {
    role: Role,
    /// The largest body taken, in bytes: Dubbo's `payload`.
    limit: usize,
    /// The largest body that the peer takes.
    max_sent: usize,
}

impl Codec for Dubbo {
    const PROTO: ProtoId = DUBBO;

    /// The default of `payload`, which both consumers and providers have.
    const MAX_SENT: usize = 8 << 20;

    fn body_len(frame: &[u8]) -> usize {
        frame.len().saturating_sub(frame::HEADER)
    }

    fn new(role: Role, settings: &Settings) -> Self {
        Dubbo {
            role,
            limit: settings.max_message,
            max_sent: settings.max_sent.unwrap_or(Self::MAX_SENT),
        }
    }

    #[inline]
    fn decode(&mut self, bytes: &[u8]) -> Result<Decoded, ProtocolError> {
        frame::decode(bytes, self.limit)
    }

    #[inline]
    fn set_id(frame: &mut [u8], id: u64) {
        frame::set_id(frame, id);
    }

    /// Requests always go as received. Answers too, but for those in another serialization than the request's,
    /// which consumers refuse.
    #[inline]
    fn forwards_as_is(&self, msg: &Message<'_>, to: Option<RespondTo>) -> bool {
        let of = |hint| Hint::from_bits(hint).serialization();
        to.is_none_or(|to| of(to.hint) == of(msg.meta.hint))
    }

    fn reframe(
        &mut self,
        out: &mut Vec<u8>,
        id: u64,
        msg: &Message<'_>,
        to: Option<RespondTo>,
        edits: &Edits,
    ) -> Result<(), CallError> {
        match to {
            None => reframe::request(out, id, msg, edits),
            Some(_) if self.forwards_as_is(msg, to) => {
                reframe::copy(out, id, msg);
                Ok(())
            }
            Some(to) => encode::outcome(out, to, &msg.meta.dialect.outcome(msg)?, self.max_sent),
        }
    }

    fn request(&mut self, out: &mut Vec<u8>, id: u64, call: &NeutralCall<'_>) -> Result<(), CallError> {
        encode::request(out, id, call, self.max_sent)
    }

    fn outcome(
        &mut self,
        out: &mut Vec<u8>,
        to: RespondTo,
        outcome: &NeutralResponse<'_>,
    ) -> Result<(), CallError> {
        encode::outcome(out, to, outcome, self.max_sent)
    }

    fn error(&mut self, out: &mut Vec<u8>, to: RespondTo, error: &CallError) {
        encode::error(out, to, error);
    }

    fn heartbeat(&mut self, out: &mut Vec<u8>) {
        frame::put_event(out, RESERVED_ID.into(), true, b"N");
    }

    fn heartbeat_ack(&mut self, frame: &[u8], out: &mut Vec<u8>) {
        frame::acknowledge(frame, out);
    }

    /// Only providers have the word for it: `R`, read-only.
    fn drain(&mut self, out: &mut Vec<u8>) {
        if self.role == Role::Server {
            frame::put_event(out, RESERVED_ID.into(), false, b"\x01R");
        }
    }
}

/// How Dubbo2 messages are read.
#[must_use]
pub fn dialect() -> &'static dyn MessageReader {
    &DubboDialect
}

struct DubboDialect;

impl MessageReader for DubboDialect {
    fn name(&self) -> &'static str {
        "dubbo"
    }

    fn read_head<'a>(&self, msg: &Message<'a>, head: &mut Head<'a>) -> Result<(), CallError> {
        head::read(msg, head)
    }

    fn attachment<'a>(&self, msg: &Message<'a>, head: &Head<'a>, key: &str) -> Option<Cow<'a, [u8]>> {
        head::attachment(msg, head, key)
    }

    fn view<'a>(&self, bytes: &'a [u8]) -> Option<Message<'a>> {
        frame::decode(bytes, usize::MAX).ok()?.message(bytes)
    }

    fn read_call<'a>(
        &self,
        msg: &Message<'a>,
        head: Option<&Head<'a>>,
        call: &mut NeutralCall<'a>,
    ) -> Result<(), CallError> {
        call::read(msg, head, call)
    }

    fn read_response<'a>(
        &self,
        msg: &Message<'a>,
        outcome: &mut NeutralResponse<'a>,
    ) -> Result<(), CallError> {
        outcome::read(msg, outcome)
    }
}
