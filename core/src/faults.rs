//! Says in the log what peers did wrong, once per second and kind at most.
use std::fmt::{self, Write};

/// What is complained about; each has its own allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FaultKind {
    /// A connection was closed because of what it sent.
    Protocol,
    /// A call was refused before it was routed.
    Refused,
    /// A frame was skipped.
    Unexpected,
    /// An answer for which nobody waits any more.
    LateAnswer,
    /// A provider could not be reached.
    Connect,
    /// A connection was closed by a limit of time or memory.
    Limit,
}

/// Counters of faults, and the log's allowance.
#[derive(Default)]
pub struct Faults {
    kinds: [Kind; FaultKind::ALL.len()],
}

#[derive(Default, Clone, Copy)]
struct Kind {
    total: u64,
    silent: u64,
    next_log_ms: u64,
}

impl FaultKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [FaultKind; 6] = [
        FaultKind::Protocol,
        FaultKind::Refused,
        FaultKind::Unexpected,
        FaultKind::LateAnswer,
        FaultKind::Connect,
        FaultKind::Limit,
    ];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            FaultKind::Protocol => "protocol",
            FaultKind::Refused => "refused",
            FaultKind::Unexpected => "unexpected_frame",
            FaultKind::LateAnswer => "late_answer",
            FaultKind::Connect => "connect",
            FaultKind::Limit => "limit",
        }
    }
}

impl Faults {
    /// Counts a fault, and logs it unless one of its kind was logged within the last second.
    pub fn report(&mut self, kind: FaultKind, now_ms: u64, text: fmt::Arguments<'_>) {
        let k = &mut self.kinds[kind as usize];
        k.total += 1;
        if now_ms < k.next_log_ms {
            k.silent += 1;
            return;
        }
        k.next_log_ms = now_ms + 1000;
        let silent = std::mem::take(&mut k.silent);
        let mut line = Line(String::new());
        let _ = line.write_fmt(text); // ends early at the longest line
        tracing::warn!(target: "rialto::faults", kind = kind.name(), unlogged = silent, "{}", line.0);
    }

    /// How many there were of each kind, in the order of [`FaultKind::ALL`].
    #[must_use]
    pub fn totals(&self) -> [u64; FaultKind::ALL.len()] {
        self.kinds.map(|k| k.total)
    }
}

/// What peers sent may be in it: no line breaks, no escape sequences, no megabytes.
struct Line(String);

const LINE_MAX: usize = 1000;

impl Write for Line {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        for c in s.chars() {
            if self.0.len() >= LINE_MAX {
                return Err(fmt::Error);
            }
            match c.is_control() {
                true => self.0.extend(c.escape_default()),
                false => self.0.push(c),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_cannot_forge_or_flood_the_log() {
        let mut line = Line(String::new());
        let _ = line.write_fmt(format_args!("no service {}", "x\n2026-01-01 all is well\x1b[2J"));
        assert_eq!(line.0, "no service x\\n2026-01-01 all is well\\u{1b}[2J");
        let _ = line.write_fmt(format_args!("{}", "y".repeat(1 << 20)));
        assert_eq!(line.0.len(), LINE_MAX);
    }

    #[test]
    fn every_fault_counts_though_few_are_logged() {
        let mut faults = Faults::default();
        for ms in 0..10 {
            faults.report(FaultKind::Refused, ms, format_args!("bad call"));
        }
        assert_eq!(faults.totals()[FaultKind::Refused as usize], 10);
        assert_eq!(faults.kinds[FaultKind::Refused as usize].silent, 9);
    }
}
