//! The texts of a record beyond its series: the names as the downstream sent them, the application, and the reason
//! of a failure.
use crate::directory::EndpointId;
use crate::message::{Head, Message};

/// The largest length of a part in bytes, so that a few calls cannot fill a disk.
const PART_MAX: usize = 256;
/// The largest length of the reason of a failure in bytes.
const ERROR_MAX: usize = 512;
/// The attachments that contain the id of a trace. The first one that exists counts.
const TRACES: [&str; 3] = ["traceparent", "rpc_trace_context.sofaTraceId", "sofaTraceId"];

/// The parts of a [`Note`], in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The interface name.
    Service,
    /// The method name.
    Method,
    /// The service version.
    Version,
    /// The group or unique id.
    Group,
    /// The calling application.
    Application,
    /// The trace id.
    Trace,
    /// The reason of a failure.
    Error,
}

const PARTS: usize = 7;

/// The largest number of endpoints that a note lists.
const FAILED_MAX: usize = 16;

/// The texts of a call in one allocation, and the course of its attempts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    text: String,
    ends: [u16; PARTS],
    /// The time at which the call was last given to a connection, on the worker's clock in microseconds.
    sent_us: Option<u64>,
    failed: Vec<EndpointId>,
}

impl Note {
    /// The names in the head of a call. Long parts are cut.
    #[must_use]
    pub fn of(msg: &Message<'_>, head: &Head<'_>) -> Note {
        let trace = TRACES
            .iter()
            .find_map(|key| msg.meta.reader.attachment(msg, head, key))
            .unwrap_or_default();
        let trace = trace_id(&trace);
        Note::new([
            head.service,
            head.method,
            head.version,
            head.group,
            head.application,
            trace,
        ])
    }

    /// A note of these parts, in the order of [`Part`], without an error.
    #[must_use]
    pub fn new(parts: [&[u8]; PARTS - 1]) -> Note {
        let mut note = Note {
            text: String::with_capacity(parts.iter().map(|p| p.len().min(PART_MAX)).sum()),
            ends: [0; PARTS],
            ..Note::default()
        };
        for (part, end) in parts.into_iter().zip(0..) {
            for chunk in part[..part.len().min(PART_MAX)].utf8_chunks() {
                note.text.push_str(chunk.valid());
                // a replacement character is at most three times as long as the invalid bytes
                if !chunk.invalid().is_empty() {
                    note.text.push(char::REPLACEMENT_CHARACTER);
                }
            }
            note.ends[end..].fill(note.text.len() as u16);
        }
        note
    }

    /// Sets the reason of a failure.
    pub fn set_error(&mut self, why: &str) {
        let start = usize::from(self.ends[PARTS - 2]);
        self.text.truncate(start);
        self.text.push_str(&why[..why.floor_char_boundary(ERROR_MAX)]);
        self.ends[PARTS - 1] = self.text.len() as u16;
    }

    /// Records that the call was given to a connection.
    pub fn sent_at(&mut self, now_us: u64) {
        self.sent_us = Some(now_us);
    }

    /// Records an endpoint that was tried in vain.
    pub fn failed_at(&mut self, endpoint: EndpointId) {
        self.sent_us = None;
        if self.failed.len() < FAILED_MAX {
            self.failed.push(endpoint);
        }
    }

    /// The endpoints that were tried in vain, in their order. At most 16 are listed.
    #[must_use]
    pub fn failed(&self) -> &[EndpointId] {
        &self.failed
    }

    /// The time since the call was given to its last connection, in microseconds; `None` if it was not.
    #[must_use]
    pub fn upstream_us(&self, now_us: u64) -> Option<u64> {
        Some(now_us.saturating_sub(self.sent_us?))
    }

    /// The text of a part; empty if the call does not contain it.
    #[must_use]
    pub fn get(&self, part: Part) -> &str {
        let at = part as usize;
        let from = if at == 0 { 0 } else { self.ends[at - 1] };
        self.text
            .get(usize::from(from)..usize::from(self.ends[at]))
            .unwrap_or_default()
    }
}

/// The trace id. In a `traceparent` (version, trace, span, flags) it is the second field.
fn trace_id(trace: &[u8]) -> &[u8] {
    let mut parts = trace.split(|b| *b == b'-');
    match [parts.next(), parts.next(), parts.next(), parts.next()] {
        [Some(_), Some(id), Some(_), Some(_)] if id.len() == 32 => id,
        _ => trace,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_bounded_text() {
        let long = [0xff; 10_000];
        let mut note = Note::new([b"a.B", b"say", b"", "g\u{fc}".as_bytes(), &long, b"t"]);
        note.set_error(&"\u{fc}".repeat(10_000));
        let parts = [
            Part::Service,
            Part::Method,
            Part::Version,
            Part::Group,
            Part::Trace,
        ];
        assert_eq!(parts.map(|p| note.get(p)), ["a.B", "say", "", "g\u{fc}", "t"]);
        assert_eq!(note.get(Part::Application).chars().count(), PART_MAX);
        assert_eq!(note.get(Part::Error).len(), ERROR_MAX);
        let parent = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace_id(parent), b"4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(trace_id(b"0a00000117-1-2-3"), b"0a00000117-1-2-3");
        note.set_error("why");
        assert_eq!(note.get(Part::Error), "why");
        assert_eq!(Note::default().get(Part::Error), "");
        (0..100).for_each(|_| note.failed_at(EndpointId(3)));
        assert_eq!(note.failed().len(), FAILED_MAX);
        assert_eq!(note.upstream_us(9), None);
        note.sent_at(4);
        assert_eq!(note.upstream_us(9), Some(5));
    }
}
