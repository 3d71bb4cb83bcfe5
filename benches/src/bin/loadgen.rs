//! The load generator as a program of its own.

use rialto_benches::flags::Flags;

fn main() -> anyhow::Result<()> {
    rialto_benches::loadgen::main(Flags::new(std::env::args().skip(1)))
}
