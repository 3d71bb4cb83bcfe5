//! Changes to the attachments of a call.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Labels;

/// Attachments to set and to remove. Removal comes first, so a key in both is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AttachmentEdit {
    /// Attachments to set, replacing existing ones. For Dubbo upstreams, `path`, `interface`, `version` and
    /// `group` cannot be set here, because they determine what is called. The route's `rewrite` has keys for
    /// them.
    pub set: Labels,
    /// Names of attachments to remove.
    pub remove: Vec<String>,
}

impl AttachmentEdit {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }
}
