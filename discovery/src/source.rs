//! The interface of endpoint sources. Sources run in the control plane and publish full lists, and a cluster is
//! compiled from the last one.
use rialto_config::{Labels, Protocol};
use rialto_core::asking::ServiceName;
use rialto_core::transport::Address;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// One provider process, as a source describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveredEndpoint {
    /// The address to connect to.
    pub address: Address,
    /// The address as the source spells it (a host name, for example), for people.
    pub name: Arc<str>,
    /// Its share of the calls; 0 takes none.
    pub weight: u32,
    /// The labels that subsets select by.
    pub metadata: Labels,
    /// The protocol that it speaks, if its source says that. A configured cluster says it for all of its
    /// endpoints.
    pub protocol: Option<Protocol>,
}

/// All endpoints that a source knows at one time; never a difference.
pub type State = Vec<DiscoveredEndpoint>;

/// Whether the last list of a source is up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is, and never changes.
    Fixed,
    /// It is, because the source has just been asked.
    Current,
    /// It may not be: the source cannot be asked, or its list was not accepted.
    Stale,
}

/// Receives the results of a source.
pub trait Updates: Send + Sync {
    /// Replaces the cluster's endpoints.
    fn publish(&self, state: State);

    /// Reports that the source cannot be read at the moment. The last list remains in use.
    fn fault(&self, text: String);

    /// Reports whether the last list is up to date. Called each time after the source was asked.
    fn stands(&self, standing: Standing);
}

/// A running source. It stops when it is dropped.
pub type Watching = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Finds the endpoints of one cluster.
pub trait Source: Send {
    /// The kind of the source and where it looks, for logs and admin pages.
    fn describe(&self) -> String;

    /// Publishes the first list and every later one.
    fn watch(self: Box<Self>, updates: Arc<dyn Updates>) -> Watching;
}

/// A place where services are found by their names.
pub trait Registry: Send + Sync {
    /// The source of a service's endpoints, each of which says its protocol. An empty first list means that the
    /// registry does not have the service.
    ///
    /// # Errors
    /// The registry cannot have a service with such a name.
    fn service(&self, name: &ServiceName) -> Result<Box<dyn Source>, String>;
}
