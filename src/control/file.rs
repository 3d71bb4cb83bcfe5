//! The configuration file, looked at again and again.
use crate::config::{self, Loaded, Report, Source};
use std::path::{Path, PathBuf};

/// A file, and what it said when it was last looked at.
///
/// Its whole text is compared: two changes within a tick of the file system's clock have one time of modification.
pub(super) struct File {
    path: PathBuf,
    last: Result<Source, Report>,
    /// Something else than `last`, seen once: it may still be being written.
    unsettled: Option<Result<Source, Report>>,
}

impl File {
    /// The file that was loaded.
    pub(super) fn new(path: &Path, loaded: &Loaded) -> File {
        File {
            path: path.to_owned(),
            last: Ok(Source::clone(&loaded.source)),
            unsettled: None,
        }
    }

    /// Looks again, and tells whether there is anything else to see than before, the same two times in a row: most
    /// writers empty a file before they fill it, and YAML that is cut between two lines is often still YAML.
    pub(super) fn look(&mut self) -> bool {
        let now = config::read(&self.path);
        if now == self.last {
            self.unsettled = None;
            return false;
        }
        if self.unsettled.as_ref() != Some(&now) {
            self.unsettled = Some(now);
            return false;
        }
        self.take(now);
        true
    }

    /// Looks again and believes what is there: someone says that it is written.
    pub(super) fn look_now(&mut self) {
        let now = config::read(&self.path);
        self.take(now);
    }

    fn take(&mut self, now: Result<Source, Report>) {
        self.last = now;
        self.unsettled = None;
    }

    /// What it said when it was last looked at.
    pub(super) fn load(&self) -> Result<Loaded, Report> {
        config::load_changed(self.last.clone()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const OLD: &str = "log: { level: debug }";
    const NEW: &str = "log: { level: error }";

    /// Looks as often as it takes to see a change.
    fn changed(file: &mut File) -> bool {
        !file.look() && file.look()
    }

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
        assert!(changed(&mut file));
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
        assert!(changed(&mut file));
        assert!(
            level(&file)
                .unwrap_err()
                .contains("cannot read the configuration")
        );
        assert!(!file.look());

        fs::write(&path, NEW).unwrap();
        assert!(changed(&mut file));
        assert_eq!(level(&file), Ok("error".into()));
    }

    #[test]
    fn a_file_that_is_being_written_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rialto.yaml");
        fs::write(&path, OLD).unwrap();
        let mut file = File::new(&path, &config::load(&path).unwrap());
        for part in ["", "log:", "log: {}", OLD, NEW] {
            fs::write(&path, part).unwrap();
            assert!(!file.look(), "{part:?} was seen once");
        }
        assert!(file.look());
        assert_eq!(level(&file), Ok("error".into()));

        fs::write(&path, OLD).unwrap();
        assert!(!file.look());
        fs::write(&path, NEW).unwrap();
        assert!(!file.look(), "it is as it was");
    }

    #[test]
    fn who_asks_for_it_is_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rialto.yaml");
        fs::write(&path, OLD).unwrap();
        let mut file = File::new(&path, &config::load(&path).unwrap());
        fs::write(&path, NEW).unwrap();
        file.look_now();
        assert_eq!(level(&file), Ok("error".into()));
        assert!(!file.look());
    }

    /// Nobody removes every listener by emptying a file; disks that are full and crashed writers do.
    #[test]
    fn an_emptied_file_is_no_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rialto.yaml");
        fs::write(&path, OLD).unwrap();
        let mut file = File::new(&path, &config::load(&path).unwrap());
        for nothing in ["", " \n\n"] {
            fs::write(&path, nothing).unwrap();
            file.look_now();
            assert!(level(&file).unwrap_err().contains("the file is empty"));
        }
    }
}
