//! Reads a request into the neutral call.
use super::frame::Parts;
use super::sofa::{self, Visit};
use super::{HESSIAN, head, header, keys, status, stock_prefix, unique_name, values};
use crate::text::{Piece, lossy};
use rialto_core::call::{NeutralCall, Trace};
use rialto_core::message::Message;
use rialto_core::{CallError, ErrorKind};
use rialto_hessian::{Grammar, Kind, Plain, Reader};
use rialto_values::ValueError;
use std::borrow::Cow;

/// The type of most parameters, recognized so that its name is not allocated.
const STRING: &str = "java.lang.String";
/// A call with more attachments is not bridged. Stock calls have about a dozen.
const ATTACHMENTS_MAX: usize = 1024;
/// The most attachments read, repeated ones included. Header and content repeat most of them, and each is
/// searched among those before it, so their number bounds the work.
const READ_MAX: usize = 4 * ATTACHMENTS_MAX;
/// Java allows no method more parameters than this.
const PARAMETERS_MAX: usize = 255;

/// The facts of a request while they are being collected.
#[derive(Debug)]
pub(super) struct Facts<'c, 'a> {
    call: &'c mut NeutralCall<'a>,
    /// The service's unique name in the header and in the content; empty where absent.
    services: [&'a [u8]; 2],
    methods: [&'a [u8]; 2],
    deadline: &'a [u8],
    has_types: bool,
    /// Attachments read so far, repeated ones included.
    read: usize,
}

/// Reads a request into an empty call.
///
/// # Errors
/// [`ErrorKind::BadRequest`] if the request cannot be read or has no meaning outside Bolt.
pub(crate) fn read<'a>(msg: &Message<'a>, call: &mut NeutralCall<'a>) -> Result<(), CallError> {
    let parts = Parts::of(msg.bytes);
    if !parts.is_sofa_request() {
        return Err(refused(format!(
            "a Bolt request of class `{}` is not a SOFARPC call and cannot be bridged to another protocol",
            lossy(parts.class)
        )));
    }
    if parts.codec != HESSIAN {
        return Err(refused(status::foreign(parts.codec)));
    }
    let mut facts = Facts::of_header(&parts, &mut *call)?;
    match facts.take_stock(parts.content) {
        Ok(true) => facts.finish(msg),
        // The fast path stopped halfway, so its partial result is discarded.
        Ok(false) => {
            *call = NeutralCall::default();
            Facts::walk(&parts, call)?.finish(msg)
        }
        Err(e) => Err(facts.unreadable(&e)),
    }
}

impl<'c, 'a> Facts<'c, 'a> {
    pub(super) fn of_header(parts: &Parts<'a>, call: &'c mut NeutralCall<'a>) -> Result<Self, CallError> {
        let mut facts = Facts {
            call,
            services: [&[]; 2],
            methods: [&[]; 2],
            deadline: &[],
            has_types: false,
            read: 0,
        };
        match facts.take_header(parts.header) {
            Ok(()) => Ok(facts),
            Err(e) => Err(facts.unreadable(&e)),
        }
    }

    /// Reads any request with the full Hessian reader.
    pub(super) fn walk(parts: &Parts<'a>, call: &'c mut NeutralCall<'a>) -> Result<Self, CallError> {
        let mut facts = Facts::of_header(parts, call)?;
        let at = sofa::read(parts.content, |reader| {
            sofa::fields(reader, |field, reader| facts.take_field(field, reader))?;
            Ok((reader.position(), reader.library()))
        });
        let (at, library) = at.map_err(|e: ValueError| facts.unreadable(&e))?;
        let count = facts.call.types.len() as u32;
        facts.call.args = values::arguments(parts.content, library, at, count);
        Ok(facts)
    }

    /// Reads the content as stock consumers write it, without a Hessian reader and its tables. Returns
    /// `false` for any other content; the facts may then be half filled.
    ///
    /// # Errors
    /// The same as [`Facts::walk`] would find.
    pub(super) fn take_stock(&mut self, content: &'a [u8]) -> Result<bool, ValueError> {
        let Some(mut rest) = stock_prefix::REQUEST.strip(content) else {
            return Ok(false);
        };
        let (Some(_target_app), Some(method), Some(service)) =
            (rest.text_or_null(), rest.text_or_null(), rest.text_or_null())
        else {
            return Ok(false);
        };
        (self.methods[1], self.services[1]) = (method, service);
        if !self.take_stock_props(&mut rest)? || self.take_stock_types(&mut rest).is_none() {
            return Ok(false);
        }
        let count = self.call.types.len() as u32;
        let args = values::arguments(content, rest.library(), rest.position(), count);
        let is_plain = (0..count).all(|_| rest.skip());
        self.call.args = if is_plain { values::plain(args) } else { args };
        Ok(true)
    }

    fn take_stock_props(&mut self, rest: &mut Plain<'a>) -> Result<bool, ValueError> {
        if !rest.begin_map() {
            return Ok(false);
        }
        while !rest.end_map() {
            let Some(key) = rest.text() else {
                return Ok(false);
            };
            if key == keys::TRACE.as_bytes() || key == keys::BAGGAGE.as_bytes() {
                if !self.take_stock_group(key == keys::TRACE.as_bytes(), rest)? {
                    return Ok(false);
                }
                continue;
            }
            match rest.text() {
                Some(value) => self.put(key, value, false)?,
                None if rest.take(b"N") => {}
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Reads a map inside the properties: trace facts or baggage.
    fn take_stock_group(&mut self, is_trace: bool, rest: &mut Plain<'a>) -> Result<bool, ValueError> {
        let mut done = Ok(());
        let is_plain = rest.map(|key, value| {
            if done.is_ok() {
                done = if is_trace {
                    self.put_trace(key, value)
                } else {
                    self.put_user(key, value, false)
                };
            }
        });
        done.map(|()| is_plain)
    }

    /// Reads the parameter types, an array of strings.
    fn take_stock_types(&mut self, rest: &mut Plain<'a>) -> Option<()> {
        let is_draft = rest.library().grammar() == Grammar::Draft;
        let count = if is_draft {
            rest.take(b"Vt\0\x07[stringn").then(|| rest.byte())?
        } else {
            let count = rest.byte()?.checked_sub(0x70).filter(|len| *len < 8);
            rest.take(b"\x07[string").then_some(count)?
        };
        for _ in 0..count? {
            let name = rest.text()?;
            self.call.types.push(if name == STRING.as_bytes() {
                Cow::Borrowed(STRING)
            } else {
                lossy(name)
            });
        }
        if is_draft {
            rest.take(b"z").then_some(())?;
        }
        self.has_types = true;
        Some(())
    }

    /// Stores a trace fact. Most are empty, or already known from the header.
    fn put_trace<P: Piece<'a>>(&mut self, fact: P, value: P) -> Result<(), ValueError> {
        if value.bytes().is_empty() {
            return Ok(());
        }
        if let Some(field) = trace_field(&mut self.call.trace, fact.bytes()) {
            fill(field, value, false);
            return Ok(());
        }
        let is_fact = |key: &str| keys::part_of(key.as_bytes(), keys::TRACE) == Some(fact.bytes());
        let mut attachments = self.call.attachments.iter_mut();
        match attachments.find(|(key, _)| is_fact(key)) {
            Some((_, field)) => {
                fill(field, value, false);
                Ok(())
            }
            None => self.attach(format!("{}.{}", keys::TRACE, fact.text()).into(), value.text()),
        }
    }

    fn take_header(&mut self, block: &'a [u8]) -> Result<(), ValueError> {
        let mut pairs = header::pairs(block);
        let mut target: &[u8] = &[];
        for (key, value) in pairs.by_ref() {
            // Compares lengths first, because most keys differ in length.
            match key.len() {
                7 if key == keys::SERVICE.as_bytes() => self.services[0] = value,
                21 if key == keys::METHOD.as_bytes() => self.methods[0] = value,
                24 if key == keys::TARGET_SERVICE.as_bytes() => target = value,
                30 if key == keys::DEADLINE.as_bytes() => self.deadline = value,
                _ => self.put(key, value, true)?,
            }
        }
        if !pairs.is_whole() {
            return Err(ValueError::malformed("its header block is malformed"));
        }
        if self.services[0].is_empty() {
            self.services[0] = target;
        }
        Ok(())
    }

    fn take_field(&mut self, field: &str, reader: &mut Reader<'a, '_>) -> Result<Visit, ValueError> {
        match field {
            keys::METHOD_NAME => self.methods[1] = sofa::name(reader)?,
            keys::UNIQUE_NAME => self.services[1] = sofa::name(reader)?,
            keys::METHOD_ARG_SIGS => self.take_types(reader)?,
            keys::REQUEST_PROPS => self.take_props(reader)?,
            _ => return Ok(Visit::Passed),
        }
        Ok(Visit::Taken)
    }

    fn take_types(&mut self, reader: &mut Reader<'a, '_>) -> Result<(), ValueError> {
        if reader.kind()? != Kind::List {
            return reader.skip_value();
        }
        let mut list = reader.begin_list()?;
        while reader.next_element(&mut list)? {
            if self.call.types.len() == PARAMETERS_MAX {
                return Err(ValueError::too_large(format!(
                    "more than {PARAMETERS_MAX} parameters"
                )));
            }
            self.call.types.push(sofa::text(reader.read_text()?));
        }
        self.has_types = true;
        Ok(())
    }

    /// Reads the request properties. They repeat what SOFARPC 5.7 and newer also write into the header; the
    /// header wins unless it is empty there.
    fn take_props(&mut self, reader: &mut Reader<'a, '_>) -> Result<(), ValueError> {
        sofa::entries(reader, |key, reader| {
            match &*key {
                keys::TRACE => sofa::entries(reader, |fact, reader| {
                    if let Some(value) = sofa::scalar(reader)? {
                        self.put_trace(fact, value)?;
                    }
                    Ok(Visit::Taken)
                })?,
                keys::BAGGAGE => sofa::entries(reader, |key, reader| {
                    if let Some(value) = sofa::scalar(reader)? {
                        self.put_user(key, value, false)?;
                    }
                    Ok(Visit::Taken)
                })?,
                _ => {
                    if let Some(value) = sofa::scalar(reader)? {
                        self.put(key, value, false)?;
                    }
                    true
                }
            };
            Ok(Visit::Taken)
        })?;
        Ok(())
    }

    /// Sorts a property into a field of the call, its trace, or the user's attachments. With `replaces` (the
    /// header) a later value replaces an earlier one; otherwise (the content) it only fills an empty field.
    fn put<P: Piece<'a>>(&mut self, key: P, value: P, replaces: bool) -> Result<(), ValueError> {
        let name = key.bytes();
        if let Some(fact) = keys::part_of(name, keys::TRACE) {
            if value.bytes().is_empty() {
                return Ok(());
            }
            return match trace_field(&mut self.call.trace, fact) {
                Some(field) => {
                    fill(field, value, replaces);
                    Ok(())
                }
                None => self.put_attachment(key, value, replaces),
            };
        }
        if name == keys::APP.as_bytes() {
            fill(&mut self.call.application, value, replaces);
            return Ok(());
        }
        if keys::is_own(name) {
            return Ok(());
        }
        let group = keys::part_of(name, keys::BAGGAGE).map_or(0, |user| name.len() - user.len());
        self.put_user(key.after(group), value, replaces)
    }

    /// Sorts an attachment of the user, whose key is already free of SOFARPC's prefix.
    fn put_user<P: Piece<'a>>(&mut self, key: P, value: P, replaces: bool) -> Result<(), ValueError> {
        let (name, trace) = (key.bytes(), &mut self.call.trace);
        let fact = match keys::part_of(name, keys::TRACE) {
            Some(fact) => trace_field(trace, fact),
            None if name == keys::TRACEPARENT.as_bytes() => Some(&mut trace.traceparent),
            None if name == keys::TRACESTATE.as_bytes() => Some(&mut trace.tracestate),
            None => None,
        };
        match fact {
            Some(field) => {
                fill(field, value, replaces);
                Ok(())
            }
            None => self.put_attachment(key, value, replaces),
        }
    }

    /// Stores an attachment. One whose key is not UTF-8 is dropped.
    fn put_attachment<P: Piece<'a>>(&mut self, key: P, value: P, replaces: bool) -> Result<(), ValueError> {
        let Some(key) = key.name() else { return Ok(()) };
        self.read += 1;
        if self.read > READ_MAX {
            return Err(too_many());
        }
        match self.call.attachments.iter_mut().find(|(k, _)| *k == key) {
            Some((_, field)) => {
                fill(field, value, replaces);
                Ok(())
            }
            None => self.attach(key, value.text()),
        }
    }

    fn attach(&mut self, key: Cow<'a, str>, value: Cow<'a, str>) -> Result<(), ValueError> {
        let attachments = &mut self.call.attachments;
        if attachments.len() == ATTACHMENTS_MAX {
            return Err(too_many());
        }
        attachments.push((key, value));
        Ok(())
    }

    fn finish(self, msg: &Message<'_>) -> Result<(), CallError> {
        let call = self.call;
        call.one_way = msg.meta.one_way;
        call.timeout_ms = head::timeout(msg.meta.timeout_ms, self.deadline);
        let [in_header, in_content] = self.methods;
        if !in_header.is_empty() && !in_content.is_empty() && in_header != in_content {
            return Err(refused(format!(
                "the SOFARPC request contradicts itself: its header names the method `{}`, its content `{}`",
                lossy(in_header),
                lossy(in_content)
            )));
        }
        call.method = lossy(if in_content.is_empty() {
            in_header
        } else {
            in_content
        });
        let [in_header, in_content] = self.services;
        let unique = if in_header.is_empty() {
            in_content
        } else {
            in_header
        };
        match std::str::from_utf8(unique) {
            Ok(unique) => {
                let (service, version, group) = unique_name::parts(unique);
                call.service = Cow::Borrowed(service);
                call.version = Cow::Borrowed(version);
                call.group = Cow::Borrowed(group);
            }
            Err(_) => {
                let (service, version, group) = unique_name::split(unique);
                call.service = lossy(service);
                call.version = lossy(version);
                call.group = lossy(group);
            }
        }
        let what = if call.service.is_empty() {
            "no service"
        } else if memchr::memchr(b'/', call.service.as_bytes()).is_some() {
            // A Dubbo provider would take what precedes the slash for a group, which the route has not seen.
            "a service with a slash, which is not a Java interface"
        } else if call.method.is_empty() {
            "no method"
        } else if !self.has_types {
            "no list of parameter types"
        } else {
            return Ok(());
        };
        Err(refused(format!(
            "the SOFARPC request for `{}#{}` names {what}",
            call.service, call.method
        )))
    }

    fn unreadable(&self, e: &ValueError) -> CallError {
        let [service, method] = [self.services, self.methods].map(|[in_header, in_content]| {
            lossy(if in_header.is_empty() {
                in_content
            } else {
                in_header
            })
        });
        refused(format!(
            "the SOFARPC request for `{service}#{method}` cannot be read: {e}"
        ))
    }
}

fn fill<'a>(field: &mut Cow<'a, str>, value: impl Piece<'a>, replaces: bool) {
    if replaces || field.is_empty() {
        *field = value.text();
    }
}

/// The field of the neutral trace that holds this fact.
fn trace_field<'t, 'a>(trace: &'t mut Trace<'a>, fact: &[u8]) -> Option<&'t mut Cow<'a, str>> {
    match fact {
        _ if fact == keys::TRACE_ID.as_bytes() => Some(&mut trace.sofa_trace_id),
        _ if fact == keys::RPC_ID.as_bytes() => Some(&mut trace.sofa_rpc_id),
        _ if fact == keys::SAMPLED.as_bytes() => Some(&mut trace.sofa_sampled),
        _ => None,
    }
}

#[cold]
fn too_many() -> ValueError {
    ValueError::too_large(format!(
        "a call with more than {ATTACHMENTS_MAX} attachments is not bridged"
    ))
}

fn refused(text: String) -> CallError {
    CallError::new(ErrorKind::BadRequest, text)
}
