//! In-memory connections for a worker, in place of sockets and epoll. They accept every write, and lose,
//! delay and split nothing.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use rialto_core::slots::ConnKey;
use rialto_core::transport::{Address, Reactor, Transport};
use rialto_core::worker::Ready;

/// One connection, shared by its two ends.
#[derive(Clone, Default)]
pub(crate) struct Link(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    /// Bytes for the worker; those before `read` were read.
    to_worker: Vec<u8>,
    read: usize,
    to_peer: Vec<u8>,
    /// The connection's key in the worker, once the link is watched.
    key: Option<ConnKey>,
    /// Whether there are bytes that the worker was not notified of.
    unnotified: bool,
    /// Whether the link was dialed and the worker was not notified that it is connected.
    dialed: bool,
    closed: bool,
}

/// The links that the worker dialed, until the other end takes them.
#[derive(Clone, Default)]
pub(crate) struct Dials(Rc<RefCell<Vec<Link>>>);

impl Link {
    /// Lets the peer use the link: read what arrived, and append what it sends.
    pub(crate) fn converse<T>(&self, peer: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>) -> T) -> T {
        let state = &mut *self.0.borrow_mut();
        if state.read == state.to_worker.len() {
            state.to_worker.clear();
            state.read = 0;
        }
        let before = state.to_worker.len();
        let result = peer(&mut state.to_peer, &mut state.to_worker);
        state.unnotified |= state.to_worker.len() > before;
        result
    }

    /// The readiness that the worker must be notified of, once.
    pub(crate) fn ready(&self) -> Option<Ready> {
        let state = &mut *self.0.borrow_mut();
        let (readable, writable) = (
            std::mem::take(&mut state.unnotified),
            std::mem::take(&mut state.dialed),
        );
        let conn = state.key.filter(|_| readable || writable)?;
        Some(Ready {
            conn,
            readable,
            writable,
            closed: false,
        })
    }

    /// Whether the worker closed the link.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.borrow().closed
    }
}

impl Dials {
    /// The links dialed since the last call.
    pub(crate) fn take(&self) -> Vec<Link> {
        std::mem::take(&mut self.0.borrow_mut())
    }
}

/// `read` and `write` are separate functions, so that they can be excluded from the count by their names.
impl Transport for Link {
    #[inline(never)]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let state = &mut *self.0.borrow_mut();
        let waiting = &state.to_worker[state.read..];
        if waiting.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = waiting.len().min(buf.len());
        buf[..n].copy_from_slice(&waiting[..n]);
        state.read += n;
        Ok(n)
    }

    #[inline(never)]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().to_peer.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn shutdown(&mut self) {}

    fn connected(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Reactor for Dials {
    type Transport = Link;

    fn dial(&mut self, _: &Address, key: ConnKey) -> io::Result<Link> {
        let link = Link::default();
        {
            let state = &mut *link.0.borrow_mut();
            (state.key, state.dialed) = (Some(key), true);
        }
        self.0.borrow_mut().push(link.clone());
        Ok(link)
    }

    fn watch(&mut self, link: &mut Link, key: ConnKey) -> io::Result<()> {
        link.0.borrow_mut().key = Some(key);
        Ok(())
    }

    /// A link always accepts everything.
    fn want_write(&mut self, _: &mut Link, _: ConnKey, _: bool) {}

    fn forget(&mut self, link: &mut Link) {
        link.0.borrow_mut().closed = true;
    }
}
