//! Helpers for tests of sources.
use crate::source::{DiscoveredEndpoint, Standing, State, Updates};
use rialto_config::{Endpoint, Labels};
use rialto_core::transport::Address;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// What a source reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Update {
    State(State),
    Fault(String),
}

/// Records what a source reports.
#[derive(Default)]
pub(crate) struct Record {
    updates: Mutex<Vec<Update>>,
    standing: Mutex<Option<Standing>>,
    changed: Notify,
}

impl Updates for Record {
    fn publish(&self, state: State) {
        self.put(Update::State(state));
    }

    fn fault(&self, text: String) {
        self.put(Update::Fault(text));
    }

    fn stands(&self, standing: Standing) {
        *self.standing.lock().unwrap() = Some(standing);
        self.changed.notify_one();
    }
}

impl Record {
    fn put(&self, update: Update) {
        self.updates.lock().unwrap().push(update);
        self.changed.notify_one();
    }

    /// Waits for the next report and takes it.
    pub(crate) async fn next(&self) -> Update {
        loop {
            let first = {
                let mut updates = self.updates.lock().unwrap();
                (!updates.is_empty()).then(|| updates.remove(0))
            };
            match first {
                Some(update) => return update,
                None => self.changed.notified().await,
            }
        }
    }

    /// Waits until the list stands like this.
    pub(crate) async fn stands_as(&self, standing: Standing) {
        while *self.standing.lock().unwrap() != Some(standing) {
            self.changed.notified().await;
        }
    }

    /// The next list; panics on an error.
    pub(crate) async fn state(&self) -> State {
        match self.next().await {
            Update::State(state) => state,
            Update::Fault(text) => panic!("a list was expected, not the error: {text}"),
        }
    }

    /// The next error; panics on a list.
    pub(crate) async fn fault(&self) -> String {
        match self.next().await {
            Update::Fault(text) => text,
            Update::State(state) => panic!("an error was expected, not the list {state:?}"),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.updates.lock().unwrap().is_empty()
    }
}

pub(crate) fn endpoint(address: &str, weight: u32) -> Endpoint {
    Endpoint {
        address: address.parse().unwrap(),
        weight,
        metadata: Labels::new(),
    }
}

pub(crate) fn discovered(address: &str, weight: u32) -> DiscoveredEndpoint {
    DiscoveredEndpoint {
        address: Address::Tcp(address.parse().unwrap()),
        name: Arc::from(address),
        weight,
        metadata: Labels::new(),
        protocol: None,
    }
}
