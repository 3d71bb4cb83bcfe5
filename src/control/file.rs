//! The configuration file, looked at again and again.
use crate::config::{self, Cause, Loaded, Report, Source, Unreadable};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// A file, and what it said when it was last looked at.
///
/// Its whole text is compared: two changes within a tick of the file system's clock have one time of modification.
pub(super) struct File {
    path: PathBuf,
    last: Result<Source, Unreadable>,
    /// Something else than `last`, seen once: it may still be being written.
    unsettled: Option<Result<Source, Unreadable>>,
    /// The last attempt to read it failed, which the log was told.
    failing: bool,
}

impl File {
    /// The file that was loaded. `None` if it is a pipe, which has been read for good.
    pub(super) fn new(path: &Path, loaded: &Loaded) -> Option<File> {
        path.is_file().then(|| File {
            path: path.to_owned(),
            last: Ok(Source::clone(&loaded.source)),
            unsettled: None,
            failing: false,
        })
    }

    /// The text of the file now. If a pipe is in its place, the last text: no process may be writing to the pipe.
    /// `None` if this attempt says nothing about the file.
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
                    "the configuration file cannot be read for now, which changes nothing:\n{report}"
                );
            }
            return None;
        }
        self.failing = false;
        Some(now)
    }

    /// Looks again, and tells whether there is anything else to see than before, the same two times in a row: most
    /// writers empty a file before they fill it, and YAML that is cut between two lines is often still YAML.
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

    /// Looks again and believes what is there: someone says that it is written. False if it cannot be looked at now.
    pub(super) fn look_now(&mut self) -> bool {
        // the next look tells it again
        self.failing = false;
        let now = self.read();
        let is_read = now.is_some();
        if let Some(now) = now {
            self.take(now);
        }
        is_read
    }

    /// Whether there was a text to be read.
    pub(super) fn is_there(&self) -> bool {
        self.last.is_ok()
    }

    fn take(&mut self, now: Result<Source, Unreadable>) {
        self.last = now;
        self.unsettled = None;
    }

    /// What it said when it was last looked at.
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

    /// A file that was loaded.
    fn stage() -> (tempfile::TempDir, PathBuf, File) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rialto.yaml");
        fs::write(&path, OLD).unwrap();
        let file = File::new(&path, &config::load(&path).unwrap()).unwrap();
        (folder, path, file)
    }

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

    /// Nobody removes every listener by emptying a file; disks that are full and crashed writers do.
    #[test]
    fn an_emptied_file_is_no_configuration() {
        let (_folder, path, mut file) = stage();
        for nothing in ["", " \n\n"] {
            fs::write(&path, nothing).unwrap();
            assert!(file.look_now());
            assert!(level(&file).unwrap_err().contains("the file is empty"));
        }
    }

    /// A directory in place of the file is about the file; a read that fails for want of descriptors is not.
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

    /// Opening a pipe waits for its other end: the process would hear no signal any more.
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
