//! Turns configured endpoints into addresses that can be dialled.
use crate::source::{DiscoveredEndpoint, State};
use rialto_config::Endpoint;
use rialto_core::transport::Address;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How often host names are resolved again. The system resolver does not tell how long its results are valid.
pub(crate) const REFRESH: Duration = Duration::from_secs(30);
/// The longest time for one lookup; a slower one counts as failed in this round.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
/// The most lookups at once; each blocks a thread.
const AT_ONCE: usize = 16;

type Name = (Arc<str>, u16);
type Lookup = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// Resolves host names and remembers the last good results.
pub(crate) struct Resolver {
    lookup: Arc<Lookup>,
    known: HashMap<Name, Vec<SocketAddr>>,
}

impl Resolver {
    /// A resolver that asks the system: its hosts file, DNS, or whatever it is configured for.
    pub(crate) fn system() -> Self {
        Resolver::new(|host, port| Ok((host, port).to_socket_addrs()?.collect()))
    }

    pub(crate) fn new(
        lookup: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        Resolver {
            lookup: Arc::new(lookup),
            known: HashMap::new(),
        }
    }

    /// Resolves the endpoints, and returns their addresses and descriptions of what failed. A name that fails
    /// keeps its last good addresses; without any it is left out. The other endpoints are not affected.
    pub(crate) async fn resolve(&mut self, endpoints: &[Endpoint]) -> (State, Vec<String>) {
        let names: BTreeSet<Name> = endpoints.iter().filter_map(name_of).collect();
        self.known.retain(|name, _| names.contains(name));
        let mut faults = Vec::new();
        for ((host, port), found) in look_up_all(&self.lookup, names).await {
            let reason = match found {
                Ok(all) => match one_family(all) {
                    addresses if addresses.is_empty() => "it has no address".to_owned(),
                    addresses => {
                        self.known.insert((host, port), addresses);
                        continue;
                    }
                },
                Err(error) => error.to_string(),
            };
            let then = if self.known.contains_key(&(Arc::clone(&host), port)) {
                "its last known addresses stay in use"
            } else {
                "it takes no calls until it can be; check the name and the system's resolver"
            };
            faults.push(format!("host name {host} cannot be resolved: {reason}; {then}"));
        }
        let state = endpoints.iter().flat_map(|e| self.discovered(e)).collect();
        (state, faults)
    }

    fn discovered(&self, endpoint: &Endpoint) -> Vec<DiscoveredEndpoint> {
        let addresses: Vec<Address> = match &endpoint.address {
            rialto_config::Address::Socket(address) => vec![Address::Tcp(*address)],
            rialto_config::Address::Unix(path) => vec![Address::Unix(path.as_path().into())],
            rialto_config::Address::Name { .. } => {
                let known = name_of(endpoint).and_then(|name| self.known.get(&name));
                known.into_iter().flatten().copied().map(Address::Tcp).collect()
            }
        };
        let name: Arc<str> = endpoint.address.to_string().into();
        addresses
            .into_iter()
            .map(|address| DiscoveredEndpoint {
                address,
                name: Arc::clone(&name),
                weight: endpoint.weight,
                metadata: endpoint.metadata.clone(),
                protocol: None,
            })
            .collect()
    }
}

/// Whether any of the endpoints has a host name.
pub(crate) fn has_names(endpoints: &[Endpoint]) -> bool {
    endpoints.iter().any(|e| name_of(e).is_some())
}

fn name_of(endpoint: &Endpoint) -> Option<Name> {
    match &endpoint.address {
        rialto_config::Address::Name { host, port } => Some((host.as_str().into(), *port)),
        _ => None,
    }
}

async fn look_up_all(
    lookup: &Arc<Lookup>,
    names: BTreeSet<Name>,
) -> Vec<(Name, io::Result<Vec<SocketAddr>>)> {
    let mut names = names.into_iter();
    let mut found = Vec::with_capacity(names.len());
    let mut lookups = JoinSet::new();
    loop {
        for name in names.by_ref().take(AT_ONCE - lookups.len()) {
            lookups.spawn(look_up(Arc::clone(lookup), name));
        }
        match lookups.join_next().await {
            Some(Ok(result)) => found.push(result),
            // A lookup that panicked has no result; the name keeps its addresses.
            Some(Err(_)) => {}
            None => break,
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    found
}

/// Looks a name up on a thread of its own, because the system's resolver blocks.
async fn look_up(lookup: Arc<Lookup>, name: Name) -> (Name, io::Result<Vec<SocketAddr>>) {
    let (host, port) = (Arc::clone(&name.0), name.1);
    let task = tokio::task::spawn_blocking(move || lookup(&host, port));
    let found = match tokio::time::timeout(LOOKUP_TIMEOUT, task).await {
        Ok(Ok(found)) => found,
        Ok(Err(panic)) => Err(io::Error::other(panic)),
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("no response within {} s", LOOKUP_TIMEOUT.as_secs()),
        )),
    };
    (name, found)
}

/// Keeps the addresses of one family. A host with addresses of both is one process: with two endpoints it
/// would get twice its share, and `localhost` would be dialled at `::1`, where many providers do not listen.
/// IPv4 is preferred, because Java providers register it.
fn one_family(mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    if addresses.iter().any(SocketAddr::is_ipv4) {
        addresses.retain(SocketAddr::is_ipv4);
    }
    // Resolvers rotate their results; another order is not a change.
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{discovered, endpoint};
    use std::sync::Mutex;

    fn addresses(text: &[&str]) -> Vec<SocketAddr> {
        text.iter().map(|a| a.parse().unwrap()).collect()
    }

    fn at(state: &State) -> Vec<String> {
        state.iter().map(|i| i.address.to_string()).collect()
    }

    #[tokio::test]
    async fn addresses_need_no_resolver() {
        let mut resolver = Resolver::new(|host, _| panic!("{host} was looked up"));
        let (state, faults) = resolver
            .resolve(&[endpoint("10.0.0.1:20880", 7), endpoint("unix:/run/a.sock", 100)])
            .await;
        assert!(faults.is_empty());
        assert_eq!(state[0], discovered("10.0.0.1:20880", 7));
        assert_eq!(
            state[1].address,
            Address::Unix(std::path::Path::new("/run/a.sock").into())
        );
        assert_eq!(&*state[1].name, "unix:/run/a.sock");
    }

    #[tokio::test]
    async fn a_name_is_resolved_to_all_addresses_of_one_family() {
        let mut resolver = Resolver::new(|host, port| {
            assert_eq!(port, 12200);
            Ok(match host {
                "both" => addresses(&[
                    "[::1]:12200",
                    "10.0.0.2:12200",
                    "10.0.0.1:12200",
                    "10.0.0.2:12200",
                ]),
                _ => addresses(&["[fd00::2]:12200", "[fd00::1]:12200"]),
            })
        });
        let (state, faults) = resolver
            .resolve(&[endpoint("both:12200", 3), endpoint("six:12200", 5)])
            .await;
        assert!(faults.is_empty());
        assert_eq!(
            at(&state),
            [
                "10.0.0.1:12200",
                "10.0.0.2:12200",
                "[fd00::1]:12200",
                "[fd00::2]:12200"
            ]
        );
        assert!(
            state[..2]
                .iter()
                .all(|i| &*i.name == "both:12200" && i.weight == 3)
        );
    }

    #[tokio::test]
    async fn a_failed_name_keeps_its_last_addresses_and_affects_no_other() {
        let results = Arc::new(Mutex::new(HashMap::from([("a".to_owned(), "10.0.0.1:1")])));
        let mut resolver = Resolver::new({
            let results = Arc::clone(&results);
            move |host, _| match results.lock().unwrap().get(host) {
                Some(address) => Ok(addresses(&[address])),
                None => Err(io::Error::other("no such host")),
            }
        });
        let both = [endpoint("a:1", 1), endpoint("b:1", 1)];
        let (state, faults) = resolver.resolve(&both).await;
        assert_eq!(at(&state), ["10.0.0.1:1"]);
        assert_eq!(
            faults,
            [
                "host name b cannot be resolved: no such host; it takes no calls until it can be; check the name and \
              the system's resolver"
            ]
        );

        *results.lock().unwrap() = HashMap::from([("b".to_owned(), "10.0.0.2:1")]);
        let (state, faults) = resolver.resolve(&both).await;
        assert_eq!(at(&state), ["10.0.0.1:1", "10.0.0.2:1"]);
        assert_eq!(
            faults,
            ["host name a cannot be resolved: no such host; its last known addresses stay in use"]
        );

        // Names that are no longer configured are forgotten.
        resolver.resolve(&both[1..]).await;
        assert_eq!(at(&resolver.resolve(&both[..1]).await.0), [""; 0]);
    }

    #[tokio::test]
    async fn a_result_without_addresses_is_an_error() {
        let (state, faults) = Resolver::new(|_, _| Ok(Vec::new()))
            .resolve(&[endpoint("a:1", 1)])
            .await;
        assert!(
            state.is_empty() && faults[0].contains("it has no address"),
            "{faults:?}"
        );
    }

    #[tokio::test]
    async fn many_names_are_looked_up_a_few_at_a_time() {
        let load = Arc::new(Mutex::new((0, 0)));
        let mut resolver = Resolver::new({
            let load = Arc::clone(&load);
            move |host, port| {
                {
                    let mut load = load.lock().unwrap();
                    load.0 += 1;
                    load.1 = load.0.max(load.1);
                }
                std::thread::yield_now();
                let number: u8 = host[1..].parse().unwrap();
                load.lock().unwrap().0 -= 1;
                Ok(vec![SocketAddr::from(([10, 0, 0, number], port))])
            }
        });
        let names: Vec<_> = (0..100).map(|n| endpoint(&format!("h{n}:1"), 1)).collect();
        let (state, faults) = resolver.resolve(&names).await;
        assert!(faults.is_empty());
        assert_eq!(at(&state)[99], "10.0.0.99:1");
        assert!(load.lock().unwrap().1 <= AT_ONCE);
    }

    #[tokio::test]
    async fn the_system_knows_localhost() {
        let (state, faults) = Resolver::system().resolve(&[endpoint("localhost:1", 1)]).await;
        assert!(faults.is_empty(), "{faults:?}");
        match &state[0].address {
            Address::Tcp(address) => assert!(address.ip().is_loopback()),
            other => panic!("{other}"),
        }
    }
}
