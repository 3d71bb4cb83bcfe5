//! The command line.
use crate::config::{self, Report};
use crate::{control, demo, route, version};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The configuration is wrong; what service managers are told not to retry.
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
    /// Check a configuration: all mistakes at once, each at its place.
    #[command(alias = "validate")]
    Check {
        #[command(flatten)]
        file: File,
        /// How mistakes are shown.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Tell which route a call would take, and why not one before it. Code 1 if there is none.
    Route {
        #[command(flatten)]
        file: File,
        #[command(flatten)]
        call: route::Options,
    },
    /// Show a little fleet at work: a Dubbo and a SOFARPC provider, and calls between them through Rialto.
    Demo(demo::Options),
    /// Print the JSON Schema of configurations.
    Schema,
    /// Print the reference page of configurations (Markdown).
    Reference,
    /// Print completions for a shell.
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
    /// The configuration, without a flag.
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

/// clap wants a text that lives as long as the process.
fn long_version() -> &'static str {
    static TEXT: std::sync::LazyLock<String> = std::sync::LazyLock::new(version::long);
    &TEXT
}

/// Runs the process.
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
    // before the file is read, which may take a while
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
        Format::Text if report.is_empty() => {
            print(&format!("{}: the configuration is fine\n", path.display()));
        }
        Format::Text => print_error(&report.to_string()),
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

/// A closed pipe is no failure of ours.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn print_error(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.trim_end());
}
