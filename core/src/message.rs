//! Messages as received, with the few facts that decoding them yields anyway.
use crate::call::{NeutralCall, NeutralResponse};
use crate::error::CallError;
use crate::stream::{Body, Part};
use std::borrow::Cow;

/// Identifies a protocol. The crate that implements the protocols assigns the numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ProtoId(pub u8);

/// The facts about a message that decoding its frame yields.
#[derive(Clone, Copy)]
pub struct Meta {
    /// The protocol. Compared instead of `reader`, because statics of size 0 may share an address.
    pub proto: ProtoId,
    /// The reader of this protocol's messages.
    pub reader: &'static dyn MessageReader,
    /// What a response must repeat (frame version, serialization ...). Only the protocol's own code interprets
    /// it.
    pub hint: u32,
    /// The downstream's timeout in milliseconds, if the frame contains one; otherwise 0.
    pub timeout_ms: u32,
    /// The status in the frame of a response; [`Status::Ok`] in requests.
    pub status: Status,
    /// The message is a request that expects no response.
    pub one_way: bool,
    /// How its body comes.
    pub body: Body,
}

/// A whole message as received.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// The facts about it.
    pub meta: Meta,
    /// The whole frame. In protocols that have streams: the head, and the body as far as it came with it, in the
    /// form that the protocol's reader understands.
    pub bytes: &'a [u8],
}

/// A copy of a message that waits, for a connection or a decision.
pub struct Held {
    /// The facts about it.
    pub meta: Meta,
    /// Its bytes, as in [`Message::bytes`], and those of the parts that came since.
    pub bytes: Vec<u8>,
    /// The changes to make when it is sent.
    pub edits: Edits,
    /// The bytes among them that came in parts, and that their sender was not given credit for yet.
    pub owed: u32,
}

/// The status of a response, as far as its frame shows it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Status {
    /// The service returned a value.
    Ok,
    /// The service threw an exception.
    Exception,
    /// The provider could not execute the call.
    Failed,
}

/// What a request says about its destination, borrowed from its bytes. Absent fields are empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head<'a> {
    /// The interface name.
    pub service: &'a [u8],
    /// The service version.
    pub version: &'a [u8],
    /// The group (SOFARPC: the unique id).
    pub group: &'a [u8],
    /// The method name. For a generic invocation, the method that it names, if that can be read.
    pub method: &'a [u8],
    /// The name of the calling application.
    pub application: &'a [u8],
    /// The downstream's timeout in milliseconds; 0 if there is none.
    pub timeout_ms: u32,
    /// The format of the response. The head may reveal more about it than the frame.
    pub hint: u32,
    /// The call only asks whether the service exists and expects its own argument back. If the upstream's
    /// protocol has no such call, the proxy responds itself.
    pub echo: bool,
    /// The position of the attachments in the message, if the frame does not contain it. Only the protocol's
    /// own code interprets it.
    pub attachments: u32,
    /// Reading this head scanned the whole message and found ordinary values only, so that reading the call can
    /// skip checks. Only the protocol's own code interprets it.
    pub plain: bool,
}

/// Reads the messages of one protocol. It is stateless and static.
pub trait MessageReader: Sync {
    /// The protocol's name in configuration, metrics and logs.
    fn name(&self) -> &'static str;

    /// Reads the head of a request into an empty one. It is filled in place, because heads are large and read
    /// for every call.
    ///
    /// # Errors
    /// [`crate::ErrorKind::BadRequest`] with the reason, if even the service cannot be read.
    fn read_head<'a>(&self, msg: &Message<'a>, head: &mut Head<'a>) -> Result<(), CallError>;

    /// The head of a request.
    ///
    /// # Errors
    /// As for [`MessageReader::read_head`].
    fn head<'a>(&self, msg: &Message<'a>) -> Result<Head<'a>, CallError> {
        let mut head = Head::default();
        self.read_head(msg, &mut head)?;
        Ok(head)
    }

    /// The value of an attachment (header) of a request whose head was read. Scalars other than strings are
    /// converted to text.
    fn attachment<'a>(&self, msg: &Message<'a>, head: &Head<'a>, key: &str) -> Option<Cow<'a, [u8]>>;

    /// Adds a part to the bytes of a message whose parts are put together. Only protocols that have streams need it.
    fn append(&self, message: &mut Vec<u8>, part: &Part<'_>) {
        message.extend_from_slice(part.data);
    }

    /// The message in bytes that were encoded or received before; `None` if they are not one whole message.
    fn view<'a>(&self, bytes: &'a [u8]) -> Option<Message<'a>>;

    /// Translates a request into an empty neutral call. It is filled in place, because calls are large. The
    /// head saves reading it again, if the downstream still has it.
    ///
    /// # Errors
    /// The request cannot be read. The downstream gets the text, and the call may be partly filled.
    fn read_call<'a>(
        &self,
        msg: &Message<'a>,
        head: Option<&Head<'a>>,
        call: &mut NeutralCall<'a>,
    ) -> Result<(), CallError>;

    /// Translates a response into an empty neutral response.
    ///
    /// # Errors
    /// The failure that the provider reported, or the reason why its response cannot be read. The neutral
    /// response may be partly filled.
    fn read_response<'a>(
        &self,
        msg: &Message<'a>,
        outcome: &mut NeutralResponse<'a>,
    ) -> Result<(), CallError>;

    /// The neutral form of a request.
    ///
    /// # Errors
    /// As for [`MessageReader::read_call`].
    fn call<'a>(&self, msg: &Message<'a>) -> Result<NeutralCall<'a>, CallError> {
        let mut call = NeutralCall::default();
        self.read_call(msg, None, &mut call)?;
        Ok(call)
    }

    /// The neutral form of a response.
    ///
    /// # Errors
    /// As for [`MessageReader::read_response`].
    fn outcome<'a>(&self, msg: &Message<'a>) -> Result<NeutralResponse<'a>, CallError> {
        let mut outcome = NeutralResponse::default();
        self.read_response(msg, &mut outcome)?;
        Ok(outcome)
    }
}

/// Changes to a request, made when it is encoded. Nearly every call has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// The new interface name.
    pub service: Option<Box<str>>,
    /// The new version; an empty one removes it.
    pub version: Option<Box<str>>,
    /// The new group; an empty one removes it.
    pub group: Option<Box<str>>,
    /// The new method name.
    pub method: Option<Box<str>>,
    /// Attachments to set, replacing those with the same name.
    pub set: Vec<(Box<str>, Box<str>)>,
    /// Names of attachments to remove.
    pub remove: Vec<Box<str>>,
    /// The new timeout in milliseconds, because time has passed in this process.
    pub timeout_ms: Option<u32>,
}

// === impls ===

impl<'a> Message<'a> {
    /// Copies the message, so that it can wait.
    #[must_use]
    pub fn hold(&self, edits: Edits) -> Box<Held> {
        Box::new(Held {
            meta: self.meta,
            bytes: self.bytes.to_vec(),
            edits,
            owed: 0,
        })
    }

    /// The head of a request, see [`MessageReader::head`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn head(&self) -> Result<Head<'a>, CallError> {
        self.meta.reader.head(self)
    }
}

impl Held {
    /// The message that was copied.
    #[must_use]
    pub fn view(&self) -> Message<'_> {
        Message {
            meta: self.meta,
            bytes: &self.bytes,
        }
    }
}

impl Edits {
    /// No changes.
    pub const NONE: &'static Edits = &Edits {
        service: None,
        version: None,
        group: None,
        method: None,
        set: vec![],
        remove: vec![],
        timeout_ms: None,
    };

    /// Whether there are no changes.
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

    /// The change of one attachment: `None` for no change, `Some(None)` for its removal.
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
            self.meta.reader.name(),
            self.bytes.len()
        )
    }
}
