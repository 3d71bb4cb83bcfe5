//! The verdict on each cell.
use super::baseline::Baseline;
use super::cell::{Cell, Outcome};
use super::expected::Expected;
use super::groups;
use super::plan::{Duty, Pair};

pub(crate) struct Judged {
    pub(crate) cell: Cell,
    /// The group of its case.
    pub(crate) group: &'static str,
    pub(crate) verdict: Verdict,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It has the expected outcome.
    Good,
    /// It does not work, and neither does it without a proxy.
    AsDirect,
    /// It does not work, as the rule with this index says.
    NotPossible(usize),
    /// It is not as expected, for this reason.
    Failed(String),
}

/// All cells of a pair.
pub(crate) struct Run {
    pub(crate) pair: Pair,
    pub(crate) cells: Vec<Judged>,
}

impl Run {
    /// Judges the results of a pair.
    ///
    /// # Errors
    /// A case belongs to no group, or nothing is known of the pair.
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

    /// The number of cells of a group (of all groups if `None`) whose verdict is wanted.
    pub(crate) fn count(&self, group: Option<&str>, wanted: impl Fn(&Verdict) -> bool) -> usize {
        self.cells
            .iter()
            .filter(|c| group.is_none_or(|g| g == c.group) && wanted(&c.verdict))
            .count()
    }

    /// The cells that are not as expected, with the reason.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&Cell, &str)> {
        self.cells.iter().filter_map(|c| match &c.verdict {
            Verdict::Failed(why) => Some((&c.cell, why.as_str())),
            _ => None,
        })
    }
}

/// Complaints about rules that no cell matched.
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

/// If the provider lies, no value may count as right.
fn notices(cell: &Cell) -> Verdict {
    if cell.is_value() && cell.outcome == Outcome::Ok {
        return Verdict::Failed("the provider lied and nobody noticed".into());
    }
    Verdict::Good
}
