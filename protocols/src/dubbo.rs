//! Dubbo2: its frames, events and errors, and the meaning of its requests and responses.
//!
//! A call between two Dubbo peers is forwarded as the bytes that came, under another id: `head` reads the
//! route without decoding the arguments and allocates nothing. Values are read only for calls that are
//! bridged to another protocol, and only in the two serializations that need no Java classes: Hessian 2 (id
//! 2) and fastjson2's JSONB (id 23). Messages in others can be forwarded but not bridged. `LIFECYCLE.md`
//! beside this module's files describes the life of a connection and of a call, and the choices made where
//! Dubbo has no equivalent.
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
mod read_response;
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

/// Reads and writes the frames of one connection.
pub struct Dubbo {
    role: Role,
    /// The largest body that is accepted, in bytes. Dubbo calls this limit `payload`.
    limit: usize,
    /// The largest body that the peer accepts, in bytes.
    max_sent: usize,
}

impl Codec for Dubbo {
    const PROTO: ProtoId = DUBBO;

    /// The default of `payload`, the same in consumers and providers.
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

    /// A request is always forwarded as received. A response is too, unless its serialization differs from
    /// its request's, which consumers refuse.
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
            Some(to) => encode::response(out, to, &msg.meta.reader.outcome(msg)?, self.max_sent),
        }
    }

    fn request(&mut self, out: &mut Vec<u8>, id: u64, call: &NeutralCall<'_>) -> Result<(), CallError> {
        encode::request(out, id, call, self.max_sent)
    }

    fn outcome(
        &mut self,
        out: &mut Vec<u8>,
        to: RespondTo,
        response: &NeutralResponse<'_>,
    ) -> Result<(), CallError> {
        encode::response(out, to, response, self.max_sent)
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

    /// Writes the read-only event `R`. Only providers send it, so a connection to an upstream writes nothing.
    fn drain(&mut self, out: &mut Vec<u8>) {
        if self.role == Role::Server {
            frame::put_event(out, RESERVED_ID.into(), false, b"\x01R");
        }
    }
}

/// The reader of Dubbo2 messages.
#[must_use]
pub fn reader() -> &'static dyn MessageReader {
    &DubboReader
}

struct DubboReader;

impl MessageReader for DubboReader {
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
        response: &mut NeutralResponse<'a>,
    ) -> Result<(), CallError> {
        read_response::read(msg, response)
    }
}
