//! Filters act on calls: on the request after routing and before an endpoint is chosen, and, if they want, on the
//! response, on parts of messages and at the end.
//!
//! Each worker has its own instances, so `&self` with `Cell` is enough and nothing locks. An instance lives
//! until its own route or listener changes. A call keeps the instances that it began with.
use crate::asking::Inquiry;
use crate::error::CallError;
use crate::message::{Edits, Head, Message};
use crate::metrics::CallResult;
use crate::stream::Part;
use std::any::Any;
use std::rc::Rc;

/// The phases of a call, after its request, in which a filter is to be called.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wants {
    /// When the head of a response has come.
    pub response: bool,
    /// When a part of a request or response has come.
    pub parts: bool,
    /// When the call is over.
    pub end: bool,
}

/// What a filter sees of a request and may change.
pub struct RequestCx<'a> {
    /// The request as received. Its body may follow.
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
    /// The call waits until somebody outside of the worker has decided, and then goes on with
    /// [`Filter::on_resume`].
    Ask(Inquiry),
}

/// Which message of a call a part belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The request.
    Request,
    /// The response.
    Response,
}

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// Its result.
    pub result: CallResult,
    /// The time from its arrival to its end, in microseconds.
    pub latency_us: u64,
}

/// One worker's instance of a filter.
pub trait Filter: Any {
    /// The later phases in which it is called. It must not change.
    fn wants(&self) -> Wants {
        Wants::default()
    }

    /// Decides about a call, and may change it.
    fn on_request(&self, cx: &mut RequestCx<'_>) -> Verdict;

    /// Goes on with a call for which this filter has asked: with the decision, or with the reason why there is none.
    fn on_resume(&self, _cx: &mut RequestCx<'_>, decision: Result<&[u8], &CallError>) -> Verdict {
        match decision {
            Ok(_) => Verdict::Continue,
            Err(error) => Verdict::Reject(error.clone()),
        }
    }

    /// Looks at the response of an endpoint, whose body may follow.
    ///
    /// # Errors
    /// The error that the downstream gets instead.
    fn on_response(&self, _response: &Message<'_>) -> Result<(), CallError> {
        Ok(())
    }

    /// Looks at a part of a message before it goes on.
    ///
    /// # Errors
    /// The error that the call ends with.
    fn on_part(&self, _of: Direction, _part: &Part<'_>) -> Result<(), CallError> {
        Ok(())
    }

    /// Is called once for each call that [`Filter::on_request`] was called for, whatever came of it.
    fn on_end(&self, _ended: &Ended) {}

    /// The instance for its successor, which may take its state over.
    fn as_any(&self) -> &dyn Any;
}

/// Creates instances of one configured filter. All workers share it.
pub trait FilterFactory: Send + Sync {
    /// Creates the instance of one worker. `before` is the instance that it replaces, if there is one.
    fn make(&self, before: Option<&dyn Filter>) -> Rc<dyn Filter>;
}

/// The filters that the calls of one route pass which come through one listener, in order.
pub(crate) struct Chain {
    pub(crate) filters: Box<[Rc<dyn Filter>]>,
    /// What any of them wants.
    wants: Wants,
}

impl Chain {
    pub(crate) fn new(filters: impl Iterator<Item = Rc<dyn Filter>>) -> Self {
        let filters: Box<[Rc<dyn Filter>]> = filters.collect();
        let wants = filters
            .iter()
            .map(|f| f.wants())
            .fold(Wants::default(), |all, one| Wants {
                response: all.response | one.response,
                parts: all.parts | one.parts,
                end: all.end | one.end,
            });
        Chain { filters, wants }
    }

    /// Whether calls have to remember the chain after their requests.
    pub(crate) fn is_needed_later(&self) -> bool {
        self.wants != Wants::default()
    }

    /// Shows a response to the first `reached` filters, the last one first.
    pub(crate) fn on_response(&self, reached: u8, response: &Message<'_>) -> Result<(), CallError> {
        if !self.wants.response {
            return Ok(());
        }
        let mut passed = self.filters[..usize::from(reached)].iter().rev();
        passed.try_for_each(|f| {
            if f.wants().response {
                f.on_response(response)
            } else {
                Ok(())
            }
        })
    }

    /// Shows a part to the first `reached` filters.
    pub(crate) fn on_part(&self, reached: u8, of: Direction, part: &Part<'_>) -> Result<(), CallError> {
        if !self.wants.parts {
            return Ok(());
        }
        let mut passed = self.filters[..usize::from(reached)].iter();
        passed.try_for_each(|f| {
            if f.wants().parts {
                f.on_part(of, part)
            } else {
                Ok(())
            }
        })
    }

    /// Tells the first `reached` filters that the call is over.
    pub(crate) fn on_end(&self, reached: u8, ended: &Ended) {
        for filter in &self.filters[..usize::from(reached)] {
            if filter.wants().end {
                filter.on_end(ended);
            }
        }
    }
}
