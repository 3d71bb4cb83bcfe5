//! Rules for calls that change their protocol. They act on the neutral call and so hold for every pair of
//! protocols. A call that keeps its protocol is not affected.
use crate::call::{Attachments, Exception, NeutralCall, NeutralResponse, ReturnValue};
use crate::directory::TextMatch;
use crate::value_rules::ValueRules;
use std::borrow::Cow;

/// The rules for one target of a route.
#[derive(Clone, Debug, Default)]
pub struct Bridge {
    /// Pairs of versions: the first pair whose left side is the call's version replaces it by the right side.
    pub versions: Vec<(Box<str>, Box<str>)>,
    /// The rule for group (Dubbo) and unique id (SOFARPC).
    pub group: GroupRule,
    /// The attachments that are passed on, in both directions.
    pub attachments: AttachmentBridge,
    /// Exceptions whose class is passed on or substituted, whatever the rule for their package.
    pub exceptions: ExceptionBridge,
    /// The rules for arguments, results and exceptions.
    pub values: ValueRules,
}

/// The attachments that are passed on.
#[derive(Clone, Debug, Default)]
pub struct AttachmentBridge {
    /// If not empty, only attachments whose name matches one of these are passed on.
    pub allow: Vec<TextMatch>,
    /// Attachments whose name matches one of these are never passed on.
    pub deny: Vec<TextMatch>,
}

/// Exceptions whose class is treated differently from others of its package.
#[derive(Clone, Debug, Default)]
pub struct ExceptionBridge {
    /// Classes that are passed on.
    pub forward: Vec<TextMatch>,
    /// Classes that are substituted, also if `forward` has them.
    pub substitute: Vec<TextMatch>,
}

/// The rule for the group of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupRule {
    /// Group and unique id correspond to each other.
    #[default]
    Keep,
    /// The group is not passed on.
    Drop,
    /// The group becomes the version.
    ToVersion,
    /// The version becomes the group, and the call has no version.
    FromVersion,
}

/// Unchecked exceptions and errors that Java readers on both sides know and accept.
const COMMON: [&str; 13] = [
    "ArithmeticException",
    "ArrayIndexOutOfBoundsException",
    "ArrayStoreException",
    "ClassCastException",
    "Error",
    "IllegalArgumentException",
    "IllegalStateException",
    "IndexOutOfBoundsException",
    "NegativeArraySizeException",
    "NullPointerException",
    "NumberFormatException",
    "RuntimeException",
    "StringIndexOutOfBoundsException",
];

/// Packages whose classes exist on one side only (those of the frameworks), or that readers refuse unless a
/// method declares them (the rest of the JDK).
const FOREIGN: [&str; 9] = [
    "java.",
    "javax.",
    "jdk.",
    "sun.",
    "org.apache.dubbo.",
    "com.alibaba.dubbo.",
    "com.alipay.sofa.rpc.",
    "com.alipay.remoting.",
    "com.caucho.",
];

/// The class that replaces an exception that is not passed on.
const SUBSTITUTE: &str = "java.lang.RuntimeException";

/// Whether a class of exceptions can be expected to exist on both sides: an application's own classes and the
/// unchecked ones of `java.lang`.
fn passes(class: &str) -> bool {
    match class.strip_prefix("java.lang.") {
        Some(name) => COMMON.contains(&name),
        None => !FOREIGN.iter().any(|p| class.starts_with(p)),
    }
}

impl Bridge {
    /// Applies the rules to a call on its way to the provider.
    pub fn on_request<'a>(&'a self, call: &mut NeutralCall<'a>) {
        call.args.rules = Some(&self.values);
        match self.group {
            GroupRule::Keep => {}
            GroupRule::Drop => call.group = Cow::Borrowed(""),
            GroupRule::ToVersion => {
                let group = std::mem::take(&mut call.group);
                if !group.is_empty() {
                    call.version = group;
                }
            }
            GroupRule::FromVersion => call.group = std::mem::take(&mut call.version),
        }
        if let Some((_, to)) = self.versions.iter().find(|(from, _)| **from == *call.version) {
            call.version = Cow::Owned(to.to_string());
        }
        self.sift(&mut call.attachments);
    }

    /// Applies the rules to a response on its way to the downstream.
    pub fn on_response<'a>(&'a self, outcome: &mut NeutralResponse<'a>) {
        match &mut outcome.reply {
            ReturnValue::Null => {}
            ReturnValue::Value(value) => value.rules = Some(&self.values),
            ReturnValue::Exception(thrown) => {
                if let Some(object) = &mut thrown.object {
                    object.rules = Some(&self.values);
                }
                if !self.keeps(&thrown.class) {
                    thrown.substitute();
                }
            }
        }
        self.sift(&mut outcome.attachments);
    }

    /// The rule that gave a call the version it went out with, for error texts; `None` without such a rule.
    pub(crate) fn version_rule(&self) -> Option<String> {
        const SHOWN: usize = 4;
        let mapped = |(from, to): &(Box<str>, Box<str>)| format!("{from:?} to {to:?}");
        match (&*self.versions, self.group) {
            ([], GroupRule::FromVersion) => Some("bridge.unique_id makes the version the unique id".into()),
            ([], GroupRule::ToVersion) => Some("bridge.unique_id makes the unique id the version".into()),
            ([], GroupRule::Keep | GroupRule::Drop) => None,
            (versions, _) => {
                let shown: Vec<String> = versions.iter().take(SHOWN).map(mapped).collect();
                let more = if versions.len() > SHOWN { ", ..." } else { "" };
                Some(format!("bridge.versions maps {}{more}", shown.join(", ")))
            }
        }
    }

    fn keeps(&self, class: &str) -> bool {
        let named = |rules: &[TextMatch]| rules.iter().any(|rule| rule.matches(class));
        (passes(class) || named(&self.exceptions.forward)) && !named(&self.exceptions.substitute)
    }

    fn sift(&self, attachments: &mut Attachments<'_>) {
        if !self.attachments.passes_all() {
            attachments.retain(|(key, _)| self.attachments.crosses(key));
        }
    }
}

impl AttachmentBridge {
    /// Whether all attachments are passed on.
    fn passes_all(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// Whether the attachment with this name is passed on.
    fn crosses(&self, name: &str) -> bool {
        let fits = |rules: &[TextMatch]| rules.iter().any(|rule| rule.matches(name));
        (self.allow.is_empty() || fits(&self.allow)) && !fits(&self.deny)
    }
}

impl Exception<'_> {
    /// Replaces the exception by one that every Java client can read. Its message still names the class that
    /// was thrown.
    pub fn substitute(&mut self) {
        let message = match &self.message {
            Some(text) => format!("{}: {text}", self.class),
            None => self.class.to_string(),
        };
        self.class = Cow::Borrowed(SUBSTITUTE);
        self.message = Some(Cow::Owned(message));
        self.object = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_of_the_frameworks_and_rare_jdk_ones_are_substituted() {
        for (class, through) in [
            ("com.acme.BizException", true),
            ("java.lang.IllegalStateException", true),
            ("java.sql.SQLException", false),
            ("java.lang.Exception", false),
            ("org.apache.dubbo.rpc.RpcException", false),
        ] {
            assert_eq!(passes(class), through, "{class}");
        }
        let mut thrown = Exception {
            class: "java.io.IOException".into(),
            message: Some("disk".into()),
            object: None,
        };
        thrown.substitute();
        assert_eq!(thrown.message.as_deref(), Some("java.io.IOException: disk"));
    }

    #[test]
    fn versions_are_mapped_and_a_group_can_replace_a_version() {
        let with = |group| Bridge {
            versions: vec![("1.0.0".into(), "1.0".into())],
            group,
            ..Bridge::default()
        };
        let (keep, to_version) = (with(GroupRule::Keep), with(GroupRule::ToVersion));
        let from_version = with(GroupRule::FromVersion);
        let mut call = NeutralCall {
            version: "1.0.0".into(),
            group: "gray".into(),
            ..NeutralCall::default()
        };
        keep.on_request(&mut call);
        assert_eq!((&*call.version, &*call.group), ("1.0", "gray"));
        to_version.on_request(&mut call);
        assert_eq!((&*call.version, &*call.group), ("gray", ""));
        from_version.on_request(&mut call);
        assert_eq!((&*call.version, &*call.group), ("", "gray"));
    }

    #[test]
    fn deny_takes_precedence_over_allow() {
        let prefix = |text: &str| vec![TextMatch::Prefix(text.into())];
        let attachments = AttachmentBridge {
            allow: prefix("x-"),
            deny: prefix("x-internal"),
        };
        assert!(attachments.crosses("x-tenant"));
        assert!(!attachments.crosses("x-internal-id") && !attachments.crosses("tenant"));
        assert!(AttachmentBridge::default().crosses("tenant"));
    }
}
