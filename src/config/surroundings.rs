//! Checks what a configuration needs around it: files and variables. Only `rialto check` does this. It may run on
//! another machine than the process, so missing things are warnings. It also tells what may be meant and may not.

use super::{Finding, Loaded, Report, parse_as, place};
use rialto_config::{Cluster, Endpoint, Path, Secret, Severity, notes};
use std::fs::File;
use std::io::Read;
use std::path::Path as FilePath;
use std::sync::Arc;

/// The largest file of endpoints in bytes; it is the same as in a running process.
const LARGEST_LIST: u64 = 16 << 20;

/// The warnings and notes of a configuration, and warnings about missing files and variables. `base` is the folder that
/// relative paths start from.
#[must_use]
pub fn surroundings(loaded: &Loaded, base: &FilePath) -> Report {
    let mut missing: Vec<(Path, String, String)> = Vec::new();
    for (index, cluster) in loaded.config.clusters.iter().enumerate() {
        if let Some(message) = list_fault(cluster, base) {
            let path = Path::root().key("clusters").index(index).key("endpoints_file");
            let hint = "calls to the cluster fail until the file has a valid list";
            missing.push((path, message, hint.to_owned()));
        }
    }
    let admin = &loaded.config.admin;
    if let (true, Some(token)) = (admin.enabled, &admin.token)
        && let Err(error) = token.read()
    {
        let what = match token {
            Secret::Env(name) => format!("set {name} where rialto runs"),
            Secret::File(path) => format!("put it into {} where rialto runs", path.display()),
        };
        let path = Path::root().key("admin").key("token");
        missing.push((
            path,
            error.to_string(),
            format!("{what}: rialto does not start without it"),
        ));
    }
    let mut findings = loaded.warnings.findings().to_vec();
    let missing = missing
        .into_iter()
        .map(|(path, message, hint)| (Severity::Warning, path, message, Some(hint)));
    let notes = notes(&loaded.config)
        .into_iter()
        .map(|note| (note.severity, note.path, note.message, note.hint));
    let more: Vec<_> = missing.chain(notes).collect();
    if !more.is_empty() {
        let places = loaded.places();
        findings.extend(more.into_iter().map(|(severity, path, message, hint)| Finding {
            severity,
            span: Some(place(&path, &places).1),
            path: path.to_string(),
            message,
            hint,
        }));
    }
    Report::new(Arc::clone(&loaded.source), findings)
}

/// The reason why the file of a cluster's endpoints cannot be used.
fn list_fault(cluster: &Cluster, base: &FilePath) -> Option<String> {
    let path = base.join(cluster.endpoints_file.as_ref()?);
    let name = path.display().to_string();
    let text = match read(&path) {
        Ok(text) if text.trim().is_empty() => return Some(format!("{name} is empty")),
        Ok(text) => text,
        Err(error) => return Some(format!("{name} cannot be read: {error}")),
    };
    match parse_as::<Vec<Endpoint>>(&name, &text) {
        Ok(list) if list.is_empty() => Some(format!("{name} lists no endpoint")),
        Ok(_) => None,
        Err(report) => {
            let first = report.findings().first().map_or("", |f| f.message.as_str());
            let line = report
                .first_line()
                .map_or(String::new(), |line| format!(":{line}"));
            Some(format!("{name}{line} is not a list of endpoints: {first}"))
        }
    }
}

fn read(path: &FilePath) -> std::io::Result<String> {
    // opening a pipe would block until another process writes to it
    if !path.metadata()?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    File::open(path)?.take(LARGEST_LIST).read_to_string(&mut text)?;
    Ok(text)
}
