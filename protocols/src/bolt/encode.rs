//! Writes requests as stock consumers of the newest SOFARPC send them (wire section 1.5).
use super::frame::{Open, TooLong};
use super::hint::Framing;
use super::{HESSIAN, header, keys, stock_prefix, unique_name};
use crate::prepared::{Pieces, Prepared};
use crate::scratch;
use rialto_core::call::NeutralCall;
use rialto_core::{CallError, ErrorKind};
use rialto_hessian::{Grammar, Library, Writer, raw};
use rialto_values::{Sink, Token, ValueError};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::cell::RefCell;

/// The Hessian type of a list of strings, which holds the names of the parameter types.
const STRINGS: &str = "[string";

/// The protocol and type entries of a call, which both the header and the properties of the content carry.
const SYNC: [(&str, &str); 2] = [(keys::PROTOCOL, "bolt"), (keys::TYPE, "sync")];
const ONE_WAY: [(&str, &str); 2] = [(keys::PROTOCOL, "bolt"), (keys::TYPE, "oneway")];

thread_local! {
    static PREPARED: RefCell<Prepared> = const { RefCell::new(Prepared::new()) };
}

/// What differs from call to call and is written into both header and content: the trace and the user's
/// attachments.
#[derive(Default)]
struct Facts<'c> {
    trace: SmallVec<[(&'c str, &'c str); 8]>,
    baggage: SmallVec<[(&'c str, &'c str); 8]>,
}

/// Appends a request with a content of up to `max` bytes. Writing stops at the first value beyond `max`.
///
/// # Errors
/// [`ErrorKind::BadRequest`] if a value has no form in SOFARPC, or the content becomes longer than `max`.
pub(crate) fn request(
    out: &mut Vec<u8>,
    framing: Framing,
    library: Library,
    id: u64,
    call: &NeutralCall<'_>,
    max: usize,
) -> Result<(), CallError> {
    let refused = |why: &dyn std::fmt::Display| {
        let text = format!(
            "the call of {}#{} has no form in SOFARPC: {why}",
            call.service, call.method
        );
        CallError::new(ErrorKind::BadRequest, text)
    };
    let variant = match (library.grammar(), call.one_way) {
        (Grammar::Draft, false) => 1,
        (Grammar::Draft, true) => 2,
        (Grammar::Final, false) => 3,
        (Grammar::Final, true) => 4,
    };
    let make = |pieces: &mut Pieces| prepare(pieces, library, call).map_err(|e| refused(&e));
    Prepared::with(&PREPARED, call, variant, make, |pieces| {
        let [header, stock_prefix, end] = pieces.all();
        let mut facts = Facts::default();
        facts.take(call);
        let class = keys::REQUEST.as_bytes();
        let open = Open::request(out, framing, id, HESSIAN, call.one_way, timeout(call), class);
        let from = out.len();
        out.extend_from_slice(header);
        facts.put_header(out, call);
        open.end_header(out, from)
            .map_err(|e| refused(&e.of("headers")))?;
        let from = out.len();
        out.extend_from_slice(stock_prefix);
        let containers = 3 + facts.put_props(out, library, call);
        out.extend_from_slice(end);
        let end = from.saturating_add(max.min(call.args.room()));
        put_arguments(out, library, containers, call, end).map_err(|e| refused(&e))?;
        open.close(out, from).map_err(|e| refused(&e.of("arguments")))
    })
}

/// Puts together the parts that are the same in all calls of a method: the header block up to a call's own
/// facts, the content up to them, and the content from there to the arguments.
fn prepare(pieces: &mut Pieces, library: Library, call: &NeutralCall<'_>) -> Result<(), ValueError> {
    if call.service.is_empty() || call.method.is_empty() {
        return Err(ValueError::unsupported("it names no service or no method"));
    }
    // SOFARPC requests with such a name are refused too, so bridging stays consistent.
    if call.service.contains('/') {
        return Err(ValueError::unsupported(
            "no Java interface has a slash in its name",
        ));
    }
    // The colon would shift the parts of the unique name, and the call would reach another service than the
    // one that was routed.
    if call.service.contains(':') || call.version.contains(':') {
        return Err(ValueError::unsupported(format!(
            "a colon in its service or its version `{}` would end them there",
            call.version
        )));
    }
    let unique = unique_name::join(&call.service, &call.version, &call.group);
    let kind = if call.one_way { ONE_WAY } else { SYNC };
    let app = [(keys::APP, &*call.application)];
    let props = || app.iter().filter(|(_, app)| !app.is_empty()).chain(&kind);
    pieces.put(|out| {
        header::put(out, keys::SERVICE, &unique);
        header::put(out, keys::TARGET_SERVICE, &unique);
        header::put(out, keys::METHOD, &call.method);
        for (key, value) in props() {
            header::put(out, key, value);
        }
    });
    pieces.put(|out| {
        out.extend_from_slice(stock_prefix::REQUEST.of(library));
        out.push(b'N');
        raw::put_str(out, library, &call.method);
        raw::put_str(out, library, &unique);
        raw::begin_map(out, library);
        put_entries(out, library, props().copied());
    });
    let mut done = Ok(());
    pieces.put(|out| {
        raw::end_map(out, library);
        done = scratch::with_write_tables(|tables| {
            let mut w = Writer::new(out, library, tables);
            w.begin_list(Some(STRINGS), Some(call.types.len() as u32))?;
            for name in &call.types {
                w.write_str(name);
            }
            w.end()?;
            w.finish()
        });
    });
    done
}

/// Appends the arguments. `containers` is the number of lists, maps and objects before them in the stream,
/// which shifts their reference numbers.
fn put_arguments(
    out: &mut Vec<u8>,
    library: Library,
    containers: u32,
    call: &NeutralCall<'_>,
    end: usize,
) -> Result<(), ValueError> {
    scratch::with_write_tables(|tables| {
        let mut w = Writer::behind(out, library, tables, containers, 1, &[STRINGS]).up_to(end);
        let mut arguments = Arguments {
            sink: &mut w,
            types: &call.types,
            seen: 0,
            depth: 0,
        };
        call.args.emit(&mut arguments)?;
        arguments.check()?;
        w.finish()
    })
}

fn put_entries<'e>(
    out: &mut Vec<u8>,
    library: Library,
    entries: impl IntoIterator<Item = (&'e str, &'e str)>,
) {
    for (key, value) in entries {
        raw::put_str(out, library, key);
        raw::put_str(out, library, value);
    }
}

/// The timeout field of the frame: -1 for none, which one-way calls always have.
fn timeout(call: &NeutralCall<'_>) -> i32 {
    match call.timeout_ms {
        0 => -1,
        _ if call.one_way => -1,
        ms => i32::try_from(ms).unwrap_or(i32::MAX),
    }
}

impl<'c> Facts<'c> {
    fn take(&mut self, call: &'c NeutralCall<'_>) {
        self.take_trace(call);
        for (key, value) in &call.attachments {
            match keys::trace_key(key) {
                Some(fact) => self.trace.push((fact, value)),
                None => self.baggage.push((key, value)),
            }
        }
        if !self.trace.is_empty() {
            for fact in keys::PENETRATE {
                if self.trace.iter().all(|(k, _)| *k != fact) {
                    self.trace.push((fact, ""));
                }
            }
        }
    }

    /// Collects the trace under SOFATracer's names. If the call has only a W3C trace, its trace id is used,
    /// so that the logs of both tracers can be joined.
    fn take_trace(&mut self, call: &'c NeutralCall<'_>) {
        let trace = &call.trace;
        let w3c = W3c::parse(&trace.traceparent);
        let (id, derived) = match (&*trace.sofa_trace_id, &w3c) {
            ("", Some(w3c)) => (w3c.id, true),
            (id, _) => (id, false),
        };
        if id.is_empty() {
            return;
        }
        self.trace.push((keys::TRACE_ID, id));
        let rpc_id = if trace.sofa_rpc_id.is_empty() {
            "0"
        } else {
            &trace.sofa_rpc_id
        };
        self.trace.push((keys::RPC_ID, rpc_id));
        match (&*trace.sofa_sampled, w3c) {
            ("", Some(w3c)) if derived => {
                self.trace
                    .push((keys::SAMPLED, if w3c.sampled { "true" } else { "false" }));
            }
            ("", _) => {}
            (sampled, _) => self.trace.push((keys::SAMPLED, sampled)),
        }
    }

    fn put_header(&self, out: &mut Vec<u8>, call: &NeutralCall<'_>) {
        for (key, value) in w3c(call) {
            header::put(out, key, value);
        }
        for (key, value) in &self.trace {
            header::put_in(out, keys::TRACE, key, value.as_bytes());
        }
        for (key, value) in &self.baggage {
            header::put_in(out, keys::BAGGAGE, key, value.as_bytes());
        }
    }

    /// Appends the properties and returns how many containers they take. SOFARPC 5.4 reads attachments and
    /// trace only here, not in the header.
    fn put_props(&self, out: &mut Vec<u8>, library: Library, call: &NeutralCall<'_>) -> u32 {
        put_entries(out, library, w3c(call));
        let mut containers = 0;
        for (name, entries) in [(keys::TRACE, &self.trace), (keys::BAGGAGE, &self.baggage)] {
            if !entries.is_empty() {
                raw::put_str(out, library, name);
                raw::begin_map(out, library);
                put_entries(out, library, entries.iter().copied());
                raw::end_map(out, library);
                containers += 1;
            }
        }
        containers
    }
}

/// The non-empty entries of the W3C trace.
fn w3c<'c>(call: &'c NeutralCall<'_>) -> impl Iterator<Item = (&'c str, &'c str)> {
    [
        (keys::TRACEPARENT, &*call.trace.traceparent),
        (keys::TRACESTATE, &*call.trace.tracestate),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
}

/// The parts of a `traceparent` that SOFATracer can use.
struct W3c<'a> {
    id: &'a str,
    sampled: bool,
}

impl<'a> W3c<'a> {
    fn parse(traceparent: &'a str) -> Option<Self> {
        if traceparent.is_empty() {
            return None;
        }
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
    /// Says in an error message that the part named `what` is too long.
    pub(crate) fn of(&self, what: &str) -> String {
        format!(
            "its {what} take {} bytes, and Bolt has room for {}",
            self.len, self.max
        )
    }
}

/// Checks arguments against the parameter types while passing them on: exactly one for each type, and no null
/// for a primitive. Stock providers let a call with such a null succeed and return null (docs/bridging.md).
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
        if matches!(token, Token::End) {
            self.depth = self.depth.saturating_sub(1);
        } else {
            if self.depth == 0 {
                if matches!(token, Token::Null)
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
