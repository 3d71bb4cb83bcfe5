//! The output of a process, line by line.
use super::PATIENCE;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
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
                locked(&shared.state).lines.push(line);
                shared.changed.notify_all();
            }
            locked(&shared.state).ended = true;
            shared.changed.notify_all();
        });
        lines
    }

    /// Waits for the first line that satisfies `is`.
    pub(crate) fn wait(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + PATIENCE;
        let mut state = locked(&self.0.state);
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
            state = self
                .0
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    pub(crate) fn all(&self) -> Vec<String> {
        locked(&self.0.state).lines.clone()
    }
}

/// If a test failed while it held the lock, the output is still shown.
fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
