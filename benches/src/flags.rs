//! Command-line flags of the form `--name value`, `--name=value` and `--switch`.

use std::fmt::Display;
use std::str::FromStr;

use anyhow::{Context as _, bail, ensure};

/// The arguments that were not taken yet.
#[derive(Debug)]
pub struct Flags(Vec<String>);

impl Flags {
    /// Takes the arguments after the program's name.
    pub fn new(arguments: impl IntoIterator<Item = String>) -> Self {
        let split = |argument: String| match argument.split_once('=') {
            Some((name, value)) if name.starts_with("--") => vec![name.to_owned(), value.to_owned()],
            _ => vec![argument],
        };
        Self(arguments.into_iter().flat_map(split).collect())
    }

    /// Whether the switch `name` is given.
    pub fn switch(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|argument| argument != name);
        self.0.len() != before
    }

    /// The value of `name`, if given.
    pub fn value<T: FromStr<Err: Display>>(&mut self, name: &str) -> anyhow::Result<Option<T>> {
        let Some(at) = self.0.iter().position(|argument| argument == name) else {
            return Ok(None);
        };
        ensure!(at + 1 < self.0.len(), "{name} needs a value");
        let text = self.0.remove(at + 1);
        self.0.remove(at);
        match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(error) => bail!("{name} {text}: {error}"),
        }
    }

    /// The value of `name`, which must be given.
    pub fn required<T: FromStr<Err: Display>>(&mut self, name: &str) -> anyhow::Result<T> {
        self.value(name)?.with_context(|| format!("{name} is missing"))
    }

    /// The comma-separated values of `name`, if given.
    pub fn list<T: FromStr<Err: Display>>(&mut self, name: &str) -> anyhow::Result<Option<Vec<T>>> {
        let Some(text) = self.value::<String>(name)? else {
            return Ok(None);
        };
        let parse = |item: &str| {
            item.parse()
                .map_err(|error| anyhow::anyhow!("{name}, item `{item}`: {error}"))
        };
        text.split(',')
            .filter(|item| !item.is_empty())
            .map(parse)
            .collect::<anyhow::Result<_>>()
            .map(Some)
    }

    /// Refuses arguments that were not taken.
    pub fn finish(self) -> anyhow::Result<()> {
        ensure!(self.0.is_empty(), "unknown arguments: {}", self.0.join(" "));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(text: &str) -> Flags {
        Flags::new(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn values_switches_and_lists_are_taken_in_any_order() {
        let mut flags = flags("--rounds=3 --smoke --loads 1x1,8x32 --name x");
        assert!(flags.switch("--smoke"));
        assert_eq!(flags.value::<u32>("--rounds").unwrap(), Some(3));
        assert_eq!(flags.list::<String>("--loads").unwrap().unwrap(), ["1x1", "8x32"]);
        assert_eq!(flags.required::<String>("--name").unwrap(), "x");
        flags.finish().unwrap();
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(
            flags("--a").value::<u32>("--a").unwrap_err().to_string(),
            "--a needs a value"
        );
        assert!(
            flags("--a x")
                .value::<u32>("--a")
                .unwrap_err()
                .to_string()
                .starts_with("--a x: ")
        );
        assert_eq!(
            flags("").required::<u32>("--a").unwrap_err().to_string(),
            "--a is missing"
        );
        assert_eq!(
            flags("--b 1").finish().unwrap_err().to_string(),
            "unknown arguments: --b 1"
        );
    }
}
