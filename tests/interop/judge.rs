//! The verdict on each cell.
use super::baseline::Baseline;
use super::cell::{Cell, Outcome};
use super::expected::Expected;
use super::groups;
use super::plan::{Duty, Pair};

/// A cell and what is thought of it.
pub(crate) struct Judged {
    /// What was seen.
    pub(crate) cell: Cell,
    /// The group of its case.
    pub(crate) group: &'static str,
    /// What is thought of it.
    pub(crate) verdict: Verdict,
}

/// What is thought of a cell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It works.
    Good,
    /// It does not work, as it does not without a proxy.
    AsDirect,
    /// It does not work, by the rule of this place.
    NotPossible(usize),
    /// It is not as it should be, because.
    Failed(String),
}

/// All cells of a pair.
pub(crate) struct Run {
    /// Who called whom.
    pub(crate) pair: Pair,
    /// What came of it.
    pub(crate) cells: Vec<Judged>,
}

impl Run {
    /// Judges what was seen.
    ///
    /// # Errors
    /// A case that has no group, or a pair of which nothing is known.
    pub(crate) fn judge(
        pair: &Pair,
        cells: Vec<Cell>,
        whole: bool,
        known: &Baseline,
        expected: &Expected,
    ) -> anyhow::Result<Run> {
        if whole && pair.duty() == Duty::AsDirect {
            let due = known.cases(pair)?;
            anyhow::ensure!(
                cells.len() == due,
                "{}: {} cases instead of {due}",
                pair.name(),
                cells.len()
            );
        }
        let judged = |cell: Cell| {
            let verdict = match pair.duty() {
                Duty::AsDirect => as_direct(known.outcome(pair, &cell.case), &cell),
                Duty::Works => works(pair, &cell, expected),
                Duty::NoticesLies => notices(&cell),
            };
            Ok(Judged {
                group: groups::of(&cell.case)?,
                verdict,
                cell,
            })
        };
        Ok(Run {
            pair: pair.clone(),
            cells: cells.into_iter().map(judged).collect::<anyhow::Result<_>>()?,
        })
    }

    /// How many cells of a group (all groups if none) are as the predicate wants.
    pub(crate) fn count(&self, group: Option<&str>, wanted: impl Fn(&Verdict) -> bool) -> usize {
        self.cells
            .iter()
            .filter(|c| group.is_none_or(|g| g == c.group) && wanted(&c.verdict))
            .count()
    }

    /// The cells that are not as they should be, with the reason.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&Cell, &str)> {
        self.cells.iter().filter_map(|c| match &c.verdict {
            Verdict::Failed(why) => Some((&c.cell, why.as_str())),
            _ => None,
        })
    }
}

/// Complaints about rules of which no cell was seen.
pub(crate) fn idle_rules(runs: &[Run], expected: &Expected) -> Vec<String> {
    let used = |place| {
        runs.iter()
            .any(|r| r.count(None, |v| *v == Verdict::NotPossible(place)) > 0)
    };
    let idle = (0..expected.rules.len()).filter(|place| !used(*place));
    let text = |place: usize| {
        let rule = &expected.rules[place];
        format!(
            "expected.json: no cell is expected to fail by the rule for {} because {}",
            rule.cases, rule.reason
        )
    };
    idle.map(text).collect()
}

fn as_direct(direct: Outcome, cell: &Cell) -> Verdict {
    match (direct, cell.outcome) {
        (Outcome::Ok, Outcome::Ok) => Verdict::Good,
        (direct, now) if direct == now => Verdict::AsDirect,
        (direct, now) => Verdict::Failed(format!("{direct:?} without a proxy, {now:?} through it")),
    }
}

fn works(pair: &Pair, cell: &Cell, expected: &Expected) -> Verdict {
    if let Some(place) = expected.rule(pair, &cell.case) {
        return match expected.rules[place].judge(cell) {
            Ok(()) => Verdict::NotPossible(place),
            Err(why) => Verdict::Failed(why),
        };
    }
    if cell.outcome != Outcome::Ok {
        return Verdict::Failed("it should work".into());
    }
    match expected.texts(pair, &cell.case).find(|t| !cell.says(t)) {
        Some(text) => Verdict::Failed(format!("the error should tell {text:?}")),
        None => Verdict::Good,
    }
}

/// Of a lying provider no value may be taken for right.
fn notices(cell: &Cell) -> Verdict {
    if cell.is_value() && cell.outcome == Outcome::Ok {
        return Verdict::Failed("the provider lied and nobody noticed".into());
    }
    Verdict::Good
}
