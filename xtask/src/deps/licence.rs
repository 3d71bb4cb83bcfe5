//! SPDX licence expressions: names, `WITH`, `AND`, `OR`, parentheses; old manifests write `/` for `OR`.

/// Whether the expression can be satisfied with allowed licences only; `None` if the text is not an
/// expression.
pub(super) fn is_allowed(expression: &str, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader {
        words: &words,
        allowed,
    };
    let choice = reader.any()?;
    reader.words.is_empty().then_some(choice)
}

struct Reader<'a> {
    words: &'a [&'a str],
    allowed: &'a dyn Fn(&str) -> bool,
}

impl<'a> Reader<'a> {
    fn any(&mut self) -> Option<bool> {
        let mut choice = self.all()?;
        while self.take_word("OR") {
            choice |= self.all()?;
        }
        Some(choice)
    }

    fn all(&mut self) -> Option<bool> {
        let mut all = self.one()?;
        while self.take_word("AND") {
            all &= self.one()?;
        }
        Some(all)
    }

    fn one(&mut self) -> Option<bool> {
        if self.take_word("(") {
            let inner = self.any()?;
            return self.take_word(")").then_some(inner);
        }
        let name = self.name()?;
        if self.take_word("WITH") {
            let exception = self.name()?;
            return Some((self.allowed)(&format!("{name} WITH {exception}")));
        }
        Some((self.allowed)(name))
    }

    fn name(&mut self) -> Option<&'a str> {
        let (name, rest) = self.words.split_first()?;
        if ["AND", "OR", "WITH", "(", ")"].contains(name) {
            return None;
        }
        self.words = rest;
        Some(name)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_next = self.words.first() == Some(&word);
        if is_next {
            self.words = &self.words[1..];
        }
        is_next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_judged() {
        let allowed = |name: &str| ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].contains(&name);
        for (expression, expected) in [
            ("MIT", Some(true)),
            ("GPL-3.0", Some(false)),
            ("GPL-3.0 OR MIT", Some(true)),
            ("GPL-3.0 AND MIT", Some(false)),
            ("MIT/GPL-3.0", Some(true)),
            ("Apache-2.0 WITH LLVM-exception", Some(true)),
            ("Apache-2.0", Some(false)),
            ("(GPL-3.0 OR MIT) AND ISC", Some(true)),
            ("GPL-3.0 OR MIT AND BSL", Some(false)),
            ("ISC AND (MIT OR (GPL-3.0 AND BSL))", Some(true)),
            ("", None),
            ("MIT OR", None),
            ("(MIT", None),
            ("MIT ISC", None),
            ("AND MIT", None),
        ] {
            assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
        }
    }
}
