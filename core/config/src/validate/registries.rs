//! Checks of `registries`.

use std::collections::HashSet;

use super::Problems;
use super::names::Names;
use crate::{Config, Path};

pub(super) fn check(config: &Config, problems: &mut Problems) {
    let section = Path::root().key("registries");
    let names = Names::new("registries", config.registries.iter().map(|r| r.name.as_str()));
    let targets = config.routes.iter().flat_map(|route| &route.to);
    let used: HashSet<&str> = targets.filter_map(|target| target.registry.as_deref()).collect();
    for (index, registry) in config.registries.iter().enumerate() {
        let path = section.index(index);
        names.check_own(index, &section, problems);
        if !used.contains(registry.name.as_str()) {
            problems
                .warning(
                    path.key("name"),
                    format!("no route leads to registry \"{}\"", registry.name),
                )
                .hint("name it under to of a route, or remove it")
                .relational();
        }
    }
}
