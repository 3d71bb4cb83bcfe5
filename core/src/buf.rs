//! The memory that bytes can be in: the worker's read buffer, a connection's tail, its out-buffer.
use std::cell::RefCell;

/// Bytes read at once. An upstream's answers to many callers come in one piece: where a read ends, the run of answers
/// for a caller is cut, and takes another write. At 8x32, 256 KB take 10 % less CPU time a call than 64 KB
/// (docs/performance.md).
pub const READ: usize = 256 << 10;
/// Tails up to this size are copied in front of the next read; larger frames are assembled in the tail itself.
pub const HEADROOM: usize = 64 << 10;
/// An out-buffer that has been written down to nothing keeps no more memory than this.
const KEEP: usize = 256 << 10;

/// Memory that connections at rest gave back is kept for those that write next, so much of it and in pieces up to
/// this size: else every turn would take it from the allocator and grow into it anew.
const SPARES: usize = 16;
const SPARE_MAX: usize = 64 << 10;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// One per worker. Bytes are read at [`HEADROOM`]; the connection's tail is put right before them.
#[derive(Default)]
pub struct ReadBuf {
    pub(crate) bytes: Box<[u8]>,
}

/// Unsent bytes of a connection. Positions count every byte ever appended, so a call can tell later whether
/// it left this process.
#[derive(Default)]
pub struct OutBuf {
    bytes: Vec<u8>,
    sent: usize,
    base: u64,
}

/// Where a message lies in the life-long byte stream of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Position of its first byte.
    pub at: u64,
    /// Its length.
    pub len: u32,
}

impl ReadBuf {
    /// The buffer of one worker.
    #[must_use]
    pub fn new() -> Self {
        ReadBuf {
            bytes: vec![0; HEADROOM + READ].into_boxed_slice(),
        }
    }
}

impl OutBuf {
    /// Bytes not yet given to the transport.
    #[inline(always)]
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Whether everything was given to the transport.
    #[inline(always)]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends bytes.
    #[inline(always)]
    pub fn put(&mut self, bytes: &[u8]) {
        self.tail_mut().extend_from_slice(bytes);
    }

    /// Appends bytes and returns the copy, for patching.
    #[inline(always)]
    pub fn put_mut(&mut self, bytes: &[u8]) -> &mut [u8] {
        let at = self.bytes.len();
        self.put(bytes);
        &mut self.bytes[at..]
    }

    /// The plain vector, to encode into. Only appending is allowed.
    #[inline(always)]
    pub fn tail_mut(&mut self) -> &mut Vec<u8> {
        if self.bytes.capacity() == 0 {
            self.take_spare();
        }
        &mut self.bytes
    }

    #[inline(never)]
    fn take_spare(&mut self) {
        self.bytes = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
    }

    /// Takes back what was appended from `position` on.
    pub fn truncate_to(&mut self, position: u64) {
        let at = position.saturating_sub(self.base) as usize;
        debug_assert!(at >= self.sent);
        self.bytes.truncate(at.max(self.sent));
    }

    /// The position of the next byte to be appended.
    #[inline(always)]
    #[must_use]
    pub fn position(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// What waits for the transport.
    #[must_use]
    pub fn unsent(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// The transport took `n` bytes.
    pub fn advance(&mut self, n: usize) {
        self.sent += n;
        if self.sent == self.bytes.len() {
            self.base += self.sent as u64;
            self.sent = 0;
            self.bytes.clear();
            if self.bytes.capacity() > KEEP {
                self.bytes = Vec::new();
            }
        } else if self.sent > KEEP {
            self.base += self.sent as u64;
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// `n` bytes went to the transport without passing through here; only while nothing is unsent.
    pub fn passed(&mut self, n: usize) {
        debug_assert!(self.bytes.is_empty());
        self.base += n as u64;
    }

    /// Bytes appended earlier, to be filled in; nothing of them may have been sent.
    pub fn range_mut(&mut self, at: u64, len: usize) -> &mut [u8] {
        let at = (at - self.base) as usize;
        debug_assert!(at >= self.sent);
        &mut self.bytes[at..at + len]
    }

    /// The message at `mark`, if not one byte of it was handed to the transport: then it may go elsewhere.
    #[must_use]
    pub fn unsent_at(&self, mark: Mark) -> Option<&[u8]> {
        let at = usize::try_from(mark.at.checked_sub(self.base)?).ok()?;
        if at < self.sent {
            return None;
        }
        self.bytes.get(at..at + mark.len as usize)
    }

    /// Gives back the memory of a connection at rest.
    pub fn trim(&mut self) {
        if !self.bytes.is_empty() || self.bytes.capacity() == 0 {
            return;
        }
        let bytes = std::mem::take(&mut self.bytes);
        SPARE.with_borrow_mut(|spare| {
            if spare.len() < SPARES && bytes.capacity() <= SPARE_MAX {
                spare.push(bytes);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_unsent_until_its_first_byte_went() {
        let mut out = OutBuf::default();
        out.put(b"first");
        let mark = Mark {
            at: out.position(),
            len: 6,
        };
        out.put(b"second");
        assert_eq!(out.unsent_at(mark), Some(&b"second"[..]));
        out.advance(5);
        assert_eq!(out.unsent_at(mark), Some(&b"second"[..]));
        out.advance(1);
        assert_eq!(out.unsent_at(mark), None);
        out.advance(5);
        assert_eq!(out.unsent_at(mark), None);
        out.passed(7);
        assert_eq!(out.position(), 18);
    }

    #[test]
    fn memory_of_a_connection_at_rest_goes_to_the_next_that_writes() {
        let used = |len: usize| {
            let mut out = OutBuf::default();
            out.put(&vec![b'x'; len]);
            out.advance(len);
            out.trim();
            assert_eq!(out.bytes.capacity(), 0);
        };
        used(SPARE_MAX + 1);
        assert_eq!(SPARE.with_borrow(Vec::len), 0, "too large to be kept");
        used(1000);
        let mut next = OutBuf::default();
        next.put(b"y");
        assert_eq!((next.bytes.capacity(), next.unsent()), (1000, &b"y"[..]));
        let many: Vec<_> = (0..SPARES + 5)
            .map(|_| {
                let mut out = OutBuf::default();
                out.put(b"z");
                out.advance(1);
                out
            })
            .collect();
        many.into_iter().for_each(|mut out| out.trim());
        assert_eq!(SPARE.with_borrow(Vec::len), SPARES);
    }
}
