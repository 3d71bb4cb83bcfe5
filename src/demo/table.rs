//! A table that is printed row by row, while its rows come.
use std::io::{self, Write};
use std::time::Duration;

const WIDTHS: [usize; 4] = [17, 25, 52, 10];

/// One finished call.
pub(super) struct Row<'a> {
    /// Protocols of caller and provider.
    pub(super) way: &'a str,
    pub(super) call: &'a str,
    pub(super) answer: &'a str,
    pub(super) time: Duration,
    pub(super) is_right: bool,
}

/// Counts what it prints.
pub(super) struct Table<'a> {
    out: &'a mut dyn Write,
    pub(super) rows: usize,
    pub(super) wrong: usize,
}

impl<'a> Table<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> io::Result<Self> {
        let mut table = Table {
            out,
            rows: 0,
            wrong: 0,
        };
        table.line(["caller -> provider", "call", "answer", "time"], "")?;
        let rules = WIDTHS.map(|w| "-".repeat(w));
        table.line(rules.each_ref().map(String::as_str), "--")?;
        Ok(table)
    }

    pub(super) fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.rows += 1;
        self.wrong += usize::from(!row.is_right);
        let time = format!("{:.1} ms", row.time.as_secs_f64() * 1000.0);
        let mark = if row.is_right { "✓" } else { "✗" };
        // what is wrong is shown whole
        let answer = if row.is_right {
            cut(row.answer, WIDTHS[2])
        } else {
            row.answer.to_owned()
        };
        self.line(
            [
                row.way,
                &cut(row.call, WIDTHS[1]),
                &answer,
                &format!("{time:>10}"),
            ],
            mark,
        )
    }

    fn line(&mut self, cells: [&str; 4], mark: &str) -> io::Result<()> {
        let [a, b, c, d] = cells;
        let [wa, wb, wc, wd] = WIDTHS;
        writeln!(self.out, "  {a:wa$}  {b:wb$}  {c:wc$}  {d:wd$}  {mark}")?;
        self.out.flush()
    }
}

/// The beginning, where the whole is too long for its column.
fn cut(text: &str, width: usize) -> String {
    let one_line = text.replace(['\n', '\r', '\t'], " ");
    if one_line.chars().count() <= width {
        return one_line;
    }
    one_line.chars().take(width - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_wrong_rows_are_counted() {
        let mut out = vec![];
        let mut table = Table::new(&mut out).unwrap();
        let long = "x".repeat(80);
        for (answer, is_right) in [("\"Grüße\"", true), (long.as_str(), true), ("boom", false)] {
            let time = Duration::from_micros(1234);
            table
                .row(&Row {
                    way: "dubbo -> bolt",
                    call: "greet",
                    answer,
                    time,
                    is_right,
                })
                .unwrap();
        }
        assert_eq!((table.rows, table.wrong), (3, 1));
        let text = String::from_utf8(out).unwrap();
        let marks: Vec<_> = text.lines().skip(2).map(|l| l.chars().count()).collect();
        assert!(marks.iter().all(|n| *n == marks[0]), "{text}");
        assert!(text.contains("…") && text.contains("    1.2 ms  ✗"), "{text}");
    }
}
