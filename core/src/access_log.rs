//! One record a call. Workers fill plain structs and hand them over in batches; names are looked up, formatted
//! and written elsewhere, so a slow disk never delays a call.
mod note;

pub use note::{Note, Part};

use crate::directory::EndpointId;
use crate::metrics::{CallResult, SeriesId, SeriesKey};
use std::net::SocketAddr;
use std::sync::Arc;

/// A finished call.
#[derive(Clone, Debug)]
pub struct Record {
    /// What it was; names are in the [`Batch::fresh`] of this or an earlier batch.
    pub series: SeriesId,
    /// How it ended.
    pub ended: CallResult,
    /// How long it took.
    pub latency_us: u64,
    /// Who called, if the caller has an address.
    pub caller: Option<SocketAddr>,
    /// Who answered; `None` if no provider got it.
    pub endpoint: Option<EndpointId>,
    /// How often it was given to a provider.
    pub attempts: u8,
    /// Length of the request.
    pub bytes_in: u32,
    /// What else is known of it.
    pub note: Option<Box<Note>>,
}

/// What a worker hands over after a turn.
pub struct Batch {
    /// Which worker: series ids are its own.
    pub worker: usize,
    /// Names of series that were not in a batch before.
    pub fresh: Vec<(SeriesId, Arc<SeriesKey>)>,
    /// The calls.
    pub records: Vec<Record>,
    /// Calls that are missing, because the turn ended more than are kept.
    pub dropped: u64,
}

/// A worker's end of the log.
pub struct AccessLogBuffer {
    records: Vec<Record>,
    /// Records since the last batch for which there was no room.
    dropped: u64,
    /// Of 2^32 successful calls, how many are logged.
    share: u64,
    rng: fastrand::Rng,
}

/// Records that wait for the end of the turn at most; those of a turn that ends more calls are dropped and counted.
const TURN_MAX: usize = 64 << 10;

impl AccessLogBuffer {
    /// A tap that takes this share (0 to 1) of the calls that succeed, and all others.
    #[must_use]
    pub fn new(sample: f64) -> Self {
        let share = (sample.clamp(0.0, 1.0) * 2f64.powi(32)) as u64;
        AccessLogBuffer {
            records: vec![],
            dropped: 0,
            share,
            rng: fastrand::Rng::new(),
        }
    }

    /// Whether such a call is logged.
    #[inline]
    pub fn wants(&mut self, ended: CallResult) -> bool {
        let fine = matches!(
            ended,
            CallResult::Responded(crate::message::Status::Ok) | CallResult::Sent
        );
        !fine || self.share >= 1 << 32 || u64::from(self.rng.u32(..)) < self.share
    }

    /// Adds a call.
    #[inline]
    pub fn push(&mut self, record: Record) {
        if self.records.len() < TURN_MAX {
            self.records.push(record);
        } else {
            self.dropped += 1;
        }
    }

    /// What has gathered, and how many records are missing in it.
    pub fn take(&mut self) -> (Vec<Record>, u64) {
        let room = self.records.len();
        let records = std::mem::replace(&mut self.records, Vec::with_capacity(room));
        (records, std::mem::take(&mut self.dropped))
    }

    /// Whether nothing has gathered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::message::Status;

    #[test]
    fn failures_are_logged_whatever_the_sample() {
        let mut none = AccessLogBuffer::new(0.0);
        assert!(!none.wants(CallResult::Responded(Status::Ok)));
        assert!(
            none.wants(CallResult::Failed(ErrorKind::Timeout))
                && none.wants(CallResult::Responded(Status::Exception))
        );
        let mut all = AccessLogBuffer::new(1.0);
        assert!((0..1000).all(|_| all.wants(CallResult::Sent)));
        let mut half = AccessLogBuffer::new(0.5);
        let n = (0..10_000).filter(|_| half.wants(CallResult::Sent)).count();
        assert!((4700..5300).contains(&n), "{n}");
    }

    #[test]
    fn what_a_turn_has_no_room_for_is_counted() {
        let mut tap = AccessLogBuffer::new(1.0);
        let record = Record {
            series: SeriesId(0),
            ended: CallResult::Sent,
            latency_us: 1,
            caller: None,
            endpoint: None,
            attempts: 1,
            bytes_in: 1,
            note: None,
        };
        let mut turn = |calls| {
            (0..calls).for_each(|_| tap.push(record.clone()));
            let (records, dropped) = tap.take();
            (records.len(), dropped)
        };
        assert_eq!(turn(TURN_MAX + 3), (TURN_MAX, 3));
        assert_eq!(turn(5), (5, 0));
    }
}
