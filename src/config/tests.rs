//! From text to configuration, as users see it.

use super::{Loaded, Report, Source, load_with};

mod bounds;
mod reports;
mod schema;
mod values;

/// Listener, route and cluster that nothing is wrong with; tests put their own lines in front.
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

/// Loads a text that nothing is wrong with.
#[track_caller]
fn sound(text: &str) -> Loaded {
    match read(text) {
        Ok(loaded) if loaded.warnings.is_empty() => loaded,
        Ok(loaded) => panic!("{}", loaded.warnings),
        Err(report) => panic!("{report}"),
    }
}

/// Loads a text in which something is wrong.
#[track_caller]
fn broken(text: &str) -> Report {
    match read(text) {
        Ok(loaded) => panic!("it was accepted: {:?}", loaded.config),
        Err(report) => report,
    }
}
