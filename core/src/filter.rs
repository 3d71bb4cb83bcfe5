//! Filters act on calls after routing and before an endpoint is chosen.
//!
//! Each worker has its own instances, so `&self` with `Cell` is enough and nothing locks. An instance lives
//! until its own route or listener changes.
use crate::error::CallError;
use crate::message::{Edits, Head, Message};
use std::any::Any;

/// What a filter sees and may change.
pub struct RequestCx<'a> {
    /// The request as received.
    pub msg: &'a Message<'a>,
    /// Its head.
    pub head: &'a Head<'a>,
    /// The changes so far, to which the filter may add.
    pub edits: &'a mut Edits,
    /// The worker's clock in milliseconds. It wraps after 49 days.
    pub now_ms: u32,
}

/// A filter's decision about a call.
pub enum Verdict {
    /// The call goes on.
    Continue,
    /// The call is refused with this error.
    Reject(CallError),
}

/// One worker's instance of a filter.
pub trait Filter: Any {
    /// Decides about a call, and may change it.
    fn on_request(&self, cx: &mut RequestCx<'_>) -> Verdict;

    /// The instance for its successor, which may take its state over.
    fn as_any(&self) -> &dyn Any;
}

/// Creates instances of one configured filter. All workers share it.
pub trait FilterFactory: Send + Sync {
    /// Creates the instance of one worker. `before` is the instance that it replaces, if there is one.
    fn make(&self, before: Option<&dyn Filter>) -> std::rc::Rc<dyn Filter>;
}
