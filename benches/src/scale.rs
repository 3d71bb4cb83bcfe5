//! Figures that `rialto-count` passes to the comparison.

use serde::{Deserialize, Serialize};

use crate::stats::quantile;

/// What changes of one endpoint each cost in one process, without sockets and files.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChangeCosts {
    /// The number of changes that were measured.
    pub changes: usize,
    /// Compiling the whole configuration, in microseconds.
    pub first_compile_us: f64,
    /// Applying it in a new worker.
    pub first_apply_us: f64,
    /// Compiling a change, which the control thread does.
    pub compile: Spread,
    /// Applying it, for which a worker pauses.
    pub apply: Spread,
}

/// How a duration is distributed, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// What 99 of 100 do not exceed.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Spread {
    /// The spread of these values; all 0 without any.
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |share| quantile(&values, share).unwrap_or(0.0);
        Self {
            median: at(0.5),
            p99: at(0.99),
            max: at(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_does_not_depend_on_the_order() {
        let spread = Spread::of(vec![5.0, 1.0, 3.0]);
        assert_eq!((spread.median, spread.max), (3.0, 5.0));
        assert_eq!(Spread::of(vec![]), Spread::default());
    }
}
