//! Tests of the whole way from text to configuration or report.

use super::{Dump, Loaded, Report, Source, Substitutions, load_with};
use rialto_config::Config;
use std::sync::Arc;

mod bounds;
mod reports;
mod schema;
mod values;

/// A valid listener, route and cluster. Tests add their own lines before it.
const SOUND: &str = "\
listeners: [{ name: in, address: '127.0.0.1:20880', routes: [greeter] }]
routes: [{ name: greeter, to: [{ cluster: sofa }] }]
clusters: [{ name: sofa, protocol: bolt, endpoints: [{ address: '10.0.0.1:12200' }] }]
";

fn env(name: &str) -> Option<String> {
    match name {
        "PORT" => Some("20880".to_owned()),
        "WORKERS" => Some("3".to_owned()),
        _ => None,
    }
}

fn read(text: &str) -> Result<Loaded, Report> {
    load_with(Source::new("rialto.yaml", text), &env)
}

/// Loads a valid text.
#[track_caller]
fn sound(text: &str) -> Loaded {
    match read(text) {
        Ok(loaded) if loaded.warnings.is_empty() => loaded,
        Ok(loaded) => panic!("{}", loaded.warnings),
        Err(report) => panic!("{report}"),
    }
}

/// A configuration as it is shown.
fn shown(config: &Config) -> serde_json::Value {
    serde_json::to_value(Dump::new(Arc::new(config.clone()), Substitutions::default())).unwrap()
}

/// Loads an invalid text.
#[track_caller]
fn broken(text: &str) -> Report {
    match read(text) {
        Ok(loaded) => panic!("it was accepted: {:?}", loaded.config),
        Err(report) => report,
    }
}
