//! Starts programs in the repository's root.
use anyhow::{Context, Result, bail};
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// How many of the last lines of a failed program are shown again at the end.
const LAST_LINES: usize = 60;
/// How long to wait for the output of a program that has ended, because a process that it left behind may
/// keep its pipes open.
const OUTPUT_GRACE: Duration = Duration::from_secs(2);

/// A program to start.
pub(crate) struct Task(Command);

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The cargo that runs this program.
pub(crate) fn cargo<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Task {
    program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())).args(arguments)
}

/// Any program.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Task {
    let mut command = Command::new(name);
    command.current_dir(root());
    // What cargo tells this program about itself must not reach the programs that it starts.
    for (key, _) in std::env::vars_os() {
        let name = key.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&key);
        }
    }
    Task(command)
}

/// Whether a program is installed and runs.
pub(crate) fn is_runnable(name: &str, argument: &str) -> bool {
    program(name).args([argument]).output().is_ok()
}

impl Task {
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.0.args(arguments);
        self
    }

    pub(crate) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(key, value);
        self
    }

    /// Runs it in the foreground; the error contains the last lines of its output.
    pub(crate) fn run(mut self) -> Result<()> {
        let line = self.line();
        println!("$ {line}");
        if io::stderr().is_terminal() && std::env::var_os("CARGO_TERM_COLOR").is_none() {
            self.0.env("CARGO_TERM_COLOR", "always");
        }
        let mut child = self
            .0
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start: {line}"))?;
        let (tell, said) = channel();
        if let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) {
            pass_on(out, io::stdout(), tell.clone());
            pass_on(err, io::stderr(), tell);
        }
        let status = child.wait().with_context(|| format!("lost: {line}"))?;
        let until = Instant::now() + OUTPUT_GRACE;
        let mut last = VecDeque::new();
        while let Ok(text) = said.recv_timeout(until.saturating_duration_since(Instant::now())) {
            last.push_back(text);
            if last.len() > LAST_LINES {
                last.pop_front();
            }
        }
        if !status.success() {
            bail!("{status}: {line}\n{}", String::from_iter(last).trim_end());
        }
        Ok(())
    }

    /// Its standard output; the error contains its standard error.
    pub(crate) fn output(mut self) -> Result<String> {
        let line = self.line();
        let done = self
            .0
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot start: {line}"))?;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr);
            bail!("{}: {line}\n{}", done.status, said.trim_end());
        }
        String::from_utf8(done.stdout).with_context(|| format!("not UTF-8: output of {line}"))
    }

    fn line(&self) -> String {
        let name = Path::new(self.0.get_program()).file_name().unwrap_or_default();
        let words = std::iter::once(name).chain(self.0.get_args());
        words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
    }
}

/// Passes a program's output on as it comes, and sends each line to `tell`.
fn pass_on(from: impl Read + Send + 'static, mut to: impl Write + Send + 'static, tell: Sender<String>) {
    std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            // The reader may be gone, and the receiver may have stopped waiting; the program goes on.
            let _ = to.write_all(&line).and_then(|()| to.flush());
            let _ = tell.send(String::from_utf8_lossy(&line).into_owned());
            line.clear();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_failed_program_has_its_last_lines() {
        let script = "for i in $(seq 1 100); do echo out $i; done; echo err >&2; exit 3";
        let error = program("sh").args(["-c", script]).run().unwrap_err().to_string();
        assert!(error.starts_with("exit status: 3: sh -c"), "{error}");
        assert!(error.contains("out 100") && error.contains("err"), "{error}");
        assert!(!error.contains("out 1\n"), "{error}");
    }

    #[test]
    fn a_program_that_leaves_another_behind_has_ended() {
        let begin = Instant::now();
        program("sh").args(["-c", "sleep 20 & echo there"]).run().unwrap();
        assert!(begin.elapsed() < Duration::from_secs(15));
    }
}
