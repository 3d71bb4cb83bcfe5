//! Grows a configuration with one route and one cluster to the size of a large one. Reading a large one from a
//! file would take minutes under valgrind.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, ensure};
use rialto_config::{Address, Cluster, Config, Endpoint, Labels, Route, TextMatch};

/// The endpoints of each added cluster.
const ENDPOINTS: usize = 10;

/// Grows it to this many services, each with a route and a cluster. Half of them come before the given one.
pub(crate) fn to_services(config: &mut Config, services: usize) -> anyhow::Result<()> {
    let protocol = config.clusters.first().context("there is no cluster")?.protocol;
    let number = services.saturating_sub(1);
    let clusters = (0..number).map(|service| {
        let mut cluster = Cluster::new(format!("service-{service}"), protocol);
        cluster.endpoints = (0..ENDPOINTS).map(|i| endpoint(service, i)).collect();
        cluster
    });
    config.clusters = around(config.clusters.split_off(0), clusters.collect());
    add_routes(config, number, |service| format!("service-{service}"))
}

/// Grows it to this many routes, which all lead to the given cluster. Half of them come before the given one.
pub(crate) fn to_routes(config: &mut Config, routes: usize) -> anyhow::Result<()> {
    let cluster = config
        .clusters
        .first()
        .context("there is no cluster")?
        .name
        .clone();
    add_routes(config, routes.saturating_sub(1), |_| cluster.clone())
}

fn add_routes(config: &mut Config, number: usize, cluster: impl Fn(usize) -> String) -> anyhow::Result<()> {
    let [given] = &config.routes[..] else {
        anyhow::bail!("there are {} routes instead of one", config.routes.len());
    };
    ensure!(
        given.to.len() == 1,
        "the route leads to {} clusters",
        given.to.len()
    );
    let copy = |service| {
        let mut route: Route = given.clone();
        route.name = format!("service-{service}");
        route.matches.service = Some(TextMatch::Exact(format!("com.acme.bench.Service{service}")));
        route.to[0].cluster = Some(cluster(service));
        route
    };
    let added: Vec<Route> = (0..number).map(copy).collect();
    config.routes = around(config.routes.split_off(0), added);
    let names: Vec<String> = config.routes.iter().map(|route| route.name.clone()).collect();
    let listener = config.listeners.first_mut().context("there is no listener")?;
    listener.routes = names;
    Ok(())
}

/// Puts half of `others` before `middle`, and half behind it.
fn around<T>(middle: Vec<T>, mut others: Vec<T>) -> Vec<T> {
    let rest = others.split_off(others.len() / 2);
    others.into_iter().chain(middle).chain(rest).collect()
}

/// An address of its own for each endpoint. Nobody connects to it.
fn endpoint(service: usize, index: usize) -> Endpoint {
    let ip = Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 0).to_bits() + service as u32);
    Endpoint {
        address: Address::Socket(SocketAddr::from((ip, 20_000 + index as u16))),
        weight: 1,
        metadata: Labels::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Config {
        let text = "listeners: [ { name: in, address: 127.0.0.1:1, routes: [all] } ]\n\
                    routes: [ { name: all, match: { service: s }, to: [ { cluster: backend } ] } ]\n\
                    clusters: [ { name: backend, protocol: bolt, endpoints: [ { address: 127.0.0.1:2 } ] } ]\n";
        rialto::config::load_str("one.yaml", text).unwrap().config
    }

    #[test]
    fn what_was_given_ends_up_in_the_middle_of_a_valid_configuration() {
        let (mut services, mut routes) = (one(), one());
        to_services(&mut services, 11).unwrap();
        to_routes(&mut routes, 11).unwrap();
        for config in [&services, &routes] {
            assert_eq!((config.routes.len(), config.routes[5].name.as_str()), (11, "all"));
            assert_eq!(config.listeners[0].routes.len(), 11);
            assert!(rialto_config::validate(config, &|_, _| None).is_empty());
        }
        assert_eq!(
            (services.clusters.len(), services.clusters[5].name.as_str()),
            (11, "backend")
        );
        assert_eq!(routes.clusters.len(), 1);
    }
}
