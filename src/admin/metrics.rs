//! The page of metrics: the sums of the counters of all workers, in a format of Prometheus.
use super::SitePlaces;
use super::exposition::{Classic, Format};
use super::packed::{self, Packed};
use super::process::Process;
use crate::state::Shared;
use crate::version;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use rialto_core::directory::EndpointId;
use rialto_core::metrics::{CallResult, Layout, Refusal, Series, SeriesKey, Traffic};
use rialto_core::peer_errors::PeerErrorKind;
use rialto_core::worker::Report;
use rialto_protocols::protocol_name;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::{fmt, io};

pub(super) async fn page(
    State(shared): State<Arc<Shared>>,
    State(places): State<SitePlaces>,
    headers: HeaderMap,
) -> Response {
    let format = Format::asked(&headers);
    let packed = packed::is_accepted(&headers);
    let mut response = places.scrapes.page(format.content_type(), move |page| {
        if packed {
            let mut to = Packed::new(page);
            write(shared, format, &mut to).map_err(io::Error::other)?;
            to.end()
        } else {
            write(shared, format, page).map_err(io::Error::other)
        }
    });
    if packed && response.status() == StatusCode::OK {
        packed::tell(response.headers_mut());
    }
    response
}

fn write(shared: Arc<Shared>, format: Format, page: &mut impl fmt::Write) -> fmt::Result {
    let reports = shared.reports();
    let mut registry = Registry::with_prefix("rialto");
    registry.register_collector(Box::new(Scrape { shared, reports }));
    // metrics of the process have the same names in all programs, so they get no prefix
    let mut process = Registry::default();
    process.register_collector(Box::new(Process));
    match format {
        Format::OpenMetrics => encode(page, &[registry, process]),
        Format::Classic => encode(&mut Classic::new(page), &[registry, process]),
    }
}

fn encode(to: &mut impl fmt::Write, registries: &[Registry]) -> fmt::Result {
    for registry in registries {
        text::encode_registry(to, registry)?;
    }
    text::encode_eof(to)
}

struct Scrape {
    shared: Arc<Shared>,
    reports: Vec<Report>,
}

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scrape of {} workers", self.reports.len())
    }
}

type Labels = Vec<(&'static str, String)>;

impl Collector for Scrape {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        self.calls(&mut to)?;
        self.refusals(&mut to)?;
        self.listeners(&mut to)?;
        self.endpoints(&mut to)?;
        self.clusters(&mut to)?;
        self.lists(&mut to)?;
        build_info(&mut to)?;
        self.process(&mut to)
    }
}

impl Scrape {
    /// The series of all workers, with those of the same key added up, in the order of their labels.
    fn series(&self, layout: &Layout) -> Vec<(Labels, Series)> {
        let mut sums: HashMap<Arc<SeriesKey>, Series> = HashMap::new();
        for s in self.reports.iter().flat_map(|r| &r.series) {
            let sum = match sums.get_mut(&s.key) {
                Some(sum) => sum,
                None => {
                    sums.insert(Arc::clone(&s.key), s.clone());
                    continue;
                }
            };
            sum.outcomes.iter_mut().zip(s.outcomes).for_each(|(a, b)| *a += b);
            sum.buckets.iter_mut().zip(s.buckets).for_each(|(a, b)| *a += b);
            sum.latency_us += s.latency_us;
            sum.retries += s.retries;
            sum.mirrored += s.mirrored;
            sum.unmirrored += s.unmirrored;
        }
        let labels = |k: &SeriesKey| {
            self.shared.names.with(|names| {
                let mut labels = vec![
                    ("listener", names.listener(k.listener).to_owned()),
                    ("route", k.route.map_or("", |id| names.route(id)).to_owned()),
                    ("cluster", k.cluster.map_or("", |id| names.cluster(id)).to_owned()),
                    ("service", k.service.to_string()),
                    ("protocol", protocol_name(k.down).to_owned()),
                    (
                        "upstream_protocol",
                        k.cluster.map_or("", |_| protocol_name(k.up)).to_owned(),
                    ),
                ];
                if layout.by_method {
                    labels.insert(4, ("method", k.method.to_string()));
                }
                labels
            })
        };
        let mut all: Vec<_> = sums.into_iter().map(|(k, s)| (labels(&k), s)).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    fn calls(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Some(layout) = self.reports.first().map(|r| Arc::clone(&r.layout)) else {
            return Ok(());
        };
        let series = self.series(&layout);
        let mut family = to.encode_descriptor("calls", "Calls by outcome", None, MetricType::Counter)?;
        for (labels, s) in &series {
            for (i, count) in s.outcomes.iter().enumerate().filter(|(_, n)| **n > 0) {
                let mut labels = labels.clone();
                labels.push(("outcome", CallResult::name(i).to_owned()));
                ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
            }
        }
        let help = "Time from the last byte of a request to the last byte of its response";
        let seconds = Unit::Seconds;
        let mut family =
            to.encode_descriptor("call_duration", help, Some(&seconds), MetricType::Histogram)?;
        for (labels, s) in &series {
            let bounds = layout.bounds.seconds().chain([f64::INFINITY]);
            let buckets: Vec<_> = bounds.zip(s.buckets).collect();
            let (sum, count) = (s.latency_us as f64 / 1e6, s.buckets.iter().sum());
            family
                .encode_family(labels)?
                .encode_histogram::<Labels>(sum, count, &buckets, None)?;
        }
        let help = "Calls sent again: none of their bytes had been sent, or the route allows it";
        rare_counter(to, &series, ("call_retries", help), |s| s.retries)?;
        let help = "Requests that were copied for the mirror of their route";
        rare_counter(to, &series, ("mirrored_calls", help), |s| s.mirrored)?;
        let help = "Requests whose copy for the mirror could not be sent";
        rare_counter(to, &series, ("unmirrored_calls", help), |s| s.unmirrored)
    }

    fn refusals(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut sums: BTreeMap<Refusal, u64> = BTreeMap::new();
        for (refusal, count) in self.reports.iter().flat_map(|r| &r.refusals) {
            *sums.entry(*refusal).or_default() += count;
        }
        let help = "Calls that a limit refused";
        let mut family = to.encode_descriptor("refused_calls", help, None, MetricType::Counter)?;
        for (refusal, count) in sums {
            let labels: Labels = self.shared.names.with(|names| {
                vec![
                    ("limit", refusal.limit.name().to_owned()),
                    ("listener", names.listener(refusal.listener).to_owned()),
                    (
                        "cluster",
                        refusal.cluster.map_or("", |id| names.cluster(id)).to_owned(),
                    ),
                ]
            });
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn listeners(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let directory = self.shared.directory();
        let rows: Vec<(Labels, Traffic, u32)> = (directory.listeners())
            .map(|(id, l)| {
                let labels = vec![("listener", l.name.to_string())];
                let of = self.reports.iter().filter_map(|r| r.listeners.get(id.index()));
                let (traffic, calls) =
                    of.fold((Traffic::default(), 0), |(sum, n), (t, m)| (add(sum, t), n + m));
                (labels, traffic, calls)
            })
            .collect();
        traffic(to, "listener", &rows.iter().map(|(l, t, _)| (l, t)))?;
        let help = "Calls for which a downstream of the listener waits";
        let calls = rows.iter().map(|(l, _, n)| (l, i64::from(*n)));
        gauges(to, "listener_calls_in_flight", help, calls)
    }

    fn endpoints(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let directory = self.shared.directory();
        let mut rows: BTreeMap<Labels, (Traffic, i64)> = BTreeMap::new();
        for (id, endpoint) in directory.endpoints() {
            let cluster = directory
                .cluster(endpoint.cluster)
                .map_or("", |c| &c.name)
                .to_owned();
            let labels = vec![("cluster", cluster), ("endpoint", endpoint.name.to_string())];
            let of = self.reports.iter().filter_map(|r| r.endpoints.get(id.index()));
            let (traffic, calls) = of.fold((Traffic::default(), 0), |(sum, n), e| {
                (add(sum, &e.traffic), n + i64::from(e.in_flight))
            });
            // a host name with several addresses is several endpoints with one name, and one row
            let (sum, n) = rows.entry(labels).or_default();
            (*sum, *n) = (add(*sum, &traffic), *n + calls);
        }
        traffic(to, "endpoint", &rows.iter().map(|(l, (t, _))| (l, t)))?;
        let help = "Calls sent to the endpoint that have not ended";
        gauges(
            to,
            "endpoint_calls_in_flight",
            help,
            rows.iter().map(|(l, (_, n))| (l, *n)),
        )
    }

    /// How many endpoints of each cluster are usable, and how many are avoided. An avoided endpoint gets calls only
    /// if no other is left.
    fn clusters(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let directory = self.shared.directory();
        let avoided = |id: &EndpointId| {
            let mut seen = self
                .reports
                .iter()
                .filter_map(|r| r.endpoints.get(id.index()))
                .peekable();
            seen.peek().is_some() && seen.all(|e| e.avoided)
        };
        let rows: Vec<(Labels, i64)> = (directory.clusters())
            .flat_map(|(_, c)| {
                let labels = |state: &str| vec![("cluster", c.name.to_string()), ("state", state.to_owned())];
                let avoided = c.endpoints.iter().filter(|id| avoided(id)).count();
                [
                    (labels("usable"), (c.endpoints.len() - avoided) as i64),
                    (labels("avoided"), avoided as i64),
                ]
            })
            .collect();
        let help = "Known endpoints by state";
        gauges(to, "cluster_endpoints", help, rows.iter().map(|(l, n)| (l, *n)))
    }

    /// Whether the endpoint list of each cluster is up to date, and how old it is.
    fn lists(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let labels = |name: &String| -> Labels { vec![("cluster", name.clone())] };
        let lists: Vec<_> = (self.shared.lists.reports().iter())
            .map(|(name, report)| (labels(name), *report))
            .collect();
        let help = "1 while the last endpoint list of a cluster is used because its sources do not respond or their list is not trusted";
        let stale = lists.iter().map(|(labels, list)| (labels, i64::from(list.stale)));
        gauges(to, "cluster_endpoints_stale", help, stale)?;
        let help = "Time since the sources of a cluster last confirmed its endpoint list";
        let seconds = Unit::Seconds;
        let name = "cluster_endpoints_age";
        let mut family = to.encode_descriptor(name, help, Some(&seconds), MetricType::Gauge)?;
        for (labels, list) in &lists {
            if let Some(age) = list.age {
                ConstGauge::new(age.as_secs_f64()).encode(family.encode_family(labels)?)?;
            }
        }
        Ok(())
    }

    fn process(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let none: Labels = vec![];
        let mut family = to.encode_descriptor("peer_errors", "Errors of peers", None, MetricType::Counter)?;
        for (i, kind) in PeerErrorKind::ALL.into_iter().enumerate() {
            let total = self.reports.iter().filter_map(|r| r.faults.get(i)).sum::<u64>();
            ConstCounter::new(total).encode(family.encode_family(&[("kind", kind.name())])?)?;
        }
        let reload = self.shared.reload_state();
        let help = "Changed configurations by result";
        let mut family = to.encode_descriptor("config_reloads", help, None, MetricType::Counter)?;
        for (result, n) in [("accepted", reload.accepted), ("refused", reload.refused)] {
            ConstCounter::new(n).encode(family.encode_family(&[("result", result)])?)?;
        }
        let (dropped, failed) = self.shared.log_losses();
        let help = "Access log lines that were lost";
        let mut family = to.encode_descriptor("access_log_lost_lines", help, None, MetricType::Counter)?;
        for (reason, n) in [("queue_full", dropped), ("write_failed", failed)] {
            ConstCounter::new(n).encode(family.encode_family(&[("reason", reason)])?)?;
        }
        let help = "Lines of the process log that standard error did not take";
        let mut family = to.encode_descriptor("log_lost_lines", help, None, MetricType::Counter)?;
        ConstCounter::new(self.shared.lost_log_lines()).encode(family.encode_family(&none)?)?;
        let sum = |f: &dyn Fn(&Report) -> i64| -> i64 { self.reports.iter().map(f).sum() };
        let seconds = self.shared.uptime().as_secs() as i64;
        let last_ok = i64::from(reload.last_error.is_none());
        for (name, help, value) in [
            (
                "calls_in_flight",
                "Calls for which a downstream waits",
                sum(&|r| r.in_flight as i64),
            ),
            (
                "calls_quarantined",
                "Timed-out calls whose response may still arrive",
                sum(&|r| r.quarantined.into()),
            ),
            (
                "connections",
                "Connections of any kind",
                sum(&|r| r.connections as i64),
            ),
            (
                "config_last_reload_successful",
                "1 if the last changed configuration is in use",
                last_ok,
            ),
            (
                "config_last_reload_success_timestamp_seconds",
                "Since when the configuration is in use, in seconds since the epoch",
                reload.in_use_since as i64,
            ),
            (
                "config_version",
                "Changes of routes, clusters and endpoints so far",
                self.shared.directory().version as i64,
            ),
            (
                "ready",
                "1 while the process serves calls",
                self.shared.is_ready().into(),
            ),
            ("uptime_seconds", "Time since the start", seconds),
            ("workers", "Data threads", self.shared.workers() as i64),
        ] {
            gauges(to, name, help, std::iter::once((&none, value)))?;
        }
        Ok(())
    }
}

fn build_info(to: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let labels = vec![
        ("version", version::VERSION.to_owned()),
        ("commit", version::COMMIT.to_owned()),
    ];
    let help = "1, with the version and the commit as labels";
    gauges(to, "build_info", help, std::iter::once((&labels, 1)))
}

fn add(sum: Traffic, t: &Traffic) -> Traffic {
    Traffic {
        opened: sum.opened + t.opened,
        closed: sum.closed + t.closed,
        failed: sum.failed + t.failed,
        bytes_in: sum.bytes_in + t.bytes_in,
        bytes_out: sum.bytes_out + t.bytes_out,
    }
}

fn gauges<'a>(
    to: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: impl Iterator<Item = (&'a Labels, i64)>,
) -> fmt::Result {
    let mut family = to.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in rows {
        ConstGauge::new(value).encode(family.encode_family(labels)?)?;
    }
    Ok(())
}

/// The counters of connections and bytes, which listeners and endpoints both have.
fn traffic<'a>(
    to: &mut DescriptorEncoder<'_>,
    of: &str,
    rows: &(impl Iterator<Item = (&'a Labels, &'a Traffic)> + Clone),
) -> fmt::Result {
    let open = rows.clone().map(|(l, t)| (l, (t.opened - t.closed) as i64));
    gauges(to, &format!("{of}_connections"), "Connections now", open)?;
    type Pick = fn(&Traffic) -> u64;
    let counters: [(&str, &str, Pick); 4] = [
        ("connections_opened", "Connections so far", |t| t.opened),
        ("connections_failed", "Connections refused, or not made", |t| {
            t.failed
        }),
        ("received_bytes", "Bytes received", |t| t.bytes_in),
        ("sent_bytes", "Bytes sent", |t| t.bytes_out),
    ];
    for (name, help, pick) in counters {
        let name = format!("{of}_{name}");
        let mut family = to.encode_descriptor(&name, help, None, MetricType::Counter)?;
        for (labels, t) in rows.clone() {
            ConstCounter::new(pick(t)).encode(family.encode_family(labels)?)?;
        }
    }
    Ok(())
}

/// Encodes a counter of calls that most series do not have.
fn rare_counter(
    to: &mut DescriptorEncoder<'_>,
    series: &[(Labels, Series)],
    (name, help): (&str, &str),
    count: impl Fn(&Series) -> u64,
) -> fmt::Result {
    let mut family = to.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, s) in series.iter().filter(|(_, s)| count(s) > 0) {
        ConstCounter::new(count(s)).encode(family.encode_family(labels)?)?;
    }
    Ok(())
}
