//! A registry that is a directory with a file for each service.
use crate::file::{FileSource, ParseFile, Watches};
use crate::source::{Registry, Source};
use rialto_core::asking::ServiceName;
use std::path::PathBuf;

/// Finds the endpoints of a service in the file `SERVICE:VERSION:GROUP.yaml` of a directory, or in
/// `SERVICE.yaml`.
pub struct DirectoryRegistry {
    directory: PathBuf,
    parse: ParseFile,
    watches: Watches,
}

impl DirectoryRegistry {
    /// A registry over the files of a directory, which need not exist yet.
    #[must_use]
    pub fn new(directory: PathBuf, parse: ParseFile, watches: Watches) -> Self {
        DirectoryRegistry {
            directory,
            parse,
            watches,
        }
    }
}

impl Registry for DirectoryRegistry {
    fn service(&self, name: &ServiceName) -> Result<Box<dyn Source>, String> {
        // Names come from peers, and must not lead out of the directory.
        let parts = [&name.service, &name.version, &name.group];
        if name.service.is_empty() || !parts.iter().all(|part| is_harmless(part)) {
            return Err(format!(
                "{:?} cannot be the name of a file: only letters, digits and .-_$ can",
                parts.map(|part| &**part).join(":")
            ));
        }
        let whole = name.to_string();
        let mut names = vec![&*whole, &*name.service];
        names.dedup();
        let path = |name| self.directory.join(format!("{name}.yaml"));
        let paths = names.into_iter().map(path).collect();
        Ok(Box::new(FileSource::any_of(
            paths,
            self.parse,
            self.watches.clone(),
        )))
    }
}

/// Whether a part of a name can be part of a file name. A name of dots only would be a directory.
fn is_harmless(part: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_$".contains(c);
    part.chars().all(is_plain) && (part.is_empty() || !part.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::FileList;
    use crate::source::Updates;
    use crate::testing::{Record, endpoint};
    use rialto_config::Protocol;
    use std::fs;
    use std::sync::Arc;
    use tokio::task::JoinSet;

    fn parse(_: &str, text: &str) -> Result<FileList, String> {
        Ok(FileList {
            protocol: Some(Protocol::Bolt),
            endpoints: text.lines().map(|line| endpoint(line, 1)).collect(),
        })
    }

    fn name(service: &str, version: &str, group: &str) -> ServiceName {
        ServiceName {
            registry: "reg".into(),
            service: service.into(),
            version: version.into(),
            group: group.into(),
        }
    }

    #[tokio::test]
    async fn the_most_exact_file_counts_and_a_missing_one_is_an_empty_list() {
        let directory = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| fs::write(directory.path().join(file), text).unwrap();
        write("a.B.yaml", "10.0.0.1:1");
        write("a.B:1.0.yaml", "10.0.0.2:1");
        let registry = DirectoryRegistry::new(directory.path().to_owned(), parse, Watches::default());
        let mut tasks = JoinSet::new();
        let mut follow = |name: &ServiceName| {
            let record = Arc::new(Record::default());
            let source = registry.service(name).unwrap_or_else(|e| panic!("{e}"));
            tasks.spawn(source.watch(Arc::clone(&record) as Arc<dyn Updates>));
            record
        };
        for (name, address) in [
            (name("a.B", "", ""), Some("10.0.0.1:1")),
            (name("a.B", "1.0", ""), Some("10.0.0.2:1")),
            (name("a.B", "2.0", "g"), Some("10.0.0.1:1")),
            (name("a.C", "", ""), None),
        ] {
            let state = follow(&name).state().await;
            let found: Vec<_> = state
                .iter()
                .map(|e| (e.address.to_string(), e.protocol))
                .collect();
            let wanted: Vec<_> = address
                .into_iter()
                .map(|a| (a.to_owned(), Some(Protocol::Bolt)))
                .collect();
            assert_eq!(found, wanted, "{name:?}");
        }
        // A file that appears later is noticed, and one that is more exact takes its place.
        let record = follow(&name("a.D", "", "g"));
        assert_eq!(record.state().await, []);
        write("a.D.yaml", "10.0.0.3:1");
        assert_eq!(record.state().await.len(), 1);
        write("a.D::g.yaml", "10.0.0.4:1\n10.0.0.5:1");
        assert_eq!(record.state().await.len(), 2);
    }

    #[test]
    fn names_of_peers_do_not_lead_out_of_the_directory() {
        let registry = DirectoryRegistry::new("/services".into(), parse, Watches::default());
        for (service, version) in [
            ("../etc/passwd", ""),
            ("..", ""),
            (".hidden", ""),
            ("a/b", ""),
            ("a.B", "../1"),
            ("a\0B", ""),
            ("", ""),
        ] {
            let refused = registry.service(&name(service, version, "")).err();
            assert!(
                refused.is_some_and(|text| text.contains("name of a file")),
                "{service}:{version}"
            );
        }
    }
}
