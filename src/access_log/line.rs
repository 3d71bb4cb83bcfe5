//! Builds the lines. Most calls repeat the names of an earlier one, so that part of a line is built once and kept.
use crate::state::NamesView;
use rialto_config::LogFormat;
use rialto_core::access_log::{Note, Part, Record};
use rialto_core::directory::EndpointId;
use rialto_core::metrics::{CallResult, SeriesId, SeriesKey};
use rialto_protocols::protocol_name;
use std::collections::HashMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;

/// What calls with the same names have in common: the worker, the series and the endpoint.
type Same = (usize, SeriesId, Option<EndpointId>);

/// How many name parts are kept. They are all cleared when there are more.
const KEPT: usize = 4096;

/// Builds lines from records.
pub(super) struct Lines {
    format: LogFormat,
    /// The series of each worker and place. A place is used again for another series while records of the former one
    /// can still arrive, so the last two are kept.
    series: HashMap<(usize, usize), [Option<Known>; 2]>,
    parts: HashMap<Same, Parts>,
    /// The version of the names that `parts` was built from.
    version: u64,
    /// The address of the last record and its text.
    downstream: Option<(Option<SocketAddr>, String)>,
}

type Known = (SeriesId, Arc<SeriesKey>);

/// The parts of a line that do not change between calls with the same names: the one before the downstream's address,
/// and the one between it and the outcome.
struct Parts {
    before: String,
    behind: String,
}

/// The names in a line, in their order. A name that a call does not have is `null` in JSON, and `-` in the text
/// format.
#[derive(serde::Serialize)]
struct Names<'a> {
    protocol: &'static str,
    service: Option<&'a str>,
    method: Option<&'a str>,
    route: Option<&'a str>,
    cluster: Option<&'a str>,
    upstream_protocol: Option<&'static str>,
    endpoint: Option<&'a str>,
}

impl Lines {
    pub(super) fn new(format: LogFormat) -> Self {
        Lines {
            format,
            series: HashMap::new(),
            parts: HashMap::new(),
            version: 0,
            downstream: None,
        }
    }

    /// Stores the names of series that are new in a batch.
    pub(super) fn learn(&mut self, worker: usize, fresh: Vec<(SeriesId, Arc<SeriesKey>)>) {
        for (id, key) in fresh {
            let [now, before] = self.series.entry((worker, id.place())).or_default();
            if now.as_ref().is_none_or(|(known, _)| *known != id) {
                *before = now.replace((id, key));
            }
        }
    }

    fn key(&self, worker: usize, id: SeriesId) -> Option<&Arc<SeriesKey>> {
        let known = self.series.get(&(worker, id.place()))?.iter().flatten();
        known.into_iter().find(|(of, _)| *of == id).map(|(_, key)| key)
    }

    /// Appends a line for each call of a batch.
    pub(super) fn put(
        &mut self,
        out: &mut String,
        time: &str,
        worker: usize,
        records: &[Record],
        names: &NamesView<'_>,
    ) {
        if self.version != names.version() || self.parts.len() > KEPT {
            self.version = names.version();
            self.parts.clear();
        }
        for record in records {
            self.put_one(out, time, worker, record, names);
        }
    }

    fn put_one(
        &mut self,
        out: &mut String,
        time: &str,
        worker: usize,
        record: &Record,
        names: &NamesView<'_>,
    ) {
        let same = (worker, record.series, record.endpoint);
        let own = if self.parts.contains_key(&same) {
            None
        } else {
            let Some(key) = self.key(worker, record.series) else {
                return;
            };
            let parts = Parts::new(self.format, key, record, names);
            if !key.names_its_calls() {
                // the series stands for many services, so these names belong to this call only
                Some(parts)
            } else {
                self.parts.insert(same, parts);
                None
            }
        };
        let Some(Parts { before, behind }) = own.as_ref().or_else(|| self.parts.get(&same)) else {
            return;
        };
        let downstream = match &self.downstream {
            Some((downstream, text)) if *downstream == record.downstream => text,
            _ => {
                let text = written(self.format, record.downstream);
                &self.downstream.insert((record.downstream, text)).1
            }
        };
        let [open, outcome, duration, upstream, bytes, attempts] = match self.format {
            LogFormat::Text => [
                "",
                " outcome=",
                " duration_us=",
                " upstream_us=",
                " request_bytes=",
                " attempts=",
            ],
            LogFormat::Json => [
                "{\"time\":\"",
                ",\"outcome\":\"",
                "\",\"duration_us\":",
                ",\"upstream_us\":",
                ",\"request_bytes\":",
                ",\"attempts\":",
            ],
        };
        let mut digits = [(); 4].map(|()| itoa::Buffer::new());
        let [d, u, b, a] = &mut digits;
        for piece in [
            open,
            time,
            before,
            downstream,
            behind,
            outcome,
            CallResult::name(record.ended.index()),
            duration,
            d.format(record.latency_us),
            upstream,
            record.upstream_us.map_or(absent(self.format), |us| u.format(us)),
            bytes,
            b.format(record.bytes_in),
            attempts,
            a.format(record.attempts),
        ] {
            out.push_str(piece);
        }
        let note = record.note.as_deref();
        put_failed(self.format, out, note.map_or(&[], Note::failed), names);
        put_note(self.format, out, note);
    }
}

/// How a missing value is written.
fn absent(format: LogFormat) -> &'static str {
    match format {
        LogFormat::Text => "-",
        LogFormat::Json => "null",
    }
}

/// Adds the endpoints at which the call failed before.
fn put_failed(format: LogFormat, out: &mut String, failed: &[EndpointId], names: &NamesView<'_>) {
    let names: Vec<&str> = failed.iter().map(|id| names.endpoint(*id)).collect();
    // writing to a string cannot fail
    let _ = match format {
        LogFormat::Text => write!(out, " failed_endpoints={}", quoted(&names.join(","))),
        LogFormat::Json if names.is_empty() => write!(out, ",\"failed_endpoints\":null"),
        LogFormat::Json => write!(out, ",\"failed_endpoints\":{}", json(&names)),
    };
}

/// Adds the details that only some calls have, and ends the line.
fn put_note(format: LogFormat, out: &mut String, note: Option<&Note>) {
    let fields = [
        ("version", Part::Version),
        ("group", Part::Group),
        ("application", Part::Application),
        ("trace_id", Part::Trace),
        ("error", Part::Error),
    ];
    for (name, part) in fields {
        let value = note.map_or("", |note| note.get(part));
        // writing to a string cannot fail
        let _ = match format {
            LogFormat::Text => write!(out, " {name}={}", quoted(value)),
            LogFormat::Json if value.is_empty() => write!(out, ",\"{name}\":null"),
            LogFormat::Json => write!(out, ",\"{name}\":{}", json(value)),
        };
    }
    out.push_str(match format {
        LogFormat::Text => "\n",
        LogFormat::Json => "}\n",
    });
}

impl Parts {
    fn new(format: LogFormat, key: &SeriesKey, record: &Record, names: &NamesView<'_>) -> Self {
        let listener = names.listener(key.listener);
        let (service, method) = match &record.note {
            Some(note) if !key.names_its_calls() => (note.get(Part::Service), note.get(Part::Method)),
            _ => (&*key.service, &*key.method),
        };
        let endpoint = record.endpoint;
        let call = Names {
            protocol: protocol_name(key.down),
            service: some(service),
            method: some(method),
            route: key.route.map(|id| names.route(id)),
            cluster: key.cluster.map(|id| names.cluster(id)),
            // without an endpoint nothing was sent
            upstream_protocol: endpoint.map(|_| protocol_name(key.up)),
            endpoint: endpoint.map(|id| names.endpoint(id)),
        };
        match format {
            LogFormat::Text => Parts {
                before: format!(" {} ", quoted(listener)),
                behind: call.text(),
            },
            LogFormat::Json => Parts {
                before: format!("\",\"listener\":{},\"downstream\":", json(listener)),
                behind: json(&call).trim_end_matches('}').replacen('{', ",", 1),
            },
        }
    }
}

impl Names<'_> {
    /// The names as `key=value` pairs. Values that downstreams choose are quoted where they could be misread.
    fn text(&self) -> String {
        format!(
            " {}->{} service={} method={} route={} cluster={} endpoint={}",
            self.protocol,
            quoted(self.upstream_protocol.unwrap_or_default()),
            quoted(self.service.unwrap_or_default()),
            quoted(self.method.unwrap_or_default()),
            quoted(self.route.unwrap_or_default()),
            quoted(self.cluster.unwrap_or_default()),
            quoted(self.endpoint.unwrap_or_default()),
        )
    }
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn written(format: LogFormat, downstream: Option<SocketAddr>) -> String {
    let mut text = String::new();
    // writing to a string cannot fail
    let _ = match (format, downstream) {
        (LogFormat::Text, None) => write!(text, "-"),
        (LogFormat::Text, Some(downstream)) => write!(text, "{downstream}"),
        (LogFormat::Json, None) => write!(text, "null"),
        (LogFormat::Json, Some(downstream)) => write!(text, "\"{downstream}\""),
    };
    text
}

/// A value as JSON. Strings and structs of strings can always be written as JSON.
fn json(value: &(impl serde::Serialize + ?Sized)) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn quoted(s: &str) -> std::borrow::Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "._-:$/<>*[],".contains(c);
    if s.is_empty() {
        "-".into()
    } else if s.chars().all(plain) {
        s.into()
    } else {
        format!("{s:?}").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state;
    use rialto_core::directory::{Change, ClusterId, Endpoint, EndpointId, ListenerId, RouteId};
    use rialto_core::message::Status;
    use rialto_core::transport::Address;
    use rialto_protocols::{BOLT, DUBBO};

    fn parts(endpoint: &str) -> Change {
        let endpoint = Endpoint {
            address: Address::Tcp(([127, 0, 0, 1], 1).into()),
            name: endpoint.into(),
            cluster: ClusterId(0),
            since: 0,
        };
        Change {
            endpoints: vec![(EndpointId(0), Some(Arc::new(endpoint)))],
            ..Change::default()
        }
    }

    fn key(service: &str) -> Arc<SeriesKey> {
        Arc::new(SeriesKey {
            listener: ListenerId(0),
            route: Some(RouteId(0)),
            cluster: None,
            down: DUBBO,
            up: BOLT,
            service: service.into(),
            method: "say".into(),
        })
    }

    fn record(series: u32, downstream: Option<&str>, endpoint: Option<EndpointId>) -> Record {
        Record {
            series: SeriesId(series),
            ended: CallResult::Responded(Status::Ok),
            latency_us: 1_234_567,
            upstream_us: endpoint.map(|_| 34_567),
            downstream: downstream.map(|downstream| downstream.parse().unwrap()),
            endpoint,
            attempts: 2,
            bytes_in: 89,
            note: None,
        }
    }

    /// Builds the lines twice, and checks that kept parts give the same lines as new ones.
    fn lines(lines: &mut Lines, names: &state::Names, records: &[Record]) -> Vec<String> {
        let mut texts = [(); 2].map(|()| {
            let mut text = String::new();
            names.with(|names| lines.put(&mut text, "now", 3, records, names));
            text
        });
        assert_eq!(texts[0], texts[1]);
        std::mem::take(&mut texts[0]).lines().map(str::to_owned).collect()
    }

    #[test]
    fn each_call_has_its_own_names_whatever_stood_in_the_lines_before() {
        let names = state::Names::new(&parts("one:1"));
        let mut text = Lines::new(LogFormat::Text);
        text.learn(3, vec![(SeriesId(0), key("a.B")), (SeriesId(1), key("a\nb"))]);
        let (ada, bob) = (Some("10.0.0.1:5"), Some("[::1]:6"));
        let (answered, lost) = (Some(EndpointId(0)), None);
        let records = [
            record(0, ada, answered),
            record(0, bob, answered),
            record(0, bob, lost),
            record(1, None, answered),
            record(7, ada, answered),
        ];
        let tail = "request_bytes=89 attempts=2 failed_endpoints=- version=- group=- application=- trace_id=- error=-";
        let wanted = [
            ("10.0.0.1:5", "a.B", "one:1"),
            ("[::1]:6", "a.B", "one:1"),
            ("[::1]:6", "a.B", "-"),
            ("-", "\"a\\nb\"", "one:1"),
        ]
        .map(|(downstream, service, endpoint)| {
            let (up, us) = if endpoint == "-" { ("-", "-") } else { ("bolt", "34567") };
            format!("now - {downstream} dubbo->{up} service={service} method=say route=- cluster=- endpoint={endpoint} outcome=ok duration_us=1234567 upstream_us={us} {tail}")
        });
        assert_eq!(lines(&mut text, &names, &records), wanted);

        names.learn(&parts("two:2"));
        let renamed = lines(&mut text, &names, &records[..1]);
        assert_eq!(renamed, [wanted[0].replace("one:1", "two:2")]);
    }

    #[test]
    fn a_line_of_json_is_json() {
        let names = state::Names::new(&parts("one:1"));
        let mut json = Lines::new(LogFormat::Json);
        json.learn(3, vec![(SeriesId(0), key("a\"}{\n"))]);
        let records = [
            record(0, Some("[::1]:6"), Some(EndpointId(0))),
            record(0, None, None),
        ];
        let line = |downstream: &str, endpoint: &str| {
            let (up, us) = if endpoint == "null" {
                ("null", "null")
            } else {
                ("\"bolt\"", "34567")
            };
            format!(
                r#"{{"time":"now","listener":"","downstream":{downstream},"protocol":"dubbo","service":"a\"}}{{\n","method":"say","route":"","cluster":null,"upstream_protocol":{up},"endpoint":{endpoint},"outcome":"ok","duration_us":1234567,"upstream_us":{us},"request_bytes":89,"attempts":2,"failed_endpoints":null,"version":null,"group":null,"application":null,"trace_id":null,"error":null}}"#
            )
        };
        let wanted = [line("\"[::1]:6\"", "\"one:1\""), line("null", "null")];
        let written = lines(&mut json, &names, &records);
        assert_eq!(written, wanted);
        for line in written {
            serde_json::from_str::<serde_json::Value>(&line).unwrap();
        }
    }

    /// Calls beyond the limit of series share one series, but their own names must be in the log.
    #[test]
    fn calls_without_a_series_of_their_own_keep_their_names() {
        let names = state::Names::new(&parts("one:1"));
        let mut text = Lines::new(LogFormat::Text);
        text.learn(3, vec![(SeriesId(0), key("_OTHER"))]);
        let of = |service: &str, error: &str| {
            let mut note = Note::new([service.as_bytes(), b"say", b"1.0", b"", b"shop", b""]);
            note.set_error(error);
            Record {
                note: Some(Box::new(note)),
                ..record(0, None, None)
            }
        };
        let written = lines(
            &mut text,
            &names,
            &[of("a.Real", ""), of("a.Nother", "no such\nthing")],
        );
        assert!(
            written[0].contains(" service=a.Real method=say "),
            "{}",
            written[0]
        );
        assert!(written[0].ends_with(" version=1.0 group=- application=shop trace_id=- error=-"));
        assert!(
            written[1].contains(" service=a.Nother method=say "),
            "{}",
            written[1]
        );
        assert!(
            written[1].ends_with(" error=\"no such\\nthing\""),
            "{}",
            written[1]
        );
    }

    /// When a place gets another series, records of both are still written with their own names, and memory does not
    /// grow.
    #[test]
    fn a_place_that_changed_hands_is_known_by_both_names() {
        let names = state::Names::new(&parts("one:1"));
        let mut text = Lines::new(LogFormat::Text);
        let again = 1 << 20;
        text.learn(3, vec![(SeriesId(0), key("a.First"))]);
        text.learn(3, vec![(SeriesId(again), key("a.Second"))]);
        let written = lines(
            &mut text,
            &names,
            &[record(0, None, None), record(again, None, None)],
        );
        assert!(
            written[0].contains("a.First") && written[1].contains("a.Second"),
            "{written:?}"
        );
        text.learn(
            3,
            (2..100).map(|i| (SeriesId(i * again), key("a.Later"))).collect(),
        );
        assert_eq!(text.series.len(), 1);
    }

    #[test]
    fn names_of_downstreams_cannot_forge_lines() {
        assert_eq!(quoted("com.acme.Greeter"), "com.acme.Greeter");
        assert_eq!(quoted("x\n2026 forged"), "\"x\\n2026 forged\"");
        assert_eq!(quoted(""), "-");
    }
}
