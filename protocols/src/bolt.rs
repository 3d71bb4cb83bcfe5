//! SOFA Bolt, v1 and v2, with the conventions of SOFARPC on top: frames, heartbeats, errors, and the meaning
//! of requests and responses.
//!
//! A call between two Bolt peers is forwarded as the bytes that came, under another id: `head` reads the
//! route from the header block and allocates nothing. The content is read only for requests with a nearly
//! empty header block, for calls that are bridged to another protocol, and where one side uses Hessian's
//! draft grammar and the other the final one. Contents in other serializations can be forwarded but not
//! bridged. `LIFECYCLE.md` beside this module's files describes the life of a connection and of a call, and
//! the choices made where Bolt has no equivalent.
use crate::BOLT;
use rialto_core::CallError;
use rialto_core::call::{NeutralCall, NeutralResponse};
use rialto_core::framed::{Codec, Decoded};
use rialto_core::message::{Edits, Head, Message, MessageReader, ProtoId};
use rialto_core::session::{ProtocolError, RespondTo, Role, Settings};
use rialto_core::slots::RESERVED_ID;
use rialto_hessian::Library;
use std::borrow::Cow;

mod call;
mod encode;
mod frame;
mod head;
mod header;
mod hint;
mod keys;
mod read_response;
mod reframe;
mod response;
mod sofa;
mod status;
mod stock_prefix;
mod unique_name;
mod values;

#[cfg(test)]
mod tests;

use hint::{Framing, Hint};

/// Serialization id of Hessian 2, in the draft and in the final grammar.
const HESSIAN: u8 = 1;

/// Upstream variant when the configuration names none: bridged calls are written in Hessian's draft grammar,
/// Bolt calls keep the grammar of their downstream.
pub const ANY_GRAMMAR: u32 = 0;
/// Upstream variant: the provider reads Hessian's final grammar (SOFA's hessian 4).
pub const FINAL: u32 = 1;
/// Upstream variant: the provider reads Hessian's draft (SOFA's hessian 3), so calls in the final grammar are
/// rewritten.
pub const DRAFT: u32 = 2;

/// Reads and writes the frames of one connection.
pub struct Bolt {
    role: Role,
    /// The largest content that is accepted, in bytes. Longer frames are refused.
    limit: usize,
    /// The largest content that the peer accepts, in bytes.
    max_sent: usize,
    /// The framing that this connection uses: on a downstream connection that of the first frame received, on
    /// an upstream connection that of the first frame sent.
    framing: Option<Framing>,
    /// The Hessian library of the provider, if the configuration names it.
    library: Option<Library>,
}

impl Codec for Bolt {
    const PROTO: ProtoId = BOLT;

    /// Bolt itself has no limit, so this is Rialto's own limit for responses.
    const MAX_SENT: usize = 64 << 20;

    fn body_len(frame: &[u8]) -> usize {
        frame::content_len(frame)
    }

    fn new(role: Role, settings: &Settings) -> Self {
        let library = match settings.variant {
            FINAL => Some(Library::Sofa4),
            DRAFT => Some(Library::Sofa3),
            _ => None,
        };
        Bolt {
            role,
            limit: settings.max_message,
            max_sent: settings.max_sent.unwrap_or(Self::MAX_SENT),
            framing: None,
            library,
        }
    }

    #[inline]
    fn decode(&mut self, bytes: &[u8]) -> Result<Decoded, ProtocolError> {
        if self.framing.is_none() && self.role == Role::Server {
            self.framing = frame::framing(bytes);
        }
        frame::decode(bytes, self.limit)
    }

    #[inline]
    fn set_id(frame: &mut [u8], id: u64) {
        frame::set_id(frame, id);
    }

    /// A request is forwarded as received if it is in this connection's framing and in the Hessian of the
    /// upstream. The first request of a connection never is, because [`Codec::reframe`] settles the framing.
    /// A response must be in the downstream's framing and Hessian.
    #[inline]
    fn forwards_as_is(&self, msg: &Message<'_>, to: Option<RespondTo>) -> bool {
        let hint = Hint::from_bits(msg.meta.hint);
        match to {
            None => self.framing == Some(hint.framing()) && reframe::reads_request(self.library, hint),
            Some(to) => {
                let to = Hint::from_bits(to.hint);
                to.framing().forwards_as_is(hint.framing()) && reframe::reads_response(to, hint)
            }
        }
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
            None => {
                let framing = *self
                    .framing
                    .get_or_insert(Hint::from_bits(msg.meta.hint).framing());
                reframe::request(out, framing, self.library, id, msg, edits)
            }
            Some(to) => reframe::response(out, to, msg, self.max_sent),
        }
    }

    fn request(&mut self, out: &mut Vec<u8>, id: u64, call: &NeutralCall<'_>) -> Result<(), CallError> {
        let framing = *self.framing.get_or_insert(Framing::V1);
        let library = self.library.unwrap_or(Library::Sofa3);
        encode::request(out, framing, library, id, call, self.max_sent)
    }

    fn outcome(
        &mut self,
        out: &mut Vec<u8>,
        to: RespondTo,
        response: &NeutralResponse<'_>,
    ) -> Result<(), CallError> {
        response::write(out, to, response, self.max_sent)
    }

    fn error(&mut self, out: &mut Vec<u8>, to: RespondTo, error: &CallError) {
        response::error(out, to, error);
    }

    fn heartbeat(&mut self, out: &mut Vec<u8>) {
        let framing = *self.framing.get_or_insert(Framing::V1);
        frame::put_heartbeat(out, framing, RESERVED_ID.into());
    }

    fn heartbeat_ack(&mut self, frame: &[u8], out: &mut Vec<u8>) {
        frame::acknowledge(frame, out);
    }

    /// Writes nothing. Bolt's only drain message, MOSN's goaway, makes stock peers close the connection with
    /// all calls in flight. A draining connection is therefore just closed after its last call.
    fn drain(&mut self, _: &mut Vec<u8>) {}
}

/// The reader of Bolt messages.
#[must_use]
pub fn reader() -> &'static dyn MessageReader {
    &BoltReader
}

struct BoltReader;

impl MessageReader for BoltReader {
    fn name(&self) -> &'static str {
        "bolt"
    }

    #[inline]
    fn read_head<'a>(&self, msg: &Message<'a>, head: &mut Head<'a>) -> Result<(), CallError> {
        head::read(msg, head)
    }

    fn attachment<'a>(&self, msg: &Message<'a>, _: &Head<'a>, key: &str) -> Option<Cow<'a, [u8]>> {
        head::attachment(msg, key)
    }

    fn view<'a>(&self, bytes: &'a [u8]) -> Option<Message<'a>> {
        frame::decode(bytes, usize::MAX).ok()?.message(bytes)
    }

    fn read_call<'a>(
        &self,
        msg: &Message<'a>,
        _: Option<&Head<'a>>,
        call: &mut NeutralCall<'a>,
    ) -> Result<(), CallError> {
        call::read(msg, call)
    }

    fn read_response<'a>(
        &self,
        msg: &Message<'a>,
        response: &mut NeutralResponse<'a>,
    ) -> Result<(), CallError> {
        read_response::read(msg, response)
    }
}
