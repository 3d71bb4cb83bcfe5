//! A filter that refuses calls above a rate.
//!
//! The limit is for the whole process. Workers share nothing, so each passes `rate / workers` calls a second,
//! to the exact fraction, and `burst / workers` at once, but never less than one. Calls on few connections
//! therefore get only the shares of the workers that own those connections.
//!
//! A call that passes allocates nothing unless it is the first of its bucket.
mod bucket;
mod buckets;

use bucket::Terms;
use buckets::{Buckets, Key};
use rialto_config::RateLimitKey;
use rialto_core::filter::{Filter, FilterFactory, RequestCx, Verdict};
use rialto_core::{CallError, ErrorKind};
use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

/// One worker's share of a rate limit.
pub struct RateLimit {
    limit: Limit,
    /// Shared with the filters of earlier snapshots, so that a new snapshot does not refill the buckets.
    buckets: Rc<RefCell<Buckets>>,
}

#[derive(Clone, Copy)]
struct Limit {
    per: RateLimitKey,
    rate: u32,
    most: usize,
    terms: Terms,
}

pub(crate) struct Factory {
    limit: Limit,
}

impl Factory {
    pub(crate) fn new(config: &rialto_config::RateLimit, workers: usize) -> Self {
        let rate = config.rate.get();
        let workers = u32::try_from(workers).unwrap_or(u32::MAX);
        Factory {
            limit: Limit {
                per: config.per,
                rate,
                most: config.max_buckets.get() as usize,
                terms: Terms::new(rate, config.burst().get(), workers),
            },
        }
    }
}

impl FilterFactory for Factory {
    fn make(&self, before: Option<&dyn Filter>) -> Rc<dyn Filter> {
        let before = before.and_then(|f| f.as_any().downcast_ref::<RateLimit>());
        let buckets = before
            .filter(|b| b.limit.is_compatible(&self.limit))
            .map(|b| Rc::clone(&b.buckets));
        Rc::new(RateLimit {
            limit: self.limit,
            buckets: buckets.unwrap_or_default(),
        })
    }
}

impl Limit {
    /// Whether buckets filled under one limit have the same meaning under the other, because their keys and
    /// units are the same. A new rate or burst applies from the next call on.
    fn is_compatible(&self, other: &Limit) -> bool {
        self.per == other.per && self.terms.cost == other.terms.cost
    }

    fn exceeded(&self) -> CallError {
        let of = match self.per {
            RateLimitKey::Route => "",
            RateLimitKey::Service => " to this service",
            RateLimitKey::Method => " of this method",
            RateLimitKey::Application => " from this application",
        };
        let text = format!(
            "over the rate limit of {} calls a second{of}; call less often, or raise rate_limit.rate",
            self.rate
        );
        CallError::new(ErrorKind::Overload, text).by(rialto_core::Limit::Rate)
    }
}

impl Filter for RateLimit {
    fn on_request(&self, cx: &mut RequestCx<'_>) -> Verdict {
        let head = cx.head;
        let key = match self.limit.per {
            RateLimitKey::Route => Key::Whole,
            RateLimitKey::Service => Key::Name(head.service),
            RateLimitKey::Method => Key::Pair(head.service, head.method),
            RateLimitKey::Application => Key::Name(head.application),
        };
        let mut buckets = self.buckets.borrow_mut();
        if buckets.take(key, self.limit.terms, self.limit.most, cx.now_ms) {
            Verdict::Continue
        } else {
            Verdict::Reject(self.limit.exceeded())
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests;
