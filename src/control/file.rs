//! The configuration file, looked at again and again.
use crate::config::{self, Loaded, Report, Source};
use std::path::{Path, PathBuf};

/// A file, and what it said when it was last looked at.
///
/// Its whole text is compared: two changes within a tick of the file system's clock have one time of modification.
pub(super) struct File {
    path: PathBuf,
    last: Result<Source, Report>,
}

impl File {
    /// The file that was loaded.
    pub(super) fn new(path: &Path, loaded: &Loaded) -> File {
        File {
            path: path.to_owned(),
            last: Ok(Source::clone(&loaded.source)),
        }
    }

    /// Looks again, and tells whether there is anything else to see than before.
    pub(super) fn look(&mut self) -> bool {
        let now = config::read(&self.path);
        let changed = now != self.last;
        self.last = now;
        changed
    }

    /// What it said when it was last looked at.
    pub(super) fn load(&self) -> Result<Loaded, Report> {
        config::load_source(self.last.clone()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const OLD: &str = "log: { level: debug }";
    const NEW: &str = "log: { level: error }";

    fn level(file: &File) -> Result<String, String> {
        let loaded = file.load().map_err(|report| report.to_string())?;
        Ok(format!("{:?}", loaded.config.log.level).to_lowercase())
    }

    #[test]
    fn a_change_is_seen_that_neither_time_nor_length_tells() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rialto.yaml");
        fs::write(&path, OLD).unwrap();
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        let mut file = File::new(&path, &config::load(&path).unwrap());
        assert!(!file.look());

        fs::write(&path, NEW).unwrap();
        fs::File::open(&path).unwrap().set_modified(time).unwrap();
        assert!(file.look());
        assert_eq!(level(&file), Ok("error".into()));
        assert!(!file.look());
    }

    #[test]
    fn a_file_that_is_gone_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rialto.yaml");
        fs::write(&path, OLD).unwrap();
        let mut file = File::new(&path, &config::load(&path).unwrap());
        fs::remove_file(&path).unwrap();
        assert!(file.look());
        assert!(
            level(&file)
                .unwrap_err()
                .contains("cannot read the configuration")
        );
        assert!(!file.look());

        fs::write(&path, OLD).unwrap();
        assert!(file.look());
        assert_eq!(level(&file), Ok("debug".into()));
    }
}
