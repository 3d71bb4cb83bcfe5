//! The configuration as it is shown, with every default visible.
use super::substitutions::Substitutions;
use rialto_config::Config;
use serde::ser::{Serialize, Serializer};
use std::sync::Arc;

/// Serializes a configuration to be shown. Secrets are not in it: a configuration only says where they are, and what
/// came from the environment is shown as the variable that it came from.
///
/// It is put together when it is asked for. Kept, it would take several times the memory of the configuration.
#[derive(Clone)]
pub struct Dump {
    config: Arc<Config>,
    substitutions: Arc<Substitutions>,
}

impl Dump {
    /// A configuration, and what the environment brought into it.
    #[must_use]
    pub fn new(config: Arc<Config>, substitutions: Substitutions) -> Self {
        Dump {
            config,
            substitutions: Arc::new(substitutions),
        }
    }
}

impl Serialize for Dump {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.substitutions.is_empty() {
            return self.config.serialize(serializer);
        }
        let mut shown = serde_json::to_value(&*self.config).map_err(serde::ser::Error::custom)?;
        self.substitutions.hide_in(&mut shown);
        shown.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Loaded, Source, load_with};
    use super::*;

    #[test]
    fn what_came_from_the_environment_is_not_shown() {
        let text = "access_log: { path: \"${PLACE}\" }\n";
        let env = |name: &str| (name == "PLACE").then(|| "/run/secret".to_owned());
        let Loaded {
            config,
            substitutions,
            ..
        } = load_with(Source::new("a", text), &env).unwrap();
        let shown = |substitutions| {
            let dump = Dump::new(Arc::new(config.clone()), substitutions);
            serde_json::to_value(dump).unwrap()["access_log"]["path"].clone()
        };
        assert_eq!(shown(substitutions), "${PLACE}");
        assert_eq!(shown(Substitutions::default()), "/run/secret");
    }
}
