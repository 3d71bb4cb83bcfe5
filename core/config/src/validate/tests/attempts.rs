//! Tests of the checks of retries and mirrors, and of notes.

use super::{cluster, expect, sound};
use crate::*;

#[test]
fn a_method_is_only_executed_twice_if_it_is_named() {
    expect(
        |config| {
            config.routes[0].retry = Retry {
                on: vec![RetryOn::Overload, RetryOn::ConnectionLost],
                attempt_timeout: Some(Period::from_millis(100)),
                ..Retry::default()
            };
        },
        &[
            "error: routes[0].retry.on[1]: after this outcome the provider may have executed the call, and no method is known to bear that twice (name the methods: idempotent: [{prefix: get}])",
            "error: routes[0].retry.attempt_timeout: no call is tried again when the time of an attempt is over (add timeout to on, or leave attempt_timeout out)",
        ],
    );
    expect(
        |config| {
            config.routes[0].retry = Retry {
                on: vec![RetryOn::Overload],
                idempotent: vec![TextMatch::Prefix("get".into())],
                ..Retry::default()
            };
        },
        &[
            "warning: routes[0].retry.idempotent: calls are tried again only where the provider has not executed them, so this has no effect (add no_service, timeout, connection_lost or server_error to on)",
        ],
    );
    expect(
        |config| {
            let retry = Retry {
                on: vec![RetryOn::Timeout],
                attempt_timeout: Some(Period::from_secs(61)),
                idempotent: vec![TextMatch::Exact("find".into())],
                ..Retry::default()
            };
            let policy = MethodPolicy {
                timeout: None,
                retry: Some(retry),
            };
            config.routes[0].methods.insert("find".into(), policy);
        },
        &[
            "error: routes[0].methods.find.retry.attempt_timeout: an attempt cannot have more than 60 s (leave it out, so that an attempt has all the time of its call)",
        ],
    );
}

#[test]
fn rules_that_never_apply_get_a_warning() {
    expect(
        |config| {
            let retry = |idempotent: TextMatch, ms| Retry {
                on: vec![RetryOn::Timeout],
                attempt_timeout: Some(Period::from_millis(ms)),
                idempotent: vec![idempotent],
                ..Retry::default()
            };
            config.routes[0].timeout = Some(Period::from_secs(1));
            config.routes[0].retry = retry(TextMatch::Exact("get*".into()), 1000);
            let policy = MethodPolicy {
                timeout: Some(Period::from_secs(2)),
                retry: Some(retry(TextMatch::Prefix("get".into()), 1500)),
            };
            config.routes[0].methods.insert("save*".into(), policy);
            config.routes[0].mirror = Some(Mirror {
                cluster: "sofa".into(),
                subset: Labels::new(),
                share: 1.0,
            });
        },
        &[
            "warning: routes[0].retry.idempotent[0]: no method has a * in its name, so this matches none (write {prefix: get})",
            "warning: routes[0].retry.attempt_timeout: the whole call has no more time than this, so no attempt is ever given up (make it shorter than timeout)",
            "warning: routes[0].mirror.cluster: calls of this route go to cluster \"sofa\", too, so its endpoints execute them twice (name another cluster)",
            "warning: routes[0].methods[\"save*\"]: no method has a * in its name, so this never applies (name each method)",
            "warning: routes[0].methods[\"save*\"].retry.idempotent: this is the rule of method save*, which is not among these (write idempotent: [save*])",
        ],
    );
}

#[test]
fn a_mirror_is_a_cluster_with_a_share() {
    expect(
        |config| {
            config.clusters.push(cluster("shadow", Protocol::Dubbo));
            config.routes[0].mirror = Some(Mirror {
                cluster: "shadw".into(),
                subset: Labels::new(),
                share: 10.0,
            });
        },
        &[
            "error: routes[0].mirror.cluster: there is no cluster named \"shadw\" (did you mean \"shadow\"?)",
            "error: routes[0].mirror.share: 10 is not a share from 0 to 1 (write 0.1 for one call in ten)",
            "warning: clusters[1].name: no route leads to cluster \"shadow\" (name it under to of a route, or remove it)",
        ],
    );
    // It uses its cluster.
    expect(
        |config| {
            config.clusters.push(cluster("shadow", Protocol::Dubbo));
            config.routes[0].mirror = Some(Mirror {
                cluster: "shadow".into(),
                subset: Labels::new(),
                share: 0.5,
            });
        },
        &[],
    );
}

#[test]
fn a_listener_that_detects_protocols_gets_a_note_about_versions() {
    let mut config = sound();
    let texts = |config: &Config| -> Vec<String> { notes(config).iter().map(ToString::to_string).collect() };
    assert_eq!(
        texts(&config),
        [
            "note: routes[0].name: if dubbo consumers call this route, their calls keep their version on the way to bolt, and the two write versions differently (for dubbo consumers add bridge.versions, such as { from: 1.0.0, to: \"1.0\" } and { from: \"\", to: \"1.0\" }; a rule from a version to itself says that it is meant; if there are none, say so with match.protocol: bolt)"
        ]
    );
    config.routes[0].matches.protocol = Some(Protocol::Bolt);
    assert_eq!(texts(&config), [] as [&str; 0]);
    config.routes[0].matches.protocol = None;
    config.listeners[0].protocol = ListenerProtocol::Bolt;
    assert_eq!(texts(&config), [] as [&str; 0]);
}
