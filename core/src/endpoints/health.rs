//! Whether an endpoint can be reached, as far as its connections tell.

/// An endpoint is not dialed for this long after a dial failed, doubled with each further failure up to the maximum.
const BACKOFF_MS: u64 = 250;
const BACKOFF_MAX_MS: u64 = 30_000;
/// An endpoint whose connection broke is not the first choice for this long.
const BROKEN_MS: u64 = 1000;

/// What an endpoint's connections tell of it. The default is an endpoint of which nothing bad is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Health {
    /// Dials that failed, one after the other, since the last one that succeeded.
    failures: u8,
    /// It is not the first choice before this time.
    avoided_until_ms: u64,
}

impl Health {
    /// Whether its last dial failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// Whether calls go elsewhere if they can. An endpoint whose dial failed is avoided until a dial succeeds.
    pub(super) fn is_avoided(&self, now_ms: u64) -> bool {
        self.is_failing() || self.avoided_until_ms > now_ms
    }

    /// Whether it is time for another dial.
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

/// How long to wait after so many failures in a row.
pub(super) fn back_off(failures: u8) -> u64 {
    (BACKOFF_MS << u32::from(failures.saturating_sub(1)).min(10)).min(BACKOFF_MAX_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_dialed_ever_more_seldom_and_avoided_until_it_answers() {
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
    fn an_endpoint_whose_connection_broke_is_soon_as_good_as_any() {
        let mut health = Health::default();
        health.connection_broke(5);
        assert!(health.is_avoided(5) && !health.is_avoided(5 + BROKEN_MS));
        assert!(!health.is_failing());
    }
}
