//! Changes to the attachments of a call.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Labels;

/// Attachments to write and to take away. Removal happens first, so a key in both is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AttachmentEdit {
    /// Attachments to write; one that is already there is replaced. Towards Dubbo `path`, `interface`, `version` and
    /// `group` are none, as they say what is called: `rewrite` of a route has keys for that.
    pub set: Labels,
    /// Names of attachments to take away.
    pub remove: Vec<String>,
}

impl AttachmentEdit {
    /// True if it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }
}
