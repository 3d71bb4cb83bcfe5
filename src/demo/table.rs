//! A table that is printed row by row while the results come.
use std::io::{self, Write};
use std::time::Duration;

/// The widths of the columns. With the space between them, lines are 99 characters long.
const WIDTHS: [usize; 4] = [13, 24, 42, 9];
/// The most lines of a result in the table.
const MOST_LINES: usize = 3;
/// The most characters of a wrong result, which is shown again below its row.
const MOST_SHOWN: usize = 1_000;

/// One finished call.
pub(super) struct Row<'a> {
    /// The protocols of the application and the provider.
    pub(super) way: &'a str,
    pub(super) call: &'a str,
    pub(super) answer: &'a str,
    pub(super) time: Duration,
    pub(super) is_right: bool,
}

/// Prints rows and counts them.
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
        table.line(["from -> to", "call", "answer", "time"], "")?;
        let rules = WIDTHS.map(|w| "-".repeat(w));
        table.line(rules.each_ref().map(String::as_str), "-")?;
        Ok(table)
    }

    pub(super) fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.rows += 1;
        self.wrong += usize::from(!row.is_right);
        self.show(row, if row.is_right { "✓" } else { "✗" })?;
        if !row.is_right {
            writeln!(self.out, "    {}", cut(row.answer, MOST_SHOWN))?;
        }
        Ok(())
    }

    /// Prints a row that is neither right nor wrong, and is not counted.
    pub(super) fn uncounted(&mut self, row: &Row<'_>) -> io::Result<()> {
        self.show(row, "-")
    }

    fn show(&mut self, row: &Row<'_>, mark: &str) -> io::Result<()> {
        let time = format!("{:.1} ms", row.time.as_secs_f64() * 1000.0);
        let mut lines = wrap(row.answer, WIDTHS[2], MOST_LINES).into_iter();
        let first = lines.next().unwrap_or_default();
        self.line(
            [row.way, &cut(row.call, WIDTHS[1]), &first, &format!("{time:>9}")],
            mark,
        )?;
        for more in lines {
            self.line(["", "", &more, ""], "")?;
        }
        Ok(())
    }

    fn line(&mut self, cells: [&str; 4], mark: &str) -> io::Result<()> {
        let [a, b, c, d] = cells;
        let [wa, wb, wc, wd] = WIDTHS;
        let line = format!("  {a:wa$}  {b:wb$}  {c:wc$}  {d:wd$}  {mark}");
        writeln!(self.out, "{}", line.trim_end())?;
        self.out.flush()
    }
}

/// Breaks a text into lines of this width, between words if possible.
fn wrap(text: &str, width: usize, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last().map_or(0, |l| l.chars().count());
        let fits = last == 0 || last + 1 + word.chars().count() <= width;
        if !fits && lines.len() < most {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.iter().map(|line| cut(line, width)).collect()
}

/// The text, or its beginning if it is longer than the column.
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
        let longest = text.lines().map(|l| l.chars().count()).max();
        assert_eq!(longest, Some(99), "{text}");
        assert!(
            text.contains("…") && text.contains("   1.2 ms  ✗\n    boom\n"),
            "{text}"
        );
    }

    #[test]
    fn a_long_answer_goes_on_below() {
        let text = "no_service: no route on listener dubbo-callers for com.acme.demo.Nowhere, version 1.0.0";
        let lines = wrap(text, 42, 3);
        assert_eq!(lines.len(), 3);
        assert_eq!(lines.join(" "), text);
        assert_eq!(wrap("a b c d", 1, 2), ["a", "…"]);
    }
}
