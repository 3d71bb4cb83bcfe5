//! The comparison: every run has fresh processes, variants alternate within a round, and every figure is a
//! multiple of what the plain relay needed in the same round.

mod callgrind;
mod calls;
mod configs;
mod find;
mod lab;
mod memory;
mod options;
mod output;
mod scale;
mod smoke;
mod table;
mod variant;
mod workers;

use crate::flags::Flags;
use lab::Lab;
use options::{Options, Section};
use output::Output;

/// Open files that 10,000 relayed connections need, with a reserve.
const OPEN_FILES: u64 = 40_000;

/// Runs `compare [flags]`; the crate's README lists the flags.
pub fn main(mut flags: Flags) -> anyhow::Result<()> {
    if flags.switch("--help") {
        return output::say(options::HELP);
    }
    let options = Options::from_flags(&mut flags)?;
    flags.finish()?;
    let open_files = crate::process::allow_open_files(OPEN_FILES)?;
    let lab = Lab::prepare(&options)?;
    let mut output = Output::create(&options.out)?;
    output.note(&lab.describe())?;
    for section in &options.sections {
        match section {
            Section::Calls => calls::measure(&lab, &options, &mut output)?,
            Section::Workers => workers::measure(&lab, &options, &mut output)?,
            Section::Memory => memory::measure(&lab, &options, open_files, &mut output)?,
            Section::Scale => scale::measure(&lab, &options, &mut output)?,
            Section::Callgrind => callgrind::measure(&lab, &options, &mut output)?,
            Section::Smoke => smoke::check(&lab, &options, &mut output)?,
        }
    }
    output.finish()
}
