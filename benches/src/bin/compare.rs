//! The comparison, and every other part of the benchmark as a role of the same program, so that one build
//! produces everything a comparison starts.

use rialto_benches::flags::Flags;
use rialto_benches::{backend, compare, loadgen, relay};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).peekable();
    let role = arguments.next_if(|argument| !argument.starts_with("--"));
    let flags = Flags::new(arguments);
    match role.as_deref() {
        None => compare::main(flags),
        Some("backend") => backend::main(flags),
        Some("loadgen") => loadgen::main(flags),
        Some("relay") => relay::main(flags),
        Some(other) => anyhow::bail!("unknown role `{other}`: none (to compare), backend, loadgen or relay"),
    }
}
