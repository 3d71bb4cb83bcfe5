//! The way to the outside: a byte transport, and the reactor that watches transports.
use crate::slots::ConnKey;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// Non-blocking bytes in and out.
pub trait Transport {
    /// As [`io::Read::read`].
    ///
    /// # Errors
    /// As there; `WouldBlock` when nothing is there now.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize>;

    /// As [`io::Write::write`].
    ///
    /// # Errors
    /// As there; `WouldBlock` when nothing is taken now.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize>;

    /// Whether the connection that was dialed stands; asked once, when it becomes writable.
    ///
    /// # Errors
    /// Why it could not be made.
    fn connected(&mut self) -> io::Result<()>;
}

/// Epoll in production, a scripted network in simulations.
pub trait Reactor {
    /// What it watches.
    type Transport: Transport;

    /// Begins to connect; the connection is reported writable when it stands or failed.
    ///
    /// # Errors
    /// The attempt failed at once.
    fn dial(&mut self, to: &Address, key: ConnKey) -> io::Result<Self::Transport>;

    /// Reports readability of an accepted transport from now on.
    ///
    /// # Errors
    /// It cannot be watched.
    fn watch(&mut self, transport: &mut Self::Transport, key: ConnKey) -> io::Result<()>;

    /// Writability is asked for only while a connection is blocked.
    fn want_write(&mut self, transport: &mut Self::Transport, key: ConnKey, on: bool);

    /// Closes for good.
    fn forget(&mut self, transport: &mut Self::Transport);
}

/// Where a listener listens or an endpoint is reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix stream socket.
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

/// Whether a dial failed because this process or machine has no room for another connection, and not because of the
/// peer: no other peer could be reached at the moment either.
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
