//! Suggestions for misspelled words ("did you mean …?").

/// The longest word that is compared, in characters: the effort grows with the product of the lengths.
const LONGEST_WORD: usize = 64;

/// The candidate closest to `word`; `None` if no candidate is close enough for a typing error.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length == 0 || length > LONGEST_WORD {
        return None;
    }
    let tolerance = (length / 3).clamp(1, 3);
    candidates
        .into_iter()
        .filter(|candidate| candidate.chars().count() <= LONGEST_WORD)
        .map(|candidate| (distance(&normal(word), &normal(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= tolerance && *candidate != word)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A word without case and separators: `idleTimeout`, `idle-timeout` and `idle_timeout` are the same.
fn normal(word: &str) -> Vec<char> {
    word.chars()
        .filter(|c| *c != '_' && *c != '-')
        .flat_map(char::to_lowercase)
        .collect()
}

/// The number of insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_recognised() {
        let keys = ["address", "idle_timeout", "max_age", "routes"];
        for (word, meant) in [
            ("adress", "address"),
            ("idleTimeout", "idle_timeout"),
            ("idle-timeout", "idle_timeout"),
            ("maxage", "max_age"),
            ("rotues", "routes"),
            ("route", "routes"),
        ] {
            assert_eq!(closest(word, keys), Some(meant), "{word}");
        }
    }

    #[test]
    fn different_words_get_no_suggestion() {
        assert_eq!(closest("tls", ["to", "name"]), None);
        assert_eq!(closest("", ["a"]), None);
        assert_eq!(closest("zone", ["version", "name"]), None);
    }
}
