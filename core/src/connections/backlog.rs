//! The bytes that wait because peers do not take them, of all connections together.
//!
//! A peer that is slow may let much wait: it costs memory, but its calls are good. So connections are not judged one by
//! one by how much waits, but closed when they take nothing for some time, and when all of them together need more
//! memory than there is for them. Then the one with the most goes first.

/// How much waits, and how much may.
#[derive(Debug)]
pub(super) struct Backlog {
    total: usize,
    pub(super) max: usize,
}

impl Default for Backlog {
    fn default() -> Self {
        Backlog {
            total: 0,
            max: usize::MAX,
        }
    }
}

impl Backlog {
    /// One connection's part is `now` from here on.
    #[inline]
    pub(super) fn set(&mut self, part: &mut usize, now: usize) {
        self.total = self.total - *part + now;
        *part = now;
    }

    /// Whether there is more than the memory for it.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.total > self.max
    }
}
