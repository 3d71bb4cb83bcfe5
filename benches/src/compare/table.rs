//! A table that is printed in aligned columns and written as Markdown.

/// A title, a line of explanation, and rows below column heads. The first column is text, the others are
/// figures.
#[derive(Debug)]
pub(super) struct Table {
    title: String,
    legend: String,
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(title: impl Into<String>, legend: impl Into<String>, heads: &[&'static str]) -> Self {
        Self {
            title: title.into(),
            legend: legend.into(),
            heads: heads.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row with a cell for each head.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The table as text with aligned columns.
    pub(super) fn to_text(&self) -> String {
        let width = |column: usize| {
            let cells = self
                .rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count());
            cells.chain([self.heads[column].len()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.heads.len()).map(width).collect();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let padded = cells
                .zip(&widths)
                .enumerate()
                .map(|(column, (cell, &width))| match column {
                    0 => format!("{cell:<width$}"),
                    _ => format!("{cell:>width$}"),
                });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let mut text = format!("\n{}\n", self.title);
        if !self.legend.is_empty() {
            text += &format!("{}\n", self.legend);
        }
        text += &format!("{}\n", line(&mut self.heads.iter().copied()));
        for row in &self.rows {
            text += &format!("{}\n", line(&mut row.iter().map(String::as_str)));
        }
        text
    }

    /// The table as Markdown.
    pub(super) fn to_markdown(&self) -> String {
        let mut text = format!("\n### {}\n\n", self.title);
        if !self.legend.is_empty() {
            text += &format!("{}\n\n", self.legend);
        }
        text += &format!(
            "| {} |\n|---|{}\n",
            self.heads.join(" | "),
            "--:|".repeat(self.heads.len() - 1)
        );
        for row in &self.rows {
            text += &format!("| {} |\n", row.join(" | "));
        }
        text
    }
}

/// A figure with a useful number of decimals, or a dash.
pub(super) fn figure(value: Option<f64>) -> String {
    match value {
        None => "-".into(),
        Some(value) if value.abs() < 10.0 => format!("{value:.2}"),
        Some(value) if value.abs() < 100.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_aligned_and_markdown_is_complete() {
        let mut table = Table::new("T", "", &["name", "us"]);
        table.row(vec!["relay".into(), figure(Some(9.876))]);
        table.row(vec!["x".into(), figure(None)]);
        assert_eq!(table.to_text(), "\nT\nname     us\nrelay  9.88\nx         -\n");
        assert_eq!(
            table.to_markdown(),
            "\n### T\n\n| name | us |\n|---|--:|\n| relay | 9.88 |\n| x | - |\n"
        );
    }

    #[test]
    fn figures_keep_three_digits() {
        assert_eq!(
            ["0.52", "61.3", "1234"].map(str::to_owned),
            [0.519, 61.27, 1234.4].map(|v| figure(Some(v)))
        );
    }
}
