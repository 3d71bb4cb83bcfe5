//! Filters for requests, one file per filter.
//!
//! A filter belongs to one worker, so it needs no locks. Its factory is shared by the workers and creates a
//! new filter when its route or listener changes. State that must outlive that (the levels of rate limits) is taken over
//! in [`FilterFactory::make`].
//!
//! ```
//! use rialto_config::{AttachmentEdit, Filter};
//!
//! // one factory for the process, one filter for each of its workers
//! let factory = rialto_filters::factory(&Filter::Attachments(AttachmentEdit::default()), 2);
//! let (_mine, _yours) = (factory.make(None), factory.make(None));
//! ```
#![forbid(unsafe_code)]

mod attachments;
mod rate_limit;
#[cfg(test)]
mod testing;

pub use attachments::Attachments;
pub use rate_limit::RateLimit;

use rialto_core::filter::FilterFactory;
use std::sync::Arc;

/// The factory of a configured filter. `workers` is the number of data threads of the process, which share a
/// limit for the whole process.
#[must_use]
pub fn factory(config: &rialto_config::Filter, workers: usize) -> Arc<dyn FilterFactory> {
    match config {
        rialto_config::Filter::Attachments(edit) => Arc::new(attachments::Factory::new(edit.clone())),
        rialto_config::Filter::RateLimit(limit) => Arc::new(rate_limit::Factory::new(limit, workers)),
    }
}
