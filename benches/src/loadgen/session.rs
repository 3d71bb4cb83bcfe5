//! One connection of the generator and its calls in flight.

use std::io;
use std::net::{SocketAddr, TcpStream};

use crate::net::{Leftover, Outbox, connect};
use crate::process::now_ns;
use crate::wire::{RequestTemplate, WireError};

/// The first id, so that an id of 0 or 1, a likely mistake, belongs to no call.
const FIRST_ID: u64 = 0x1000;

#[derive(Debug)]
pub(super) struct Session {
    stream: TcpStream,
    leftover: Leftover,
    state: Calls,
}

/// The calls of one connection, separate from its socket so that responses can issue the next ones.
#[derive(Debug)]
pub(super) struct Calls {
    out: Outbox,
    slots: Vec<Slot>,
    free: Vec<u32>,
}

/// A call in flight; the slot is free while the nonce is 0.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    nonce: u64,
    due_ns: u64,
}

/// What a received frame is.
#[derive(Debug)]
pub(super) enum Received {
    /// The right response, this long after the call was due.
    Good { latency_ns: u64 },
    /// A response to a call in flight that is an error or wrong.
    Bad(WireError),
    /// A frame that belongs to no call in flight.
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

    /// Reads what arrived and reports each response with the time of its arrival. Returns `false` once the
    /// peer closed.
    pub(super) fn receive(
        &mut self,
        ended: bool,
        buffer: &mut Vec<u8>,
        template: &RequestTemplate,
        mut on_response: impl FnMut(&mut Calls, u64, Received),
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
                on_response(state, now, answer);
                done += frame.len;
            }
            Ok(done)
        })
    }
}

impl Calls {
    /// Queues one call. Returns `false` if as many as allowed are in flight.
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
    fn settle(&mut self, template: &RequestTemplate, id: u64, frame: &[u8], now: u64) -> Received {
        let index = id.wrapping_sub(FIRST_ID) as usize;
        let slot = match self.slots.get_mut(index) {
            Some(slot) if slot.nonce != 0 => std::mem::take(slot),
            _ => return Received::Stray(id),
        };
        self.free.push(index as u32);
        match template.check(frame, slot.nonce) {
            Ok(()) => Received::Good {
                latency_ns: now.saturating_sub(slot.due_ns),
            },
            Err(error) => Received::Bad(error),
        }
    }
}
