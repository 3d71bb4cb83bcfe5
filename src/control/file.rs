//! Watches the configuration file by reading it again and again.
use crate::config::{self, Cause, Loaded, Report, Source, Unreadable};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// The configuration file and the text that was last read from it.
///
/// Whole texts are compared, because two changes within one tick of the file system's clock have the same time of
/// modification.
pub(super) struct File {
    path: PathBuf,
    last: Result<Source, Unreadable>,
    /// A text that differs from `last` and was read once. It may be incomplete, so a second read has to confirm it.
    unsettled: Option<Result<Source, Unreadable>>,
    /// Whether the last read failed. It is logged only for the first failure of several.
    failing: bool,
}

impl File {
    /// The file that a configuration was loaded from. `None` if it is a pipe, because its text can be read only once.
    pub(super) fn new(path: &Path, loaded: &Loaded) -> Option<File> {
        path.is_file().then(|| File {
            path: path.to_owned(),
            last: Ok(Source::clone(&loaded.source)),
            unsettled: None,
            failing: false,
        })
    }

    /// Reads the file. If it is a pipe by now, returns the last text, because opening a pipe blocks until another
    /// process writes to it. Returns `None` if the read failed for a reason that says nothing about the file.
    fn read(&mut self) -> Option<Result<Source, Unreadable>> {
        let is_pipe = std::fs::metadata(&self.path).is_ok_and(|what| what.file_type().is_fifo());
        let now = if is_pipe {
            self.last.clone()
        } else {
            config::read(&self.path)
        };
        if let Err(Unreadable {
            report,
            cause: Cause::Circumstances,
        }) = &now
        {
            if !std::mem::replace(&mut self.failing, true) {
                tracing::warn!(
                    "the configuration file cannot be read at the moment, the former one stays:\n{report}"
                );
            }
            return None;
        }
        self.failing = false;
        Some(now)
    }

    /// Reads the file, and returns whether it has changed and two reads in a row gave the same text. Two are needed
    /// because most writers empty a file before they fill it, and YAML that ends between two lines is often still
    /// valid.
    pub(super) fn look(&mut self) -> bool {
        let Some(now) = self.read() else { return false };
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

    /// Reads the file because somebody asked for a reload, so that one read is enough. Returns false if it cannot be
    /// read now.
    pub(super) fn look_now(&mut self) -> bool {
        // so that a failure of this read is logged
        self.failing = false;
        let now = self.read();
        let is_read = now.is_some();
        if let Some(now) = now {
            self.take(now);
        }
        is_read
    }

    /// Whether the last read gave a text.
    pub(super) fn is_there(&self) -> bool {
        self.last.is_ok()
    }

    fn take(&mut self, now: Result<Source, Unreadable>) {
        self.last = now;
        self.unsettled = None;
    }

    /// Parses and checks the last text.
    pub(super) fn load(&self) -> Result<Loaded, Report> {
        config::load_source(self.last.clone().map_err(|unreadable| unreadable.report)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const OLD: &str = "log: { level: debug }";
    const NEW: &str = "log: { level: error }";

    /// A file with the text [`OLD`] that was loaded.
    fn stage() -> (tempfile::TempDir, PathBuf, File) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rialto.yaml");
        fs::write(&path, OLD).unwrap();
        let file = File::new(&path, &config::load(&path).unwrap()).unwrap();
        (folder, path, file)
    }

    /// Reads the file twice, which is what it takes to see a change.
    fn changed(file: &mut File) -> bool {
        !file.look() && file.look()
    }

    fn level(file: &File) -> Result<String, String> {
        let loaded = file.load().map_err(|report| report.to_string())?;
        Ok(format!("{:?}", loaded.config.log.level).to_lowercase())
    }

    #[test]
    fn a_change_is_seen_that_neither_time_nor_length_tells() {
        let (_folder, path, mut file) = stage();
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        assert!(!file.look());

        fs::write(&path, NEW).unwrap();
        fs::File::open(&path).unwrap().set_modified(time).unwrap();
        assert!(changed(&mut file));
        assert_eq!(level(&file), Ok("error".into()));
        assert!(!file.look());
    }

    #[test]
    fn a_file_that_is_gone_is_told_once() {
        let (_folder, path, mut file) = stage();
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
        let (_folder, path, mut file) = stage();
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
        let (_folder, path, mut file) = stage();
        fs::write(&path, NEW).unwrap();
        assert!(file.look_now());
        assert_eq!(level(&file), Ok("error".into()));
        assert!(!file.look());
    }

    /// An empty file is more likely the work of a full disk or a crashed writer than of a person.
    #[test]
    fn an_emptied_file_is_no_configuration() {
        let (_folder, path, mut file) = stage();
        for nothing in ["", " \n\n"] {
            fs::write(&path, nothing).unwrap();
            assert!(file.look_now());
            assert!(level(&file).unwrap_err().contains("the file is empty"));
        }
    }

    /// A directory in place of the file says something about the file. A read that fails because descriptors ran out
    /// does not.
    #[test]
    fn what_says_nothing_about_the_file_changes_nothing() {
        let (_folder, path, mut file) = stage();
        // reading this file fails with EIO at address 0, also for root
        let broken = Path::new("/proc/self/mem");
        file.path = broken.to_owned();
        for _ in 0..3 {
            assert!(!file.look());
        }
        assert!(!file.look_now());
        assert_eq!(level(&file), Ok("debug".into()));
        assert!(file.is_there());

        file.path = path.parent().unwrap().to_owned();
        assert!(changed(&mut file));
        assert!(!file.is_there());
    }

    /// Opening a pipe blocks until somebody writes to it, and the process would not react to signals meanwhile.
    #[test]
    fn a_pipe_is_not_waited_for() {
        let (_folder, path, mut file) = stage();
        let loaded = file.load().unwrap();
        fs::remove_file(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        assert!(!changed(&mut file));
        assert!(file.look_now());
        assert_eq!(level(&file), Ok("debug".into()));
        assert!(File::new(&path, &loaded).is_none());
    }
}
