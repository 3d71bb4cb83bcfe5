//! Writes `docs/interop.md`, the results for people.
use super::cell::Outcome;
use super::expected::Expected;
use super::groups;
use super::judge::{Run, Verdict};
use super::node::NodeRuns;
use super::options::{Options, say};
use super::plan::{Duty, Side, Variant};
use super::reload::Reloads;
use super::summary::Counts;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

const PATH: &str = "docs/interop.md";

const HEAD: &str = "\
# Interoperability

*Written by `cargo xtask interop --update-docs`: every number here is what stock peers told on that run. Do not edit.*

Real Dubbo and SOFARPC applications, unchanged, with one Rialto between them. A *case* is one call, or a few, and what must come of it,
judged in Java by the consumer: values with `equals`, exceptions by class, message and fields. For values the provider also judges the
argument, so each direction is judged by itself. The cases are described in `tests/peers/java/README.md`.

    cargo xtask interop                       # JDK 17, Maven, Node.js with npm; some minutes
    cargo xtask interop --update-docs         # and write this page
    cargo test --profile quick --test interop -- 'sofa-5.13.2 -> dubbo' --cases 'date_*,enum'
    cargo test --profile quick --test interop -- --check

";

/// The contents of the document.
pub(crate) struct Document<'a> {
    /// The results of all pairs.
    pub(crate) runs: &'a [Run],
    /// The reasons for what does not work.
    pub(crate) expected: &'a Expected,
    /// Reloads under load.
    pub(crate) reloads: Option<&'a Reloads>,
    /// The provider in Node.js.
    pub(crate) node: Option<&'a NodeRuns>,
    /// The peers and the versions they report.
    pub(crate) versions: &'a [(String, String)],
    pub(crate) java: &'a str,
}

impl Document<'_> {
    /// Writes the page, or returns whether it matches the results.
    pub(crate) fn write_or_check(&self, options: &Options) -> anyhow::Result<bool> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PATH);
        let text = self.text()?;
        if options.update_docs {
            std::fs::write(path, text)?;
            say(&format!("{PATH} is written"));
            return Ok(true);
        }
        let same = std::fs::read_to_string(path).is_ok_and(|old| old == text);
        if !same {
            say(&format!(
                "{PATH} does not say what was seen: cargo xtask interop --update-docs writes it"
            ));
        }
        Ok(same)
    }

    fn text(&self) -> Result<String, std::fmt::Error> {
        let mut out = HEAD.to_owned();
        self.versions(&mut out)?;
        self.bridged(&mut out)?;
        self.reasons(&mut out)?;
        self.direct(&mut out)?;
        self.liars(&mut out)?;
        self.under_reload(&mut out)?;
        if let Some(node) = self.node {
            node.describe(&mut out)?;
        }
        Ok(out)
    }

    fn versions(&self, out: &mut String) -> std::fmt::Result {
        let mut all: Vec<_> = self
            .versions
            .iter()
            .map(|(peer, version)| format!("{peer} (says {version})"))
            .collect();
        all.sort();
        all.dedup();
        let major = self.java.split('.').next().unwrap_or(self.java);
        writeln!(
            out,
            "Seen with {} on Java {major}. The variants:\n",
            all.join(", ")
        )?;
        writeln!(
            out,
            "* `+allowlist`: Dubbo 3 with its class check (STRICT by default) opened for the application's package."
        )?;
        writeln!(out, "* `+fastjson2`: Dubbo 3 that prefers fastjson2 to Hessian.")?;
        writeln!(
            out,
            "* `+group`: a Dubbo group, which is the uniqueId of SOFARPC (`unique_id: group`)."
        )?;
        writeln!(
            out,
            "* `+version`: a Dubbo version, which is the uniqueId of SOFARPC (`unique_id: version`).\n"
        )
    }

    fn of(&self, duty: Duty) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(move |r| r.pair.duty() == duty)
    }

    fn bridged(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "## From one protocol to the other\n")?;
        writeln!(
            out,
            "`80` cases work; `+ 3` more do not, each for a reason that is given below.\n"
        )?;
        let header: Vec<_> = groups::names().collect();
        writeln!(out, "| consumer -> provider | all | {} |", header.join(" | "))?;
        writeln!(out, "|---|---{}|", "|---".repeat(header.len()))?;
        for run in self.of(Duty::Works) {
            let cells: Vec<_> = groups::names().map(|g| Counts::of(run, Some(g)).text()).collect();
            writeln!(
                out,
                "| {} | **{}** | {} |",
                run.pair.name(),
                Counts::of(run, None).text(),
                cells.join(" | ")
            )?;
        }
        writeln!(out)
    }

    fn reasons(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "## What does not work from one protocol to the other, and why\n"
        )?;
        writeln!(
            out,
            "| cases | from | to | what comes | reason |\n|---|---|---|---|---|"
        )?;
        let consumers = self.of(Duty::Works).map(|r| &r.pair.consumer).collect();
        let providers = self.of(Duty::Works).map(|r| &r.pair.provider).collect();
        for (place, rule) in self.expected.rules.iter().enumerate() {
            let (mut cases, mut from, mut to) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
            for run in self.of(Duty::Works) {
                for judged in run
                    .cells
                    .iter()
                    .filter(|c| c.verdict == Verdict::NotPossible(place))
                {
                    cases.insert(format!("`{}`", judged.cell.case));
                    from.insert(&run.pair.consumer);
                    to.insert(&run.pair.provider);
                }
            }
            let came = match rule.outcome {
                Outcome::Threw => "an exception",
                Outcome::Different => "something else",
                Outcome::Ok => "as it should",
            };
            let cases = cases.into_iter().collect::<Vec<_>>().join(", ");
            let (from, to) = (sides(&from, &consumers), sides(&to, &providers));
            let says = rule.says.replace('|', "\\|");
            writeln!(
                out,
                "| {cases} | {from} | {to} | {came}: `{says}` | {} |",
                rule.reason
            )?;
        }
        writeln!(out)
    }

    fn direct(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "## Within one protocol\n")?;
        writeln!(
            out,
            "Here nothing is translated, and every case must end as it does with nothing between the two. `+ 15`: so many do not work"
        )?;
        writeln!(
            out,
            "without Rialto either (`tests/peers/java/stock-baseline.json`), and do not work in the same way through it.\n"
        )?;
        writeln!(out, "| consumer -> provider | cases |\n|---|---|")?;
        for run in self.of(Duty::AsDirect) {
            writeln!(out, "| {} | {} |", run.pair.name(), Counts::of(run, None).text())?;
        }
        writeln!(out)
    }

    fn liars(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "## Whether these cases can fail\n")?;
        for run in self.of(Duty::NoticesLies) {
            let mut noticed = BTreeMap::new();
            for judged in run.cells.iter().filter(|c| c.cell.is_value()) {
                *noticed.entry(judged.verdict == Verdict::Good).or_insert(0) += 1;
            }
            let (yes, no) = (
                noticed.get(&true).unwrap_or(&0),
                noticed.get(&false).unwrap_or(&0),
            );
            writeln!(
                out,
                "* {} answers with other values than it should: {yes} of {} are noticed.",
                run.pair.name(),
                yes + no
            )?;
        }
        writeln!(out)
    }

    fn under_reload(&self, out: &mut String) -> std::fmt::Result {
        let Some(reloads) = self.reloads else {
            return Ok(());
        };
        writeln!(out, "## Reloads under load\n")?;
        let names: Vec<_> = reloads.loads.iter().map(|(name, _)| name.as_str()).collect();
        let failed = reloads.failures().len();
        writeln!(
            out,
            "While {} call as fast as they can, {} changes of listeners, routes and clusters are taken over and a wrong one is refused: \
             {}.",
            names.join(" and "),
            reloads.changes,
            if failed == 0 {
                "no call fails"
            } else {
                "CALLS FAIL"
            }
        )
    }
}

/// The names of peers; if all peers of a framework are among them, its name alone.
fn sides(these: &BTreeSet<&Side>, all: &BTreeSet<&Side>) -> String {
    let plain = |s: &&&Side| !matches!(s.variant, Variant::Group | Variant::Version);
    let mut texts = vec![];
    for (sofa, word) in [(false, "any Dubbo"), (true, "SOFARPC")] {
        let of = |set: &BTreeSet<&Side>| set.iter().filter(|s| s.is_sofa() == sofa).filter(plain).count();
        if of(these) > 0 && of(these) == of(all) {
            texts.push(word.to_owned());
        } else {
            texts.extend(these.iter().filter(|s| s.is_sofa() == sofa).map(|s| s.name()));
        }
    }
    texts.join(", ")
}
