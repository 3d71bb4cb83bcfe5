//! The neutral meaning of a request.
use super::frame::Parts;
use super::sofa::{self, Visit};
use super::{HESSIAN, front, head, header, keys, status, unique_name, values};
use crate::text::lossy;
use rialto_core::call::Call;
use rialto_core::message::Message;
use rialto_core::{CallError, ErrorKind};
use rialto_hessian::{Dialect, Kind, Plain, Reader};
use rialto_values::{Token, ValueError};
use std::borrow::Cow;

/// More attachments are not carried to another protocol; stock calls have a dozen.
const ATTACHMENTS_MAX: usize = 1024;
/// More parameters than this are no Java method.
const PARAMETERS_MAX: usize = 255;

/// What stands in a request, before it becomes a call.
#[derive(Default, Debug)]
pub(super) struct Facts<'a> {
    call: Call<'a>,
    /// In the header, and in the content.
    services: [&'a [u8]; 2],
    methods: [&'a [u8]; 2],
    deadline: &'a [u8],
    has_types: bool,
}

/// Reads a request.
///
/// # Errors
/// [`ErrorKind::BadRequest`] for what cannot be read or has no meaning outside of Bolt.
pub(crate) fn read<'a>(msg: &Message<'a>) -> Result<Call<'a>, CallError> {
    let parts = Parts::of(msg.bytes);
    if !parts.is_sofa_request() {
        return Err(refused(format!(
            "a Bolt request of class `{}` is no SOFARPC call and cannot be bridged to another protocol",
            lossy(parts.class)
        )));
    }
    if parts.codec != HESSIAN {
        return Err(refused(status::foreign(parts.codec)));
    }
    let mut facts = Facts::of_header(&parts)?;
    match facts.take_stock(parts.content) {
        Ok(true) => {}
        // What was taken may be half of it.
        Ok(false) => facts = Facts::walk(&parts)?,
        Err(e) => return Err(facts.unreadable(&e)),
    }
    facts.call.one_way = msg.meta.one_way;
    facts.call.timeout_ms = head::timeout(msg.meta.timeout_ms, facts.deadline);
    facts.finish()
}

impl<'a> Facts<'a> {
    pub(super) fn of_header(parts: &Parts<'a>) -> Result<Self, CallError> {
        let mut facts = Facts::default();
        match facts.take_header(parts.header) {
            Ok(()) => Ok(facts),
            Err(e) => Err(facts.unreadable(&e)),
        }
    }

    /// Reads any request.
    pub(super) fn walk(parts: &Parts<'a>) -> Result<Self, CallError> {
        let mut facts = Facts::of_header(parts)?;
        let at = sofa::read(parts.content, |reader| {
            sofa::fields(reader, |field, reader| facts.take_field(field, reader))?;
            Ok((reader.position(), reader.library()))
        });
        let (at, library) = at.map_err(|e: ValueError| facts.unreadable(&e))?;
        let count = facts.call.types.len() as u32;
        facts.call.args = values::arguments(parts.content, library, at, count);
        Ok(facts)
    }

    /// Takes the content as stock consumers write it, without a reader and its tables. False
    /// for whatever is not exactly that; some of it may have been taken then.
    ///
    /// # Errors
    /// What a walk would run into, too.
    pub(super) fn take_stock(&mut self, content: &'a [u8]) -> Result<bool, ValueError> {
        let Some(mut rest) = front::REQUEST.strip(content) else {
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
        self.call.args = values::arguments(content, rest.library(), rest.position(), count);
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
            match rest.value() {
                Some(Token::Text(value)) => self.put(lossy(key), value.to_str(), false)?,
                Some(Token::Null) => {}
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// A map inside the properties: trace facts, or baggage.
    fn take_stock_group(&mut self, is_trace: bool, rest: &mut Plain<'a>) -> Result<bool, ValueError> {
        let mut done = Ok(());
        let is_plain = rest.map(|key, value| {
            let (key, value) = (lossy(key), lossy(value));
            if done.is_ok() {
                done = if is_trace {
                    self.put_trace(&key, value)
                } else {
                    self.put_user(key, value, false)
                };
            }
        });
        done.map(|()| is_plain)
    }

    /// An array of strings.
    fn take_stock_types(&mut self, rest: &mut Plain<'a>) -> Option<()> {
        let is_draft = rest.library().dialect() == Dialect::Draft;
        let count = if is_draft {
            rest.take(b"Vt\0\x07[stringn").then(|| rest.byte())?
        } else {
            let count = rest.byte()?.checked_sub(0x70).filter(|len| *len < 8);
            rest.take(b"\x07[string").then_some(count)?
        };
        for _ in 0..count? {
            self.call.types.push(lossy(rest.text()?));
        }
        if is_draft {
            rest.take(b"z").then_some(())?;
        }
        self.has_types = true;
        Some(())
    }

    /// Most facts are empty, or came with the header.
    fn put_trace(&mut self, fact: &str, value: Cow<'a, str>) -> Result<(), ValueError> {
        if value.is_empty() {
            return Ok(());
        }
        self.put(format!("{}.{fact}", keys::TRACE).into(), value, false)
    }

    fn take_header(&mut self, block: &'a [u8]) -> Result<(), ValueError> {
        let mut pairs = header::pairs(block);
        let mut target: &[u8] = &[];
        for (key, value) in pairs.by_ref() {
            let Ok(key) = std::str::from_utf8(key) else {
                continue;
            };
            match key {
                keys::SERVICE => self.services[0] = value,
                keys::TARGET_SERVICE => target = value,
                keys::METHOD => self.methods[0] = value,
                keys::DEADLINE => self.deadline = value,
                _ => self.put(Cow::Borrowed(key), lossy(value), true)?,
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

    /// Properties repeat what S7 and newer put into the header, which wins unless it is empty there.
    fn take_props(&mut self, reader: &mut Reader<'a, '_>) -> Result<(), ValueError> {
        sofa::entries(reader, |key, reader| {
            match &*key {
                keys::TRACE => sofa::entries(reader, |fact, reader| {
                    if let Some(value) = sofa::scalar(reader)? {
                        self.put_trace(&fact, value)?;
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

    /// Sorts a property: into a field of the call, its trace, or the user's attachments. The header's replace
    /// one another; the content's only fill what is empty.
    fn put(&mut self, key: Cow<'a, str>, value: Cow<'a, str>, replaces: bool) -> Result<(), ValueError> {
        if key == keys::APP {
            fill(&mut self.call.caller, value, replaces);
            return Ok(());
        }
        if keys::is_own(&key) || (value.is_empty() && keys::trace_key(&key).is_some()) {
            return Ok(());
        }
        self.put_user(user_key(key), value, replaces)
    }

    /// Sorts what the user attached, under the user's name of it.
    fn put_user(&mut self, key: Cow<'a, str>, value: Cow<'a, str>, replaces: bool) -> Result<(), ValueError> {
        if let Some(place) = self.call.trace.fact(&key) {
            fill(place, value, replaces);
            return Ok(());
        }
        let attachments = &mut self.call.attachments;
        if let Some((_, place)) = attachments.iter_mut().find(|(k, _)| *k == key) {
            fill(place, value, replaces);
        } else if attachments.len() < ATTACHMENTS_MAX {
            attachments.push((key, value));
        } else {
            let text = format!("a call with more than {ATTACHMENTS_MAX} attachments is not bridged");
            return Err(ValueError::too_large(text));
        }
        Ok(())
    }

    fn finish(self) -> Result<Call<'a>, CallError> {
        let mut call = self.call;
        let [in_header, in_content] = self.methods.map(lossy);
        if !in_header.is_empty() && !in_content.is_empty() && in_header != in_content {
            return Err(refused(format!(
                "the SOFARPC request contradicts itself: its header names the method `{in_header}`, its content \
                 `{in_content}`"
            )));
        }
        call.method = if in_content.is_empty() {
            in_header
        } else {
            in_content
        };
        let unique = if self.services[0].is_empty() {
            self.services[1]
        } else {
            self.services[0]
        };
        let (service, version, group) = unique_name::split(unique);
        call.service = lossy(service);
        call.version = lossy(version);
        call.group = lossy(group);
        for (missing, what) in [
            (call.service.is_empty(), "no service"),
            (call.method.is_empty(), "no method"),
            (!self.has_types, "no list of parameter types"),
        ] {
            if missing {
                return Err(refused(format!(
                    "the SOFARPC request for `{}#{}` names {what}",
                    call.service, call.method
                )));
            }
        }
        Ok(call)
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

fn fill<'a>(place: &mut Cow<'a, str>, value: Cow<'a, str>, replaces: bool) {
    if replaces || place.is_empty() {
        *place = value;
    }
}

/// The user's name of an attachment.
fn user_key(key: Cow<'_, str>) -> Cow<'_, str> {
    match key {
        Cow::Borrowed(key) => Cow::Borrowed(keys::user_key(key)),
        Cow::Owned(key) => match keys::user_key(&key) {
            user if user.len() == key.len() => Cow::Owned(key),
            user => Cow::Owned(user.to_owned()),
        },
    }
}

fn refused(text: String) -> CallError {
    CallError::new(ErrorKind::BadRequest, text)
}
