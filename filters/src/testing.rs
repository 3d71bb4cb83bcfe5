//! Calls without bytes, for tests of filters.
use rialto_core::call::{NeutralCall, NeutralResponse};
use rialto_core::filter::{Filter, RequestCx, Verdict};
use rialto_core::message::{Edits, Head, Message, MessageReader, Meta, ProtoId, Status};
use rialto_core::stream::Body;
use rialto_core::{CallError, ErrorKind};
use std::borrow::Cow;

/// A protocol without a wire format.
struct Wireless;

impl MessageReader for Wireless {
    fn name(&self) -> &'static str {
        "wireless"
    }

    fn read_head<'a>(&self, _: &Message<'a>, _: &mut Head<'a>) -> Result<(), CallError> {
        Err(nothing_there())
    }

    fn attachment<'a>(&self, _: &Message<'a>, _: &Head<'a>, _: &str) -> Option<Cow<'a, [u8]>> {
        None
    }

    fn view<'a>(&self, _: &'a [u8]) -> Option<Message<'a>> {
        None
    }

    fn read_call<'a>(
        &self,
        _: &Message<'a>,
        _: Option<&Head<'a>>,
        _: &mut NeutralCall<'a>,
    ) -> Result<(), CallError> {
        Err(nothing_there())
    }

    fn read_response<'a>(&self, _: &Message<'a>, _: &mut NeutralResponse<'a>) -> Result<(), CallError> {
        Err(nothing_there())
    }
}

fn nothing_there() -> CallError {
    CallError::new(ErrorKind::BadRequest, "a message without bytes cannot be read")
}

/// The facts of a call that filters use.
#[derive(Clone, Copy, Default)]
pub(crate) struct TestCall<'a> {
    pub(crate) service: &'a str,
    pub(crate) method: &'a str,
    pub(crate) application: &'a str,
}

/// Passes a call to a filter.
pub(crate) fn pass(filter: &dyn Filter, call: &TestCall<'_>, now_ms: u32) -> Verdict {
    pass_with(filter, call, now_ms, &mut Edits::default())
}

/// Passes a call with edits to a filter.
pub(crate) fn pass_with(filter: &dyn Filter, call: &TestCall<'_>, now_ms: u32, edits: &mut Edits) -> Verdict {
    let msg = Message {
        meta: Meta {
            proto: ProtoId(0),
            reader: &Wireless,
            hint: 0,
            timeout_ms: 0,
            status: Status::Ok,
            one_way: false,
            body: Body::Framed,
        },
        bytes: &[],
    };
    let head = Head {
        service: call.service.as_bytes(),
        method: call.method.as_bytes(),
        application: call.application.as_bytes(),
        ..Head::default()
    };
    filter.on_request(&mut RequestCx {
        msg: &msg,
        head: &head,
        edits,
        now_ms,
    })
}

/// Whether the filter let the call pass.
pub(crate) fn is_passed(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Continue)
}
