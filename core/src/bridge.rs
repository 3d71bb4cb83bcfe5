//! Rules for calls that change the protocol on their way. They act on the neutral call, so they hold for
//! every pair of protocols; a call that keeps its protocol is never touched by them.
use crate::call::{Attachments, Call, Exception, Outcome, Reply};
use std::borrow::Cow;

/// The rules of one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// Versions by name: the first pair whose left side is the call's version decides.
    pub versions: Vec<(Box<str>, Box<str>)>,
    /// What becomes of group (Dubbo) and unique id (SOFARPC).
    pub group: GroupRule,
    /// Which attachments pass, in both directions.
    pub attachments: Passing,
    /// Which exception classes pass as themselves.
    pub exceptions: Passing,
}

/// What a group turns into on the other side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupRule {
    /// Group and unique id are the same thing.
    #[default]
    Keep,
    /// Not passed on.
    Drop,
    /// The group becomes the version, for fleets that tell variants apart by version on one side only.
    AsVersion,
}

/// A choice by name prefix; the longest matching prefix decides, and without one `default`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passing {
    /// Prefixes that pass.
    pub allow: Vec<Box<str>>,
    /// Prefixes that do not.
    pub deny: Vec<Box<str>>,
    /// What holds for all others.
    pub default: bool,
}

/// Unchecked exceptions and errors that every Java reader on both sides knows and lets through.
const COMMON: [&str; 14] = [
    "java.lang.RuntimeException",
    "java.lang.IllegalArgumentException",
    "java.lang.IllegalStateException",
    "java.lang.NullPointerException",
    "java.lang.IndexOutOfBoundsException",
    "java.lang.ArrayIndexOutOfBoundsException",
    "java.lang.StringIndexOutOfBoundsException",
    "java.lang.NumberFormatException",
    "java.lang.ArithmeticException",
    "java.lang.ClassCastException",
    "java.lang.NegativeArraySizeException",
    "java.lang.ArrayStoreException",
    "java.lang.Error",
    "java.lang.Exception",
];

/// Classes that exist on one side only (the frameworks' own) or that readers refuse unless a method declares
/// them (the rest of the JDK).
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

/// What an exception that does not pass arrives as.
const SUBSTITUTE: &str = "java.lang.RuntimeException";

impl Default for Bridge {
    fn default() -> Self {
        Bridge {
            versions: vec![],
            group: GroupRule::Keep,
            attachments: Passing::all(),
            exceptions: Passing {
                allow: COMMON.iter().map(|c| Box::from(*c)).collect(),
                deny: FOREIGN.iter().map(|c| Box::from(*c)).collect(),
                default: true,
            },
        }
    }
}

impl Passing {
    /// Everything passes.
    #[must_use]
    pub fn all() -> Self {
        Passing { allow: vec![], deny: vec![], default: true }
    }

    /// Whether `name` passes.
    #[must_use]
    pub fn passes(&self, name: &str) -> bool {
        let longest = |of: &[Box<str>]| of.iter().filter(|p| name.starts_with(&***p)).map(|p| p.len()).max();
        match (longest(&self.allow), longest(&self.deny)) {
            (None, None) => self.default,
            (allow, deny) => allow >= deny,
        }
    }
}

impl Bridge {
    /// Applies the rules to a call on its way to the provider.
    pub fn outward(&self, call: &mut Call<'_>) {
        match self.group {
            GroupRule::Keep => {}
            GroupRule::Drop => call.group = Cow::Borrowed(""),
            GroupRule::AsVersion => {
                if !call.group.is_empty() {
                    call.version = std::mem::take(&mut call.group);
                }
            }
        }
        if let Some((_, to)) = self.versions.iter().find(|(from, _)| **from == *call.version) {
            call.version = Cow::Owned(to.to_string());
        }
        self.sift(&mut call.attachments);
    }

    /// Applies the rules to an outcome on its way to the caller.
    pub fn homeward(&self, outcome: &mut Outcome<'_>) {
        if let Reply::Exception(thrown) = &mut outcome.reply
            && !self.exceptions.passes(&thrown.class)
        {
            thrown.substitute();
        }
        self.sift(&mut outcome.attachments);
    }

    fn sift(&self, attachments: &mut Attachments<'_>) {
        if self.attachments != Passing::all() {
            attachments.retain(|(key, _)| self.attachments.passes(key));
        }
    }
}

impl Exception<'_> {
    /// Turns the exception into one that every caller can read, and that still tells what was thrown.
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
        let bridge = Bridge::default();
        for (class, passes) in [
            ("com.acme.BizException", true),
            ("java.lang.IllegalStateException", true),
            ("java.sql.SQLException", false),
            ("org.apache.dubbo.rpc.RpcException", false),
        ] {
            assert_eq!(bridge.exceptions.passes(class), passes, "{class}");
        }
        let mut thrown =
            Exception { class: "java.io.IOException".into(), message: Some("disk".into()), object: None };
        thrown.substitute();
        assert_eq!(thrown.message.as_deref(), Some("java.io.IOException: disk"));
    }

    #[test]
    fn the_longest_prefix_decides() {
        let p = Passing { allow: vec!["a.b.".into()], deny: vec!["a.".into(), "a.b.c".into()], default: true };
        assert!(p.passes("a.b.x") && !p.passes("a.x") && !p.passes("a.b.c") && p.passes("z"));
    }

    #[test]
    fn versions_are_mapped_and_a_group_can_become_one() {
        let mut bridge = Bridge { versions: vec![("1.0.0".into(), "1.0".into())], ..Bridge::default() };
        let mut call = Call { version: "1.0.0".into(), group: "gray".into(), ..Call::default() };
        bridge.outward(&mut call);
        assert_eq!((&*call.version, &*call.group), ("1.0", "gray"));
        bridge.group = GroupRule::AsVersion;
        bridge.outward(&mut call);
        assert_eq!((&*call.version, &*call.group), ("gray", ""));
    }
}
