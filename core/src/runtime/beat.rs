//! A heartbeat between threads. A worker records the time of its last turn, and other threads read it without
//! asking the worker.
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The resolution of the recorded time. It is coarse so that the worker rarely writes, and readers keep their
/// cache line.
const STEP: Duration = Duration::from_millis(500);

/// The time of a worker's last turn.
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

    /// The start of the worker's clock.
    pub(super) fn born(&self) -> Instant {
        self.born
    }

    /// Records a turn at a time on the worker's clock.
    pub(super) fn note(&self, now: Duration) {
        let steps = (now.as_millis() / STEP.as_millis()) as u64;
        if self.steps.load(Ordering::Relaxed) != steps {
            self.steps.store(steps, Ordering::Relaxed);
        }
    }

    /// The time since the last turn, exact to one step.
    pub(super) fn age(&self) -> Duration {
        let noted = STEP * u32::try_from(self.steps.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        self.born.elapsed().saturating_sub(noted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_grows_while_a_worker_takes_no_turns() {
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
