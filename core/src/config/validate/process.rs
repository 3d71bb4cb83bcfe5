//! Checks of `admin`, `runtime` and the logs.

use super::Problems;
use crate::config::{Address, Config, Path};

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
}
