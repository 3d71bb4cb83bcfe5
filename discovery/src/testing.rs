//! What tests of sources share.
use rialto_core::config::{Endpoint, Labels};
use rialto_core::discovery::{DiscoveredEndpoint, Standing, State, Updates};
use rialto_core::transport::Address;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// What a source told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    State(State),
    Fault(String),
}

/// Writes down what a source tells.
#[derive(Default)]
pub(crate) struct Record {
    told: Mutex<Vec<Told>>,
    standing: Mutex<Option<Standing>>,
    changed: Notify,
}

impl Updates for Record {
    fn publish(&self, state: State) {
        self.put(Told::State(state));
    }

    fn fault(&self, text: String) {
        self.put(Told::Fault(text));
    }

    fn stands(&self, standing: Standing) {
        *self.standing.lock().unwrap() = Some(standing);
        self.changed.notify_one();
    }
}

impl Record {
    fn put(&self, told: Told) {
        self.told.lock().unwrap().push(told);
        self.changed.notify_one();
    }

    /// Waits for what is told next and takes it.
    pub(crate) async fn next(&self) -> Told {
        loop {
            let first = {
                let mut told = self.told.lock().unwrap();
                (!told.is_empty()).then(|| told.remove(0))
            };
            match first {
                Some(told) => return told,
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

    /// The next list; a fault is a failure.
    pub(crate) async fn state(&self) -> State {
        match self.next().await {
            Told::State(state) => state,
            Told::Fault(text) => panic!("a list was expected, not the fault: {text}"),
        }
    }

    /// The next fault; a list is a failure.
    pub(crate) async fn fault(&self) -> String {
        match self.next().await {
            Told::Fault(text) => text,
            Told::State(state) => panic!("a fault was expected, not the list {state:?}"),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.told.lock().unwrap().is_empty()
    }
}

pub(crate) fn endpoint(address: &str, weight: u32) -> Endpoint {
    Endpoint {
        address: address.parse().unwrap(),
        weight,
        metadata: Labels::new(),
    }
}

pub(crate) fn instance(address: &str, weight: u32) -> DiscoveredEndpoint {
    DiscoveredEndpoint {
        address: Address::Tcp(address.parse().unwrap()),
        name: Arc::from(address),
        weight,
        metadata: Labels::new(),
    }
}
