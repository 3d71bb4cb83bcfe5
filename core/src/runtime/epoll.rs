//! Sockets under epoll, through `mio`.
use crate::slots::ConnKey;
use crate::transport::{Address, Reactor, Transport};
use mio::event::Source;
use mio::{Interest, Registry, Token};
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

/// The epoll instance of one worker.
pub struct Epoll {
    registry: Registry,
}

/// A stream that is connected or connecting.
pub enum Socket {
    /// A TCP stream.
    Tcp(mio::net::TcpStream),
    /// A Unix stream socket.
    Unix(mio::net::UnixStream),
}

impl Epoll {
    /// Creates a reactor that registers sockets with the worker's instance.
    pub(super) fn new(registry: Registry) -> Self {
        Epoll { registry }
    }
}

impl Socket {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            Socket::Tcp(s) => s,
            Socket::Unix(s) => s,
        }
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Socket::Tcp(s) => s.as_raw_fd(),
            Socket::Unix(s) => s.as_raw_fd(),
        }
    }
}

impl Transport for Socket {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(s) => s.read(buf),
            Socket::Unix(s) => s.read(buf),
        }
    }

    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(s) => s.write(buf),
            Socket::Unix(s) => s.write(buf),
        }
    }

    fn shutdown(&mut self) {
        // fails only if the peer is gone, which the next read shows
        let _ = match self {
            Socket::Tcp(s) => s.shutdown(Shutdown::Write),
            Socket::Unix(s) => s.shutdown(Shutdown::Write),
        };
    }

    fn connected(&mut self) -> io::Result<()> {
        let error = match self {
            Socket::Tcp(s) => s.take_error()?,
            Socket::Unix(s) => s.take_error()?,
        };
        match error {
            Some(e) => Err(e),
            None => Ok(()),
        }
    }
}

/// Makes the system detect dead TCP peers: after about 2 minutes without traffic, and after 20 s in which sent
/// bytes are not acknowledged.
pub(super) fn keep_alive(options: &SockRef<'_>) {
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(20));
    // a connection that has already closed shows it at the first read
    let _ = options.set_tcp_keepalive(&keepalive);
    let _ = options.set_tcp_user_timeout(Some(Duration::from_secs(20)));
}

fn token(key: ConnKey) -> Token {
    Token(key.bits() as usize)
}

impl Reactor for Epoll {
    type Transport = Socket;

    fn dial(&mut self, to: &Address, key: ConnKey) -> io::Result<Socket> {
        let mut socket = match to {
            Address::Tcp(addr) => {
                let stream = mio::net::TcpStream::connect(*addr)?;
                stream.set_nodelay(true)?;
                keep_alive(&SockRef::from(&stream));
                Socket::Tcp(stream)
            }
            Address::Unix(path) => Socket::Unix(mio::net::UnixStream::connect(path)?),
        };
        socket.source().register(
            &self.registry,
            token(key),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        Ok(socket)
    }

    fn watch(&mut self, socket: &mut Socket, key: ConnKey) -> io::Result<()> {
        socket
            .source()
            .register(&self.registry, token(key), Interest::READABLE)
    }

    fn want_write(&mut self, socket: &mut Socket, key: ConnKey, on: bool) {
        let interest = if on {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        // fails only for a socket that is not registered any more
        let _ = socket.source().reregister(&self.registry, token(key), interest);
    }

    fn forget(&mut self, socket: &mut Socket) {
        // the descriptor itself is closed when the connection's entry is removed at the end of the turn
        let _ = socket.source().deregister(&self.registry);
        let _ = match socket {
            Socket::Tcp(s) => s.shutdown(Shutdown::Both),
            Socket::Unix(s) => s.shutdown(Shutdown::Both),
        };
    }
}
