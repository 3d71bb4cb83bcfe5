//! Downstreams and hosts: the product's own codecs in the opposite role, driven by hand.
use rialto_core::CallError;
use rialto_core::call::{NeutralCall, NeutralResponse, ReturnValue, ValueSource, Values};
use rialto_core::framed::{Codec, Framed};
use rialto_core::message::Message;
use rialto_core::session::{Event, RespondTo, Response, Role, Session, Settings};
use rialto_core::values::{OwnedToken, Recorder, Sink, Text, Token, ValueError};
use rialto_protocols::bolt::Bolt;
use rialto_protocols::dubbo::Dubbo;
use std::borrow::Cow;

/// A peer of either protocol, with the bytes it has not understood yet.
pub struct Peer {
    codec: Any,
    input: Vec<u8>,
}

enum Any {
    Bolt(Framed<Bolt>),
    Dubbo(Framed<Dubbo>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proto {
    Bolt,
    Dubbo,
}

/// What a peer found.
pub enum Found {
    Request {
        to: RespondTo,
        text: Vec<u8>,
        one_way: bool,
    },
    Response {
        id: u32,
        result: Result<Vec<u8>, CallError>,
    },
}

/// One string, taken from the stream as it is.
struct OneText;

impl ValueSource for OneText {
    fn emit(&self, v: &Values<'_>, sink: &mut dyn Sink) -> Result<(), ValueError> {
        sink.token(Token::Text(Text::from_cesu8(v.stream).expect("ascii")))
    }
}

pub fn one_text(bytes: &[u8]) -> Values<'_> {
    Values {
        source: &OneText,
        stream: bytes,
        at: 0,
        count: 1,
        tag: 0,
        rules: None,
    }
}

pub fn text_of(values: &Values<'_>) -> Vec<u8> {
    let mut seen = Recorder::default();
    values.emit(&mut seen).expect("readable");
    match seen.tokens.as_slice() {
        [OwnedToken::Text(text)] => text.clone(),
        other => panic!("not one string: {other:?}"),
    }
}

macro_rules! each {
    ($any:expr, $f:ident => $call:expr) => {
        match $any {
            Any::Bolt($f) => $call,
            Any::Dubbo($f) => $call,
        }
    };
}

impl Peer {
    pub fn new(proto: Proto, role: Role) -> Self {
        let settings = Settings::default();
        let codec = match proto {
            Proto::Bolt => Any::Bolt(Framed::new(role, &settings)),
            Proto::Dubbo => Any::Dubbo(Framed::new(role, &settings)),
        };
        Peer { codec, input: vec![] }
    }

    pub fn request(
        &mut self,
        id: u32,
        service: &str,
        text: &[u8],
        timeout_ms: u32,
        one_way: bool,
    ) -> Vec<u8> {
        self.request_by("", id, service, text, timeout_ms, one_way)
    }

    /// A request of an application of this name.
    pub fn request_by(
        &mut self,
        application: &str,
        id: u32,
        service: &str,
        text: &[u8],
        timeout_ms: u32,
        one_way: bool,
    ) -> Vec<u8> {
        let call = NeutralCall {
            application: Cow::Borrowed(application),
            service: Cow::Borrowed(service),
            version: Cow::Borrowed("1.0"),
            method: Cow::Borrowed("echo"),
            types: [Cow::Borrowed("java.lang.String")].into_iter().collect(),
            args: one_text(text),
            timeout_ms,
            one_way,
            ..NeutralCall::default()
        };
        let mut out = vec![];
        each!(&mut self.codec, f => f.codec_mut().request(&mut out, id.into(), &call)).expect("can be said");
        out
    }

    pub fn outcome(&mut self, to: RespondTo, text: &[u8]) -> Vec<u8> {
        let outcome = NeutralResponse {
            reply: ReturnValue::Value(one_text(text)),
            attachments: Default::default(),
        };
        let mut out = vec![];
        each!(&mut self.codec, f => f.codec_mut().outcome(&mut out, to, &outcome)).expect("can be said");
        out
    }

    /// Responds that there is no result.
    pub fn refuse(&mut self, to: RespondTo, error: &CallError) -> Vec<u8> {
        let mut out = vec![];
        each!(&mut self.codec, f => f.codec_mut().error(&mut out, to, error));
        out
    }

    /// Tells downstreams that this host goes away.
    pub fn goodbye(&mut self) -> Vec<u8> {
        let mut out = vec![];
        each!(&mut self.codec, f => f.codec_mut().drain(&mut out));
        out
    }

    /// Asks for a sign of life.
    pub fn heartbeat(&mut self) -> Vec<u8> {
        let mut out = vec![];
        each!(&mut self.codec, f => f.codec_mut().heartbeat(&mut out));
        out
    }

    /// Takes bytes; returns what they complete, and what must be sent back at once.
    pub fn take(&mut self, bytes: &[u8]) -> (Vec<Found>, Vec<u8>) {
        self.input.extend_from_slice(bytes);
        let input = std::mem::take(&mut self.input);
        let (mut at, mut found) = (0, vec![]);
        let mut out = rialto_core::buf::OutBuf::default();
        loop {
            let mut scratch = vec![];
            let step = each!(&mut self.codec, f => f.next(&input[at..], &mut scratch, &mut out))
                .expect("the proxy talks sense");
            at += step.used;
            match step.event {
                Event::More(_) => break,
                Event::Request { id, msg } => found.push(called(id, &msg)),
                Event::Response {
                    call,
                    response: Response::Message(msg),
                } => {
                    let result = msg.meta.reader.outcome(&msg).map(|o| match o.reply {
                        ReturnValue::Value(v) => text_of(&v),
                        other => panic!("not a value: {other:?}"),
                    });
                    found.push(Found::Response {
                        id: call.bits(),
                        result,
                    });
                }
                Event::Handled | Event::Drain(_) | Event::Undrain => {}
                _ => panic!("the proxy sent something unexpected"),
            }
        }
        self.input = input[at..].to_vec();
        (found, out.unsent().to_vec())
    }
}

fn called(id: u64, msg: &Message<'_>) -> Found {
    let call = msg
        .meta
        .reader
        .call(msg)
        .expect("the proxy's requests can be read");
    let text = text_of(&call.args);
    let head = msg.head().expect("readable");
    Found::Request {
        to: RespondTo { id, hint: head.hint },
        text,
        one_way: msg.meta.one_way,
    }
}
