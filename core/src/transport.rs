//! The interface to sockets: a byte transport, and the reactor that watches transports.
use crate::slots::ConnKey;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// A non-blocking stream of bytes.
pub trait Transport {
    /// Reads like [`io::Read::read`].
    ///
    /// # Errors
    /// As there; `WouldBlock` if there are no bytes at the moment.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes like [`io::Write::write`].
    ///
    /// # Errors
    /// As there; `WouldBlock` if no bytes are taken at the moment.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize>;

    /// Says that no more bytes will be written. Bytes can still be read.
    fn shutdown(&mut self);

    /// Checks a dialed connection once, when it becomes writable.
    ///
    /// # Errors
    /// The reason why the connection could not be established.
    fn connected(&mut self) -> io::Result<()>;
}

/// Creates and watches transports: epoll in production, a scripted network in simulations.
pub trait Reactor {
    /// The transport that it watches.
    type Transport: Transport;

    /// Begins to connect. The connection is reported as writable when it is established or has failed.
    ///
    /// # Errors
    /// The attempt failed at once.
    fn dial(&mut self, to: &Address, key: ConnKey) -> io::Result<Self::Transport>;

    /// Watches an accepted transport, and reports when it becomes readable.
    ///
    /// # Errors
    /// The transport cannot be watched.
    fn watch(&mut self, transport: &mut Self::Transport, key: ConnKey) -> io::Result<()>;

    /// Starts or stops reporting when the transport becomes writable. It is used only while a connection is
    /// blocked.
    fn want_write(&mut self, transport: &mut Self::Transport, key: ConnKey, on: bool);

    /// Closes the transport.
    fn forget(&mut self, transport: &mut Self::Transport);
}

/// The address that a listener listens on or an endpoint is reached at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A TCP address.
    Tcp(SocketAddr),
    /// The path of a Unix stream socket.
    Unix(Arc<Path>),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(a) => a.fmt(f),
            Address::Unix(p) => write!(f, "unix:{}", p.display()),
        }
    }
}

/// Whether a dial failed because this process or machine has no room for another connection. No other endpoint
/// could be dialed at the moment either.
#[must_use]
pub fn is_process_wide(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    errno.is_some_and(|errno| {
        [
            Errno::MFILE,
            Errno::NFILE,
            Errno::NOBUFS,
            Errno::NOMEM,
            Errno::ADDRNOTAVAIL,
        ]
        .contains(&errno)
    })
}
