//! Tests of the meaning of valid configurations.

use std::time::Duration;

use rialto_config::{
    Address, AttachmentMatch, Config, Filter, LogLevel, LogOutput, RateLimitKey, Secret, TextMatch, Timeout,
    Workers,
};

use super::super::{load_str, parse_as};
use super::{SOUND, read, shown, sound};

#[test]
fn an_empty_text_is_the_default_with_a_warning() {
    for text in ["", "# nothing\n", "{}", "---\n", "listeners:\nroutes:\n"] {
        let loaded = read(text).unwrap();
        assert_eq!(loaded.config, Config::default(), "{text:?}");
        assert_eq!(loaded.warnings.findings().len(), 1);
    }
}

#[test]
fn defaults_are_filled_in() {
    let config = sound(SOUND).config;
    let listener = &config.listeners[0];
    assert_eq!(listener.limits.max_request_bytes.bytes(), 8 << 20);
    assert_eq!(config.admin.address, "127.0.0.1:9901".parse::<Address>().unwrap());
    assert_eq!(config.routes[0].to[0].weight, 100);
    assert_eq!(config.routes[0].retry.attempts.get(), 2);
    assert_eq!(config.clusters[0].dialect, None);
    assert_eq!(config.clusters[0].max_age, Timeout::Off);
    let shown = super::shown(&config);
    assert_eq!(shown["clusters"][0]["connect_timeout"], "1s");
    assert_eq!(shown["listeners"][0]["limits"]["max_request_bytes"], "8MiB");
    assert_eq!(shown["runtime"]["workers"], "auto");
}

#[test]
fn variables_are_replaced_in_plain_and_double_quoted_text() {
    let config = sound(&format!(
        "{SOUND}runtime: {{ workers: \"${{WORKERS}}\", drain_timeout: \"${{DRAIN:-5s}}\" }}\naccess_log:\n  path: /var/log/${{PORT}}.log\n"
    ))
    .config;
    assert!(matches!(config.runtime.workers, Workers::Count(count) if count.get() == 3));
    assert_eq!(config.runtime.drain_timeout.duration(), Duration::from_secs(5));
    assert_eq!(
        config.access_log.path,
        LogOutput::File("/var/log/20880.log".into())
    );
}

#[test]
fn text_stays_as_it_is_written() {
    let route = |more: &str| {
        let text = SOUND.replace("name: greeter, to", &format!("name: greeter, {more}, to"));
        sound(&text).config.routes.remove(0)
    };
    let matches =
        route("match: { version: 1.10, group: 007, method: true, attachments: { n: 1e3, m: 0x10 } }").matches;
    assert_eq!(matches.version, Some(TextMatch::Exact("1.10".into())));
    assert_eq!(matches.group, Some(TextMatch::Exact("007".into())));
    assert_eq!(matches.method, Some(TextMatch::Exact("true".into())));
    assert_eq!(
        matches.attachments["n"],
        AttachmentMatch::Value(TextMatch::Exact("1e3".into()))
    );
    assert_eq!(
        route("rewrite: { version: 1.0 }").rewrite.version.as_deref(),
        Some("1.0")
    );
    let absent = route("match: { attachments: { a: { absent: true }, b: { present: true } } }")
        .matches
        .attachments;
    assert_eq!(
        (&absent["a"], &absent["b"]),
        (&AttachmentMatch::Absent, &AttachmentMatch::Present)
    );
}

#[test]
fn aliases_and_merges_repeat_values() {
    let config = sound(
        "\
x-defaults: &route { timeout: 2s, retry: { attempts: 3 } }
listeners: [{ name: in, address: '127.0.0.1:1', routes: [a, b] }]
routes:
  - { <<: *route, name: a, match: { service: A }, to: &to [{ cluster: c }] }
  - { <<: *route, name: b, timeout: 9s, to: *to }
clusters: [{ name: c, protocol: dubbo, endpoints: [{ address: a:1 }] }]
",
    )
    .config;
    assert_eq!(config.routes[0].timeout.unwrap().millis(), 2_000);
    assert_eq!(config.routes[1].timeout.unwrap().millis(), 9_000);
    assert_eq!(config.routes[1].retry.attempts.get(), 3);
    assert_eq!(config.routes[0].to, config.routes[1].to);
}

#[test]
fn secrets_are_places() {
    let config = sound(&format!(
        "{SOUND}admin: {{ address: 0.0.0.0:1, token: {{ env: TOKEN }} }}\n"
    ))
    .config;
    assert_eq!(config.admin.token, Some(Secret::Env("TOKEN".into())));
    assert_eq!(shown(&config)["admin"]["token"]["env"], "TOKEN");
}

#[test]
fn the_example_is_sound_and_comes_back_from_its_dump() {
    let loaded = sound(include_str!("../../../docs/examples/rialto.yaml"));
    let config = &loaded.config;
    assert_eq!(
        config.listeners[0].address,
        "0.0.0.0:20880".parse::<Address>().unwrap()
    );
    assert_eq!(config.routes[0].bridge.version("1.0.0"), "1.0");
    assert_eq!(config.routes[1].timeout_of("report").unwrap().millis(), 10_000);
    assert!(
        matches!(&config.listeners[1].filters[0], Filter::RateLimit(limit) if limit.per == RateLimitKey::Application)
    );
    let text = serde_json::to_string_pretty(&shown(config)).unwrap();
    assert_eq!(&sound(&text).config, config);
    assert_eq!(&load_str("dump", &text).unwrap().config, config);
}

#[test]
fn a_byte_order_mark_is_no_text() {
    assert_eq!(
        sound(&format!("\u{feff}log: {{ level: debug }}\n{SOUND}"))
            .config
            .log
            .level,
        LogLevel::Debug
    );
}

#[test]
fn other_values_are_read_by_the_same_rules() {
    let numbers: Vec<u16> = parse_as("list", "[1, 2]").unwrap();
    assert_eq!(numbers, [1, 2]);
    let report = parse_as::<Vec<u16>>("list", "- 1\n- x\n- 99999\n").unwrap_err();
    assert_eq!(report.findings().len(), 2);
}
