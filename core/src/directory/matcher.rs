//! The conditions of a route.
use super::{AttachmentMatch, TextMatch};
use crate::message::{Head, Message, ProtoId};

/// All conditions of a route. An absent condition is always met.
#[derive(Clone, Debug, Default)]
pub struct RouteMatch {
    /// The protocol of the downstream.
    pub protocol: Option<ProtoId>,
    /// The interface name.
    pub service: Option<TextMatch>,
    /// The service version.
    pub version: Option<TextMatch>,
    /// The group (SOFARPC: the unique id).
    pub group: Option<TextMatch>,
    /// The method name.
    pub method: Option<TextMatch>,
    /// The name of the calling application.
    pub application: Option<TextMatch>,
    /// The attachments, by key.
    pub attachments: Vec<(Box<str>, AttachmentMatch)>,
}

/// A condition of a route that a call does not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet<'a> {
    /// The protocol of the downstream.
    Protocol,
    /// The interface name.
    Service,
    /// The method name.
    Method,
    /// The service version.
    Version,
    /// The group (SOFARPC: the unique id).
    Group,
    /// The name of the calling application.
    Application,
    /// The attachment with this key.
    Attachment(&'a str),
}

impl RouteMatch {
    /// Whether a call meets every condition. A name that is not UTF-8 meets no condition.
    #[must_use]
    #[inline]
    pub fn matches(&self, msg: &Message<'_>, head: &Head<'_>) -> bool {
        self.unmet(msg, head).is_none()
    }

    /// The first condition that a call does not meet.
    #[must_use]
    #[inline]
    pub fn unmet(&self, msg: &Message<'_>, head: &Head<'_>) -> Option<Unmet<'_>> {
        let text = |m: &Option<TextMatch>, name: &[u8]| match m {
            None => true,
            Some(TextMatch::Exact(exact)) => exact.as_bytes() == name,
            Some(m) => std::str::from_utf8(name).is_ok_and(|name| m.matches(name)),
        };
        if !self.protocol.is_none_or(|p| p == msg.meta.proto) {
            return Some(Unmet::Protocol);
        }
        for (unmet, condition, name) in [
            (Unmet::Service, &self.service, head.service),
            (Unmet::Method, &self.method, head.method),
            (Unmet::Version, &self.version, head.version),
            (Unmet::Group, &self.group, head.group),
            (Unmet::Application, &self.application, head.application),
        ] {
            if !text(condition, name) {
                return Some(unmet);
            }
        }
        let attachment = self.attachments.iter().find(|(key, m)| {
            let found = msg.meta.reader.attachment(msg, head, key);
            !match found.as_deref().map(std::str::from_utf8) {
                Some(Err(_)) => matches!(m, AttachmentMatch::Present),
                Some(Ok(value)) => m.matches(Some(value)),
                None => m.matches(None),
            }
        });
        attachment.map(|(key, _)| Unmet::Attachment(key))
    }
}
