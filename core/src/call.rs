//! The neutral call, through which all protocols are translated. Each protocol has a translation to and from
//! these types, and no pair of protocols has code of its own.
use crate::message::Edits;
use crate::value_rules::{Dated, ValueRules};
use rialto_values::{Limits, Sink, ValueError};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::fmt;

/// The name and value of an attachment.
pub type Attachment<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Attachments in the order of their arrival.
pub type Attachments<'a> = SmallVec<[Attachment<'a>; 8]>;

/// A request independent of its protocol. It borrows from the received bytes where possible.
#[derive(Clone, Debug, Default)]
pub struct NeutralCall<'a> {
    /// The interface name.
    pub service: Cow<'a, str>,
    /// The service version; empty if there is none.
    pub version: Cow<'a, str>,
    /// The group (SOFARPC: the unique id); empty if there is none.
    pub group: Cow<'a, str>,
    /// The method name.
    pub method: Cow<'a, str>,
    /// The parameter types as `java.lang.Class.getName()` spells them, one for each argument.
    pub types: SmallVec<[Cow<'a, str>; 4]>,
    /// The arguments.
    pub args: Values<'a>,
    /// Attachments, without those that have a field of their own here.
    pub attachments: Attachments<'a>,
    /// The number of attachments at the end of the list that routes and filters have set. They are sent under
    /// any name; the downstream's own are not sent under names that the other protocol reserves.
    pub set: u32,
    /// The time left of the downstream's timeout in milliseconds; 0 for none.
    pub timeout_ms: u32,
    /// The name of the calling application; empty if unknown.
    pub application: Cow<'a, str>,
    /// The trace context.
    pub trace: Trace<'a>,
    /// The call expects no response.
    pub one_way: bool,
}

/// The trace context in the forms of both W3C and SOFATracer. Unknown fields are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace<'a> {
    /// The W3C `traceparent`.
    pub traceparent: Cow<'a, str>,
    /// The W3C `tracestate`.
    pub tracestate: Cow<'a, str>,
    /// SOFATracer's trace id.
    pub sofa_trace_id: Cow<'a, str>,
    /// SOFATracer's span id: `0`, `0.1`, `0.1.2` ...
    pub sofa_rpc_id: Cow<'a, str>,
    /// SOFATracer's sampling decision, as received.
    pub sofa_sampled: Cow<'a, str>,
}

/// A response of the service, independent of its protocol.
#[derive(Clone, Debug, Default)]
pub struct NeutralResponse<'a> {
    /// What the method returned or threw.
    pub reply: ReturnValue<'a>,
    /// The attachments of the response.
    pub attachments: Attachments<'a>,
}

/// What a method returned or threw.
#[derive(Clone, Debug, Default)]
pub enum ReturnValue<'a> {
    /// `void` or `null`.
    #[default]
    Null,
    /// A value.
    Value(Values<'a>),
    /// A business exception.
    Exception(Exception<'a>),
}

/// A Throwable that the service threw.
#[derive(Clone, Debug)]
pub struct Exception<'a> {
    /// Its class name.
    pub class: Cow<'a, str>,
    /// Its message.
    pub message: Option<Cow<'a, str>>,
    /// The object itself; `None` if only class and message are to be sent.
    pub object: Option<Values<'a>>,
}

impl Exception<'_> {
    /// The exception with class and message only, for protocols in which the object has no form. `None` if it
    /// has no object.
    #[must_use]
    pub fn bare(&self) -> Option<Self> {
        self.object.is_some().then(|| Exception {
            object: None,
            ..self.clone()
        })
    }
}

/// Consecutive values in a received stream, with the reader of their serialization.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    /// The reader of their serialization.
    pub source: &'static dyn ValueSource,
    /// The whole stream, since references may point to earlier values.
    pub stream: &'a [u8],
    /// The position of the first value in the stream.
    pub at: u32,
    /// The number of values.
    pub count: u32,
    /// What only the source interprets (grammar, library, wrapping).
    pub tag: u32,
    /// The route's rules for values; `None` for the default rules.
    pub rules: Option<&'a ValueRules>,
}

/// Reads the values of one serialization.
pub trait ValueSource: Sync {
    /// Passes the values to the sink one after the other, as one stream of tokens.
    ///
    /// # Errors
    /// The bytes are malformed, or the sink refuses them.
    fn emit(&self, values: &Values<'_>, sink: &mut dyn Sink) -> Result<(), ValueError>;

    /// Whether the first value is an exception. Protocols that do not distinguish returned from thrown objects
    /// ask this about each result, so it must be cheap.
    fn is_throwable(&self, values: &Values<'_>) -> bool {
        let _ = values;
        false
    }
}

/// The source of empty lists of values.
pub struct NoValues;

impl ValueSource for NoValues {
    fn emit(&self, _: &Values<'_>, _: &mut dyn Sink) -> Result<(), ValueError> {
        Ok(())
    }
}

impl<'a> Values<'a> {
    /// Passes the values to `sink`, with the route's rules applied.
    ///
    /// # Errors
    /// As for [`ValueSource::emit`].
    pub fn emit(&self, sink: &mut dyn Sink) -> Result<(), ValueError> {
        match self.rules {
            Some(rules) if !rules.dates.is_empty() => {
                self.source.emit(self, &mut Dated::new(sink, &rules.dates))
            }
            _ => self.source.emit(self, sink),
        }
    }

    /// The bounds for reading the values.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let usual = Limits::default();
        Limits {
            depth: self.rules.map_or(usual.depth, |rules| rules.depth),
            ..usual
        }
    }

    /// Whether the first value is an exception, see [`ValueSource::is_throwable`].
    #[must_use]
    pub fn is_throwable(&self) -> bool {
        self.source.is_throwable(self)
    }
}

/// A translated message may be this many times as long as its source, plus a constant. Names that one
/// serialization numbers are spelled out in another, which makes lists of small objects up to thirty times as
/// long.
const GROWTH: usize = 32;
/// The constant, in bytes: definitions, attachments and the like, which any message may need.
const GROWTH_FREE: usize = 256 << 10;

/// The largest length of a message translated from this number of bytes.
#[must_use]
pub const fn room_for(received: usize) -> usize {
    received.saturating_mul(GROWTH).saturating_add(GROWTH_FREE)
}

impl Values<'_> {
    /// The largest length that these values may have in another serialization, in bytes.
    #[must_use]
    pub fn room(&self) -> usize {
        room_for(self.stream.len())
    }
}

impl ReturnValue<'_> {
    /// The largest length that it may have in another serialization, in bytes.
    #[must_use]
    pub fn room(&self) -> usize {
        match self {
            ReturnValue::Null => room_for(0),
            ReturnValue::Value(values) => values.room(),
            ReturnValue::Exception(thrown) => {
                let stream = thrown.object.as_ref().map_or(0, |object| object.stream.len());
                let message = thrown.message.as_ref().map_or(0, |message| message.len());
                room_for(stream.max(message))
            }
        }
    }
}

impl Default for Values<'_> {
    fn default() -> Self {
        Values {
            source: &NoValues,
            stream: &[],
            at: 0,
            count: 0,
            tag: 0,
            rules: None,
        }
    }
}

impl fmt::Debug for Values<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} values at {} of {} bytes",
            self.count,
            self.at,
            self.stream.len()
        )
    }
}

impl NeutralCall<'_> {
    /// Makes the changes of routes and filters.
    pub fn apply(&mut self, edits: &Edits) {
        let put = |to: &mut Cow<'_, str>, from: &Option<Box<str>>| {
            if let Some(v) = from {
                *to = Cow::Owned(v.to_string());
            }
        };
        put(&mut self.service, &edits.service);
        put(&mut self.version, &edits.version);
        put(&mut self.group, &edits.group);
        put(&mut self.method, &edits.method);
        if let Some(ms) = edits.timeout_ms {
            self.timeout_ms = ms;
        }
        self.attachments.retain(|(k, _)| edits.attachment(k).is_none());
        for k in &edits.remove {
            if let Some(fact) = self.trace.fact(k) {
                *fact = Cow::Borrowed("");
            }
        }
        for (k, v) in &edits.set {
            let v = Cow::Owned(v.to_string());
            if let Some(fact) = self.trace.fact(k) {
                *fact = v;
                continue;
            }
            self.attachments.push((Cow::Owned(k.to_string()), v));
            self.set += 1;
        }
    }

    /// The attachments that came with the call, and those that routes and filters have set.
    #[must_use]
    pub fn attachments_by_origin(&self) -> (&[Attachment<'_>], &[Attachment<'_>]) {
        let came = self.attachments.len().saturating_sub(self.set as usize);
        self.attachments.split_at(came)
    }
}

impl<'a> Trace<'a> {
    /// The field that an attachment of this name stands for; `None` if it is an ordinary attachment.
    pub fn fact(&mut self, name: &str) -> Option<&mut Cow<'a, str>> {
        Some(match name {
            "traceparent" => &mut self.traceparent,
            "tracestate" => &mut self.tracestate,
            "rpc_trace_context.sofaTraceId" => &mut self.sofa_trace_id,
            "rpc_trace_context.sofaRpcId" => &mut self.sofa_rpc_id,
            "rpc_trace_context.samp" => &mut self.sofa_sampled,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_attachments_are_separate_and_trace_attachments_change_the_trace() {
        let mut call = NeutralCall {
            attachments: [("k", "theirs"), ("tag", "old")]
                .map(|(k, v)| (k.into(), v.into()))
                .into_iter()
                .collect(),
            ..NeutralCall::default()
        };
        call.trace.sofa_rpc_id = "0.1".into();
        let mut edits = Edits::default();
        edits.set("tag", "new");
        edits.set("traceparent", "00-1-2-03");
        edits.remove("rpc_trace_context.sofaRpcId");
        call.apply(&edits);
        let (came, set) = call.attachments_by_origin();
        assert_eq!(came, [("k".into(), "theirs".into())]);
        assert_eq!(set, [("tag".into(), "new".into())]);
        assert_eq!(
            (&*call.trace.traceparent, &*call.trace.sofa_rpc_id),
            ("00-1-2-03", "")
        );
    }
}
