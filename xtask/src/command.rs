//! Starting programs in the repository's root.
use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program that is going to be started.
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
    // what cargo tells this program about itself is not about the programs that it starts
    for (key, _) in std::env::vars_os() {
        let name = key.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&key);
        }
    }
    Task(command)
}

/// Whether a program is there and answers.
pub(crate) fn answers(name: &str, argument: &str) -> bool {
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

    /// Runs it in the foreground.
    pub(crate) fn run(mut self) -> Result<()> {
        let line = self.line();
        println!("$ {line}");
        let status = self.0.status().with_context(|| format!("cannot start: {line}"))?;
        if !status.success() {
            bail!("{status}: {line}");
        }
        Ok(())
    }

    /// What it writes to its standard output; the error has what it writes to standard error.
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
        String::from_utf8(done.stdout).with_context(|| format!("no UTF-8 text: output of {line}"))
    }

    fn line(&self) -> String {
        let name = Path::new(self.0.get_program()).file_name().unwrap_or_default();
        let words = std::iter::once(name).chain(self.0.get_args());
        words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
    }
}
