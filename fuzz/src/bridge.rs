//! Messages that are bridged. The first byte of the input chooses what a Bolt upstream reads, the second the
//! consumer that a response is for; the rest is a frame of either protocol.
use crate::frame::{ID, codec, decode, mend, protocol, written};
use crate::stock::downstream;
use crate::values::{comparable, tokens};
use rialto_core::bridge::Bridge;
use rialto_core::call::{NeutralCall, NeutralResponse, ReturnValue, Values, room_for};
use rialto_core::framed::{Codec, Kind};
use rialto_core::message::Message;
use rialto_core::session::{RespondTo, Role};
use rialto_core::{CallError, ErrorKind};
use rialto_protocols::bolt::Bolt;
use rialto_protocols::dubbo::Dubbo;
use rialto_protocols::{BOLT, DUBBO};
use rialto_values::OwnedToken;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A call has the same meaning in the other protocol, and so has a response; what cannot be expressed is
/// refused with a text.
pub fn cross(data: &[u8]) {
    let Some((&[variant, downstream], frame)) = data.split_first_chunk() else {
        return;
    };
    let mut frame = frame.to_vec();
    mend(&mut frame);
    let found = if protocol(&frame) == BOLT {
        decode::<Bolt>(&frame)
    } else {
        decode::<Dubbo>(&frame)
    };
    let Some(found) = found else { return };
    match found.kind {
        Kind::Request => {
            ask::<Bolt>(&found.msg, u32::from(variant) % 3);
            ask::<Dubbo>(&found.msg, 0);
        }
        Kind::Response => {
            respond::<Bolt>(&found.msg, downstream);
            respond::<Dubbo>(&found.msg, downstream);
        }
        _ => {}
    }
}

fn ask<C: Codec>(msg: &Message<'_>, variant: u32) {
    let rules = Bridge::default();
    let mut call = match msg.meta.reader.call(msg) {
        Ok(call) => call,
        Err(e) => return refused(&e),
    };
    rules.on_request(&mut call);
    let mut out = vec![];
    let began = Instant::now();
    let said = codec::<C>(Role::Client, variant).request(&mut out, ID, &call);
    in_proportion(msg, &out, began);
    match said {
        Ok(()) => {
            let msg = written::<C>(&out, Kind::Request, ID);
            let again = msg.meta.reader.call(&msg);
            let again = again.unwrap_or_else(|e| panic!("what was written cannot be read: {e}\n{call:?}"));
            same_call(&call, &again);
        }
        Err(e) => refused(&e),
    }
}

/// The output, complete or abandoned, is not much longer than the input, and did not take long.
fn in_proportion(msg: &Message<'_>, out: &[u8], began: Instant) {
    // Attachments are written after the values, and checked against the limit when the message is complete.
    let most = 3 * room_for(msg.bytes.len());
    assert!(
        out.len() <= most,
        "{} bytes became {}",
        msg.bytes.len(),
        out.len()
    );
    // Sanitizers make it ten times slower.
    let most = Duration::from_secs(5) + Duration::from_micros(20) * msg.bytes.len() as u32;
    assert!(
        began.elapsed() < most,
        "{} bytes took {:?}",
        msg.bytes.len(),
        began.elapsed()
    );
}

/// A refusal has the right kind and a reason.
fn refused(e: &CallError) {
    assert!(e.text.len() > 10, "{e:?}");
}

fn same_call(call: &NeutralCall<'_>, again: &NeutralCall<'_>) {
    let facts = |call: &NeutralCall<'_>| {
        let version = match &*call.version {
            "" | "0.0.0" | "*" | "1.0" => "",
            version => version,
        };
        [
            &*call.service,
            version,
            &*call.group,
            &*call.method,
            &*call.application,
        ]
        .map(str::to_owned)
    };
    assert_eq!(facts(call), facts(again));
    assert_eq!((&call.types[..], call.one_way), (&again.types[..], again.one_way));
    if !call.one_way {
        let most = i32::MAX as u32;
        assert_eq!(call.timeout_ms.min(most), again.timeout_ms.min(most));
    }
    for (name, of) in [
        ("traceparent", call.trace.traceparent == again.trace.traceparent),
        ("tracestate", call.trace.tracestate == again.trace.tracestate),
        (
            "trace id",
            call.trace.sofa_trace_id.is_empty() || call.trace.sofa_trace_id == again.trace.sofa_trace_id,
        ),
    ] {
        assert!(of, "the {name} changed: {:?} {:?}", call.trace, again.trace);
    }
    assert_eq!(users(&call.attachments), users(&again.attachments));
    same_values(&call.args, &again.args);
}

/// The attachments of users, without those that a protocol uses itself.
fn users<T: AsRef<str>>(pairs: &[(T, T)]) -> BTreeMap<&str, &str> {
    pairs
        .iter()
        .map(|(k, v)| (k.as_ref(), v.as_ref()))
        .filter(|(k, _)| k.starts_with("x-"))
        .collect()
}

fn same_values(values: &Values<'_>, again: &Values<'_>) {
    let Some(tokens_of) = tokens(values) else { return };
    let tokens_of = tokens_of.unwrap_or_else(|e| panic!("written, but not read: {e}"));
    match tokens(again) {
        None => {}
        Some(Ok(again)) => {
            let (values, again) = (comparable(tokens_of), comparable(again));
            assert!(values == again, "\n{values}\n{again}");
        }
        // A class that means something else in the other library, and has no value there.
        Some(Err(e)) => {
            assert_eq!(
                e.kind,
                rialto_values::ErrorKind::Unsupported,
                "{e}\n{tokens_of:?}"
            );
        }
    }
}

fn respond<C: Codec>(msg: &Message<'_>, choice: u8) {
    let rules = Bridge::default();
    let mut outcome = match msg.meta.reader.outcome(msg) {
        Ok(outcome) => outcome,
        Err(e) => return refused(&e),
    };
    rules.on_response(&mut outcome);
    let downstream = downstream(C::PROTO, choice);
    let to = RespondTo {
        id: ID,
        hint: downstream.hint,
    };
    let mut out = vec![];
    let began = Instant::now();
    let said = codec::<C>(Role::Server, 0).outcome(&mut out, to, &outcome);
    in_proportion(msg, &out, began);
    match said {
        Ok(()) => {
            let msg = written::<C>(&out, Kind::Response, ID);
            let again = msg.meta.reader.outcome(&msg);
            // JSONB leaves some values to the reader's classes, and generic consumers have none.
            let is_told = !downstream.is_generic && (C::PROTO != DUBBO || downstream.hint & 0x1f == 2);
            if is_told {
                same_outcome(&outcome, again);
            }
        }
        Err(e) => {
            assert_eq!(e.kind, ErrorKind::BadResponse, "{e:?}");
            refused(&e);
        }
    }
}

fn same_outcome(outcome: &NeutralResponse<'_>, again: Result<NeutralResponse<'_>, CallError>) {
    let again = again.unwrap_or_else(|e| panic!("what was written cannot be read: {e}\n{outcome:?}"));
    match (&outcome.reply, &again.reply) {
        (ReturnValue::Null, ReturnValue::Null) => {}
        (ReturnValue::Value(values), ReturnValue::Value(again)) => same_values(values, again),
        // A null after a class definition.
        (ReturnValue::Value(values), ReturnValue::Null) => {
            assert_eq!(tokens(values), Some(Ok(vec![OwnedToken::Null])));
        }
        (ReturnValue::Exception(thrown), ReturnValue::Exception(again)) => {
            assert_eq!((&thrown.class, &thrown.message), (&again.class, &again.message));
        }
        // SOFARPC does not distinguish an exception that was returned from one that was thrown.
        (ReturnValue::Value(values), ReturnValue::Exception(again)) => {
            let tokens = tokens(values);
            let Some(Ok([OwnedToken::Object(class), ..])) = tokens.as_ref().map(|t| t.as_deref()) else {
                panic!("{tokens:?} became an exception");
            };
            assert_eq!(
                (class.name(), class.field("detailMessage").is_some()),
                (&*again.class, true)
            );
        }
        // Dubbo2 marks a thrown exception, SOFARPC's readers recognize it by its fields.
        (ReturnValue::Exception(thrown), ReturnValue::Value(_)) => {
            assert!(
                thrown.object.is_some() && thrown.message.is_none(),
                "{thrown:?} was thrown"
            );
        }
        (reply, again) => panic!("{reply:?} became {again:?}"),
    }
}
