//! Protects the pages from browsers. A web page of an attacker can make a visitor's browser send requests to the
//! admin address: under a host name of the attacker that resolves to this machine (DNS rebinding), or with a form
//! (CSRF).
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::Ipv6Addr;
use std::sync::Arc;

/// The host names of `admin.hosts` in lower case. Requests may use these besides IP addresses and `localhost`.
pub(super) type Hosts = Arc<[String]>;

/// Refuses requests that the page of another site may have sent.
pub(super) async fn check(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let authority = request.uri().authority().map(Authority::as_str);
    let asked = headers.get_all(header::HOST).iter().map(|v| v.to_str().ok());
    for host in asked.chain(authority.map(Some)) {
        if !host.is_some_and(|host| is_ours(host, &hosts)) {
            let name = host.unwrap_or_default();
            let text = format!(
                "the host \"{}\" is neither an IP address nor localhost: add it to admin.hosts to allow it\n",
                name.escape_debug()
            );
            return (StatusCode::FORBIDDEN, text).into_response();
        }
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) && is_from_elsewhere(headers) {
        let text = "pages of other sites may not change anything here\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    next.run(request).await
}

/// Whether an attacker cannot have chosen this `Host`: it is an IP address, `localhost` or a configured name.
fn is_ours(host: &str, hosts: &[String]) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        let literal = rest.split_once(']').map_or("", |(literal, _)| literal);
        // the zone behind `%` (`fe80::1%eth0`) is not part of the address
        let address = literal.split('%').next().unwrap_or_default();
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok() || hosts.contains(&name)
}

/// Whether the browser's headers say that the page of another site sent the request.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let site = headers.get_all("sec-fetch-site").iter();
    if site
        .into_iter()
        .any(|v| !matches!(v.as_bytes(), b"same-origin" | b"none"))
    {
        return true;
    }
    let host = headers.get(header::HOST).map(|v| v.as_bytes());
    headers.get_all(header::ORIGIN).iter().any(|origin| {
        let of = origin.as_bytes();
        let from = of
            .strip_prefix(b"http://")
            .or_else(|| of.strip_prefix(b"https://"));
        from.is_none() || from != host
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_ours() {
        let hosts = ["admin.corp".to_owned()];
        for ours in [
            "localhost",
            "LocalHost:9901",
            "localhost.",
            "127.0.0.1:9901",
            "10.1.2.3",
            "[::1]:9901",
            "[fe80::1%25eth0]",
            "admin.corp",
            "Admin.Corp:80",
        ] {
            assert!(is_ours(ours, &hosts), "{ours}");
        }
        for foreign in [
            "",
            "evil.example",
            "evil.example:9901",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "1.2.3.4:5:evil.example",
            "[evil.example]",
            "[",
            "admin.corp.evil.example",
        ] {
            assert!(!is_ours(foreign, &hosts), "{foreign}");
        }
    }

    #[test]
    fn browsers_tell_where_a_request_comes_from() {
        let of = |all: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in all {
                headers.append(*name, value.parse().unwrap());
            }
            is_from_elsewhere(&headers)
        };
        let host = ("host", "localhost:9901");
        assert!(!of(&[host]));
        assert!(!of(&[host, ("origin", "http://localhost:9901")]));
        assert!(!of(&[host, ("sec-fetch-site", "same-origin")]));
        for elsewhere in [
            ("origin", "http://evil.example"),
            ("origin", "http://localhost:80"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert!(of(&[host, elsewhere]), "{elsewhere:?}");
        }
    }
}
