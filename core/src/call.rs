//! The neutral call: where all protocols meet. Each turns its messages into these types and back; a pair of
//! protocols is never coded as a pair.
use crate::message::Edits;
use crate::value_rules::{Dated, ValueRules};
use rialto_values::{Limits, Sink, ValueError};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::fmt;

/// An attachment: its name and its value.
pub type Attachment<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Attachments, in the order in which they came.
pub type Attachments<'a> = SmallVec<[Attachment<'a>; 8]>;

/// A request without its protocol. Borrows from the received bytes where it can.
#[derive(Clone, Debug, Default)]
pub struct NeutralCall<'a> {
    /// Interface name.
    pub service: Cow<'a, str>,
    /// Service version, empty if none.
    pub version: Cow<'a, str>,
    /// Group (SOFARPC: unique id), empty if none.
    pub group: Cow<'a, str>,
    /// Method name.
    pub method: Cow<'a, str>,
    /// Parameter types as `java.lang.Class.getName()` spells them, one for each argument.
    pub types: SmallVec<[Cow<'a, str>; 4]>,
    /// The arguments.
    pub args: Values<'a>,
    /// User attachments, without the facts that have a field of their own here.
    pub attachments: Attachments<'a>,
    /// How many of the attachments, the last ones, a route or filter has set: they go out under whatever name. The
    /// caller's do not if the other protocol has the name for itself.
    pub set: u32,
    /// What is left of the caller's timeout; 0 for none.
    pub timeout_ms: u32,
    /// Name of the calling application, empty if unknown.
    pub caller: Cow<'a, str>,
    /// Trace context.
    pub trace: Trace<'a>,
    /// Nobody waits for an answer.
    pub one_way: bool,
}

/// Trace context under the names of both worlds; empty where unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace<'a> {
    /// W3C `traceparent`.
    pub traceparent: Cow<'a, str>,
    /// W3C `tracestate`.
    pub tracestate: Cow<'a, str>,
    /// SOFATracer trace id.
    pub sofa_trace_id: Cow<'a, str>,
    /// SOFATracer span id: `0`, `0.1`, `0.1.2` ...
    pub sofa_rpc_id: Cow<'a, str>,
    /// SOFATracer sampling decision as sent.
    pub sofa_sampled: Cow<'a, str>,
}

/// An answer of the service without its protocol.
#[derive(Clone, Debug, Default)]
pub struct NeutralResponse<'a> {
    /// What the method returned or threw.
    pub reply: ReturnValue<'a>,
    /// Response attachments.
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
    /// Its class.
    pub class: Cow<'a, str>,
    /// Its message.
    pub message: Option<Cow<'a, str>>,
    /// The object itself; `None` when only class and message are to be sent.
    pub object: Option<Values<'a>>,
}

impl Exception<'_> {
    /// Only class and message, for when the object has no form in the caller's protocol: they still tell what was
    /// thrown. `None` if there is no more than that.
    #[must_use]
    pub fn bare(&self) -> Option<Self> {
        self.object.is_some().then(|| Exception {
            object: None,
            ..self.clone()
        })
    }
}

/// Consecutive values in a received stream: plain data, and who can read it.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    /// The serialization they are in.
    pub source: &'static dyn ValueSource,
    /// The stream that they are part of: references may point to anything before them.
    pub stream: &'a [u8],
    /// Where in it the first begins.
    pub at: u32,
    /// How many there are.
    pub count: u32,
    /// The source's own matter (dialect, library, way of unwrapping).
    pub tag: u32,
    /// What the route says about values; none are the usual rules.
    pub rules: Option<&'a ValueRules>,
}

/// Reads values of one serialization.
pub trait ValueSource: Sync {
    /// Emits the values, one after the other, as one token stream.
    ///
    /// # Errors
    /// What is wrong with the bytes, or what the sink refuses.
    fn emit(&self, values: &Values<'_>, sink: &mut dyn Sink) -> Result<(), ValueError>;

    /// Whether the first value is an exception. Asked for results, by protocols that cannot tell one that was returned
    /// from one that was thrown, so it must be cheap.
    fn is_throwable(&self, values: &Values<'_>) -> bool {
        let _ = values;
        false
    }
}

/// The source of no values.
pub struct NoValues;

impl ValueSource for NoValues {
    fn emit(&self, _: &Values<'_>, _: &mut dyn Sink) -> Result<(), ValueError> {
        Ok(())
    }
}

impl<'a> Values<'a> {
    /// Emits the values into `sink`.
    ///
    /// # Errors
    /// As [`ValueSource::emit`].
    pub fn emit(&self, sink: &mut dyn Sink) -> Result<(), ValueError> {
        match self.rules {
            Some(rules) if !rules.dates.is_empty() => {
                self.source.emit(self, &mut Dated::new(sink, &rules.dates))
            }
            _ => self.source.emit(self, sink),
        }
    }

    /// The bounds for reading them.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let usual = Limits::default();
        Limits {
            depth: self.rules.map_or(usual.depth, |rules| rules.depth),
            ..usual
        }
    }

    /// As [`ValueSource::is_throwable`].
    #[must_use]
    pub fn is_throwable(&self) -> bool {
        self.source.is_throwable(self)
    }
}

/// How long a message may get by being translated: so many times as long as what it is made of, and a bit. Names that
/// one serialization numbers are spelled out in another; lists of small objects grow thirtyfold by that.
const GROWTH: usize = 32;
/// Definitions, attachments and the like, which the other protocol may need for any message.
const GROWTH_FREE: usize = 256 << 10;

/// The most bytes that a message made of so many may have.
#[must_use]
pub const fn room_for(received: usize) -> usize {
    received.saturating_mul(GROWTH).saturating_add(GROWTH_FREE)
}

impl Values<'_> {
    /// The most bytes that these values may become in another serialization.
    #[must_use]
    pub fn room(&self) -> usize {
        room_for(self.stream.len())
    }
}

impl ReturnValue<'_> {
    /// The most bytes that it may become in another serialization.
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
    /// Applies what routes and filters changed.
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

    /// The attachments that came with the call, and those that were set on the way.
    #[must_use]
    pub fn attachments_by_origin(&self) -> (&[Attachment<'_>], &[Attachment<'_>]) {
        let came = self.attachments.len().saturating_sub(self.set as usize);
        self.attachments.split_at(came)
    }
}

impl<'a> Trace<'a> {
    /// The fact that attachments of this name stand for.
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
    fn what_was_set_is_told_from_what_came_and_trace_facts_stay_such() {
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
