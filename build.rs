//! Passes the commit and the compiler's version to the binary. Builds without a repository, such as from a source
//! archive, have no commit.
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed=.git/refs/heads");
    let ask = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output().ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = ask(
        "git",
        &["describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"],
    );
    println!(
        "cargo:rustc-env=RIALTO_COMMIT={}",
        commit.as_deref().unwrap_or("unknown commit")
    );
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let rustc = ask(&rustc, &["--version"]);
    println!(
        "cargo:rustc-env=RIALTO_RUSTC={}",
        rustc.as_deref().unwrap_or("unknown compiler")
    );
}
