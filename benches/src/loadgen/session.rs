//! One connection of the generator and its calls in flight.

use std::io;
use std::net::{SocketAddr, TcpStream};

use crate::net::{Leftover, Outbox, connect};
use crate::process::now_ns;
use crate::wire::{RequestTemplate, WireError};

/// Ids begin here, so that an id of 0 or 1, easily made by mistake, is no call's.
const FIRST_ID: u64 = 0x1000;

#[derive(Debug)]
pub(super) struct Session {
    stream: TcpStream,
    leftover: Leftover,
    state: Calls,
}

/// The calls of one connection, apart from its socket so that answers can issue the next ones.
#[derive(Debug)]
pub(super) struct Calls {
    out: Outbox,
    slots: Vec<Slot>,
    free: Vec<u32>,
}

/// A call in flight; free while the nonce is 0.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    nonce: u64,
    due_ns: u64,
}

/// What an arrived frame turned out to be.
#[derive(Debug)]
pub(super) enum Answer {
    /// The right answer, this long after the call was due.
    Good { latency_ns: u64 },
    /// An answer to a call in flight that is a failure or wrong.
    Bad(WireError),
    /// A frame that answers no call in flight.
    Stray(u64),
}

impl Session {
    pub(super) fn connect(target: SocketAddr, max_in_flight: usize) -> io::Result<Self> {
        let state = Calls {
            out: Outbox::default(),
            slots: vec![Slot::default(); max_in_flight],
            free: (0..max_in_flight as u32).rev().collect(),
        };
        Ok(Self {
            stream: connect(target)?,
            leftover: Leftover::default(),
            state,
        })
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.state.out.flush(&self.stream)
    }

    pub(super) fn issue(&mut self, template: &RequestTemplate, nonce: u64, due_ns: u64) -> bool {
        self.state.issue(template, nonce, due_ns)
    }

    /// Reads what arrived and tells each answer with the time of its arrival; false once the peer closed.
    pub(super) fn receive(
        &mut self,
        ended: bool,
        buffer: &mut Vec<u8>,
        template: &RequestTemplate,
        mut on_answer: impl FnMut(&mut Calls, u64, Answer),
    ) -> anyhow::Result<bool> {
        let Self {
            stream,
            leftover,
            state,
        } = self;
        leftover.read_from(stream, ended, buffer, |bytes| {
            let now = now_ns();
            let mut done = 0;
            while let Some(frame) = template.protocol().frame(&bytes[done..])? {
                let answer = state.settle(template, frame.id, &bytes[done..done + frame.len], now);
                on_answer(state, now, answer);
                done += frame.len;
            }
            Ok(done)
        })
    }
}

impl Calls {
    /// Queues one call; false if as many as allowed are in flight.
    #[inline]
    pub(super) fn issue(&mut self, template: &RequestTemplate, nonce: u64, due_ns: u64) -> bool {
        let Some(index) = self.free.pop() else {
            return false;
        };
        self.slots[index as usize] = Slot { nonce, due_ns };
        template.append(FIRST_ID + u64::from(index), nonce, self.out.buffer());
        true
    }

    #[inline]
    fn settle(&mut self, template: &RequestTemplate, id: u64, frame: &[u8], now: u64) -> Answer {
        let index = id.wrapping_sub(FIRST_ID) as usize;
        let slot = match self.slots.get_mut(index) {
            Some(slot) if slot.nonce != 0 => std::mem::take(slot),
            _ => return Answer::Stray(id),
        };
        self.free.push(index as u32);
        match template.check(frame, slot.nonce) {
            Ok(()) => Answer::Good {
                latency_ns: now.saturating_sub(slot.due_ns),
            },
            Err(error) => Answer::Bad(error),
        }
    }
}
