//! The handlers of all pages except the metrics.
use super::SitePlaces;
use crate::config::Dump;
use crate::state::{ReloadState, Shared};
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use rialto_config::LogLevel;
use rialto_core::directory::Directory;
use rialto_core::worker::{EndpointReport, Report};
use rialto_protocols::protocol_name;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

type Page = State<Arc<Shared>>;

/// A worker that has taken no turn for this long is stuck. An idle worker still takes a turn every half second.
const STUCK: Duration = Duration::from_secs(5);

const INDEX: &str = "<!doctype html><meta charset=utf-8><title>Rialto</title><h1>Rialto</h1><table>\
<tr><td><a href=/ready>/ready</a><td>200 while the process serves calls, 503 before and while it drains (also /healthz/ready)\
<tr><td><a href=/healthz/live>/healthz/live</a><td>200 while all workers take turns\
<tr><td><a href=/metrics>/metrics</a><td>counters and latencies for Prometheus (also /stats/prometheus)\
<tr><td><a href=/config_dump>/config_dump</a><td>the configuration in use, defaults included, and the results of reloads\
<tr><td><a href=/clusters>/clusters</a><td>clusters and their endpoints\
<tr><td><a href=/listeners>/listeners</a><td>listeners and their downstreams\
<tr><td><a href=/logging>/logging</a><td>log level; POST /logging?level=debug changes it\
<tr><td><a href=/server_info>/server_info</a><td>version and uptime\
</table>";

pub(super) async fn index() -> Html<&'static str> {
    Html(INDEX)
}

pub(super) async fn ready(State(shared): Page) -> (StatusCode, &'static str) {
    if shared.is_ready() {
        (StatusCode::OK, "LIVE\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "DRAINING\n")
    }
}

/// The liveness probe. It reads when each worker took its last turn instead of asking the workers, because a stuck
/// worker would not respond.
pub(super) async fn live(State(shared): Page) -> (StatusCode, String) {
    match shared.stuck_worker(STUCK) {
        None => (StatusCode::OK, "LIVE\n".into()),
        Some(worker) => {
            let text = format!("worker {worker} has taken no turn for {} s\n", STUCK.as_secs());
            (StatusCode::SERVICE_UNAVAILABLE, text)
        }
    }
}

pub(super) async fn nowhere() -> (StatusCode, &'static str) {
    (
        StatusCode::NOT_FOUND,
        "there is no such page; /help lists all pages\n",
    )
}

/// Responds with JSON, which `make` builds on a thread for large pages.
fn json_page<T: Serialize>(places: &SitePlaces, make: impl FnOnce() -> T + Send + 'static) -> Response {
    places.pages.page("application/json", move |page| {
        serde_json::to_writer(&mut *page, &make())?;
        page.write_all(b"\n")
    })
}

/// The page about the configuration in use.
#[derive(Serialize)]
struct ConfigDump {
    config: Dump,
    reload: ReloadState,
    version: u64,
}

pub(super) async fn config_dump(State(shared): Page, State(places): State<SitePlaces>) -> Response {
    json_page(&places, move || ConfigDump {
        config: shared.config(),
        reload: shared.reload_state(),
        version: shared.directory().version,
    })
}

pub(super) async fn server_info(State(shared): Page) -> Response {
    let info = json!({
        "version": crate::version::SHORT,
        "features": crate::version::features(),
        "state": if shared.is_ready() { "LIVE" } else { "DRAINING" },
        "uptime_seconds": shared.uptime().as_secs(),
        "workers": shared.workers(),
        "pid": std::process::id(),
    });
    ([(header::CONTENT_TYPE, "application/json")], format!("{info}\n")).into_response()
}

pub(super) async fn log_level(
    State(shared): Page,
    Query(query): Query<HashMap<String, String>>,
) -> (StatusCode, String) {
    if query.is_empty() {
        return (StatusCode::OK, format!("{}\n", shared.log_level()));
    }
    let text = "GET cannot change the level: use POST /logging?level=debug\n";
    (StatusCode::BAD_REQUEST, text.into())
}

pub(super) async fn set_log_level(
    State(shared): Page,
    Query(query): Query<HashMap<String, String>>,
) -> (StatusCode, String) {
    let wanted = query.get("level").map_or("", String::as_str);
    match serde_json::from_value::<LogLevel>(json!(wanted)) {
        Ok(level) => {
            shared.set_log_level(level);
            (StatusCode::OK, format!("{}\n", shared.log_level()))
        }
        Err(_) => {
            let text = format!("level={wanted} is not one of error, warn, info, debug, trace\n");
            (StatusCode::BAD_REQUEST, text)
        }
    }
}

pub(super) async fn listeners(State(shared): Page, State(places): State<SitePlaces>) -> Response {
    json_page(&places, move || listeners_of(&shared))
}

fn listeners_of(shared: &Shared) -> Value {
    let directory = shared.directory();
    let bound: HashMap<_, _> = shared.listening().into_iter().collect();
    let reports = shared.reports();
    let listeners = directory.listeners().map(|(id, l)| {
        let i = id.index();
        let of = |f: &dyn Fn(&(rialto_core::metrics::Traffic, u32)) -> u64| -> u64 {
            reports.iter().filter_map(|r| r.listeners.get(i)).map(f).sum()
        };
        json!({
            "id": id.0,
            "name": &*l.name,
            "address": bound.get(&*l.name),
            "protocol": l.protocol.map_or("auto", protocol_name),
            "connections": of(&|(t, _)| t.opened - t.closed),
            "connections_total": of(&|(t, _)| t.opened),
            "connections_refused": of(&|(t, _)| t.failed),
            "bytes_in": of(&|(t, _)| t.bytes_in),
            "bytes_out": of(&|(t, _)| t.bytes_out),
            "in_flight": of(&|(_, n)| u64::from(*n)),
        })
    });
    listeners.collect()
}

pub(super) async fn clusters(State(shared): Page, State(places): State<SitePlaces>) -> Response {
    json_page(&places, move || clusters_of(&shared))
}

fn clusters_of(shared: &Shared) -> Value {
    let directory = shared.directory();
    let reports = shared.reports();
    let clusters = directory.clusters().map(|(id, c)| {
        let in_flight: u32 = reports.iter().filter_map(|r| r.clusters.get(id.index())).sum();
        let endpoints: Vec<_> = c
            .endpoints
            .iter()
            .map(|id| endpoint(&directory, *id, &reports))
            .collect();
        json!({
            "name": &*c.name,
            "protocol": protocol_name(c.protocol),
            "in_flight": in_flight,
            "endpoints_per_worker": c.used_endpoints,
            "endpoints": endpoints,
        })
    });
    clusters.collect()
}

fn endpoint(directory: &Directory, id: rialto_core::directory::EndpointId, reports: &[Report]) -> Value {
    let seen: Vec<&EndpointReport> = reports
        .iter()
        .filter_map(|r| r.endpoints.get(id.index()))
        .collect();
    let sum = |f: &dyn Fn(&EndpointReport) -> u64| -> u64 { seen.iter().map(|e| f(e)).sum() };
    let (name, address) = directory
        .endpoint(id)
        .map_or_else(Default::default, |e| (e.name.to_string(), e.address.to_string()));
    json!({
        "name": name,
        "address": address,
        "connections": sum(&|e| e.connections as u64),
        "connections_total": sum(&|e| e.traffic.opened),
        "connect_failures": sum(&|e| e.traffic.failed),
        "in_flight": sum(&|e| u64::from(e.in_flight)),
        "bytes_out": sum(&|e| e.traffic.bytes_out),
        "bytes_in": sum(&|e| e.traffic.bytes_in),
        "avoided_by_workers": seen.iter().filter(|e| e.avoided).count(),
        "fails_health_checks": seen.iter().any(|e| e.is_sick),
        "read_only": seen.iter().any(|e| e.read_only),
    })
}
