//! A sign of life: a worker notes when it last took a turn, and others read how long ago that was without asking it.
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Time is noted in steps this long, so that the note is written now and then only and readers keep their cache line.
const STEP: Duration = Duration::from_millis(500);

/// When a worker last took a turn.
pub(super) struct Beat {
    born: Instant,
    steps: AtomicU64,
}

impl Beat {
    pub(super) fn new(born: Instant) -> Self {
        Beat {
            born,
            steps: AtomicU64::new(0),
        }
    }

    /// What the worker counts its time from.
    pub(super) fn born(&self) -> Instant {
        self.born
    }

    /// Notes a turn at a time since the birth.
    pub(super) fn note(&self, now: Duration) {
        let steps = (now.as_millis() / STEP.as_millis()) as u64;
        if self.steps.load(Ordering::Relaxed) != steps {
            self.steps.store(steps, Ordering::Relaxed);
        }
    }

    /// How long ago that was, to a step.
    pub(super) fn age(&self) -> Duration {
        let noted = STEP * u32::try_from(self.steps.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        self.born.elapsed().saturating_sub(noted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_takes_no_turns_grows_old() {
        let minute = Duration::from_secs(60);
        let Some(born) = Instant::now().checked_sub(minute) else {
            return;
        };
        let beat = Beat::new(born);
        assert!(beat.age() >= minute);
        beat.note(minute);
        assert!(beat.age() < minute);
        beat.note(Duration::from_millis(49_900));
        assert!(beat.age() >= Duration::from_secs(10));
    }
}
