//! Filters for requests, one file per filter.
//!
//! A filter belongs to one worker, so it needs no locks. Its factory is shared by the workers and creates a
//! new filter for each snapshot. State that must outlive a snapshot (the levels of rate limits) is taken over
//! in [`FilterFactory::make`].
#![forbid(unsafe_code)]

mod attachments;
mod rate_limit;
#[cfg(test)]
mod testing;

pub use attachments::Attachments;
pub use rate_limit::RateLimit;

use rialto_core::config;
use rialto_core::filter::FilterFactory;
use std::sync::Arc;

/// The factory of a configured filter. `workers` is the number of data threads of the process, which share a
/// limit for the whole process.
#[must_use]
pub fn factory(config: &config::Filter, workers: usize) -> Arc<dyn FilterFactory> {
    match config {
        config::Filter::Attachments(edit) => Arc::new(attachments::Factory::new(edit.clone())),
        config::Filter::RateLimit(limit) => Arc::new(rate_limit::Factory::new(limit, workers)),
    }
}
