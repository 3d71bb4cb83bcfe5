//! Which calls a route takes.
use crate::config::{AttachmentMatch, TextMatch};
use crate::message::{Head, Message, ProtoId};

/// All conditions of a route; an absent one holds.
#[derive(Clone, Debug, Default)]
pub struct RouteMatch {
    /// The caller's protocol.
    pub protocol: Option<ProtoId>,
    /// Interface name.
    pub service: Option<TextMatch>,
    /// Service version.
    pub version: Option<TextMatch>,
    /// Group (SOFARPC: unique id).
    pub group: Option<TextMatch>,
    /// Method name.
    pub method: Option<TextMatch>,
    /// Name of the calling application.
    pub caller: Option<TextMatch>,
    /// Attachments.
    pub attachments: Vec<(Box<str>, AttachmentMatch)>,
}

impl RouteMatch {
    /// Whether a call meets every condition. Names that are no UTF-8 meet none.
    #[must_use]
    #[inline]
    pub fn matches(&self, msg: &Message<'_>, head: &Head<'_>) -> bool {
        let text = |m: &Option<TextMatch>, name: &[u8]| match m {
            None => true,
            Some(TextMatch::Exact(exact)) => exact.as_bytes() == name,
            Some(m) => std::str::from_utf8(name).is_ok_and(|name| m.matches(name)),
        };
        self.protocol.is_none_or(|p| p == msg.meta.proto)
            && text(&self.service, head.service)
            && text(&self.method, head.method)
            && text(&self.version, head.version)
            && text(&self.group, head.group)
            && text(&self.caller, head.caller)
            && self.attachments.iter().all(|(key, m)| {
                let found = msg.meta.dialect.attachment(msg, head, key);
                match found.as_deref().map(std::str::from_utf8) {
                    Some(Err(_)) => *m == AttachmentMatch::Present,
                    Some(Ok(value)) => m.matches(Some(value)),
                    None => m.matches(None),
                }
            })
    }
}
