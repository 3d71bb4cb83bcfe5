//! Replaces the configuration in use by a changed one. A change takes effect as a whole or not at all, and waits
//! until the endpoints of its new clusters are known, so that no call fails because a cluster has no endpoints yet.
use super::changes::LISTED;
use super::{Control, changes};
use crate::config::{Dump, Loaded};
use rialto_config::Config;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The longest time that changes wait for endpoints, also if new changes keep arriving.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A changed configuration that waits for endpoints. A later one replaces it.
pub(super) struct Pending {
    loaded: Loaded,
    /// Since when changes have been waiting. A later change that replaces this one keeps the time, so that many quick
    /// changes cannot delay all of them for ever.
    since: Instant,
}

impl Control {
    /// Parses the last text of the file, and uses it as soon as its endpoints are known. If it is invalid, nothing
    /// changes.
    pub(super) fn reload(&mut self) {
        let Some(file) = &self.file else {
            return tracing::warn!("the configuration was not read from a file, so it cannot be read again");
        };
        let loaded = match file.load() {
            Ok(loaded) => loaded,
            Err(report) if file.is_there() => return self.refuse(&report.to_string()),
            Err(report) => {
                tracing::error!("the configuration cannot be read any more, the former one stays:\n{report}");
                return self.shared.refused(&report.to_string());
            }
        };
        self.sources.prepare(&loaded.config.clusters);
        let since = self.pending.take().map_or_else(Instant::now, |p| p.since);
        self.pending = Some(Pending { loaded, since });
        if !self.take_over_if_ready() {
            let silent = self.sources.without_list();
            let more = silent.len().saturating_sub(LISTED);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            let waits = silent[..silent.len().min(LISTED)].join(", ");
            tracing::info!("the changed configuration waits for the endpoints of: {waits}{more}");
        }
    }

    /// When the pending configuration takes effect even if some of its endpoints are still unknown.
    pub(super) fn takes_over_at(&self) -> Option<Instant> {
        let pending = self.pending.as_ref()?;
        let longest = pending.since + LONGEST_WAIT;
        Some(self.sources.waits_until().map_or(longest, |end| end.min(longest)))
    }

    /// Uses the pending configuration if it no longer has to wait. Returns whether it did.
    pub(super) fn take_over_if_ready(&mut self) -> bool {
        let is_ready = self.pending.is_some() && self.sources.waits_until().is_none();
        if is_ready {
            self.take_over();
        }
        is_ready
    }

    /// Uses the pending configuration.
    pub(super) fn take_over(&mut self) {
        let Some(Pending { loaded, .. }) = self.pending.take() else {
            return;
        };
        let mut plan = match self.listening.plan(&loaded.config.listeners, &mut self.compiler) {
            Ok(plan) => plan,
            Err(e) => {
                // the sources that were started for it are not needed
                self.sources.prepare(&[]);
                return self.refuse(&format!("{e:#}"));
            }
        };
        if !loaded.warnings.is_empty() {
            tracing::warn!("the configuration has warnings:\n{}", loaded.warnings);
        }
        self.note_fixed(&loaded.config);
        let changes = changes::between(&self.config, &loaded.config);
        self.config = Arc::new(loaded.config);
        self.sources.take_over(&self.config.clusters);
        let gone = self.on_demand.configure(&self.config, &self.base);
        self.remove_services(&gone);
        let before: BTreeMap<_, _> = self.listening.addresses().into_iter().collect();
        self.listening.close_removed(&mut plan, &self.runtime);
        self.publish();
        self.listening.open_added(plan, &self.runtime);
        let now = self.listening.addresses();
        tell_listeners(&before, &now);
        self.shared.set_listening(now);
        if self.logs_calls {
            self.runtime.set_log(Some(self.config.access_log.sample));
        }
        self.shared
            .accepted(Dump::new(Arc::clone(&self.config), loaded.substitutions));
        tracing::info!(
            "the configuration {} was taken over: {changes}",
            loaded.source.name()
        );
    }

    fn refuse(&self, why: &str) {
        tracing::error!("the changed configuration was refused, the former one stays:\n{why}");
        self.shared.refused(why);
    }

    /// Warns about changed settings that only take effect at the next start.
    fn note_fixed(&self, new: &Config) {
        let old = &self.config;
        for (what, changed) in [
            ("admin", new.admin != old.admin),
            ("runtime.workers", new.runtime.workers != old.runtime.workers),
            ("runtime.pin", new.runtime.pin != old.runtime.pin),
            ("access_log.path", new.access_log.path != old.access_log.path),
            (
                "access_log.format",
                new.access_log.format != old.access_log.format,
            ),
            ("metrics", new.metrics != old.metrics),
            ("log", new.log != old.log),
        ] {
            if changed {
                tracing::warn!("{what} was changed: that takes effect at the next start only");
            }
        }
    }
}

/// Logs the addresses of listeners that are new or have moved.
fn tell_listeners(before: &BTreeMap<String, String>, now: &[(String, String)]) {
    for (name, address) in now {
        if before.get(name) != Some(address) {
            tracing::info!("listener {name} on {address}");
        }
    }
    for (name, address) in before {
        if now.iter().all(|(other, _)| other != name) {
            tracing::info!("listener {name} no longer listens on {address}");
        }
    }
}
