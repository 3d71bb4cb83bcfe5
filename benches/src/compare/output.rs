//! The output of results: tables on standard output, one JSON line per run, and a Markdown report.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde::Serialize;

use super::table::Table;
use crate::process::complain;

/// The open files of a comparison.
#[derive(Debug)]
pub(super) struct Output {
    folder: PathBuf,
    lines: BufWriter<File>,
    markdown: String,
    failures: Vec<String>,
}

impl Output {
    /// Creates `results.jsonl` and `report.md` in `folder`.
    pub(super) fn create(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("results.jsonl");
        let lines = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self {
            folder: folder.to_owned(),
            lines: BufWriter::new(lines),
            markdown: "## Rialto beside other proxies\n".into(),
            failures: Vec::new(),
        })
    }

    /// Adds lines that describe the conditions.
    pub(super) fn note(&mut self, lines: &[String]) -> anyhow::Result<()> {
        for line in lines {
            self.markdown += &format!("\n- {line}");
        }
        self.markdown.push('\n');
        say(&lines.join("\n"))
    }

    /// Adds the result of one run.
    pub(super) fn record(&mut self, record: &impl Serialize) -> anyhow::Result<()> {
        serde_json::to_writer(&mut self.lines, record)?;
        self.lines.write_all(b"\n")?;
        Ok(self.lines.flush()?)
    }

    /// Adds a finished table.
    pub(super) fn table(&mut self, table: &Table) -> anyhow::Result<()> {
        self.markdown += &table.to_markdown();
        say(&table.to_text())
    }

    /// Records a run that failed; the comparison goes on and fails at its end.
    pub(super) fn failure(&mut self, what: String) {
        complain(format_args!("FAILED: {what}"));
        self.failures.push(what);
    }

    /// Writes the report; returns an error if anything failed.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let path = self.folder.join("report.md");
        fs::write(&path, &self.markdown).with_context(|| format!("cannot write {}", path.display()))?;
        complain(format_args!(
            "written: {} and results.jsonl beside it",
            path.display()
        ));
        ensure!(
            self.failures.is_empty(),
            "{} failures:\n{}",
            self.failures.len(),
            self.failures.join("\n")
        );
        Ok(())
    }
}

/// Prints to standard output.
pub(super) fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(io::stdout(), "{text}")?)
}
