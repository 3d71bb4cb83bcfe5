//! The workers' side of the access log. Workers fill plain records and hand them over in batches. Names are
//! looked up, formatted and written elsewhere, so that a slow disk never delays a call.
mod note;

pub use note::{Note, Part};

use crate::directory::EndpointId;
use crate::metrics::{CallResult, SeriesId, SeriesKey};
use std::net::SocketAddr;
use std::sync::Arc;

/// The record of a call that ended.
#[derive(Clone, Debug)]
pub struct Record {
    /// The series of the call. Its names are in the [`Batch::fresh`] of this or an earlier batch.
    pub series: SeriesId,
    /// The result of the call.
    pub ended: CallResult,
    /// The duration of the call in microseconds.
    pub latency_us: u64,
    /// The time since the call was given to its last connection, in microseconds; `None` if it was not.
    pub upstream_us: Option<u64>,
    /// The downstream's address; `None` over a Unix socket.
    pub downstream: Option<SocketAddr>,
    /// The endpoint of the last attempt; `None` if the call was not sent.
    pub endpoint: Option<EndpointId>,
    /// The number of times it was sent.
    pub attempts: u8,
    /// The length of the request in bytes.
    pub bytes_in: u32,
    /// The texts of the call, such as its names as sent and the reason of a failure.
    pub note: Option<Box<Note>>,
}

/// The records that a worker hands over after a turn.
pub struct Batch {
    /// The index of the worker. Series ids are valid within one worker only.
    pub worker: usize,
    /// The names of series that were in no earlier batch.
    pub fresh: Vec<(SeriesId, Arc<SeriesKey>)>,
    /// The calls that ended.
    pub records: Vec<Record>,
    /// The number of calls without a record, because the turn ended more than the buffer takes.
    pub dropped: u64,
}

/// A worker's buffer of the access log.
pub struct AccessLogBuffer {
    records: Vec<Record>,
    /// The number of records that found no room since the last batch.
    dropped: u64,
    /// The part of successful calls that is logged, as a fraction of 2^32.
    share: u64,
    rng: fastrand::Rng,
}

/// The largest number of records of one turn. Further calls are counted only.
const TURN_MAX: usize = 64 << 10;

impl AccessLogBuffer {
    /// Creates a buffer that takes this share (0 to 1) of the successful calls, and all others.
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

    /// Whether a call with this result is logged. Successful calls are drawn at random.
    #[inline]
    pub fn wants(&mut self, ended: CallResult) -> bool {
        let fine = matches!(
            ended,
            CallResult::Responded(crate::message::Status::Ok) | CallResult::Sent
        );
        !fine || self.share >= 1 << 32 || u64::from(self.rng.u32(..)) < self.share
    }

    /// Adds the record of a call.
    #[inline]
    pub fn push(&mut self, record: Record) {
        if self.records.len() < TURN_MAX {
            self.records.push(record);
        } else {
            self.dropped += 1;
        }
    }

    /// Takes the records, and the number of those that found no room.
    pub fn take(&mut self) -> (Vec<Record>, u64) {
        let room = self.records.len();
        let records = std::mem::replace(&mut self.records, Vec::with_capacity(room));
        (records, std::mem::take(&mut self.dropped))
    }

    /// Whether there are no records.
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
    fn failures_are_logged_at_any_sample_rate() {
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
    fn records_without_room_are_counted() {
        let mut tap = AccessLogBuffer::new(1.0);
        let record = Record {
            series: SeriesId(0),
            ended: CallResult::Sent,
            latency_us: 1,
            upstream_us: None,
            downstream: None,
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
