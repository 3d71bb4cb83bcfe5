//! Filters look at calls between routing and the choice of a host.
//!
//! Each worker has its own, so `&self` and `Cell` are enough and nothing locks. They outlive every change but one of their
//! own route or listener.
use crate::error::CallError;
use crate::message::{Edits, Head, Message};
use std::any::Any;

/// What a filter sees and may change.
pub struct RequestCx<'a> {
    /// The request.
    pub msg: &'a Message<'a>,
    /// Its head, attachments included.
    pub head: &'a Head<'a>,
    /// Changes so far; more may be added.
    pub edits: &'a mut Edits,
    /// The worker's clock in milliseconds; it begins anew after 49 days.
    pub now_ms: u32,
}

/// What is to become of the call.
pub enum Verdict {
    /// Go on.
    Continue,
    /// Response with this error.
    Reject(CallError),
}

/// One worker's instance of a filter.
pub trait Filter: Any {
    /// A call came.
    fn on_request(&self, cx: &mut RequestCx<'_>) -> Verdict;

    /// For its successor to take state over.
    fn as_any(&self) -> &dyn Any;
}

/// Makes instances. Shared by all workers.
pub trait FilterFactory: Send + Sync {
    /// An instance for one worker. `before` is the filter that it takes the place of, if there is one.
    fn make(&self, before: Option<&dyn Filter>) -> std::rc::Rc<dyn Filter>;
}
