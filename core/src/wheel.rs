//! A coarse timer wheel without removal. A stale entry is dropped when its slot comes up, so that the timer of
//! a call with a timely response costs one push only.
use crate::slots::CallKey;

/// The time that one slot covers, in milliseconds.
pub const TICK_MS: u64 = 16;
const SLOTS: u64 = 1024;

/// The deadlines of one worker's calls.
pub struct Wheel {
    slots: Vec<Vec<CallKey>>,
    swept: u64,
}

impl Default for Wheel {
    fn default() -> Self {
        Wheel {
            slots: (0..SLOTS).map(|_| Vec::new()).collect(),
            swept: 0,
        }
    }
}

impl Wheel {
    /// Makes `key` due once `at_ms` has passed, or earlier if that lies beyond the wheel's 16 seconds. The
    /// downstream then checks the call's own deadline and pushes the key again.
    #[inline]
    pub fn push(&mut self, at_ms: u64, key: CallKey) {
        let tick = (at_ms / TICK_MS + 1).clamp(self.swept + 1, self.swept + SLOTS - 1);
        self.slots[(tick % SLOTS) as usize].push(key);
    }

    /// Moves the keys of all slots that have passed to `due`.
    pub fn sweep(&mut self, now_ms: u64, due: &mut Vec<CallKey>) {
        let now = now_ms / TICK_MS;
        if now - self.swept.min(now) >= SLOTS {
            self.swept = now - SLOTS; // the process slept: each slot once is enough
        }
        while self.swept < now {
            self.swept += 1;
            let slot = &mut self.slots[(self.swept % SLOTS) as usize];
            due.append(slot);
            if slot.capacity() > 4096 {
                *slot = Vec::new();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_due_before_its_time() {
        let mut wheel = Wheel::default();
        let key = CallKey::from_bits(7);
        let mut due = vec![];
        wheel.push(100, key);
        wheel.sweep(99, &mut due);
        assert!(due.is_empty());
        wheel.sweep(100 + TICK_MS, &mut due);
        assert_eq!(due, [key]);
    }

    #[test]
    fn far_deadlines_and_long_sleeps_come_up() {
        let mut wheel = Wheel::default();
        let mut due = vec![];
        wheel.push(3_600_000, CallKey::from_bits(1));
        wheel.sweep(SLOTS * TICK_MS, &mut due);
        assert_eq!(due.len(), 1, "woken early, to be pushed again");
        wheel.push(3_600_000, CallKey::from_bits(1));
        wheel.sweep(7_200_000, &mut due);
        assert_eq!(due.len(), 2);
    }
}
