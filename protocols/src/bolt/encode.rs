//! Requests, as stock consumers of the newest SOFARPC send them (wire section 1.5).
use super::frame::{Open, TooLong};
use super::hint::Framing;
use super::{HESSIAN, front, header, keys, unique_name};
use crate::scratch;
use rialto_core::call::Call;
use rialto_core::{CallError, ErrorKind};
use rialto_hessian::{Library, Writer};
use rialto_values::{Sink, Token, ValueError};
use smallvec::SmallVec;
use std::borrow::Cow;

/// The type of the list of parameter types.
const STRINGS: &str = "[string";

/// Protocol and type of a call among its properties.
const SYNC: &[u8] = b"\x08protocol\x04bolt\x04type\x04sync";
const ONE_WAY: &[u8] = b"\x08protocol\x04bolt\x04type\x06oneway";

/// A call as it is written: facts that stand in header and content.
struct Facts<'c> {
    unique: String,
    /// Behind `app`, `protocol` and `type`, which every call has.
    plain: SmallVec<[(&'c str, &'c str); 2]>,
    trace: SmallVec<[(&'c str, Cow<'c, str>); 8]>,
    baggage: SmallVec<[(&'c str, &'c str); 8]>,
}

/// Appends a request.
///
/// # Errors
/// [`ErrorKind::BadRequest`] for what has no form in SOFARPC.
pub(crate) fn request(
    out: &mut Vec<u8>,
    framing: Framing,
    library: Library,
    id: u64,
    call: &Call<'_>,
) -> Result<(), CallError> {
    let refused = |why: &dyn std::fmt::Display| {
        let text = format!(
            "the call of {}#{} has no form in SOFARPC: {why}",
            call.service, call.method
        );
        CallError::new(ErrorKind::BadRequest, text)
    };
    if call.service.is_empty() || call.method.is_empty() {
        return Err(refused(&"it names no service or no method"));
    }
    // It would reach another service than the one that was routed.
    if call.service.contains(':') || call.version.contains(':') {
        let why = format!(
            "a colon in its service or its version `{}` would end them there",
            call.version
        );
        return Err(refused(&why));
    }
    let facts = Facts::of(call);
    let open = Open::request(
        out,
        framing,
        id,
        HESSIAN,
        call.one_way,
        timeout(call),
        keys::REQUEST.as_bytes(),
    );
    let from = out.len();
    facts.put_header(out, call);
    open.end_header(out, from)
        .map_err(|e| refused(&e.of("headers")))?;
    let from = out.len();
    scratch::with_write_tables(|tables| {
        let mut w = Writer::new(out, library, tables);
        facts.put_content(&mut w, call)?;
        w.finish()
    })
    .map_err(|e| refused(&e))?;
    open.close(out, from).map_err(|e| refused(&e.of("arguments")))
}

/// The frame's timeout: none is -1, and one-way calls never carry one.
fn timeout(call: &Call<'_>) -> i32 {
    match call.timeout_ms {
        0 => -1,
        _ if call.one_way => -1,
        ms => i32::try_from(ms).unwrap_or(i32::MAX),
    }
}

impl<'c> Facts<'c> {
    fn of(call: &'c Call<'_>) -> Self {
        let mut facts = Facts {
            unique: unique_name::join(&call.service, &call.version, &call.group),
            plain: SmallVec::new(),
            trace: trace(call),
            baggage: SmallVec::new(),
        };
        for (key, value) in [
            (keys::TRACEPARENT, &call.trace.traceparent),
            (keys::TRACESTATE, &call.trace.tracestate),
        ] {
            if !value.is_empty() {
                facts.plain.push((key, value));
            }
        }
        for (key, value) in &call.attachments {
            match keys::trace_key(key) {
                Some(fact) => facts.trace.push((fact, Cow::Borrowed(value))),
                None => facts.baggage.push((key, value)),
            }
        }
        if !facts.trace.is_empty() {
            for fact in keys::PENETRATE {
                if facts.trace.iter().all(|(k, _)| *k != fact) {
                    facts.trace.push((fact, Cow::Borrowed("")));
                }
            }
        }
        facts
    }

    fn put_header(&self, out: &mut Vec<u8>, call: &Call<'_>) {
        header::put(out, keys::SERVICE, &self.unique);
        header::put(out, keys::TARGET_SERVICE, &self.unique);
        header::put(out, keys::METHOD, &call.method);
        if !call.caller.is_empty() {
            header::put(out, keys::APP, &call.caller);
        }
        header::put(out, keys::PROTOCOL, "bolt");
        header::put(out, keys::TYPE, if call.one_way { "oneway" } else { "sync" });
        for (key, value) in &self.plain {
            header::put(out, key, value);
        }
        for (key, value) in &self.trace {
            header::put_in(out, keys::TRACE, key, value.as_bytes());
        }
        for (key, value) in &self.baggage {
            header::put_in(out, keys::BAGGAGE, key, value.as_bytes());
        }
    }

    /// The request object, and behind it the arguments.
    fn put_content(&self, w: &mut Writer<'_>, call: &Call<'_>) -> Result<(), ValueError> {
        front::REQUEST.begin(w)?;
        w.write_null();
        w.write_str(&call.method);
        w.write_str(&self.unique);
        self.put_props(w, call)?;
        w.begin_list(Some(STRINGS), Some(call.types.len() as u32))?;
        for name in &call.types {
            w.write_str(name);
        }
        w.end()?;
        w.end()?;
        let mut arguments = Arguments {
            sink: w,
            types: &call.types,
            seen: 0,
            depth: 0,
        };
        call.args.emit(&mut arguments)?;
        arguments.check()
    }

    /// Properties; S4 looks nowhere else.
    fn put_props(&self, w: &mut Writer<'_>, call: &Call<'_>) -> Result<(), ValueError> {
        w.begin_map(None)?;
        if !call.caller.is_empty() {
            w.write_str(keys::APP);
            w.write_str(&call.caller);
        }
        w.write_ready_made(if call.one_way { ONE_WAY } else { SYNC }, 4);
        for (key, value) in &self.plain {
            w.write_str(key);
            w.write_str(value);
        }
        if !self.trace.is_empty() {
            w.write_str(keys::TRACE);
            w.begin_map(None)?;
            for (key, value) in &self.trace {
                w.write_str(key);
                w.write_str(value);
            }
            w.end()?;
        }
        if !self.baggage.is_empty() {
            w.write_str(keys::BAGGAGE);
            w.begin_map(None)?;
            for (key, value) in &self.baggage {
                w.write_str(key);
                w.write_str(value);
            }
            w.end()?;
        }
        w.end()
    }
}

/// The trace under SOFATracer's names. Where the caller has only a W3C trace, its id becomes the trace id, so
/// that both worlds' logs can be joined.
fn trace<'c>(call: &'c Call<'_>) -> SmallVec<[(&'c str, Cow<'c, str>); 8]> {
    let trace = &call.trace;
    let mut facts = SmallVec::new();
    let w3c = W3c::parse(&trace.traceparent);
    let (id, derived) = match (&*trace.sofa_trace_id, &w3c) {
        ("", Some(w3c)) => (w3c.id, true),
        (id, _) => (id, false),
    };
    if id.is_empty() {
        return facts;
    }
    facts.push((keys::TRACE_ID, Cow::Borrowed(id)));
    let rpc_id = if trace.sofa_rpc_id.is_empty() {
        "0"
    } else {
        &trace.sofa_rpc_id
    };
    facts.push((keys::RPC_ID, Cow::Borrowed(rpc_id)));
    match (&*trace.sofa_sampled, w3c) {
        ("", Some(w3c)) if derived => {
            facts.push((
                keys::SAMPLED,
                Cow::Borrowed(if w3c.sampled { "true" } else { "false" }),
            ));
        }
        ("", _) => {}
        (sampled, _) => facts.push((keys::SAMPLED, Cow::Borrowed(sampled))),
    }
    facts
}

/// What a `traceparent` says.
struct W3c<'a> {
    id: &'a str,
    sampled: bool,
}

impl<'a> W3c<'a> {
    fn parse(traceparent: &'a str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let (_, id, _, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let flags = u8::from_str_radix(flags, 16).ok()?;
        let is_id =
            id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) && id.bytes().any(|b| b != b'0');
        is_id.then_some(W3c {
            id,
            sampled: flags & 1 != 0,
        })
    }
}

impl TooLong {
    /// The text of a refusal.
    pub(crate) fn of(&self, what: &str) -> String {
        format!(
            "its {what} take {} bytes, and Bolt has room for {}",
            self.len, self.max
        )
    }
}

/// Hands arguments on and holds them against the parameter types: exactly one for each, and no null where the
/// parameter is primitive. Stock providers let a call with such a null *succeed* with a null (wire section 7.6).
struct Arguments<'s, 'c> {
    sink: &'s mut dyn Sink,
    types: &'c [Cow<'c, str>],
    seen: usize,
    depth: u32,
}

impl Arguments<'_, '_> {
    fn check(&self) -> Result<(), ValueError> {
        if self.seen == self.types.len() {
            return Ok(());
        }
        Err(ValueError::malformed(format!(
            "it has {} parameter types but {} arguments",
            self.types.len(),
            self.seen
        )))
    }
}

impl Sink for Arguments<'_, '_> {
    fn token(&mut self, token: Token<'_>) -> Result<(), ValueError> {
        if token == Token::End {
            self.depth = self.depth.saturating_sub(1);
        } else {
            if self.depth == 0 {
                if token == Token::Null
                    && let Some(name) = self.types.get(self.seen)
                    && is_primitive(name)
                {
                    let text = format!("argument {} is null, but its type is {name}", self.seen + 1);
                    return Err(ValueError::unsupported(text));
                }
                self.seen += 1;
            }
            self.depth += u32::from(token.opens());
        }
        self.sink.token(token)
    }
}

fn is_primitive(name: &str) -> bool {
    matches!(
        name,
        "boolean" | "byte" | "char" | "short" | "int" | "long" | "float" | "double"
    )
}
