//! The labels and buckets of the metrics of calls. They are fixed when the process starts, because counts
//! cannot be moved between buckets.

/// The largest number of buckets with an upper bound. One more bucket has none.
pub const BUCKETS: usize = 32;

/// The number of series and what distinguishes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The largest number of series in a worker.
    pub series: usize,
    /// Whether each method has series of its own.
    pub by_method: bool,
    /// The latency buckets.
    pub bounds: Bounds,
}

/// The upper bounds of the latency buckets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The bounds in microseconds, rising. A latency equal to a bound belongs to that bucket.
    micros: Vec<u64>,
    /// The first possible bucket of a latency, by its number of bits. Few bounds have the same number of bits,
    /// so that a bucket is found without a search.
    first: [u8; 65],
}

impl Bounds {
    /// Creates buckets with these upper bounds in microseconds, which have to rise. Bounds after the first
    /// [`BUCKETS`] are left out.
    #[must_use]
    pub fn new(micros: impl IntoIterator<Item = u64>) -> Self {
        let micros: Vec<u64> = micros.into_iter().take(BUCKETS).collect();
        let mut first = [0; 65];
        for (bits, first) in first.iter_mut().enumerate().skip(1) {
            let least = 1u64 << (bits - 1);
            *first = micros.partition_point(|bound| *bound < least) as u8;
        }
        Bounds { micros, first }
    }

    /// The bucket of a latency; the one after the last bound if it exceeds all bounds.
    #[inline]
    #[must_use]
    pub fn bucket(&self, latency_us: u64) -> usize {
        let bits = 64 - latency_us.leading_zeros();
        let mut at = usize::from(self.first[bits as usize]);
        while self.micros.get(at).is_some_and(|bound| *bound < latency_us) {
            at += 1;
        }
        at
    }

    /// The upper bounds in seconds.
    pub fn seconds(&self) -> impl Iterator<Item = f64> {
        self.micros.iter().map(|micros| *micros as f64 / 1e6)
    }
}

impl Default for Layout {
    /// The layout of a configuration that does not say another.
    fn default() -> Self {
        Layout {
            series: 4096,
            by_method: true,
            bounds: Bounds::new([
                100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
                1_000_000, 2_000_000, 5_000_000, 10_000_000, 20_000_000, 60_000_000,
            ]),
        }
    }
}

/// The default layout with room for this number of series.
#[cfg(test)]
pub(super) fn with_room(series: usize) -> std::sync::Arc<Layout> {
    std::sync::Arc::new(Layout {
        series,
        ..Layout::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_belongs_to_the_first_bucket_that_reaches_it() {
        let odd = Bounds::new([1, 3, 64, 65, 66, 127, 128, 1000, 1001, 5_000_000]);
        for bounds in [Layout::default().bounds, odd, Bounds::new([])] {
            let near = bounds.micros.iter().flat_map(|b| [b - 1, *b, b + 1]);
            for us in near.chain([0, 1, 2, u64::from(u32::MAX), u64::MAX]) {
                let want = bounds.micros.iter().position(|bound| us <= *bound);
                assert_eq!(bounds.bucket(us), want.unwrap_or(bounds.micros.len()), "{us}");
            }
        }
    }

    #[test]
    fn bounds_beyond_the_maximum_are_left_out() {
        let bounds = Bounds::new((1..).map(|i| i * 1000).take(100));
        assert_eq!(bounds.bucket(u64::MAX), BUCKETS);
        assert_eq!(bounds.seconds().count(), BUCKETS);
    }
}
