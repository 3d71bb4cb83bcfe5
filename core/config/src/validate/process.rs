//! Checks of `admin`, `runtime`, `metrics` and the logs.

use super::Problems;
use crate::{Address, Config, Metrics, Path};

/// The largest numbers of buckets and series.
const MOST_BUCKETS: usize = 32;
const MOST_SERIES: u32 = 65_536;

pub(super) fn check(config: &Config, problems: &mut Problems) {
    let admin = Path::root().key("admin");
    if config.admin.enabled {
        if let Address::Name { host, .. } = &config.admin.address
            && host != "localhost"
        {
            problems
                .error(
                    admin.key("address"),
                    format!("cannot listen on the host name \"{host}\""),
                )
                .hint("write the IP address of an interface");
        } else if !config.admin.address.is_local() && config.admin.token.is_none() {
            problems
                .warning(
                    admin.key("address"),
                    format!(
                        "everyone who reaches {} can control this process",
                        config.admin.address
                    ),
                )
                .hint("listen on 127.0.0.1 or a Unix socket, or set admin.token")
                .relational();
        }
    }
    for (i, host) in config.admin.hosts.iter().enumerate() {
        if host.is_empty()
            || !host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        {
            problems
                .error(admin.key("hosts").index(i), format!("\"{host}\" is no host name"))
                .hint("write the name only, without scheme, port and path: rialto.prod.svc");
        }
    }
    let sample = config.access_log.sample;
    if !(0.0..=1.0).contains(&sample) {
        problems
            .error(
                Path::root().key("access_log").key("sample"),
                format!("{sample} is not a share from 0 to 1"),
            )
            .hint("0.01 writes one successful call in a hundred");
    }
    metrics(&config.metrics, problems);
}

fn metrics(metrics: &Metrics, problems: &mut Problems) {
    let path = Path::root().key("metrics");
    let buckets = path.key("buckets");
    if metrics.buckets.is_empty() || metrics.buckets.len() > MOST_BUCKETS {
        problems
            .error(
                buckets,
                format!(
                    "{} buckets cannot be counted: write 1 to {MOST_BUCKETS}",
                    metrics.buckets.len()
                ),
            )
            .hint("buckets: [1ms, 5ms, 20ms, 100ms, 500ms, 2s]");
    } else if let Some(i) = metrics.buckets.windows(2).position(|pair| pair[0] >= pair[1]) {
        let (before, after) = (metrics.buckets[i], metrics.buckets[i + 1]);
        problems
            .error(
                buckets.index(i + 1),
                format!("{after} comes after {before}, but is not longer"),
            )
            .hint("write the bounds of buckets from the shortest to the longest, each once");
    }
    if metrics.max_series.get() > MOST_SERIES {
        problems
            .error(
                path.key("max_series"),
                format!("{} is more than {MOST_SERIES}", metrics.max_series),
            )
            .hint("each worker keeps so many, and each scrape transfers them; metrics.labels.method: false needs fewer");
    }
}
