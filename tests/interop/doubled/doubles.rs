//! Which responses of one connection are sent a second time, and when.
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// One response in so many is withheld until its caller has given up.
const WITHHELD: u32 = 500;
/// How long such a response is withheld; the timeout of the calls is shorter (`super::TIMEOUT`).
const WITHHELD_FOR: Duration = Duration::from_secs(2);
/// A connection that has been silent for this long sends its doubles early, because no response will make them due.
const SILENT: Duration = Duration::from_secs(1);
/// The number of calls after which the ids of a provider's connection came round at the version that had this fault.
const ROUND: u64 = 4096;

/// When a response is sent the second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Again {
    AtOnce,
    /// Some 100 responses later.
    Soon,
    /// Some 4,000 responses later.
    Late,
    /// Together with the first time, when the call has timed out.
    Withheld,
}

/// What the relays have in common.
#[derive(Default)]
pub(crate) struct Shared {
    /// The number of responses of all providers. One worker gives out the ids on all of their connections.
    responses: AtomicU64,
    /// Whether responses are withheld at present.
    pub(crate) withholds: AtomicBool,
}

/// What was sent by all connections of a relay.
#[derive(Default)]
pub(crate) struct Counts {
    /// Responses of the provider.
    pub(crate) responses: AtomicU64,
    /// Responses that were sent a second time, by [`Again`].
    pub(crate) doubles: [AtomicU64; 4],
    /// Responses that were not sent a second time, because their connection ended before.
    pub(crate) lost: AtomicU64,
}

/// The responses of a connection that are still to be sent again.
pub(crate) struct Doubles {
    shared: Arc<Shared>,
    counts: Arc<Counts>,
    random: fastrand::Rng,
    /// By the number of the response with which they are due.
    waiting: BinaryHeap<Reverse<(u64, Again, Vec<u8>)>>,
    withheld: VecDeque<(Instant, Vec<u8>)>,
    /// When the last response came.
    last: Instant,
}

impl Doubles {
    pub(crate) fn new(shared: Arc<Shared>, counts: Arc<Counts>) -> Doubles {
        Doubles {
            shared,
            counts,
            random: fastrand::Rng::new(),
            waiting: BinaryHeap::new(),
            withheld: VecDeque::new(),
            last: Instant::now(),
        }
    }

    /// Takes a response and writes what is to be sent now. Doubles that it makes due go before it.
    pub(crate) fn take(&mut self, response: &[u8], now: Instant, out: &mut Vec<u8>) {
        self.last = now;
        self.counts.responses.fetch_add(1, Relaxed);
        let number = self.shared.responses.fetch_add(1, Relaxed) + 1;
        self.send_until(number, out);
        if self.shared.withholds.load(Relaxed) && self.random.u32(..WITHHELD) == 0 {
            self.withheld.push_back((now + WITHHELD_FOR, response.to_vec()));
            return;
        }
        out.extend_from_slice(response);
        let (later, again) = match self.random.u32(..4) {
            0 => return self.send(Again::AtOnce, response, out),
            1 => (self.random.u64(50..=150), Again::Soon),
            2 => (self.random.u64(3600..=4600), Again::Late),
            _ => (ROUND, Again::Late),
        };
        let due = number + later;
        self.waiting.push(Reverse((due, again, response.to_vec())));
    }

    /// Writes what has become due without a response of this connection.
    pub(crate) fn look(&mut self, now: Instant, out: &mut Vec<u8>) {
        let silent = now.saturating_duration_since(self.last) > SILENT;
        let until = if silent {
            u64::MAX
        } else {
            self.shared.responses.load(Relaxed)
        };
        self.send_until(until, out);
        while self.withheld.front().is_some_and(|(due, _)| *due <= now)
            && let Some((_, response)) = self.withheld.pop_front()
        {
            out.extend_from_slice(&response);
            self.send(Again::Withheld, &response, out);
        }
    }

    fn send_until(&mut self, number: u64, out: &mut Vec<u8>) {
        while self
            .waiting
            .peek()
            .is_some_and(|Reverse((due, ..))| *due <= number)
            && let Some(Reverse((_, again, response))) = self.waiting.pop()
        {
            self.send(again, &response, out);
        }
    }

    fn send(&mut self, again: Again, response: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(response);
        self.counts.doubles[again as usize].fetch_add(1, Relaxed);
    }
}

impl Drop for Doubles {
    fn drop(&mut self) {
        let left = self.waiting.len() + self.withheld.len();
        self.counts.lost.fetch_add(left as u64, Relaxed);
    }
}
