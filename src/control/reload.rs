//! A changed configuration takes the place of the one in use: whole or not at all, and not before the endpoints of its
//! new clusters are known, so that no call is lost to a cluster that has none yet.
use super::changes::LISTED;
use super::{Control, changes};
use crate::config::Loaded;
use rialto_core::config::Config;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// However often the configuration changes meanwhile, one is taken over after this long.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A changed configuration that waits for endpoints. A later one takes its place.
pub(super) struct Pending {
    loaded: Loaded,
    /// When the first of those began to wait that no later one let through.
    since: Instant,
}

impl Control {
    /// Reads the file as it was last seen, and takes it over as soon as its endpoints are known. If it is wrong,
    /// everything stays as it is.
    pub(super) fn reload(&mut self) {
        let Some(file) = &self.file else {
            return tracing::warn!("the configuration came from no file, so there is none to read again");
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
            let silent = self.sources.silent();
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

    /// When the pending configuration is taken over even if not all of its endpoints are known.
    pub(super) fn takes_over_at(&self) -> Option<Instant> {
        let pending = self.pending.as_ref()?;
        let longest = pending.since + LONGEST_WAIT;
        Some(self.sources.waits_until().map_or(longest, |end| end.min(longest)))
    }

    /// Takes the pending configuration over if it waits for nothing more. False if it goes on waiting, or if there is
    /// none.
    pub(super) fn take_over_if_ready(&mut self) -> bool {
        let is_ready = self.pending.is_some() && self.sources.waits_until().is_none();
        if is_ready {
            self.take_over();
        }
        is_ready
    }

    /// Takes the pending configuration over.
    pub(super) fn take_over(&mut self) {
        let Some(Pending { loaded, .. }) = self.pending.take() else {
            return;
        };
        let mut plan = match self.listening.plan(&loaded.config.listeners, &mut self.compiler) {
            Ok(plan) => plan,
            Err(e) => {
                // what was prepared for it is of no use
                self.sources.prepare(&[]);
                return self.refuse(&format!("{e:#}"));
            }
        };
        if !loaded.warnings.is_empty() {
            tracing::warn!("the configuration has warnings:\n{}", loaded.warnings);
        }
        self.note_fixed(&loaded.config);
        let changes = changes::between(&self.config, &loaded.config);
        self.config = loaded.config;
        self.sources.take_over(&self.config.clusters);
        let gone = self.on_demand.configure(&self.config, &self.base);
        self.remove_services(&gone);
        let before: BTreeMap<_, _> = self.listening.addresses().into_iter().collect();
        self.listening.let_go(&mut plan, &self.runtime);
        self.publish();
        self.listening.take_up(plan, &self.runtime);
        let now = self.listening.addresses();
        tell_listeners(&before, &now);
        self.shared.set_listening(now);
        if self.logs_calls {
            self.runtime.set_log(Some(self.config.access_log.sample));
        }
        self.shared
            .accepted(crate::config::dump(&self.config, &loaded.brought));
        tracing::info!(
            "the configuration {} was taken over: {changes}",
            loaded.source.name()
        );
    }

    fn refuse(&self, why: &str) {
        tracing::error!("the changed configuration was refused, the former one stays:\n{why}");
        self.shared.refused(why);
    }

    /// Some settings are fixed at the start.
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

/// Says where listeners listen now that did not before.
fn tell_listeners(before: &BTreeMap<String, String>, now: &[(String, String)]) {
    for (name, address) in now {
        if before.get(name) != Some(address) {
            tracing::info!("listener {name} on {address}");
        }
    }
    for (name, address) in before {
        if now.iter().all(|(other, _)| other != name) {
            tracing::info!("listener {name} is gone from {address}");
        }
    }
}
