//! What cargo knows about the workspace.
use crate::command::cargo;
use anyhow::{Context, Result};
use serde_json::Value;

/// A package of the workspace, or one of its dependencies.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The SPDX expression of its licence.
    pub(crate) license: Option<String>,
    /// Where the package comes from; `None` for the workspace itself.
    pub(crate) source: Option<String>,
}

/// All packages in the lock file.
pub(crate) fn packages() -> Result<Vec<Package>> {
    let all = read(&["--locked"])?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let packages = all["packages"]
        .as_array()
        .context("cargo metadata names no packages")?;
    Ok(packages
        .iter()
        .map(|package| Package {
            name: text(&package["name"]).unwrap_or_default(),
            version: text(&package["version"]).unwrap_or_default(),
            license: text(&package["license"]),
            source: text(&package["source"]),
        })
        .collect())
}

/// The integration tests of the root package.
pub(crate) fn root_tests() -> Result<Vec<String>> {
    let all = read(&["--no-deps"])?;
    let packages = all["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let root = packages.iter().find(|package| package["name"] == "rialto");
    let targets = root
        .and_then(|root| root["targets"].as_array())
        .context("cargo metadata does not know the root package")?;
    let tests = targets.iter().filter(|target| target["kind"][0] == "test");
    Ok(tests
        .filter_map(|target| target["name"].as_str().map(str::to_owned))
        .collect())
}

fn read(arguments: &[&str]) -> Result<Value> {
    let text = cargo(["metadata", "--format-version", "1"])
        .args(arguments)
        .output()?;
    serde_json::from_str(&text).context("cargo metadata printed no JSON")
}
