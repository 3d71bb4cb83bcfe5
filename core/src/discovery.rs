//! What finds the endpoints of clusters. Sources run in the control plane and yield full states; a cluster is compiled from
//! the last one.
use crate::config::Labels;
use crate::transport::Address;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// One provider process, as a source sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveredEndpoint {
    /// Where it is reached.
    pub address: Address,
    /// How the source writes its address (a host name, say); for people.
    pub name: Arc<str>,
    /// Its share; 0 takes no calls.
    pub weight: u32,
    /// What subsets choose by.
    pub metadata: Labels,
}

/// What a source knows at one time: all of it, not a difference.
pub type State = Vec<DiscoveredEndpoint>;

/// Whether the last list of a source is what the source says now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is, and never changes.
    Fixed,
    /// It is: the source was just asked.
    Current,
    /// The source cannot be asked, or says what is not believed.
    Stale,
}

/// Where a source puts what it finds.
pub trait Updates: Send + Sync {
    /// The cluster's endpoints are these now.
    fn publish(&self, state: State);

    /// The source cannot tell at the moment; what was published last goes on to hold.
    fn fault(&self, text: String);

    /// How the last list stands, told after each time that the source was asked.
    fn stands(&self, standing: Standing);
}

/// Runs until it is dropped.
pub type Watching = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Finds the endpoints of one cluster.
pub trait Source: Send {
    /// For logs and admin pages: the kind and what it looks at.
    fn describe(&self) -> String;

    /// Publishes the first state and every later one.
    fn watch(self: Box<Self>, updates: Arc<dyn Updates>) -> Watching;
}
