//! Both ends of a call on blocking sockets, over the real codecs: what a downstream sends and gets, and what a provider
//! gets and sends, in the neutral words of [`Request`] and [`Reply`].
use super::values::{to_json, values};
use rialto_core::bridge::Bridge;
use rialto_core::buf::OutBuf;
use rialto_core::call::{
    Attachments, Exception, NeutralCall, NeutralResponse, ReturnValue as Neutral, Values,
};
use rialto_core::framed::{Codec, Framed};
use rialto_core::message::Message;
use rialto_core::session::{Event, RespondTo, Response as Sent, Role, Session, Settings, Step};
use rialto_core::slots::CallKey;
use rialto_core::{CallError, ErrorKind};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::io::{self, Read, Write};

/// A call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// Interface name.
    pub service: String,
    /// Service version, empty if none.
    pub version: String,
    /// Dubbo group or SOFARPC uniqueId, empty if none.
    pub group: String,
    /// Method name.
    pub method: String,
    /// Parameter types as `java.lang.Class.getName()` spells them.
    pub types: Vec<String>,
    /// Arguments, one for each type.
    pub args: Vec<Json>,
    /// Attachments (SOFARPC: baggage).
    pub attachments: Vec<(String, String)>,
    /// The downstream's timeout in milliseconds, 0 if it has none.
    pub timeout_ms: u32,
    /// The calling application, empty if unknown.
    pub application: String,
    /// Nobody waits for an answer.
    pub one_way: bool,
}

/// What a method returned or threw.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// `void` or `null`.
    Null,
    /// A value.
    Value(Json),
    /// A business exception.
    Thrown {
        /// Its class.
        class: String,
        /// Its message.
        message: String,
    },
}

/// A provider's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// What came of the call.
    pub answer: Result<Answer, CallError>,
    /// Response attachments.
    pub attachments: Vec<(String, String)>,
}

/// One end of a connection.
pub struct Wire<C, S> {
    stream: S,
    session: Framed<C>,
    input: Vec<u8>,
    out: OutBuf,
}

impl Request {
    /// A call of a method without arguments.
    #[must_use]
    pub fn new(service: &str, version: &str, method: &str) -> Self {
        let (service, version, method) = (service.into(), version.into(), method.into());
        Request {
            service,
            version,
            method,
            ..Request::default()
        }
    }

    /// Adds an argument of this type.
    #[must_use]
    pub fn arg(mut self, class: &str, value: impl Into<Json>) -> Self {
        self.types.push(class.into());
        self.args.push(value.into());
        self
    }

    /// Adds an attachment.
    #[must_use]
    pub fn attach(mut self, key: &str, value: &str) -> Self {
        self.attachments.push((key.into(), value.into()));
        self
    }

    /// Sets the downstream's timeout.
    #[must_use]
    pub fn within(mut self, timeout_ms: u32) -> Self {
        self.timeout_ms = timeout_ms;
        self
    }

    /// Appends the call to `out` as a request under an id.
    ///
    /// # Errors
    /// It has no form in the protocol.
    pub fn encode<C: Codec>(&self, codec: &mut C, id: u64, out: &mut Vec<u8>) -> Result<(), CallError> {
        let args = Json::from(self.args.clone()).to_string();
        let call = NeutralCall {
            service: Cow::Borrowed(&self.service),
            version: Cow::Borrowed(&self.version),
            group: Cow::Borrowed(&self.group),
            method: Cow::Borrowed(&self.method),
            types: self.types.iter().map(|t| Cow::Borrowed(t.as_str())).collect(),
            args: values(&args, self.args.len()),
            attachments: borrowed(&self.attachments),
            timeout_ms: self.timeout_ms,
            application: Cow::Borrowed(&self.application),
            one_way: self.one_way,
            ..NeutralCall::default()
        };
        codec.request(out, id, &call)
    }

    /// Reads a received request, and how it is to be answered.
    ///
    /// # Errors
    /// Why it cannot be read; there is somebody to tell even then.
    pub fn decode(id: u64, msg: &Message<'_>) -> (RespondTo, Result<Request, CallError>) {
        let head = msg.head();
        let hint = head.as_ref().map_or(msg.meta.hint, |h| h.hint);
        let read = || {
            let head = head?;
            let call = msg.meta.dialect.call(msg)?;
            let args =
                to_json(&call.args).map_err(|e| CallError::new(ErrorKind::BadRequest, e.to_string()))?;
            Ok(Request {
                service: call.service.into(),
                version: call.version.into(),
                group: call.group.into(),
                method: call.method.into(),
                types: call.types.into_iter().map(Into::into).collect(),
                args,
                attachments: owned(&call.attachments),
                timeout_ms: call.timeout_ms.max(head.timeout_ms),
                application: call.application.into(),
                one_way: call.one_way,
            })
        };
        (RespondTo { id, hint }, read())
    }

    /// The value of an attachment.
    #[must_use]
    pub fn attachment(&self, key: &str) -> Option<&str> {
        self.attachments
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, v)| v.as_str())
    }
}

impl Reply {
    /// A value, without attachments.
    #[must_use]
    pub fn value(value: impl Into<Json>) -> Self {
        Answer::Value(value.into()).into()
    }

    /// A business exception.
    #[must_use]
    pub fn thrown(class: &str, message: &str) -> Self {
        Answer::Thrown {
            class: class.into(),
            message: message.into(),
        }
        .into()
    }

    /// A failure of the provider's machinery.
    #[must_use]
    pub fn failed(kind: ErrorKind, text: impl Into<Cow<'static, str>>) -> Self {
        CallError::new(kind, text).into()
    }

    /// Appends the answer to `out`.
    pub fn encode<C: Codec>(&self, session: &mut Framed<C>, to: RespondTo, out: &mut OutBuf) {
        let text = match &self.answer {
            Ok(Answer::Value(v)) => Json::from(vec![v.clone()]).to_string(),
            _ => String::new(),
        };
        let reply = match &self.answer {
            Ok(Answer::Null) => Ok(Neutral::Null),
            Ok(Answer::Value(_)) => Ok(Neutral::Value(values(&text, 1))),
            Ok(Answer::Thrown { class, message }) => Ok(Neutral::Exception(Exception {
                class: Cow::Borrowed(class),
                message: Some(Cow::Borrowed(message)),
                object: None,
            })),
            Err(e) => Err(e.clone()),
        };
        let sent = match reply {
            Ok(reply) => Sent::NeutralResponse(Box::new(NeutralResponse {
                reply,
                attachments: borrowed(&self.attachments),
            })),
            Err(e) => Sent::Error(e),
        };
        // what has no form in the protocol is told as an error, and that is an answer too
        let _ = session.answer(out, to, &sent, &Bridge::default());
    }

    /// Reads a received answer.
    #[must_use]
    pub fn decode(msg: &Message<'_>) -> Reply {
        let unreadable = |e: &dyn std::fmt::Display| CallError::new(ErrorKind::BadResponse, e.to_string());
        let outcome = match msg.meta.dialect.outcome(msg) {
            Ok(outcome) => outcome,
            Err(e) => return e.into(),
        };
        let one = |v: &Values<'_>| match to_json(v).map(|mut all| all.pop()) {
            Ok(Some(value)) => Ok(Answer::Value(value)),
            Ok(None) => Err(unreadable(&"the answer has no value")),
            Err(e) => Err(unreadable(&e)),
        };
        let answer = match &outcome.reply {
            Neutral::Null => Ok(Answer::Null),
            Neutral::Value(v) => one(v),
            Neutral::Exception(e) => Ok(Answer::Thrown {
                class: e.class.to_string(),
                message: e.message.as_deref().unwrap_or_default().to_owned(),
            }),
        };
        Reply {
            answer,
            attachments: owned(&outcome.attachments),
        }
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Reply {
            answer: Ok(answer),
            attachments: vec![],
        }
    }
}

impl From<CallError> for Reply {
    fn from(e: CallError) -> Self {
        Reply {
            answer: Err(e),
            attachments: vec![],
        }
    }
}

fn borrowed(all: &[(String, String)]) -> Attachments<'_> {
    all.iter()
        .map(|(k, v)| (Cow::Borrowed(k.as_str()), Cow::Borrowed(v.as_str())))
        .collect()
}

fn owned(all: &Attachments<'_>) -> Vec<(String, String)> {
    all.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
}

impl<C: Codec, S: Read + Write> Wire<C, S> {
    /// An end of a connection in a role.
    pub fn new(stream: S, role: Role) -> Self {
        let settings = Settings {
            max_message: 64 << 20,
            max_sent: Some(64 << 20),
            ..Settings::default()
        };
        Wire {
            stream,
            session: Framed::new(role, &settings),
            input: vec![],
            out: OutBuf::default(),
        }
    }

    /// The socket.
    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The codec.
    pub fn codec(&mut self) -> &mut C {
        self.session.codec_mut()
    }

    /// Sends a request.
    ///
    /// # Errors
    /// It has no form in the protocol, or the connection is gone.
    pub fn send(&mut self, id: u64, request: &Request) -> io::Result<()> {
        let mut bytes = vec![];
        request
            .encode(self.codec(), id, &mut bytes)
            .map_err(io::Error::other)?;
        self.stream.write_all(&bytes)
    }

    /// Waits for the next answer to any request; everything else on the way is dealt with.
    ///
    /// # Errors
    /// The connection ended, or its read timeout passed.
    pub fn receive(&mut self) -> io::Result<(CallKey, Reply)> {
        self.next(|event| match event {
            Event::Response {
                call,
                answer: Sent::Message(msg),
            } => Some((call, Reply::decode(&msg))),
            Event::Response {
                call,
                answer: Sent::Error(e),
            } => Some((call, e.into())),
            _ => None,
        })
    }

    /// Sends a request and waits for its answer; answers to others are dropped. There is none for one-way calls.
    ///
    /// # Errors
    /// As [`Wire::send`] and [`Wire::receive`].
    pub fn call(&mut self, id: u32, request: &Request) -> io::Result<Option<Reply>> {
        self.send(id.into(), request)?;
        if request.one_way {
            return Ok(None);
        }
        loop {
            let (call, reply) = self.receive()?;
            if call.bits() == id {
                return Ok(Some(reply));
            }
        }
    }

    /// Hands events to `on` until it has what it wants. What the session itself has to say is sent at once.
    ///
    /// # Errors
    /// The connection ended, or the peer sent what no peer of the protocol sends.
    pub fn next<T>(&mut self, mut on: impl FnMut(Event<'_>) -> Option<T>) -> io::Result<T> {
        loop {
            let (used, more, found) = {
                let step = self.session.next(&self.input, &mut self.out);
                let Step { used, event } =
                    step.map_err(|f| io::Error::new(io::ErrorKind::InvalidData, f.0))?;
                match event {
                    Event::More(_) => (used, true, None),
                    event => (used, false, on(event)),
                }
            };
            self.input.drain(..used);
            self.stream.write_all(self.out.unsent())?;
            self.out.advance(self.out.len());
            if let Some(found) = found {
                return Ok(found);
            }
            if more {
                self.fill()?;
            }
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut bytes = [0; 16 << 10];
        match self.stream.read(&mut bytes) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                self.input.extend_from_slice(&bytes[..n]);
                Ok(())
            }
            // a read with a time limit is interrupted when the process is stopped and goes on: the next one waits again
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(e) => Err(e),
        }
    }
}
