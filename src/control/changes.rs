//! Describes what a reload changes, in one line for the log.
use rialto_config::Config;
use std::collections::HashMap;
use std::fmt::Write;

/// How many names are listed. If there are more, only their number is shown.
pub(super) const LISTED: usize = 10;

/// Describes the difference between two configurations.
pub(super) fn between(old: &Config, new: &Config) -> String {
    let mut parts = vec![];
    let listeners = Changes::of(&old.listeners, &new.listeners, |l| &l.name);
    listeners.put("listener", &mut parts);
    for new in &new.listeners {
        let old = old.listeners.iter().find(|old| old.name == new.name);
        if let Some(old) = old.filter(|old| old.address != new.address) {
            parts.push(format!(
                "listener {} moved from {} to {}",
                new.name, old.address, new.address
            ));
        }
    }
    Changes::of(&old.routes, &new.routes, |r| &r.name).put("route", &mut parts);
    Changes::of(&old.clusters, &new.clusters, |c| &c.name).put("cluster", &mut parts);
    for (what, changed) in [
        ("runtime", old.runtime != new.runtime),
        ("access_log", old.access_log != new.access_log),
    ] {
        if changed {
            parts.push(format!("{what} changed"));
        }
    }
    if parts.is_empty() {
        return "it says the same as before".into();
    }
    parts.join(", ")
}

/// The names of parts of one kind that were added, removed or changed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Changes<'a> {
    added: Vec<&'a str>,
    removed: Vec<&'a str>,
    changed: Vec<&'a str>,
}

impl<'a> Changes<'a> {
    fn of<T: PartialEq>(old: &'a [T], new: &'a [T], name: impl Fn(&'a T) -> &'a String) -> Self {
        let before: HashMap<&str, &T> = old.iter().map(|x| (name(x).as_str(), x)).collect();
        let after: HashMap<&str, &T> = new.iter().map(|x| (name(x).as_str(), x)).collect();
        let mut changes = Changes::default();
        for item in new {
            match before.get(name(item).as_str()) {
                None => changes.added.push(name(item)),
                Some(old) if *old != item => changes.changed.push(name(item)),
                Some(_) => {}
            }
        }
        let gone = old.iter().filter(|x| !after.contains_key(name(x).as_str()));
        changes.removed.extend(gone.map(|x| name(x).as_str()));
        changes
    }

    fn put(&self, what: &str, parts: &mut Vec<String>) {
        for (names, how) in [
            (&self.added, "added"),
            (&self.removed, "removed"),
            (&self.changed, "changed"),
        ] {
            if names.is_empty() {
                continue;
            }
            let plural = if names.len() == 1 { "" } else { "s" };
            let mut text = format!("{} {what}{plural} {how}", names.len());
            if names.len() <= LISTED {
                // writing to a string cannot fail
                let _ = write!(text, " ({})", names.join(" "));
            }
            parts.push(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_str;

    fn config(text: &str) -> Config {
        load_str("test", text).unwrap().config
    }

    const OLD: &str = "\
listeners: [{ name: in, address: '127.0.0.1:1', routes: [r] }]
routes: [{ name: r, to: [{ cluster: c }] }]
clusters: [{ name: c, protocol: bolt, endpoints: [{ address: '10.0.0.1:1' }] }]
";

    #[test]
    fn a_reload_says_what_changed() {
        let old = config(OLD);
        let of = |from: &str, to: &str| between(&old, &config(&OLD.replace(from, to)));
        assert_eq!(of("", ""), "it says the same as before");
        assert_eq!(
            of("127.0.0.1:1", "127.0.0.1:2"),
            "1 listener changed (in), listener in moved from 127.0.0.1:1 to 127.0.0.1:2"
        );
        assert_eq!(of("10.0.0.1", "10.0.0.2"), "1 cluster changed (c)");
        assert_eq!(
            of("name: in", "name: out"),
            "1 listener added (out), 1 listener removed (in)"
        );
        let many: String = (0..11)
            .map(|i| format!("{{ name: r{i}, to: [{{ cluster: c }}] }}, "))
            .collect();
        assert_eq!(of("routes: [{", &format!("routes: [{many}{{")), "11 routes added");
    }
}
