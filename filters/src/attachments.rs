//! A filter that changes the attachments of requests.
use rialto_config::AttachmentEdit;
use rialto_core::filter::{Filter, FilterFactory, RequestCx, Verdict};
use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

/// Sets and removes attachments. It only records the edits, which take effect when the request is encoded.
pub struct Attachments {
    edit: Arc<AttachmentEdit>,
}

pub(crate) struct Factory {
    edit: Arc<AttachmentEdit>,
}

impl Factory {
    pub(crate) fn new(edit: AttachmentEdit) -> Self {
        Factory { edit: Arc::new(edit) }
    }
}

impl FilterFactory for Factory {
    fn make(&self, _: Option<&dyn Filter>) -> Rc<dyn Filter> {
        Rc::new(Attachments {
            edit: Arc::clone(&self.edit),
        })
    }
}

impl Filter for Attachments {
    fn on_request(&self, cx: &mut RequestCx<'_>) -> Verdict {
        // Removals come first, so that a key in both lists is set.
        for key in &self.edit.remove {
            cx.edits.remove(key);
        }
        for (key, value) in &self.edit.set {
            cx.edits.set(key, value);
        }
        Verdict::Continue
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestCall, is_passed, pass_with};
    use rialto_core::message::Edits;

    fn filter(set: &[(&str, &str)], remove: &[&str]) -> Rc<dyn Filter> {
        let edit = AttachmentEdit {
            set: set
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
            remove: remove.iter().map(|k| (*k).to_owned()).collect(),
        };
        crate::factory(&rialto_config::Filter::Attachments(edit), 1).make(None)
    }

    #[test]
    fn attachments_are_set_and_removed() {
        let mut edits = Edits::default();
        let filter = filter(&[("tag", "gray")], &["secret"]);
        assert!(is_passed(&pass_with(
            &*filter,
            &TestCall::default(),
            0,
            &mut edits
        )));
        assert_eq!(edits.attachment("tag"), Some(Some("gray")));
        assert_eq!(edits.attachment("secret"), Some(None));
        assert_eq!(edits.attachment("other"), None);
    }

    #[test]
    fn a_key_in_both_lists_is_set() {
        let mut edits = Edits::default();
        pass_with(
            &*filter(&[("tag", "gray")], &["tag"]),
            &TestCall::default(),
            0,
            &mut edits,
        );
        assert_eq!(edits.attachment("tag"), Some(Some("gray")));
    }

    #[test]
    fn later_filters_override_earlier_ones() {
        let mut edits = Edits::default();
        pass_with(
            &*filter(&[("a", "1"), ("b", "1")], &[]),
            &TestCall::default(),
            0,
            &mut edits,
        );
        pass_with(
            &*filter(&[("b", "2")], &["a"]),
            &TestCall::default(),
            0,
            &mut edits,
        );
        assert_eq!(edits.attachment("a"), Some(None));
        assert_eq!(edits.attachment("b"), Some(Some("2")));
    }

    #[test]
    fn a_filter_without_changes_leaves_the_request_as_it_is() {
        let mut edits = Edits::default();
        pass_with(&*filter(&[], &[]), &TestCall::default(), 0, &mut edits);
        assert!(edits.is_empty());
    }
}
