//! The version of this binary, and how it was built.

/// Version and commit, such as `0.1.0 (1a2b3c4d5e)`.
pub const SHORT: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("RIALTO_COMMIT"), ")");

/// [`SHORT`], the compiler and the protocols.
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

/// The commit, with `-dirty` if there were uncommitted changes.
pub const COMMIT: &str = env!("RIALTO_COMMIT");

/// The Cargo features that were turned on.
#[must_use]
pub fn features() -> Vec<&'static str> {
    let all = [("mimalloc", cfg!(feature = "mimalloc"))];
    all.into_iter()
        .filter(|(_, on)| *on)
        .map(|(name, _)| name)
        .collect()
}

/// The output of `--version`.
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
