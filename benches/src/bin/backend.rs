//! The benchmark's Bolt and Dubbo2 service as a program of its own.

use rialto_benches::flags::Flags;

fn main() -> anyhow::Result<()> {
    rialto_benches::backend::main(Flags::new(std::env::args().skip(1)))
}
