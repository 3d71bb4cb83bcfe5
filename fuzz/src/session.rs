//! Sessions: any bytes in pieces of any sizes. The first byte of the input chooses role, variant and limit,
//! the next three the sizes of the pieces, one the consumer that responses are for; the rest is what the peer
//! sends.
use crate::frame::{decode, written};
use crate::stock::{Downstream, downstream};
use crate::values::tokens;
use rialto_core::bridge::Bridge;
use rialto_core::buf::OutBuf;
use rialto_core::call::{NeutralCall, Values};
use rialto_core::framed::{Codec, Framed, Kind};
use rialto_core::message::{Head, Message, Status};
use rialto_core::session::{Dispatch, Event, RespondTo, Response, Role, Session, Settings};
use rialto_core::slots::CallKey;
use rialto_core::{CallError, ErrorKind};
use rialto_protocols::bolt::Bolt;
use rialto_protocols::dubbo::Dubbo;
use std::fmt::Debug;

const KEYS: [&str; 6] = [
    "k1",
    "plain",
    "group",
    "timeout",
    "service",
    "rpc_trace_context.sofaTraceId",
];
/// A limit small enough that inputs exceed it.
const SMALL: usize = 300;
/// What a frame may take besides its content: Bolt's class and header, which have lengths of two bytes, and the
/// fixed fields.
const AROUND: usize = 2 * 65_535 + 100;

/// Fuzzes Bolt sessions, see [`run`].
pub fn bolt(data: &[u8]) {
    run::<Bolt>(data);
}

/// Fuzzes Dubbo2 sessions, see [`run`].
pub fn dubbo(data: &[u8]) {
    run::<Dubbo>(data);
}

struct Choice {
    role: Role,
    settings: Settings,
    downstream: Downstream,
}

/// The bytes of a peer give the same events however they are split, and every message can be read and
/// forwarded, or is refused.
fn run<C: Codec>(data: &[u8]) {
    let Some((&[choice, a, b, c, downstream_choice], stream)) = data.split_first_chunk() else {
        return;
    };
    let choice = Choice {
        role: if choice & 1 == 0 {
            Role::Server
        } else {
            Role::Client
        },
        settings: Settings {
            max_message: if choice & 2 == 0 { 8 << 20 } else { SMALL },
            max_sent: None,
            variant: u32::from(choice >> 2) % 3,
        },
        downstream: downstream(C::PROTO, downstream_choice),
    };
    let pieces = [a, b, c].map(|n| usize::from(n) + 1);
    let whole = listen::<C>(stream, &[stream.len().max(1)], &choice);
    let dribbled = listen::<C>(stream, &pieces, &choice);
    assert_eq!(whole, dribbled, "cut into pieces of {pieces:?} bytes");
}

/// What a session made of its input.
#[derive(PartialEq, Debug)]
struct Heard {
    /// The events with the positions where they began.
    events: Vec<(usize, String)>,
    /// The position at the end, unless the session ended with an error.
    at: Option<usize>,
    /// The bytes that were sent back at once.
    out: Vec<u8>,
}

/// Gives a session its input in pieces, as a worker does.
fn listen<C: Codec>(stream: &[u8], pieces: &[usize], choice: &Choice) -> Heard {
    let mut session = Framed::<C>::new(choice.role, &choice.settings);
    let (mut out, mut events) = (OutBuf::default(), vec![]);
    let (mut tail, mut need, mut at) = (vec![], 0, 0);
    let (mut rest, mut pieces) = (stream, pieces.iter().cycle());
    while !rest.is_empty() {
        let size = pieces.next().map_or(rest.len(), |n| rest.len().min(*n));
        let (piece, after) = rest.split_at(size);
        rest = after;
        tail.extend_from_slice(piece);
        if tail.len() < need {
            continue;
        }
        let Ok((used, more)) = pull(&mut session, &tail, &mut out, choice, |used, event| {
            events.push((at + used, event));
        }) else {
            return Heard {
                events,
                at: None,
                out: out.unsent().to_vec(),
            };
        };
        assert!(
            more <= choice.settings.max_message + AROUND,
            "asks for {more} bytes"
        );
        tail.drain(..used);
        (at, need) = (at + used, more);
    }
    Heard {
        events,
        at: Some(at),
        out: out.unsent().to_vec(),
    }
}

/// Takes events until there are no more. Returns how many bytes they took, and how many the next one needs.
fn pull<C: Codec>(
    session: &mut Framed<C>,
    input: &[u8],
    out: &mut OutBuf,
    choice: &Choice,
    mut seen: impl FnMut(usize, String),
) -> Result<(usize, usize), ()> {
    let (mut used, mut idle) = (0, 0);
    loop {
        let rest = &input[used..];
        let mut scratch = vec![];
        let step = match session.next(rest, &mut scratch, out) {
            Ok(step) => step,
            Err(fault) => {
                seen(used, format!("{fault:?}"));
                return Err(());
            }
        };
        assert!(
            step.used <= rest.len(),
            "took {} of {} bytes",
            step.used,
            rest.len()
        );
        idle = if step.used == 0 { idle + 1 } else { 0 };
        assert!(idle < 3, "no progress");
        match step.event {
            Event::More(need) => {
                assert!(
                    step.used == 0 && (need == 0 || need > rest.len()),
                    "{need} of {}",
                    rest.len()
                );
                return Ok((used, need));
            }
            Event::Handled => {}
            event => seen(used, told::<C>(event, choice)),
        }
        used += step.used;
    }
}

/// Describes an event, and does everything that a worker might do with it.
fn told<C: Codec>(event: Event<'_>, choice: &Choice) -> String {
    match event {
        Event::Request { id, msg } => {
            format!("request {id} {:?} {}", facts(&msg), asked::<C>(id, &msg, choice))
        }
        Event::Response { call, response } => match response {
            Response::Message(msg) => {
                format!(
                    "answer {} {:?} {}",
                    call.bits(),
                    facts(&msg),
                    answered::<C>(&msg, choice)
                )
            }
            Response::NeutralResponse(outcome) => format!("answer {} {outcome:?}", call.bits()),
            Response::Error(e) => format!("answer {} {e:?}", call.bits()),
        },
        Event::Refused { reply, error } => {
            if let Some(to) = reply {
                refuse::<C>(to, &error);
            }
            format!("refused {reply:?} {error:?}")
        }
        Event::Drain(_) => "drain".to_owned(),
        Event::Undrain => "undrain".to_owned(),
        Event::Unexpected(text) => text.to_owned(),
        Event::More(_) | Event::Handled | Event::Detected(_) | Event::Stream(..) => {
            unreachable!("handled by the caller, or of protocols with streams")
        }
    }
}

fn facts(msg: &Message<'_>) -> impl Debug + PartialEq {
    let m = &msg.meta;
    (
        m.proto,
        m.hint,
        m.timeout_ms,
        m.status,
        m.one_way,
        msg.bytes.len(),
    )
}

/// Handles a request: its head, its attachments, its meaning, and its forwarding.
fn asked<C: Codec>(id: u64, msg: &Message<'_>, choice: &Choice) -> String {
    let reader = msg.meta.reader;
    let again = reader.view(msg.bytes).expect("a request is seen again");
    assert_eq!(facts(&again), facts(msg));
    let head = msg.head();
    let attachments = head
        .iter()
        .flat_map(|head| KEYS.map(|key| reader.attachment(msg, head, key)));
    let attachments: Vec<_> = attachments.collect();
    forward::<C>(msg, choice);
    let hint = head.as_ref().map_or(msg.meta.hint, |head| head.hint);
    refuse::<C>(
        RespondTo { id, hint },
        &CallError::new(ErrorKind::NoRoute, "no route"),
    );
    refuse::<C>(
        RespondTo { id, hint },
        &CallError::new(ErrorKind::Timeout, "too late"),
    );
    let call = reader.call(msg);
    if let (Ok(head), Ok(call)) = (&head, &call) {
        let texts = [&call.service, &call.version, &call.group, &call.method];
        assert_eq!(
            names(head),
            texts.map(|t| t.to_string()),
            "routed as one call, bridged as another"
        );
    }
    if let Ok(head) = &head {
        let mut known = NeutralCall::default();
        let read = reader.read_call(msg, Some(head), &mut known);
        let known = read.map(|()| known);
        assert_eq!(
            format!("{known:?}"),
            format!("{call:?}"),
            "its head changes a call"
        );
    }
    let args = call.as_ref().ok().map(|call| shown(&call.args));
    format!("{head:?} {attachments:x?} {call:?} {args:?}")
}

fn names(head: &Head<'_>) -> [String; 4] {
    [head.service, head.version, head.group, head.method].map(|n| String::from_utf8_lossy(n).into_owned())
}

fn shown(values: &Values<'_>) -> String {
    format!("{:?}", tokens(values))
}

/// Forwards a request as it is, or not at all.
fn forward<C: Codec>(msg: &Message<'_>, choice: &Choice) {
    let mut upstream = Framed::<C>::new(Role::Client, &choice.settings);
    let mut out = OutBuf::default();
    let bridge = Bridge::default();
    let head = msg.head().ok();
    let dispatch = Dispatch {
        edits: None,
        head: head.as_ref(),
        bridge: &bridge,
        deadline_ms: match msg.meta.timeout_ms {
            0 => u64::MAX,
            ms => ms.into(),
        },
        now_ms: 0,
    };
    let key = CallKey::from_bits(77);
    match upstream.request(&mut out, key, msg, &dispatch) {
        Ok(_) => {
            let sent = written::<C>(out.unsent(), Kind::Request, 77);
            let is_read = sent.meta.reader.call(&sent).is_ok();
            assert!(
                !is_read || upstream.forwards_as_is(&sent, None),
                "it does not take what it wrote"
            );
        }
        Err(e) => {
            assert!(
                out.is_empty() && !e.text.is_empty(),
                "half a request is left: {e}"
            );
        }
    }
}

/// Sends an error to a consumer.
fn refuse<C: Codec>(to: RespondTo, error: &CallError) {
    let mut out = OutBuf::default();
    let mut downstream = Framed::<C>::new(Role::Server, &Settings::default());
    let said = downstream.respond(&mut out, to, &Response::Error(error.clone()), &Bridge::default());
    assert_eq!(said.as_ref(), Err(error));
    let sent = written::<C>(out.unsent(), Kind::Response, to.id);
    assert!(
        downstream.forwards_as_is(&sent, Some(to)) || sent.meta.status != rialto_core::message::Status::Ok
    );
    let read = sent.meta.reader.outcome(&sent);
    assert!(read.is_err(), "an error became {read:?}");
}

/// Handles a response: its meaning, and its way back to a consumer of the same protocol.
fn answered<C: Codec>(msg: &Message<'_>, choice: &Choice) -> String {
    let reader = msg.meta.reader;
    let threw = msg.meta.status == Status::Exception;
    let outcome = reader.outcome(msg);
    let to = RespondTo {
        id: 9,
        hint: choice.downstream.hint,
    };
    let mut out = OutBuf::default();
    let mut downstream = Framed::<C>::new(Role::Server, &choice.settings);
    let takes = downstream.forwards_as_is(msg, Some(to));
    let said = downstream.respond(&mut out, to, &Response::Message(*msg), &Bridge::default());
    assert!(
        !takes || said.is_ok(),
        "what could be passed on is refused: {said:?}"
    );
    written::<C>(out.unsent(), Kind::Response, to.id);
    if takes {
        let mut same = msg.bytes.to_vec();
        C::set_id(&mut same, to.id);
        assert!(
            decode::<C>(&same).is_some() && out.unsent() == same,
            "what could be passed on was changed"
        );
    }
    let value = match outcome.as_ref().map(|o| &o.reply) {
        Ok(rialto_core::call::ReturnValue::Value(values)) => shown(values),
        Ok(rialto_core::call::ReturnValue::Exception(thrown)) => {
            format!("{:?}", thrown.object.as_ref().map(shown))
        }
        _ => String::new(),
    };
    format!("{threw} {outcome:?} {said:?} {value}")
}
