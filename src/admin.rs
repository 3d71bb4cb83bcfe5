//! The admin interface: plain HTTP for operators, probes and Prometheus. Never on a call's path.
mod bounded;
mod metrics;
mod pages;

use crate::control::Shared;
use anyhow::Context;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bounded::Bounded;
use rialto_core::config::{Address, Admin, SecretText};
use rialto_core::runtime::{Bound, bind};
use rialto_core::transport;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

/// Begins to serve, and tells where.
///
/// # Errors
/// The address cannot be listened on, or the token cannot be read.
pub async fn start(config: &Admin, shared: Arc<Shared>) -> anyhow::Result<String> {
    let token = config
        .token
        .as_ref()
        .map(|t| t.read().context("admin.token"))
        .transpose()?;
    let app = router(shared, token);
    let what = || format!("admin: cannot listen on {}", config.address);
    if let Address::Unix(path) = &config.address {
        let bound = bind(&transport::Address::Unix(path.as_path().into())).with_context(what)?;
        let Bound::Unix(bound) = bound else {
            unreachable!("a path was bound")
        };
        let listener = tokio::net::UnixListener::from_std(bound).with_context(what)?;
        tracing::info!("admin on {}", config.address);
        tokio::spawn(async move { axum::serve(Bounded::new(listener), app).await });
        return Ok(config.address.to_string());
    }
    let address: SocketAddr = match &config.address {
        Address::Socket(a) => *a,
        name => name
            .to_string()
            .to_socket_addrs()
            .with_context(what)?
            .next()
            .with_context(what)?,
    };
    let listener = tokio::net::TcpListener::bind(address).await.with_context(what)?;
    let bound = listener.local_addr()?.to_string();
    tracing::info!("admin on {bound}");
    tokio::spawn(async move { axum::serve(Bounded::new(listener), app).await });
    Ok(bound)
}

fn router(shared: Arc<Shared>, token: Option<SecretText>) -> Router {
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
    Router::new()
        .route("/", get(pages::index))
        .route("/help", get(pages::index))
        .route("/ready", get(pages::ready))
        .route("/healthz/ready", get(pages::ready))
        .route("/healthz/live", get(pages::live))
        .route("/metrics", get(metrics::page))
        .route("/stats/prometheus", get(metrics::page))
        .merge(guarded)
        .with_state(shared)
}

const SCHEME: &[u8] = b"Bearer ";

/// Compares in constant time, so that the answer's delay tells nothing of the token.
async fn check_token(State(token): State<Arc<SecretText>>, request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .map(|v| v.as_bytes())
        .unwrap_or_default();
    // the name of a scheme is in any case (RFC 9110 section 11.1)
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
