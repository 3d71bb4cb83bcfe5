//! SOFA Bolt, v1 and v2, and what SOFARPC says in it: frames, heartbeats, failures, and the meaning of calls
//! and answers.
//!
//! A call that stays in Bolt is looked at, given another id and passed on: `head` finds where it goes in the
//! header block, and nothing is allocated. Contents are only read for callers that put nothing into the header,
//! for calls that change the protocol, and where one side speaks the draft of Hessian and the other the final
//! grammar. Contents in other serializations can be passed on, not understood. The life of a connection and of
//! a call, and the choices made for what has no equal elsewhere, are told in `LIFECYCLE.md` beside this
//! module's files.
use crate::BOLT;
use rialto_core::CallError;
use rialto_core::call::{NeutralCall, NeutralResponse};
use rialto_core::framed::{Codec, Decoded};
use rialto_core::message::{Edits, Head, Message, MessageReader, ProtoId};
use rialto_core::session::{ProtocolError, RespondTo, Role, Settings};
use rialto_core::slots::RESERVED_ID;
use rialto_hessian::Library;
use std::borrow::Cow;

mod answer;
mod call;
mod encode;
mod frame;
mod head;
mod header;
mod hint;
mod keys;
mod outcome;
mod reframe;
mod sofa;
mod status;
mod stock_prefix;
mod unique_name;
mod values;

#[cfg(test)]
mod tests;

use hint::{Framing, Hint};

/// Serialization id of Hessian 2, in either grammar.
const HESSIAN: u8 = 1;

/// Upstream variant: nothing is known. Bridged calls are in Hessian's draft, Bolt calls go in the grammar of
/// their caller.
pub const UNTOLD: u32 = 0;
/// Upstream variant: the provider reads Hessian's final grammar (SOFA's hessian 4).
pub const FINAL: u32 = 1;
/// Upstream variant: the provider reads Hessian's draft (SOFA's hessian 3), also if a caller writes the other.
pub const DRAFT: u32 = 2;

/// The frame codec of one connection.
pub struct Bolt {
    role: Role,
    /// The largest content taken, in bytes.
    limit: usize,
    /// The largest content that the peer takes.
    max_sent: usize,
    /// The framing of this connection, as of its first frame: of what a caller sent, or of what we send.
    framing: Option<Framing>,
    /// The Hessian that the upstream reads, if that is known.
    library: Option<Library>,
}

impl Codec for Bolt {
    const PROTO: ProtoId = BOLT;

    /// Bolt itself has no limit; this is the one of answers that are read.
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

    /// A request goes as received if it is in the framing of this connection and in the Hessian of the
    /// upstream; the first one of a connection passes [`Codec::reframe`], which settles the framing. An answer
    /// must be in the caller's.
    #[inline]
    fn forwards_as_is(&self, msg: &Message<'_>, to: Option<RespondTo>) -> bool {
        let hint = Hint::from_bits(msg.meta.hint);
        match to {
            None => self.framing == Some(hint.framing()) && reframe::reads(self.library, hint),
            Some(to) => {
                let to = Hint::from_bits(to.hint);
                to.framing().forwards_as_is(hint.framing()) && reframe::answers(to, hint)
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
            Some(to) => reframe::answer(out, to, msg, self.max_sent),
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
        outcome: &NeutralResponse<'_>,
    ) -> Result<(), CallError> {
        answer::outcome(out, to, outcome, self.max_sent)
    }

    fn error(&mut self, out: &mut Vec<u8>, to: RespondTo, error: &CallError) {
        answer::error(out, to, error);
    }

    fn heartbeat(&mut self, out: &mut Vec<u8>) {
        let framing = *self.framing.get_or_insert(Framing::V1);
        frame::put_heartbeat(out, framing, RESERVED_ID.into());
    }

    fn heartbeat_ack(&mut self, frame: &[u8], out: &mut Vec<u8>) {
        frame::acknowledge(frame, out);
    }

    /// Says nothing: the only word for it, MOSN's goaway, makes stock peers close the connection with all calls
    /// in flight. A connection that ends is simply closed when its calls have ended.
    fn drain(&mut self, _: &mut Vec<u8>) {}
}

/// How Bolt messages are read.
#[must_use]
pub fn dialect() -> &'static dyn MessageReader {
    &BoltDialect
}

struct BoltDialect;

impl MessageReader for BoltDialect {
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
        outcome: &mut NeutralResponse<'a>,
    ) -> Result<(), CallError> {
        outcome::read(msg, outcome)
    }
}
