//! The command line: its commands and exit codes.
use crate::config::{self, Report};
use crate::{control, demo, route, version};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The exit code for an invalid configuration (`EX_CONFIG`). Service managers are told not to start the process again
/// after it.
const EXIT_CONFIG: u8 = 78;

/// A multi-protocol RPC bridge mesh: Dubbo and SOFARPC peers call each other through it, unchanged.
#[derive(Parser)]
#[command(name = "rialto", version = version::SHORT, long_version = long_version(), arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve a configuration.
    #[command(alias = "start")]
    Run(File),
    /// Check a configuration and show all mistakes with their places.
    #[command(alias = "validate")]
    Check {
        #[command(flatten)]
        file: File,
        /// The format of the report.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Show which route takes a call, and why the routes before it do not. Exits with 1 if none does.
    Route {
        #[command(flatten)]
        file: File,
        #[command(flatten)]
        call: route::Options,
    },
    /// Show a Dubbo and a SOFARPC provider, and calls between the two protocols through Rialto.
    Demo(demo::Options),
    /// Print the JSON Schema of the configuration.
    Schema,
    /// Print the reference page of the configuration (Markdown).
    Reference,
    /// Print the completion script of a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(clap::Args)]
struct File {
    /// The configuration, YAML or JSON; `-` reads it from standard input.
    #[arg(
        short,
        long,
        value_name = "FILE",
        env = "RIALTO_CONFIG",
        required_unless_present = "file"
    )]
    config: Option<PathBuf>,
    /// The same as `--config`.
    #[arg(value_name = "FILE", id = "file")]
    file: Option<PathBuf>,
}

impl File {
    fn path(&self) -> &Path {
        let given = self.file.as_deref().or(self.config.as_deref());
        given.unwrap_or(Path::new("-"))
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// clap needs a text with a static lifetime.
fn long_version() -> &'static str {
    static TEXT: std::sync::LazyLock<String> = std::sync::LazyLock::new(version::long);
    &TEXT
}

/// Parses the command line and runs the command.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(file) => run(&file),
        Command::Check { file, format } => check(&file, format),
        Command::Route { file, call } => match config::load(file.path()) {
            Ok(loaded) => failing(route::run(&loaded.config, &call)),
            Err(report) => refuse(&report),
        },
        Command::Demo(options) => failing(demo::run(&options)),
        Command::Schema => match serde_json::to_string_pretty(&config::schema()) {
            Ok(text) => print(&format!("{text}\n")),
            Err(e) => failing(Err(e.into())),
        },
        Command::Reference => print(&config::reference_markdown()),
        Command::Completions { shell } => {
            let mut text = vec![];
            clap_complete::generate(shell, &mut Cli::command(), "rialto", &mut text);
            print(&String::from_utf8_lossy(&text))
        }
    }
}

fn run(file: &File) -> ExitCode {
    // before the file is read, because that can take a while and signals must be caught meanwhile
    let process = match control::Process::new() {
        Ok(process) => process,
        Err(error) => return failing(Err(error)),
    };
    match config::load(file.path()) {
        Ok(loaded) => failing(process.run(loaded, Some(file.path())).map(|()| ExitCode::SUCCESS)),
        Err(report) => refuse(&report),
    }
}

fn check(file: &File, format: Format) -> ExitCode {
    let path = file.path();
    let (report, code) = match config::load(path) {
        Ok(loaded) => {
            let base = path.parent().unwrap_or(Path::new("."));
            (config::surroundings(&loaded, base), ExitCode::SUCCESS)
        }
        Err(report) => (report, ExitCode::from(EXIT_CONFIG)),
    };
    match format {
        Format::Json => {
            print(&format!("{:#}\n", report.to_json()));
        }
        Format::Text => {
            if !report.is_empty() {
                print_error(&report.to_string());
            }
            if report.has_notes_only() {
                print(&format!("{}: the configuration is fine\n", path.display()));
            }
        }
    }
    code
}

fn refuse(report: &Report) -> ExitCode {
    print_error(&report.to_string());
    ExitCode::from(EXIT_CONFIG)
}

fn failing(done: anyhow::Result<ExitCode>) -> ExitCode {
    done.unwrap_or_else(|e| {
        print_error(&format!("rialto: {e:#}"));
        ExitCode::FAILURE
    })
}

/// Prints a text. A closed pipe is no error of the command.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn print_error(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.trim_end());
}
