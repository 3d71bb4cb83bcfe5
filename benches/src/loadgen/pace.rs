//! The due times of an open loop's calls.

use super::Pattern;

/// The due times, one after the other. They do not depend on when calls are really sent or get their
/// responses.
#[derive(Debug)]
pub(super) struct Pace {
    start_ns: u64,
    gap_ns: f64,
    pattern: Pattern,
    /// Nanoseconds from the start to the next due time.
    offset_ns: f64,
    random: u64,
}

impl Pace {
    pub(super) fn new(start_ns: u64, rate: u32, pattern: Pattern) -> Self {
        let gap_ns = 1e9 / f64::from(rate);
        Self {
            start_ns,
            gap_ns,
            pattern,
            offset_ns: 0.0,
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// When the next call is due.
    #[inline]
    pub(super) fn due_ns(&self) -> u64 {
        self.start_ns + self.offset_ns as u64
    }

    /// Moves on to the call after the next.
    pub(super) fn advance(&mut self) {
        self.offset_ns += match self.pattern {
            Pattern::Even => self.gap_ns,
            Pattern::Poisson => -self.uniform().ln() * self.gap_ns,
        };
    }

    /// A number above 0, at most 1 (xorshift64*; the same sequence in every run).
    fn uniform(&mut self) -> f64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let bits = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
        (bits + 1) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(pattern: Pattern, count: usize) -> Vec<u64> {
        let mut pace = Pace::new(1_000, 1_000_000, pattern);
        (0..=count)
            .map(|_| (pace.due_ns() - 1_000, pace.advance()).0)
            .collect()
    }

    #[test]
    fn even_calls_keep_their_distance() {
        assert_eq!(offsets(Pattern::Even, 3), [0, 1_000, 2_000, 3_000]);
    }

    #[test]
    fn poisson_calls_have_the_mean_and_spread_of_their_kind() {
        let offsets = offsets(Pattern::Poisson, 100_000);
        let gaps: Vec<f64> = offsets
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) as f64)
            .collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean - 1_000.0).abs() < 20.0, "{mean}");
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.03, "{}", variance.sqrt());
    }
}
