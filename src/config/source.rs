//! The text of a configuration, with line and column numbers.

use std::ops::Range;

/// A range of the text, in bytes.
pub(super) type Span = Range<usize>;

/// A text, its name, and where its lines start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
    line_starts: Vec<usize>,
}

/// A line and a column in a [`Source`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The line, starting at 1.
    pub(super) line: usize,
    /// The column in characters, starting at 1.
    pub(super) column: usize,
}

/// The most characters of a line that are shown around the marked part. A minified JSON file is a single long line.
const WIDEST_LINE: usize = 120;

impl Source {
    /// A text. `name` stands for it in messages, and is usually the path of the file. A byte order mark is removed.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let mut text = text.into();
        if text.starts_with('\u{feff}') {
            text.remove(0);
        }
        let line_starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            name: name.into(),
            text,
            line_starts,
        }
    }

    /// The name in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn place(&self, offset: usize) -> Place {
        let offset = self.boundary(offset);
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts[line - 1];
        Place {
            line,
            column: characters(&self.text[start..offset]) + 1,
        }
    }

    /// The first line of the span: its text, the number of characters before the marked part, and the length of that
    /// part.
    pub(super) fn marked_line(&self, span: &Span) -> (String, usize, usize) {
        let Place { line, column } = self.place(span.start);
        let start = self.line_starts[line - 1];
        let end = self
            .line_starts
            .get(line)
            .map_or(self.text.len(), |next| next - 1);
        // limits the search, because the line of a minified file can be megabytes long
        let near = self.boundary(
            span.start
                .clamp(start, end)
                .saturating_sub(4 * WIDEST_LINE)
                .max(start),
        );
        let far = self.boundary(span.start.saturating_add(4 * WIDEST_LINE).clamp(near, end));
        let cut = (near > start, far < end);
        let shown: Vec<char> = self.text[near..far]
            .trim_end()
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let from = self.boundary(span.start);
        let to = self.boundary(span.end.clamp(from, far.max(from)));
        let length = self.text[from..to].trim_end().chars().count().max(1);
        let before = column - 1 - characters(&self.text[start..near]);
        if shown.len() <= WIDEST_LINE && cut == (false, false) {
            return (shown.into_iter().collect(), before, length);
        }
        let first = before.saturating_sub(WIDEST_LINE / 3);
        let last = (first + WIDEST_LINE).min(shown.len());
        let head = if first > 0 || cut.0 { "…" } else { "" };
        let tail = if last < shown.len() || cut.1 { "…" } else { "" };
        let middle: String = shown[first.min(last)..last].iter().collect();
        let before = before - first + head.chars().count();
        (
            format!("{head}{middle}{tail}"),
            before,
            length.min(WIDEST_LINE.saturating_sub(before).max(1)),
        )
    }

    /// The nearest start of a character at or before `offset`.
    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

/// The number of characters. Counting the bytes that start one is fast even for very long lines.
fn characters(text: &str) -> usize {
    text.bytes().filter(|b| (*b as i8) >= -0x40).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_characters() {
        let source = Source::new("a", "x: 1\nñandú: y\n");
        assert_eq!(source.place(0), Place { line: 1, column: 1 });
        assert_eq!(
            source.place(source.text().find('y').unwrap()),
            Place { line: 2, column: 8 }
        );
        assert_eq!(source.place(999), Place { line: 3, column: 1 });
    }

    #[test]
    fn a_long_line_is_cut_around_the_mark() {
        let text = format!("{{\"a\":\"{}\",\"b\":1}}", "x".repeat(500));
        let source = Source::new("a", text.clone());
        let at = text.find("\"b\"").unwrap();
        let (line, before, length) = source.marked_line(&(at..at + 3));
        assert!(
            line.chars().count() <= WIDEST_LINE + 2 && line.starts_with('…'),
            "{line}"
        );
        assert_eq!(
            line.chars().skip(before).take(length).collect::<String>(),
            "\"b\""
        );
    }

    #[test]
    fn a_mark_ends_with_its_line() {
        let source = Source::new("a", "ab\ncd\n");
        assert_eq!(source.marked_line(&(1..6)), ("ab".to_owned(), 1, 1));
        assert_eq!(source.marked_line(&(6..6)), (String::new(), 0, 1));
    }
}
