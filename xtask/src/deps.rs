//! Checks licences and origins of all dependencies by the rules of `deny.toml`. `cargo deny check` reads the
//! same file and checks more; this needs nothing installed.
mod licence;

use crate::command::root;
use crate::metadata::{self, Package};
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

const RULES: &str = "deny.toml";

/// The rules of `deny.toml` that are checked here.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rules {
    /// Licences that may be used.
    allow: BTreeSet<String>,
    /// Crates that must not be used.
    deny: BTreeSet<String>,
}

/// Fails if a dependency breaks the rules.
pub(crate) fn check() -> Result<()> {
    let text = fs::read_to_string(root().join(RULES)).with_context(|| format!("cannot read {RULES}"))?;
    let rules = Rules::read(&text);
    if rules.allow.is_empty() {
        bail!("{RULES} allows no licence: [licenses] needs allow = [...]");
    }
    let packages = metadata::packages()?;
    let complaints: Vec<_> = packages
        .iter()
        .filter_map(|package| rules.complaint(package))
        .collect();
    let foreign = packages.iter().filter(|package| package.source.is_some()).count();
    for (name, versions) in several_versions(&packages) {
        println!("note: {name} is there in the versions {}", versions.join(", "));
    }
    if !complaints.is_empty() {
        bail!("{}", complaints.join("\n"));
    }
    println!("{foreign} dependencies, all from the registry and under allowed licences");
    Ok(())
}

impl Rules {
    fn read(text: &str) -> Self {
        let mut rules = Rules::default();
        let (mut table, mut list) = ("", "");
        for line in text
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default().trim())
        {
            if let (Some(header), "") = (line.strip_prefix('['), list) {
                table = header.trim_end_matches(']');
                continue;
            }
            if let ("", Some((key, value))) = (list, line.split_once(" = [")) {
                list = key;
                rules.add(table, list, value);
            } else if !list.is_empty() {
                rules.add(table, list, line);
            }
            if line.ends_with(']') {
                list = "";
            }
        }
        rules
    }

    fn add(&mut self, table: &str, list: &str, text: &str) {
        // Every second part is between quotes; of { crate = "x", reason = "y" } the first one counts.
        let quoted = text.split('"').skip(1).step_by(2).map(str::to_owned);
        match (table, list) {
            ("licenses", "allow") => self.allow.extend(quoted),
            ("bans", "deny") => self.deny.extend(quoted.take(1)),
            _ => {}
        }
    }

    fn complaint(&self, package: &Package) -> Option<String> {
        let who = format!("{} {}", package.name, package.version);
        let source = package.source.as_deref().unwrap_or_default();
        if self.deny.contains(&package.name) {
            return Some(format!("{who}: {RULES} denies it"));
        }
        if !source.is_empty() && !source.starts_with("registry+") {
            return Some(format!("{who}: comes from {source}, not from the registry"));
        }
        let Some(expression) = &package.license else {
            return Some(format!("{who}: names no licence"));
        };
        match licence::is_allowed(expression, &|name| self.allow.contains(name)) {
            Some(true) => None,
            Some(false) => Some(format!(
                "{who}: {expression} is not among the allowed licences of {RULES}"
            )),
            None => Some(format!(
                "{who}: the licence \"{expression}\" is not an SPDX expression"
            )),
        }
    }
}

fn several_versions(packages: &[Package]) -> BTreeMap<&str, Vec<&str>> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages {
        found.entry(&package.name).or_default().push(&package.version);
    }
    found.retain(|_, versions| versions.len() > 1);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, license: Option<&str>, source: Option<&str>) -> Package {
        Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: license.map(str::to_owned),
            source: source.map(str::to_owned),
        }
    }

    fn rules() -> Rules {
        Rules::read(
            "[graph]\nallow = [\"GPL-3.0\"]\n[licenses]\nallow = [\n  \"MIT\", # fine\n  \"ISC\",\n]\nother = [\"X\"]\n\
             [bans]\ndeny = [\n  { crate = \"openssl\", reason = \"y\" },\n]\n[sources]\ndeny = [\"z\"]\n",
        )
    }

    #[test]
    fn rules_are_read_from_their_tables() {
        let set = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        let expected = Rules {
            allow: set(&["ISC", "MIT"]),
            deny: set(&["openssl"]),
        };
        assert_eq!(rules(), expected);
    }

    #[test]
    fn broken_rules_are_named() {
        let registry = Some("registry+somewhere");
        let complaint = |name, license, source| rules().complaint(&package(name, license, source));
        assert_eq!(complaint("a", Some("MIT OR GPL-3.0"), registry), None);
        for (found, words) in [
            (complaint("a", Some("GPL-3.0"), registry), "GPL-3.0 is not among"),
            (complaint("a", None, registry), "names no licence"),
            (complaint("a", Some("MIT OR"), registry), "not an SPDX expression"),
            (complaint("a", Some("MIT"), Some("git+x")), "comes from git+x"),
            (complaint("openssl", Some("MIT"), registry), "denies it"),
        ] {
            let found = found.unwrap_or_default();
            assert!(found.contains(words), "{words}: {found}");
        }
    }
}
