//! What an application sends and what a provider returns, independent of the protocol. Values are JSON, so that tests can
//! write them down.
use crate::values::{to_json, values};
use rialto_core::bridge::Bridge;
use rialto_core::buf::OutBuf;
use rialto_core::call::{
    Attachments, Exception, NeutralCall, NeutralResponse, ReturnValue as Neutral, Values,
};
use rialto_core::framed::{Codec, Framed};
use rialto_core::message::Message;
use rialto_core::session::{RespondTo, Response as Sent, Session};
use rialto_core::{CallError, ErrorKind};
use serde_json::Value as Json;
use std::borrow::Cow;

/// A request of an application.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The Java interface.
    pub service: String,
    /// The version; empty if there is none.
    pub version: String,
    /// The Dubbo group or the SOFARPC uniqueId; empty if there is none.
    pub group: String,
    /// The method.
    pub method: String,
    /// The parameter types, spelled as by `java.lang.Class.getName()`.
    pub types: Vec<String>,
    /// The arguments, one for each type.
    pub args: Vec<Json>,
    /// The attachments, which SOFARPC calls baggage.
    pub attachments: Vec<(String, String)>,
    /// The timeout in milliseconds; 0 if there is none.
    pub timeout_ms: u32,
    /// The name of the application; empty if it is unknown.
    pub application: String,
    /// Whether there is no response.
    pub one_way: bool,
}

/// What a method has returned or thrown.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// `void` or `null`.
    Null,
    /// A value other than null.
    Value(Json),
    /// An exception of the service.
    Thrown {
        /// The class of the exception.
        class: String,
        /// The message of the exception.
        message: String,
    },
}

/// A provider's response.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The method's result, or the error of the provider or the proxy.
    pub answer: Result<Answer, CallError>,
    /// The attachments of the response.
    pub attachments: Vec<(String, String)>,
}

impl Request {
    /// A request without arguments.
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

    /// Adds a parameter type and its argument.
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

    /// Sets the timeout.
    #[must_use]
    pub fn within(mut self, timeout_ms: u32) -> Self {
        self.timeout_ms = timeout_ms;
        self
    }

    /// Encodes the request with this id, and appends it to `out`.
    ///
    /// # Errors
    /// The request cannot be encoded in the protocol.
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

    /// Decodes a received request. Also returns what is needed to respond to it, which is known even if it cannot be
    /// decoded.
    ///
    /// # Errors
    /// The reason why it cannot be decoded.
    pub fn decode(id: u64, msg: &Message<'_>) -> (RespondTo, Result<Request, CallError>) {
        let head = msg.head();
        let hint = head.as_ref().map_or(msg.meta.hint, |h| h.hint);
        let read = || {
            let head = head?;
            let call = msg.meta.reader.call(msg)?;
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
    /// A reply with a value and without attachments.
    #[must_use]
    pub fn value(value: impl Into<Json>) -> Self {
        Answer::Value(value.into()).into()
    }

    /// A reply with an exception of the service.
    #[must_use]
    pub fn thrown(class: &str, message: &str) -> Self {
        Answer::Thrown {
            class: class.into(),
            message: message.into(),
        }
        .into()
    }

    /// An error of the provider's framework.
    #[must_use]
    pub fn failed(kind: ErrorKind, text: impl Into<Cow<'static, str>>) -> Self {
        CallError::new(kind, text).into()
    }

    /// Encodes the reply and appends it to `out`.
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
        // if the reply cannot be encoded, the session writes an error in its place, which is a response, too
        let _ = session.respond(out, to, &sent, &Bridge::default());
    }

    /// Decodes a received response.
    #[must_use]
    pub fn decode(msg: &Message<'_>) -> Reply {
        let unreadable = |e: &dyn std::fmt::Display| CallError::new(ErrorKind::BadResponse, e.to_string());
        let outcome = match msg.meta.reader.outcome(msg) {
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
