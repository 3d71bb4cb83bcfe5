//! The admin interface: HTTP pages for operators, probes and Prometheus. It has its own thread, so that a slow page
//! delays neither calls nor the control plane.
mod bounded;
mod exposition;
mod metrics;
mod origin;
mod packed;
mod pages;
mod pieces;
mod process;
mod serve;

pub use serve::Server;

use crate::address::resolve;
use crate::state::Shared;
use anyhow::Context;
use axum::Router;
use axum::extract::{FromRef, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use origin::Hosts;
use pieces::Places;
use rialto_config::{Address, Admin, SecretText};
use rialto_core::runtime::{Bound, bind};
use std::sync::Arc;

/// How many clients can read the metrics at the same time. The limit bounds memory, because one page can be tens of
/// megabytes long.
const SCRAPES: usize = 2;
/// How many other pages with data of workers can be made at the same time.
const PAGES: usize = 4;

/// What all handlers of pages share.
#[derive(Clone)]
struct Site {
    shared: Arc<Shared>,
    places: SitePlaces,
}

/// Limits on how many large pages are made at the same time.
#[derive(Clone)]
struct SitePlaces {
    scrapes: Places,
    pages: Places,
}

impl FromRef<Site> for Arc<Shared> {
    fn from_ref(site: &Site) -> Self {
        Arc::clone(&site.shared)
    }
}

impl FromRef<Site> for SitePlaces {
    fn from_ref(site: &Site) -> Self {
        site.places.clone()
    }
}

/// Starts the server and returns it with the address that it is bound to.
///
/// # Errors
/// The address cannot be bound, or the token cannot be read.
pub fn start(config: &Admin, shared: Arc<Shared>) -> anyhow::Result<(Server, String)> {
    let token = config
        .token
        .as_ref()
        .map(|t| t.read().context("admin.token"))
        .transpose()?;
    let what = || format!("admin: cannot listen on {}", config.address);
    let bound = bind(&resolve(&config.address).with_context(what)?).with_context(what)?;
    let address = bound.address().with_context(what)?.to_string();
    tracing::info!("admin on {address}");
    let server = match bound {
        Bound::Unix(bound) => {
            let app = router(shared, token, None);
            let server = Server::start(move || tokio::net::UnixListener::from_std(bound), app);
            server.map(|server| match &config.address {
                Address::Unix(path) => server.with_file(path.clone()),
                _ => server,
            })
        }
        Bound::Tcp(bound) => {
            let hosts = config.hosts.iter().map(|h| h.to_ascii_lowercase()).collect();
            let app = router(shared, token, Some(hosts));
            Server::start(move || tokio::net::TcpListener::from_std(bound), app)
        }
    };
    Ok((server.with_context(what)?, address))
}

/// The routes of all pages. `hosts` are the host names under which requests may ask for them. `None` accepts any
/// name; it is for Unix sockets, which browsers cannot reach.
fn router(shared: Arc<Shared>, token: Option<SecretText>, hosts: Option<Hosts>) -> Router {
    let site = Site {
        shared,
        places: SitePlaces {
            scrapes: Places::new(SCRAPES),
            pages: Places::new(PAGES),
        },
    };
    let guarded = Router::new()
        .route("/config_dump", get(pages::config_dump))
        .route("/clusters", get(pages::clusters))
        .route("/listeners", get(pages::listeners))
        .route("/logging", get(pages::log_level).post(pages::set_log_level))
        .route("/server_info", get(pages::server_info));
    let guarded = match token {
        None => guarded,
        Some(token) => guarded.layer(middleware::from_fn_with_state(Arc::new(token), check_token)),
    };
    let named = Router::new()
        .route("/", get(pages::index))
        .route("/help", get(pages::index))
        .route("/metrics", get(metrics::page))
        .route("/stats/prometheus", get(metrics::page))
        .merge(guarded);
    let named = match hosts {
        None => named,
        Some(hosts) => named.layer(middleware::from_fn_with_state(hosts, origin::check)),
    };
    // probes get no data worth protecting, and orchestrators send them with any host name
    Router::new()
        .route("/ready", get(pages::ready))
        .route("/healthz/ready", get(pages::ready))
        .route("/healthz/live", get(pages::live))
        .merge(named)
        .fallback(pages::nowhere)
        .with_state(site)
}

const SCHEME: &[u8] = b"Bearer ";

/// Checks the token in constant time, so that the delay of the response does not tell how many of its bytes are
/// right.
async fn check_token(State(token): State<Arc<SecretText>>, request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .map(|v| v.as_bytes())
        .unwrap_or_default();
    // the scheme's name is case-insensitive (RFC 9110 section 11.1)
    let given = match given.split_at_checked(SCHEME.len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(SCHEME) => token,
        _ => &[],
    };
    let wanted = token.expose();
    let differs = given.len() ^ wanted.len();
    let differs = wanted
        .bytes()
        .zip(given)
        .fold(differs, |d, (a, b)| d | usize::from(a ^ b));
    if differs != 0 {
        let hint = "this page needs the header `authorization: Bearer <admin.token>`\n";
        return (StatusCode::UNAUTHORIZED, hint).into_response();
    }
    next.run(request).await
}
