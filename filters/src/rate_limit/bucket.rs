//! Token buckets with exact integer arithmetic.
//!
//! A worker's share of a limit is `rate / workers` calls a second. Levels are counted in units of
//! `1 / (1000 * workers)` of a call: a call costs `1000 * workers` units, and each millisecond adds `rate` of
//! them. This keeps every fraction, so a rate below the number of workers still has an effect.

/// The parameters of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// The units that one call costs.
    pub(super) cost: u64,
    /// The units that each millisecond adds.
    pub(super) gain: u64,
    /// The units in a full bucket; never less than one call costs.
    pub(super) capacity: u64,
}

/// The level of a bucket at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    level: u64,
    at_ms: u64,
}

impl Terms {
    /// One worker's share of `rate` calls a second and `burst` calls at once.
    pub(super) fn new(rate: u32, burst: u32, workers: u32) -> Self {
        let cost = 1000 * u64::from(workers.max(1));
        Terms {
            cost,
            gain: u64::from(rate),
            capacity: (1000 * u64::from(burst)).max(cost),
        }
    }
}

impl Bucket {
    /// A full bucket.
    pub(super) fn full(terms: Terms, now_ms: u64) -> Self {
        Bucket {
            level: terms.capacity,
            at_ms: now_ms,
        }
    }

    /// Takes the cost of one call. Returns `false` if the level is too low.
    pub(super) fn take(&mut self, terms: Terms, now_ms: u64) -> bool {
        self.level = self.level_at(terms, now_ms);
        self.at_ms = now_ms;
        let enough = self.level >= terms.cost;
        if enough {
            self.level -= terms.cost;
        }
        enough
    }

    /// Whether the bucket is full again, like a new one.
    pub(super) fn is_full(&self, terms: Terms, now_ms: u64) -> bool {
        self.level_at(terms, now_ms) == terms.capacity
    }

    fn level_at(&self, terms: Terms, now_ms: u64) -> u64 {
        let gained = now_ms.saturating_sub(self.at_ms).saturating_mul(terms.gain);
        self.level.saturating_add(gained).min(terms.capacity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of the calls that come once a millisecond pass.
    fn passed(terms: Terms, milliseconds: u64) -> u64 {
        let mut bucket = Bucket::full(terms, 0);
        (0..milliseconds).filter(|now| bucket.take(terms, *now)).count() as u64
    }

    #[test]
    fn a_rate_is_kept_to_the_call() {
        // The burst passes at once, then one call every 10 ms; the last millisecond is 9999.
        assert_eq!(passed(Terms::new(100, 5, 1), 10_000), 5 + 999);
    }

    #[test]
    fn workers_together_pass_the_rate() {
        for (rate, workers) in [(100, 3), (7, 4), (1, 8), (1000, 16)] {
            let seconds = 1000;
            let share = passed(Terms::new(rate, workers, workers), seconds * 1000);
            let all = share * u64::from(workers);
            let fair = u64::from(rate) * seconds;
            let slack = 2 * u64::from(workers);
            assert!(
                all.abs_diff(fair) <= slack,
                "{rate} over {workers} workers: {all} of {fair}"
            );
        }
    }

    #[test]
    fn a_rate_below_the_number_of_workers_is_not_zero() {
        // One call a second over 8 workers: each passes one every 8 s.
        let terms = Terms::new(1, 1, 8);
        let mut bucket = Bucket::full(terms, 0);
        assert!(bucket.take(terms, 0));
        assert!(!bucket.take(terms, 7_999));
        assert!(bucket.take(terms, 8_000));
    }

    #[test]
    fn a_bucket_is_never_fuller_than_its_burst() {
        let terms = Terms::new(1_000_000, 3, 1);
        let mut bucket = Bucket::full(terms, 0);
        for now in [0, u64::MAX / 2, u64::MAX] {
            let at_once = (0..10).filter(|_| bucket.take(terms, now)).count();
            assert_eq!(at_once, 3, "at {now}");
        }
    }

    #[test]
    fn a_smaller_burst_holds_at_once_and_a_larger_one_must_be_earned() {
        let (small, large) = (Terms::new(10, 2, 1), Terms::new(10, 20, 1));
        let mut bucket = Bucket::full(large, 0);
        assert_eq!((0..30).filter(|_| bucket.take(small, 0)).count(), 2);
        assert!(!bucket.take(large, 0));
        assert!(!bucket.is_full(large, 1_999) && bucket.is_full(large, 2_000));
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let terms = Terms::new(u32::MAX, u32::MAX, u32::MAX);
        let mut bucket = Bucket::full(terms, 0);
        assert!(bucket.take(terms, u64::MAX) && !bucket.take(terms, u64::MAX));
    }
}
