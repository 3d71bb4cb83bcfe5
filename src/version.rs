//! What this binary is.

/// `0.1.0 (commit)`.
pub const SHORT: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("RIALTO_COMMIT"), ")");

/// The short form, the compiler, and what was compiled in.
pub const LONG: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("RIALTO_COMMIT"),
    ")\n",
    env!("RIALTO_RUSTC"),
    "\nprotocols: bolt, dubbo"
);

/// The version without the commit.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit, and `-dirty` if there was more.
pub const COMMIT: &str = env!("RIALTO_COMMIT");

/// Cargo features that were on.
#[must_use]
pub fn features() -> Vec<&'static str> {
    let all = [("mimalloc", cfg!(feature = "mimalloc"))];
    all.into_iter()
        .filter(|(_, on)| *on)
        .map(|(name, _)| name)
        .collect()
}

/// The text of `--version`.
#[must_use]
pub fn long() -> String {
    let features = features();
    let features = if features.is_empty() {
        "none".to_owned()
    } else {
        features.join(", ")
    };
    format!("{LONG}\nfeatures: {features}")
}
