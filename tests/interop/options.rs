//! The command line, and the output of the command.
use anyhow::{Context, bail};
use std::io::Write;

const HELP: &str = "\
Runs stock Dubbo and SOFARPC consumers against stock providers through one Rialto and judges every case.

    cargo test --profile quick --test interop -- [FILTER...] [OPTIONS]
    cargo test --profile quick --test interop -- doubled --help

FILTER           only pairs whose name contains it, such as `sofa-5.13.2 -> dubbo` or `+fastjson2`; `reload` means
                 the reloads under load, `sofa-rpc-node` the provider in Node.js
--cases LIST     only these cases, separated by commas; `int_*` stands for all that begin so
--update-docs    write what was seen to docs/interop.md (all pairs and cases only); also by RIALTO_UPDATE_DOCS=1
--check          fail if docs/interop.md does not say what was seen (all pairs and cases only)
--list           print the names of the pairs and do nothing else

RIALTO_BIN       a rialto to use instead of the one built with the test
";

/// The environment variable that has the effect of `--update-docs` if it is 1.
const UPDATE: &str = "RIALTO_UPDATE_DOCS";

#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Parts of names of pairs, of which one must match; empty means all pairs.
    pub(crate) filters: Vec<String>,
    /// The consumers' list of cases, unless all are run.
    pub(crate) cases: Option<String>,
    /// Write the document.
    pub(crate) update_docs: bool,
    /// Compare the document.
    pub(crate) check: bool,
    /// Only print names.
    pub(crate) list: bool,
}

impl Options {
    /// # Errors
    /// An option is unknown, or the document is requested without all pairs and cases.
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> anyhow::Result<Options> {
        let update_docs = std::env::var_os(UPDATE).is_some_and(|v| v == "1");
        let mut options = Options {
            update_docs,
            ..Options::default()
        };
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--cases" => options.cases = Some(args.next().context("--cases wants a list of cases")?),
                "--update-docs" => options.update_docs = true,
                "--check" => options.check = true,
                "--list" => options.list = true,
                "--help" | "-h" => bail!("{HELP}"),
                option if option.starts_with('-') => bail!("there is no option {option}\n\n{HELP}"),
                _ => options.filters.push(arg),
            }
        }
        if (options.update_docs || options.check) && !options.is_whole() {
            bail!("--update-docs and --check tell of all pairs and cases: leave out filters and --cases");
        }
        Ok(options)
    }

    /// Whether all pairs and cases are run.
    pub(crate) fn is_whole(&self) -> bool {
        self.filters.is_empty() && self.cases.is_none()
    }

    /// Whether a pair is wanted.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|f| name.contains(f.as_str()))
    }
}

/// Prints a line at once. A closed pipe is ignored.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
