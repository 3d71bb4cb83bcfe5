//! Tests of reports about invalid configurations.

use super::{SOUND, broken, read, sound};

/// Compares a whole report, as it is printed.
#[track_caller]
fn prints(text: &str, report: &str) {
    assert_eq!(broken(text).to_string(), report.trim_start_matches('\n'));
}

/// Compares line, column, path, message and hint of every finding.
#[track_caller]
fn finds(text: &str, findings: &[&str]) {
    let report = match read(text) {
        Ok(loaded) => loaded.warnings,
        Err(report) => report,
    };
    let found: Vec<String> = report
        .to_json()
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            let part = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
            let hint = if finding["hint"].is_null() {
                String::new()
            } else {
                format!(" ({})", part("hint"))
            };
            format!(
                "{}:{} {}: {}{hint}",
                finding["line"],
                finding["column"],
                part("path"),
                part("message")
            )
        })
        .collect();
    assert_eq!(found, findings, "\n{report}");
}

#[test]
fn mistakes_of_every_kind_are_shown_at_once() {
    prints(
        "\
admin:
  adress: 127.0.0.1:9901
runtime: { workers: 0, drain_timeout: 3 sec }
listeners:
  - name: domain-a
    address: 127.0.0.1
    routes: [greeter, gone]
routes:
  - name: greeter
    to:
      - { cluster: sofa, weight: many }
    timeout: ${NOT_SET}
clusters:
  - name: sofa
    protocol: dubbo
    dialect: draft
    endpoints: [{ address: 10.0.0.1:12200 }]
",
        r#"
rialto.yaml:2:3: error: admin.adress: unknown key "adress"
   |
 2 |   adress: 127.0.0.1:9901
   |   ^^^^^^
   = help: did you mean "address"?

rialto.yaml:3:21: error: runtime.workers: 0 workers could serve nobody; write auto or a number from 1 to 1024
   |
 3 | runtime: { workers: 0, drain_timeout: 3 sec }
   |                     ^

rialto.yaml:3:39: error: runtime.drain_timeout: "3 sec" is no duration; write it like 250ms, 2s, 1m30s or 1h
   |
 3 | runtime: { workers: 0, drain_timeout: 3 sec }
   |                                       ^^^^^

rialto.yaml:6:14: error: listeners[0].address: "127.0.0.1" is no address: the port is missing; write host:port, and an IPv6 address as [::1]:20880
   |
 6 |     address: 127.0.0.1
   |              ^^^^^^^^^

rialto.yaml:11:34: error: routes[0].to[0].weight: expected a whole number from 0 to 4294967295, found many
    |
 11 |       - { cluster: sofa, weight: many }
    |                                  ^^^^

rialto.yaml:12:14: error: routes[0].timeout: the environment variable NOT_SET is not set
    |
 12 |     timeout: ${NOT_SET}
    |              ^^^^^^^^^^
    = help: set it, or give a default: ${NOT_SET:-…}

rialto.yaml:16:14: error: clusters[0].dialect: only Bolt clusters have a dialect; Dubbo always speaks the final one
    |
 16 |     dialect: draft
    |              ^^^^^
    = help: remove dialect, or set protocol: bolt

rialto.yaml: 7 errors"#,
    );
}

#[test]
fn references_are_checked_when_every_part_could_be_read() {
    prints(
        "\
listeners:
  - name: in
    address: 127.0.0.1:20880
    routes: [greter]
routes:
  - name: greeter
    to: [{ cluster: sofa-a }, { cluster: dubbo }]
clusters:
  - { name: sofa, protocol: bolt, endpoints: [{ address: a:1 }] }
",
        r#"
rialto.yaml:4:14: error: listeners[0].routes[0]: there is no route named "greter"
   |
 4 |     routes: [greter]
   |              ^^^^^^
   = help: did you mean "greeter"?

rialto.yaml:6:11: warning: routes[0].name: no listener names route "greeter", so it has no effect
   |
 6 |   - name: greeter
   |           ^^^^^^^
   = help: add it to the routes of a listener

rialto.yaml:7:21: error: routes[0].to[0].cluster: there is no cluster named "sofa-a"
   |
 7 |     to: [{ cluster: sofa-a }, { cluster: dubbo }]
   |                     ^^^^^^
   = help: did you mean "sofa"?

rialto.yaml:7:42: error: routes[0].to[1].cluster: there is no cluster named "dubbo"
   |
 7 |     to: [{ cluster: sofa-a }, { cluster: dubbo }]
   |                                          ^^^^^
   = help: known clusters: sofa

rialto.yaml:9:13: warning: clusters[0].name: no route leads to cluster "sofa"
   |
 9 |   - { name: sofa, protocol: bolt, endpoints: [{ address: a:1 }] }
   |             ^^^^
   = help: name it under to of a route, or remove it

rialto.yaml: 3 errors, 2 warnings"#,
    );
}

#[test]
fn a_mistake_has_no_echo() {
    // The unreadable cluster is not reported as unknown, the route named `route` not as missing, and the lost list
    // not as empty.
    finds(
        "\
listeners:
  - { name: in, address: 5, routes: [greeter] }
  - { name: in2, address: '127.0.0.1:1', route: [greeter] }
routes: [{ name: greeter, to: [{ cluster: sofa }] }]
clusters: [{ nam: sofa, protocol: bolt, endpoints: none }]
",
        &[
            "2:26 listeners[0].address: \"5\" is no address: the port is missing; write host:port or unix:/path",
            "3:42 listeners[1].route: unknown key \"route\" (did you mean \"routes\"?)",
            "5:14 clusters[0].nam: unknown key \"nam\" (did you mean \"name\"?)",
            "5:52 clusters[0].endpoints: expected a list, found none (begin each element with \"- \", or write [a, b])",
        ],
    );
}

/// A reference to an unknown name is reported although other parts could not be read, unless one of these may have
/// the name.
#[test]
fn a_mistake_does_not_hide_a_name_that_nothing_has() {
    finds(
        "\
listeners:
  - { name: in, address: 5, routes: [r, greter] }
  - { name: in2, address: '127.0.0.1:1', routes: [greter, broken] }
routes:
  - { name: greeter, match: { listener: in }, to: [{ cluster: sofa }, { cluster: dubbo }, { cluster: sofa2 }] }
  - { name: broken, too: [] }
clusters:
  - { name: sofa, protocol: bolt, endpoints: [{ address: nowhere }] }
  - { name: sofa2, protocol: grpc, endpoints: [{ address: a:1 }] }
",
        &[
            "2:26 listeners[0].address: \"5\" is no address: the port is missing; write host:port or unix:/path",
            "3:51 listeners[1].routes[0]: there is no route named \"greter\" (did you mean \"greeter\"?)",
            "5:82 routes[0].to[1].cluster: there is no cluster named \"dubbo\" (known clusters: sofa)",
            "6:21 routes[1].too: unknown key \"too\" (did you mean \"to\"?)",
            "8:58 clusters[0].endpoints[0].address: \"nowhere\" is no address: the port is missing; write host:port or unix:/path",
            "9:30 clusters[1].protocol: \"grpc\" is not one of dubbo, bolt",
        ],
    );
}

#[test]
fn paths_count_elements_as_they_are_written() {
    finds(
        "\
listeners: [{ name: in, address: '127.0.0.1:1', routes: [r] }]
routes:
  - 5
  - { name: r, to: [{ cluster: c, weight: 0 }] }
clusters: [{ name: c, protocol: bolt, endpoints: [{ address: a:1 }] }]
",
        &[
            "3:5 routes[0]: expected keys with values, found 5 (possible keys: name, match, rewrite, to, timeout, methods, retry, mirror, filters, bridge)",
            "4:16 routes[1].to: all weights are 0, so no destination would ever be chosen (give at least one a weight of 1 or more)",
        ],
    );
}

#[test]
fn matchers_and_filters_explain_their_forms() {
    finds(
        "\
listeners: [{ name: in, address: '127.0.0.1:1', routes: [r], filters: [{ rate_limt: {} }, rate_limit] }]
routes:
  - name: r
    match:
      service: { prefx: com. }
      version: [1]
      group: { exact: a, suffix: b }
      method: { regex: 'a(' }
      attachments: { tenant: { present: 1 } }
    to: [{ cluster: c }]
    filters: [{ rate_limit: { rate: 0 } }, { attachments: { set: { a: [] } } }, {}]
clusters: [{ name: c, protocol: bolt, endpoints: [{ address: a:1 }] }]
",
        &[
            "1:74 listeners[0].filters[0].rate_limt: \"rate_limt\" is not one of attachments, rate_limit (did you mean \"rate_limit\"?)",
            "1:91 listeners[0].filters[1]: expected {rate_limit: …}, found rate_limit (write rate_limit: with its value)",
            "5:18 routes[0].match.service.prefx: \"prefx\" is not one of exact, prefix, suffix, regex (did you mean \"prefix\"?)",
            "6:17 routes[0].match.version: expected text, or one of {exact: …}, {prefix: …}, {suffix: …}, {regex: …}, found a list",
            "7:26 routes[0].match.group.suffix: only one key is allowed here, and \"suffix\" is one too many (keep one of them)",
            "8:24 routes[0].match.method.regex: bad regular expression \"a(\": unclosed group",
            "9:41 routes[0].match.attachments.tenant.present: expected true or false, found 1",
            "11:37 routes[0].filters[0].rate_limit.rate: expected a whole number of at least 1, found 0",
            "11:71 routes[0].filters[1].attachments.set.a: expected text, found a list",
            "11:81 routes[0].filters[2]: expected one of attachments, rate_limit, found keys with values",
        ],
    );
}

#[test]
fn malformed_text_is_shown_where_it_breaks() {
    finds(
        "listeners: [1, 2\nroutes: 3\n",
        &[
            "1:12 : this [ is not closed before line 2: illegal placement of ':' indicator (write ] where it ends)",
        ],
    );
    finds(
        "admin:\n  address: [::1]:9901\n",
        &[
            "2:17 : while parsing a block mapping, did not find expected key (an address such as \"[::1]:20880\" must be in quotes, because [ begins a list)",
        ],
    );
    finds(
        "log:\n\tlevel: info\n",
        &["2:1 : there is a tab in the indentation (indent with spaces)"],
    );
    finds(
        "log: {}\n---\nlog: {}\n",
        &["2:1 : a second document begins here (a configuration is a single document; remove the line ---)"],
    );
    finds(
        &format!("{SOUND}log: {{ level: info }}\nlog: {{ level: warn }}\n"),
        &["5:1 log: the key \"log\" is given twice (keep one of them)"],
    );
    finds(
        &format!("{SOUND}log: !mine {{ level: info }}\n"),
        &["4:12 log: the tag !mine has no meaning here (remove it)"],
    );
}

#[test]
fn a_text_that_is_no_object_is_refused() {
    finds(
        "- a\n",
        &[
            "1:3 : expected keys with values, found a list (possible keys: admin, runtime, metrics, access_log, log, listeners, routes, clusters, registries)",
        ],
    );
}

#[test]
fn json_is_read_by_the_same_rules() {
    finds(
        "{\n\t\"runtime\": {\"workers\": 2,\t\"pin\": \"true\"},\n\t\"logs\": {}\n}\n",
        &[
            "2:35 runtime.pin: expected true or false, found the text \"true\"",
            "3:2 logs: unknown key \"logs\" (did you mean \"log\"?)",
        ],
    );
}

#[test]
fn a_secret_in_the_file_is_not_repeated() {
    let report = broken(&format!("{SOUND}admin: {{ token: hunter2 }}\n")).to_string();
    assert!(!report.contains("hunter2"), "{report}");
    assert!(
        report.contains("say where it is: {file: /path} or {env: NAME}"),
        "{report}"
    );
}

#[test]
fn quotes_that_keep_a_variable_are_pointed_out() {
    finds(
        &format!("{SOUND}access_log: {{ path: '/var/log/${{PORT}}.log' }}\n"),
        &[
            "4:21 access_log.path: \"${\" is not replaced in this kind of quotes (use double quotes or none; write \"$${\" in double quotes to mean the text ${)",
        ],
    );
}

#[test]
fn a_warning_does_not_hide_a_mistake_in_the_same_words() {
    let text = format!("{SOUND}runtime: {{ workers: '${{WORKERS}}' }}\n");
    let report = broken(&text);
    let found = report.findings().iter().map(|f| f.severity.to_string());
    assert_eq!(found.collect::<Vec<_>>(), ["warning", "error"], "{report}");
    assert!(broken("|\n${").has_errors(), "refused without an error");
}

#[test]
fn a_message_does_not_steer_the_terminal() {
    let report = broken("listeners: [{ name: \"\\e[31mred\\n\", address: '127.0.0.1:1' }]\n").to_string();
    assert!(!report.contains('\u{1b}'), "{report:?}");
}

#[test]
fn findings_are_there_for_programs() {
    let report = broken("log: { level: loud }\n").to_json();
    let finding = &report[1];
    assert_eq!(finding["file"], "rialto.yaml");
    assert_eq!(finding["severity"], "error");
    assert_eq!(
        (finding["line"].as_u64(), finding["column"].as_u64()),
        (Some(1), Some(15))
    );
    assert_eq!(
        (finding["end_line"].as_u64(), finding["end_column"].as_u64()),
        (Some(1), Some(19))
    );
    assert_eq!(
        finding["message"],
        "\"loud\" is not one of error, warn, info, debug, trace"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let report = crate::config::load("/no/such/rialto.yaml").unwrap_err();
    let text = report.to_string();
    assert!(
        text.starts_with("/no/such/rialto.yaml: error: cannot read the configuration: No such file"),
        "{text}"
    );
}

#[test]
fn a_tab_is_shown_where_it_stands() {
    for text in [
        "listeners:\n  - name: in\n    address: 127.0.0.1:1\n\tprotocol: dubbo\n",
        "log:\n\tlevel: debug\n",
        "log:\n  level: debug\n \tformat: json\n",
    ] {
        let report = broken(text);
        let line = text.lines().position(|l| l.contains('\t')).unwrap() + 1;
        let shown = report.to_json();
        assert_eq!(shown[0]["line"], line, "{report}");
        assert!(report.to_string().contains("indent with spaces"), "{report}");
    }
}

#[test]
fn a_few_bare_milliseconds_are_pointed_out() {
    let text = format!("{SOUND}runtime: {{ call_timeout: 3, drain_timeout: 3ms }}\n");
    let warnings = read(&text).unwrap().warnings.to_string();
    assert!(
        warnings.contains("runtime.call_timeout: 3 without a unit means 3 ms"),
        "{warnings}"
    );
    assert!(warnings.ends_with("1 warning"), "{warnings}");
    // long enough to be meant in milliseconds, as Dubbo writes it
    sound(&format!("{SOUND}runtime: {{ call_timeout: 3000 }}\n"));
}

#[test]
fn a_text_that_says_nothing_is_no_configuration() {
    for text in [
        "",
        " \n",
        "# rendered from nothing\n",
        "---\n",
        "\u{feff}---\n# x\n...\n",
    ] {
        let report = crate::config::load_str("rialto.yaml", text)
            .unwrap_err()
            .to_string();
        assert!(
            report.contains("the file is empty") && report.contains("write {}"),
            "{report}"
        );
    }
    assert!(crate::config::load_str("rialto.yaml", "{}").is_ok());
}

#[test]
fn bounds_are_told_as_they_are() {
    let text = SOUND.replace("name: greeter,", "name: greeter, retry: { attempts: \"3\" },");
    let report = broken(&text).to_string();
    assert!(
        report.contains("expected a whole number from 1 to 255"),
        "{report}"
    );
    assert!(report.contains("remove the quotes"), "{report}");
}
