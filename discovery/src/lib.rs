//! Sources of a cluster's endpoints.
//!
//! A source finds one cluster's endpoints and publishes them as full lists: [`StaticSource`] those of the
//! configuration, [`FileSource`] those of a file. A registry has a source for each service that it is asked for:
//! [`DirectoryRegistry`] the files of a directory. [`protect`] stands between the sources of a cluster and the
//! compiler: it drops bad records, does not believe a sudden empty list, and merges bursts of
//! changes.
//!
//! Everything here runs in the control plane, on a tokio runtime with timers, and never on the path of a
//! call.
//!
//! ```
//! use rialto_config::{Cluster, Protocol};
//! use rialto_discovery::{Watches, source_for};
//!
//! let mut cluster = Cluster::new("greeters", Protocol::Dubbo);
//! cluster.endpoints_file = Some("/etc/rialto/greeters.yaml".into());
//! let sources = source_for(&cluster, |_, _| Err("no file".to_owned()), &Watches::default());
//! assert_eq!(sources[0].describe(), "file /etc/rialto/greeters.yaml");
//! ```
#![forbid(unsafe_code)]

mod directory;
mod file;
mod fixed;
mod guard;
mod protect;
mod resolve;
mod source;
#[cfg(test)]
mod testing;

pub use directory::DirectoryRegistry;
pub use file::{FileList, FileSource, ParseFile, Watches};
pub use fixed::StaticSource;
pub use guard::{Empty, Protection};
pub use protect::{Protected, protect};
pub use source::{DiscoveredEndpoint, Registry, Source, Standing, State, Updates, Watching};

/// The sources that a cluster's configuration names. `parse` parses the text of an endpoints file, and
/// `watches` are those of all sources.
#[must_use]
pub fn source_for(
    cluster: &rialto_config::Cluster,
    parse: ParseFile,
    watches: &Watches,
) -> Vec<Box<dyn Source>> {
    let mut sources: Vec<Box<dyn Source>> = Vec::new();
    if !cluster.endpoints.is_empty() {
        sources.push(Box::new(StaticSource::new(cluster.endpoints.clone())));
    }
    if let Some(path) = &cluster.endpoints_file {
        sources.push(Box::new(FileSource::new(path.clone(), parse, watches.clone())));
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(_: &str, _: &str) -> Result<FileList, String> {
        Err("no file".to_owned())
    }

    #[test]
    fn a_cluster_has_the_sources_that_it_names() {
        let mut cluster = rialto_config::Cluster::new("greeters", rialto_config::Protocol::Dubbo);
        assert!(source_for(&cluster, nothing, &Watches::default()).is_empty());
        cluster.endpoints.push(testing::endpoint("127.0.0.1:20880", 1));
        cluster.endpoints_file = Some("/etc/rialto/greeters.yaml".into());
        let described: Vec<_> = source_for(&cluster, nothing, &Watches::default())
            .iter()
            .map(|s| s.describe())
            .collect();
        assert_eq!(
            described,
            ["1 configured endpoint", "file /etc/rialto/greeters.yaml"]
        );
    }
}
