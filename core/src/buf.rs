//! The memory that bytes are kept in: the worker's read buffer and each connection's out-buffer.
use std::cell::RefCell;

/// The size of one read in bytes. An upstream's responses to many downstreams arrive together, and the end of a
/// read splits a downstream's run of responses, which costs another write. With 8 upstream and 32 downstream
/// connections, 256 KB take 10 % less CPU time per call than 64 KB (docs/performance.md).
pub const READ: usize = 256 << 10;
/// An incomplete message up to this size is copied in front of the next read, in bytes. A longer one is
/// assembled in its own memory.
pub const HEADROOM: usize = 64 << 10;
/// The largest memory that an empty out-buffer keeps, in bytes.
const KEEP: usize = 256 << 10;

/// A per-thread list of free write buffers: at most 16 of at most 64 KB. Without it idle connections would keep
/// their memory, or every turn would allocate it again.
const SPARES: usize = 16;
const SPARE_MAX: usize = 64 << 10;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// The read buffer of one worker. Reads start at [`HEADROOM`], and the connection's incomplete message is
/// copied right before them.
#[derive(Default)]
pub struct ReadBuf {
    pub(crate) bytes: Box<[u8]>,
}

/// The unsent bytes of a connection. Positions count all bytes ever appended, so that it can be found out later
/// whether a call has left this process.
#[derive(Default)]
pub struct OutBuf {
    bytes: Vec<u8>,
    sent: usize,
    base: u64,
}

/// Where a message is on one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The position of its first byte in the connection's stream of bytes.
    pub at: u64,
    /// Its length in bytes.
    pub len: u32,
    /// The number by which the session knows its call; 0 in protocols that have no streams.
    pub stream: u32,
}

impl ReadBuf {
    /// Allocates the buffer of one worker.
    #[must_use]
    pub fn new() -> Self {
        ReadBuf {
            bytes: vec![0; HEADROOM + READ].into_boxed_slice(),
        }
    }
}

impl OutBuf {
    /// The number of bytes that the transport has not taken.
    #[inline(always)]
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Whether the transport has taken all bytes.
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

    /// Appends bytes and returns the copy, so that it can be patched.
    #[inline(always)]
    pub fn put_mut(&mut self, bytes: &[u8]) -> &mut [u8] {
        let at = self.bytes.len();
        self.put(bytes);
        &mut self.bytes[at..]
    }

    /// The vector to encode into. It may only be appended to.
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

    /// Removes the bytes appended from `position` on.
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

    /// The bytes that wait for the transport.
    #[must_use]
    pub fn unsent(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Removes `n` bytes that the transport has taken.
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

    /// Counts `n` bytes that went to the transport without passing through the buffer, which must be empty.
    pub fn passed(&mut self, n: usize) {
        debug_assert!(self.bytes.is_empty());
        self.base += n as u64;
    }

    /// Bytes appended before, to be filled in. None of them may have been sent.
    pub fn range_mut(&mut self, at: u64, len: usize) -> &mut [u8] {
        let at = (at - self.base) as usize;
        debug_assert!(at >= self.sent);
        &mut self.bytes[at..at + len]
    }

    /// The message at `mark`, if the transport has taken none of its bytes, so that it can be sent elsewhere.
    #[must_use]
    pub fn unsent_at(&self, mark: Mark) -> Option<&[u8]> {
        let at = usize::try_from(mark.at.checked_sub(self.base)?).ok()?;
        if at < self.sent {
            return None;
        }
        self.bytes.get(at..at + mark.len as usize)
    }

    /// Frees the memory of an idle connection.
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
    fn a_message_is_unsent_until_its_first_byte_is_sent() {
        let mut out = OutBuf::default();
        out.put(b"first");
        let mark = Mark {
            at: out.position(),
            len: 6,
            stream: 0,
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
    fn the_memory_of_an_idle_connection_is_reused_by_the_next_writer() {
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
