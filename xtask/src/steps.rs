//! A list of steps, of which each runs even if others failed, and a table of them at the end.
use anyhow::Result;
use std::fmt::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The result of a step.
pub(crate) enum End {
    /// The step succeeded.
    Ok,
    /// The step was not run, for this reason.
    LeftOut(String),
}

/// The steps that ran so far.
#[derive(Default)]
pub(crate) struct Steps(Vec<Done>);

struct Done {
    name: &'static str,
    took: Duration,
    end: Result<End>,
}

impl Steps {
    /// Runs another step.
    pub(crate) fn run(&mut self, name: &'static str, step: impl FnOnce() -> Result<End>) {
        println!("\n=== {name} ===");
        let begin = Instant::now();
        let end = step();
        let took = begin.elapsed();
        match &end {
            Ok(End::Ok) => println!("--- {name}: ok, {}", seconds(took)),
            Ok(End::LeftOut(why)) => println!("--- {name}: LEFT OUT: {why}"),
            Err(_) => eprintln!("--- {name}: FAILED, {}", seconds(took)),
        }
        self.0.push(Done { name, took, end });
    }

    /// Whether the step ran and succeeded.
    pub(crate) fn is_ok(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|done| done.name == name && matches!(done.end, Ok(End::Ok)))
    }

    /// Prints why steps failed, and then the table. Fails if any step failed.
    pub(crate) fn finish(&self) -> ExitCode {
        for done in &self.0 {
            if let Err(error) = &done.end {
                println!("\n=== {} FAILED ===\n{error:#}", done.name);
            }
        }
        println!("\n{}", self.table());
        match self.0.iter().all(|done| done.end.is_ok()) {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }

    fn table(&self) -> String {
        let mut text = String::new();
        let width = self.0.iter().map(|done| done.name.len()).max().unwrap_or(0);
        let (mut ok, mut failed, mut left_out) = (0, 0, 0);
        for done in &self.0 {
            let (count, word, note) = match &done.end {
                Ok(End::Ok) => (&mut ok, "ok", String::new()),
                Ok(End::LeftOut(why)) => (&mut left_out, "left out", why.clone()),
                Err(error) => (&mut failed, "FAILED", first_line(&format!("{error:#}"))),
            };
            *count += 1;
            let line = format!(
                "{:width$}  {word:8}  {:>8}  {note}",
                done.name,
                seconds(done.took)
            );
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}", line.trim_end());
        }
        let _ = write!(
            text,
            "{} steps: {ok} ok, {failed} failed, {left_out} left out",
            self.0.len()
        );
        text
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_go_on_after_a_failure_and_are_all_in_the_table() {
        let mut steps = Steps::default();
        steps.run("one", || Ok(End::Ok));
        steps.run("two", || anyhow::bail!("line 1\nline 2"));
        steps.run("three", || Ok(End::LeftOut("no time".to_owned())));
        assert!(steps.is_ok("one") && !steps.is_ok("two") && !steps.is_ok("three"));
        let zero = |line: &str| line.replace("0.0 s", "");
        let table: Vec<_> = steps.table().lines().map(zero).collect();
        assert!(table[0].starts_with("one    ok"), "{table:?}");
        assert!(
            table[1].starts_with("two    FAILED") && table[1].ends_with("line 1"),
            "{table:?}"
        );
        assert!(
            table[2].starts_with("three  left out") && table[2].ends_with("no time"),
            "{table:?}"
        );
        assert_eq!(table[3], "3 steps: 1 ok, 1 failed, 1 left out");
        assert_eq!(steps.finish(), ExitCode::FAILURE);
    }

    #[test]
    fn a_step_left_out_is_not_a_failure() {
        let mut steps = Steps::default();
        steps.run("one", || Ok(End::Ok));
        steps.run("two", || Ok(End::LeftOut("not wanted".to_owned())));
        assert_eq!(steps.finish(), ExitCode::SUCCESS);
    }
}
