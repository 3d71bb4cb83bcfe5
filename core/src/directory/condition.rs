//! Conditions on single texts of a call.
use regex::Regex;

/// A condition on one text of a call.
#[derive(Clone, Debug)]
pub enum TextMatch {
    /// The text equals this, compared by bytes.
    Exact(Box<str>),
    /// The text starts with this.
    Prefix(Box<str>),
    /// The text ends with this.
    Suffix(Box<str>),
    /// The text matches this expression. One that has to match the whole text says so itself, by anchors.
    Regex(Regex),
}

/// A condition on one attachment of a call.
#[derive(Clone, Debug)]
pub enum AttachmentMatch {
    /// The attachment exists and its value matches.
    Value(TextMatch),
    /// The attachment exists, with any value.
    Present,
    /// The attachment does not exist.
    Absent,
}

impl TextMatch {
    /// Whether the text meets the condition.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match self {
            TextMatch::Exact(exact) => **exact == *text,
            TextMatch::Prefix(prefix) => text.starts_with(&**prefix),
            TextMatch::Suffix(suffix) => text.ends_with(&**suffix),
            TextMatch::Regex(regex) => regex.is_match(text),
        }
    }
}

impl AttachmentMatch {
    /// Whether an attachment with this value, or a missing one (`None`), meets the condition.
    #[must_use]
    pub fn matches(&self, value: Option<&str>) -> bool {
        match (self, value) {
            (AttachmentMatch::Value(condition), Some(value)) => condition.matches(value),
            (AttachmentMatch::Value(_), None) => false,
            (AttachmentMatch::Present, value) => value.is_some(),
            (AttachmentMatch::Absent, value) => value.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_on_texts_and_attachments() {
        assert!(TextMatch::Prefix("com.acme.".into()).matches("com.acme.Greeter"));
        assert!(!TextMatch::Suffix("Facade".into()).matches("com.acme.Greeter"));
        let regex = TextMatch::Regex(Regex::new("^(?:a|b+)$").unwrap());
        assert!(regex.matches("bbb") && !regex.matches("ab"));
        let gold = AttachmentMatch::Value(TextMatch::Exact("gold".into()));
        assert!(gold.matches(Some("gold")) && !gold.matches(Some("tin")) && !gold.matches(None));
        assert!(AttachmentMatch::Present.matches(Some("")) && !AttachmentMatch::Present.matches(None));
        assert!(AttachmentMatch::Absent.matches(None) && !AttachmentMatch::Absent.matches(Some("")));
    }
}
