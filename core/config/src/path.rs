//! The position of a value in a configuration: `routes[0].to[1].cluster`.

use std::fmt::{self, Write};

/// The path from the root of a configuration to one of its values.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(String);

impl Path {
    /// The path of the root.
    pub fn root() -> Self {
        Self::default()
    }

    /// The path of the value under `key`. A key that could be read as a path is quoted.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let mut path = self.0.clone();
        if !key.is_empty()
            && key
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(key);
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(path, "[{key:?}]");
        }
        Self(path)
    }

    /// The path of the element at `index`, counted from 0.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// The path of the value at `rest`, which is the text of a path relative to this one.
    #[must_use]
    pub fn join(&self, rest: &str) -> Self {
        let rest = if self.0.is_empty() {
            rest.trim_start_matches('.')
        } else {
            rest
        };
        let dot = if self.0.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']) {
            ""
        } else {
            "."
        };
        Self(format!("{}{dot}{rest}", self.0))
    }

    /// The path as text; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `self` is `other` or lies inside of it.
    pub fn is_within(&self, other: &Self) -> bool {
        match self.0.strip_prefix(&other.0) {
            Some(rest) => other.0.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']),
            None => false,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_with_dots_and_indexes() {
        let path = Path::root()
            .key("routes")
            .index(0)
            .key("match")
            .key("attachments")
            .key("a.b");
        assert_eq!(path.as_str(), "routes[0].match.attachments[\"a.b\"]");
    }

    #[test]
    fn paths_are_joined_with_one_dot() {
        let inner = Path::root().key("a").index(1);
        assert_eq!(inner.join(".b").as_str(), "a[1].b");
        assert_eq!(inner.join("b").as_str(), "a[1].b");
        assert_eq!(
            (inner.join("[0]").as_str(), inner.join("").as_str()),
            ("a[1][0]", "a[1]")
        );
        assert_eq!(Path::root().join("listeners"), Path::root().key("listeners"));
    }

    #[test]
    fn a_sibling_with_the_same_beginning_is_not_within() {
        let path = |text: &str| Path(text.to_owned());
        assert!(path("routes[0].to").is_within(&path("routes[0]")));
        assert!(path("routes[0]").is_within(&path("routes[0]")) && path("a").is_within(&Path::root()));
        assert!(!path("routes[0].total").is_within(&path("routes[0].to")));
        assert!(!path("routes[10]").is_within(&path("routes[1]")));
    }
}
