//! Child processes whose output is read to its end, and which never outlive the command.
use anyhow::Context;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// A running child. Dropping it kills it.
pub(crate) struct Running {
    what: String,
    child: Child,
    /// Closed when dropped, which ends the Java providers.
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

/// Which output is read; the other one goes to the log file.
#[derive(Clone, Copy)]
pub(crate) enum Read {
    Out,
    /// Standard error, which is also copied to the log file.
    Err,
}

impl Running {
    /// Starts a child. `what` names it in messages; its output goes to the log file.
    pub(crate) fn start(what: &str, mut command: Command, read: Read, log: &Path) -> anyhow::Result<Running> {
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::piped());
        match read {
            Read::Out => command.stdout(Stdio::piped()).stderr(file.try_clone()?),
            Read::Err => command.stdout(file.try_clone()?).stderr(Stdio::piped()),
        };
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {what}: {command:?}"))?;
        let stdin = child.stdin.take();
        let (send, lines) = channel();
        let source = Source {
            out: child.stdout.take(),
            err: child.stderr.take(),
        };
        std::thread::spawn(move || {
            for line in source.lines() {
                if matches!(read, Read::Err) {
                    let _ = writeln!(&file, "{line}");
                }
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Running {
            what: what.to_owned(),
            child,
            stdin,
            lines,
        })
    }

    /// The next line of its output; `None` at the end.
    pub(crate) fn line(&self, until: Instant) -> anyhow::Result<Option<String>> {
        match self
            .lines
            .recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => anyhow::bail!("{} took too long to say something", self.what),
        }
    }

    /// All lines up to the end of its output, and its exit code.
    pub(crate) fn rest(mut self, until: Instant) -> anyhow::Result<(Vec<String>, Option<i32>)> {
        self.stdin = None;
        let mut all = vec![];
        while let Some(line) = self.line(until)? {
            all.push(line);
        }
        // Its output has ended, so it is about to exit.
        let status = self.child.wait()?;
        Ok((all, status.code()))
    }

    /// Asks it to end gracefully.
    pub(crate) fn terminate(&self) -> anyhow::Result<()> {
        let status = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()?;
        anyhow::ensure!(status.success(), "{} could not be sent SIGTERM", self.what);
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails if it has already ended, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Source {
    out: Option<ChildStdout>,
    err: Option<ChildStderr>,
}

impl Source {
    fn lines(self) -> Box<dyn Iterator<Item = String>> {
        match (self.out, self.err) {
            (Some(out), _) => Box::new(BufReader::new(out).lines().map_while(Result::ok)),
            (None, Some(err)) => Box::new(BufReader::new(err).lines().map_while(Result::ok)),
            (None, None) => Box::new(std::iter::empty()),
        }
    }
}

/// The moment after this time has passed.
pub(crate) fn within(time: Duration) -> Instant {
    Instant::now() + time
}
