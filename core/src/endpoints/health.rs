//! Whether an endpoint can be reached, judged by its connections.

/// The pause after a failed dial, in milliseconds. It doubles with each further failure, up to the maximum.
const BACKOFF_MS: u64 = 250;
const BACKOFF_MAX_MS: u64 = 30_000;
/// The time for which an endpoint is avoided after one of its connections broke, in milliseconds.
const BROKEN_MS: u64 = 1000;

/// The health of one endpoint. The default is healthy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Health {
    /// Failed dials in a row.
    failures: u8,
    /// The end of the time for which it is avoided.
    avoided_until_ms: u64,
}

impl Health {
    /// Whether the last dial failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// Whether calls go to other endpoints if possible. After a failed dial this holds until a dial succeeds.
    pub(super) fn is_avoided(&self, now_ms: u64) -> bool {
        self.is_failing() || self.avoided_until_ms > now_ms
    }

    /// Whether the pause after the last failed dial is over.
    pub(super) fn may_dial(&self, now_ms: u64) -> bool {
        self.avoided_until_ms <= now_ms
    }

    pub(super) fn dial_failed(&mut self, now_ms: u64) {
        self.failures = self.failures.saturating_add(1);
        self.avoided_until_ms = now_ms + back_off(self.failures);
    }

    pub(super) fn connection_broke(&mut self, now_ms: u64) {
        self.avoided_until_ms = now_ms + BROKEN_MS;
    }
}

/// The pause after this number of failures in a row, in milliseconds.
pub(super) fn back_off(failures: u8) -> u64 {
    (BACKOFF_MS << u32::from(failures.saturating_sub(1)).min(10)).min(BACKOFF_MAX_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_between_failed_dials_doubles_and_the_endpoint_stays_avoided() {
        let mut health = Health::default();
        let (mut now, mut waits) = (0, vec![]);
        for _ in 0..10 {
            health.dial_failed(now);
            let next = (now..).find(|at| health.may_dial(*at)).expect("some time");
            assert!(health.is_avoided(next));
            waits.push(next - now);
            now = next;
        }
        assert_eq!(waits[..4], [250, 500, 1000, 2000]);
        assert_eq!(waits[9], BACKOFF_MAX_MS);
    }

    #[test]
    fn an_endpoint_whose_connection_broke_is_avoided_for_a_second() {
        let mut health = Health::default();
        health.connection_broke(5);
        assert!(health.is_avoided(5) && !health.is_avoided(5 + BROKEN_MS));
        assert!(!health.is_failing());
    }
}
