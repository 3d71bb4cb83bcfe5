//! The bytes that wait because peers do not take them, counted over all connections.
//!
//! A slow peer may have many unsent bytes: they cost memory, but its calls are valid. A connection is therefore
//! not closed for the length of its own backlog, but if it takes nothing for some time, or if all backlogs
//! together exceed their memory. The peer that takes the least of the
//! most for the longest time is closed first.

/// The unsent bytes of all connections, and their bound.
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
    /// Changes one connection's part of the total to `now`.
    #[inline]
    pub(super) fn set(&mut self, part: &mut usize, now: usize) {
        self.total = self.total - *part + now;
        *part = now;
    }

    /// Whether the total exceeds its memory.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.total > self.max
    }
}
