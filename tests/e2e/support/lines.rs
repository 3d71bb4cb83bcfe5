//! The output of a process, line by line.
use super::watched::Watched;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;

#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Watched<State>>);

#[derive(Default)]
struct State {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    pub(crate) fn follow(from: impl Read + Send + 'static) -> Lines {
        let lines = Lines::default();
        let state = Arc::clone(&lines.0);
        std::thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                state.change(|state| state.lines.push(line));
            }
            state.change(|state| state.ended = true);
        });
        lines
    }

    /// Waits for the first line that satisfies `is`.
    pub(crate) fn wait(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        self.0.wait(
            |state| state.lines.iter().find(|line| is(line)).cloned(),
            |state| state.ended,
            |state| format!("no line with {what} in:\n{}", state.lines.join("\n")),
        )
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.read().lines.clone()
    }
}
