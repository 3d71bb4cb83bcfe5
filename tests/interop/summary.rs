//! The printed summary: a row for each pair, then everything that is not as expected.
use super::expected::Expected;
use super::groups;
use super::judge::{Run, Verdict};
use super::options::say;

/// How many cells of a group have which kind of verdict.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Cells that work.
    pub(crate) good: usize,
    /// Cells that do not work for a known reason.
    pub(crate) excused: usize,
    /// Cells that are not as expected.
    pub(crate) failed: usize,
}

impl Counts {
    /// Counts the cells of a group, or of all.
    pub(crate) fn of(run: &Run, group: Option<&str>) -> Counts {
        Counts {
            good: run.count(group, |v| *v == Verdict::Good),
            excused: run.count(group, |v| {
                matches!(v, Verdict::AsDirect | Verdict::NotPossible(_))
            }),
            failed: run.count(group, |v| matches!(v, Verdict::Failed(_))),
        }
    }

    /// The counts as text: `80`, `77 + 3` or `77 + 2, 1 FAILED`.
    pub(crate) fn text(self) -> String {
        let mut text = self.good.to_string();
        if self.excused > 0 {
            text.push_str(&format!(" + {}", self.excused));
        }
        if self.failed > 0 {
            text.push_str(&format!(", {} FAILED", self.failed));
        }
        text
    }
}

/// Prints everything; returns how many cells are not as expected.
pub(crate) fn print(runs: &[Run], expected: &Expected, wrong: &[String]) -> usize {
    say("\nworks + does not work for a known reason, FAILED otherwise");
    table(runs);
    let mut failed = wrong.len();
    for run in runs {
        let failures: Vec<_> = run.failures().collect();
        if !failures.is_empty() {
            say(&format!("\n{}", run.pair.name()));
        }
        for (cell, why) in &failures {
            say(&format!(
                "  {}: {why}\n      due  {}\n      came {}",
                cell.case,
                first(&cell.expected, 300),
                cell.note()
            ));
        }
        failed += failures.len();
    }
    for text in wrong {
        say(text);
    }
    let total: usize = runs.iter().map(|r| r.cells.len()).sum();
    let used = expected.rules.len();
    say(&format!(
        "\n{total} cells of {} pairs, {used} rules of what cannot be: {failed} failures",
        runs.len()
    ));
    failed
}

fn table(runs: &[Run]) {
    let mut rows = vec![vec!["".to_owned(), "all".to_owned()]];
    rows[0].extend(groups::names().map(str::to_owned));
    for run in runs {
        let mut row = vec![run.pair.name(), Counts::of(run, None).text()];
        row.extend(groups::names().map(|g| Counts::of(run, Some(g)).text()));
        rows.push(row);
    }
    let widths: Vec<_> = (0..rows[0].len())
        .map(|i| rows.iter().map(|r| r[i].len()).max().unwrap_or(0))
        .collect();
    for row in rows {
        let cells: Vec<_> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        say(cells.join("  ").trim_end());
    }
}

fn first(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}
