//! What passes between two sessions of the same protocol: a message as received, with the few facts that its
//! decoder found anyway.
use crate::call::{NeutralCall, NeutralResponse};
use crate::error::CallError;
use std::borrow::Cow;

/// Names a protocol; the numbers are given out by the crate that has the protocols.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ProtoId(pub u8);

/// Facts of a message that cost nothing to know.
#[derive(Clone, Copy)]
pub struct Meta {
    /// The protocol. Compared instead of `dialect`: statics without size may share an address.
    pub proto: ProtoId,
    /// How messages of this protocol are read.
    pub dialect: &'static dyn MessageReader,
    /// What an answer must repeat (frame version, serialization ...): written and read by the dialect only.
    pub hint: u32,
    /// The caller's timeout, if the frame tells it; 0 if not.
    pub timeout_ms: u32,
    /// What the frame says of the outcome, for requests [`Status::Ok`].
    pub status: Status,
    /// Nobody waits for an answer.
    pub one_way: bool,
}

/// A whole message as received.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// Its facts.
    pub meta: Meta,
    /// All of its bytes.
    pub bytes: &'a [u8],
}

/// A message that outlives its read: it waits for a connection or for a decision.
pub struct Held {
    /// Its facts.
    pub meta: Meta,
    /// A copy of its bytes.
    pub bytes: Vec<u8>,
    /// What is to be changed in it when it is sent.
    pub edits: Edits,
}

/// How a message fared, as far as its frame shows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Status {
    /// The service answered.
    Ok,
    /// The service threw.
    Exception,
    /// The provider's machinery failed.
    Failed,
}

/// Where a call wants to go: borrowed from the request's bytes. Absent facts are empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head<'a> {
    /// Interface name.
    pub service: &'a [u8],
    /// Service version.
    pub version: &'a [u8],
    /// Group (SOFARPC: unique id).
    pub group: &'a [u8],
    /// Method name; of a generic invocation the method that it names, where that is readable.
    pub method: &'a [u8],
    /// Name of the calling application.
    pub caller: &'a [u8],
    /// The caller's timeout; 0 if it tells none.
    pub timeout_ms: u32,
    /// The answer's hint; a dialect may learn more from the head than from the frame.
    pub hint: u32,
    /// The call only asks whether the service is there and wants its argument back. Where the provider's
    /// protocol has no such call, the proxy answers it.
    pub echo: bool,
    /// Where the attachments begin in the message, if they are not at a place that the frame tells; the
    /// dialect's own matter.
    pub attachments: u32,
    /// The whole message was looked through for this head, and all of it is as most are: whoever reads the call need
    /// not look again. What that means is the dialect's own matter.
    pub plain: bool,
}

/// How the messages of one protocol are read. Stateless and static: a head is bytes plus this table.
pub trait MessageReader: Sync {
    /// The protocol's name in configuration, metrics and logs.
    fn name(&self) -> &'static str;

    /// Reads the head of a request into an empty one, where it lies: heads are large, and read for every call.
    ///
    /// # Errors
    /// [`crate::ErrorKind::BadRequest`] with the reason, if even the service cannot be read.
    fn read_head<'a>(&self, msg: &Message<'a>, head: &mut Head<'a>) -> Result<(), CallError>;

    /// The head of a request.
    ///
    /// # Errors
    /// As [`MessageReader::read_head`].
    fn head<'a>(&self, msg: &Message<'a>) -> Result<Head<'a>, CallError> {
        let mut head = Head::default();
        self.read_head(msg, &mut head)?;
        Ok(head)
    }

    /// An attachment (header) of a request whose head was read. Values that are
    /// no strings are shown as text where they are scalars.
    fn attachment<'a>(&self, msg: &Message<'a>, head: &Head<'a>, key: &str) -> Option<Cow<'a, [u8]>>;

    /// Sees a whole message of this protocol again in bytes that were encoded or received earlier.
    fn view<'a>(&self, bytes: &'a [u8]) -> Option<Message<'a>>;

    /// Puts the neutral meaning of a request into an empty call, where it stays: calls are too large to be moved
    /// about. Its head saves a second look, if it is still at hand.
    ///
    /// # Errors
    /// What cannot be read, in words that the caller will see; the call may hold a part of it then.
    fn read_call<'a>(
        &self,
        msg: &Message<'a>,
        head: Option<&Head<'a>>,
        call: &mut NeutralCall<'a>,
    ) -> Result<(), CallError>;

    /// Puts the neutral meaning of an answer into an empty outcome.
    ///
    /// # Errors
    /// A failure that the provider reported, or why its answer cannot be read; the outcome may hold a part of it
    /// then.
    fn read_response<'a>(
        &self,
        msg: &Message<'a>,
        outcome: &mut NeutralResponse<'a>,
    ) -> Result<(), CallError>;

    /// The neutral meaning of a request.
    ///
    /// # Errors
    /// As [`MessageReader::read_call`].
    fn call<'a>(&self, msg: &Message<'a>) -> Result<NeutralCall<'a>, CallError> {
        let mut call = NeutralCall::default();
        self.read_call(msg, None, &mut call)?;
        Ok(call)
    }

    /// The neutral meaning of an answer.
    ///
    /// # Errors
    /// As [`MessageReader::read_response`].
    fn outcome<'a>(&self, msg: &Message<'a>) -> Result<NeutralResponse<'a>, CallError> {
        let mut outcome = NeutralResponse::default();
        self.read_response(msg, &mut outcome)?;
        Ok(outcome)
    }
}

/// Changes to a request, applied when it is encoded. Empty for nearly every call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// Another interface name.
    pub service: Option<Box<str>>,
    /// Another version; an empty one removes it.
    pub version: Option<Box<str>>,
    /// Another group; an empty one removes it.
    pub group: Option<Box<str>>,
    /// Another method name.
    pub method: Option<Box<str>>,
    /// Attachments to set (replacing those of the same name) ...
    pub set: Vec<(Box<str>, Box<str>)>,
    /// ... and to remove.
    pub remove: Vec<Box<str>>,
    /// Another timeout, because time was spent here.
    pub timeout_ms: Option<u32>,
}

// === impls ===

impl<'a> Message<'a> {
    /// A copy that may wait.
    #[must_use]
    pub fn hold(&self, edits: Edits) -> Box<Held> {
        Box::new(Held {
            meta: self.meta,
            bytes: self.bytes.to_vec(),
            edits,
        })
    }

    /// The head, see [`MessageReader::head`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn head(&self) -> Result<Head<'a>, CallError> {
        self.meta.dialect.head(self)
    }
}

impl Held {
    /// The message.
    #[must_use]
    pub fn view(&self) -> Message<'_> {
        Message {
            meta: self.meta,
            bytes: &self.bytes,
        }
    }
}

impl Edits {
    /// Nothing is changed.
    pub const NONE: &'static Edits = &Edits {
        service: None,
        version: None,
        group: None,
        method: None,
        set: vec![],
        remove: vec![],
        timeout_ms: None,
    };

    /// Whether the message can go as it is.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
            && self.remove.is_empty()
            && self.service.is_none()
            && self.version.is_none()
            && self.group.is_none()
            && self.method.is_none()
            && self.timeout_ms.is_none()
    }

    /// Sets an attachment.
    pub fn set(&mut self, key: &str, value: &str) {
        self.remove.retain(|k| **k != *key);
        match self.set.iter_mut().find(|(k, _)| **k == *key) {
            Some((_, v)) => *v = value.into(),
            None => self.set.push((key.into(), value.into())),
        }
    }

    /// Removes an attachment.
    pub fn remove(&mut self, key: &str) {
        self.set.retain(|(k, _)| **k != *key);
        if self.remove.iter().all(|k| **k != *key) {
            self.remove.push(key.into());
        }
    }

    /// What `key` is to become: `None` if it is not touched, `Some(None)` if it is removed.
    #[must_use]
    pub fn attachment(&self, key: &str) -> Option<Option<&str>> {
        if let Some((_, v)) = self.set.iter().find(|(k, _)| **k == *key) {
            return Some(Some(v));
        }
        self.remove.iter().any(|k| **k == *key).then_some(None)
    }
}

impl std::fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} message of {} bytes",
            self.meta.dialect.name(),
            self.bytes.len()
        )
    }
}
