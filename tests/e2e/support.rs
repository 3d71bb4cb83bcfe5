//! Helpers of the end-to-end tests.
pub(crate) mod config;
pub(crate) mod downstream;
pub(crate) mod frames;
pub(crate) mod http;
pub(crate) mod lines;
pub(crate) mod process;
pub(crate) mod upstream;
pub(crate) mod watched;

pub(crate) use config::{config, endpoints, idle_config, nobody};
pub(crate) use downstream::Downstream;
pub(crate) use process::Rialto;
pub(crate) use rialto_core::ErrorKind;
pub(crate) use rialto_protocols::bolt::Bolt;
pub(crate) use rialto_protocols::dubbo::Dubbo;
pub(crate) use rialto_testkit::{Answer, Reply, Request};
pub(crate) use serde_json::{Value as Json, json};
pub(crate) use upstream::Upstream;

use std::time::{Duration, Instant};

/// The longest that a test waits for anything, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const GREETER: &str = "com.acme.Greeter";
pub(crate) const STRING: &str = "java.lang.String";

/// `greet("Ada")`, or with another argument.
pub(crate) fn greet(name: &str) -> Request {
    Request::new(GREETER, "1.0", "greet").arg(STRING, name)
}

/// Polls until a value is found, for what only polling can show (pages, `/proc`).
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < until, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a test for each pair of protocols of downstream and upstream.
macro_rules! for_each_pair {
    ($check:ident) => {
        $check::<Dubbo, Dubbo>();
        $check::<Dubbo, Bolt>();
        $check::<Bolt, Dubbo>();
        $check::<Bolt, Bolt>();
    };
}
pub(crate) use for_each_pair;
