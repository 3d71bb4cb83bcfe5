//! The output of a process, line by line, and waiting for a line of it.
use super::PATIENCE;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    pub(crate) fn follow(from: impl Read + Send + 'static) -> Lines {
        let lines = Lines::default();
        let shared = Arc::clone(&lines.0);
        std::thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                shared.state.lock().unwrap().lines.push(line);
                shared.bell.notify_all();
            }
            shared.state.lock().unwrap().ended = true;
            shared.bell.notify_all();
        });
        lines
    }

    /// The first line that satisfies, waiting for it.
    pub(crate) fn wait(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + PATIENCE;
        let mut state = self.0.state.lock().unwrap();
        loop {
            if let Some(line) = state.lines.iter().find(|l| is(l)) {
                return line.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(
                !state.ended && !left.is_zero(),
                "no line with {what} in:\n{}",
                state.lines.join("\n")
            );
            state = self.0.bell.wait_timeout(state, left).unwrap().0;
        }
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.state.lock().unwrap().lines.clone()
    }
}
