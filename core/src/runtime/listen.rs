//! Listening sockets, TCP and Unix.
use crate::transport::Address;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Duration;

/// The number of connections that the kernel queues until they are accepted.
const BACKLOG: i32 = 4096;

/// A socket that listens.
pub enum Bound {
    /// A TCP socket.
    Tcp(std::net::TcpListener),
    /// A Unix stream socket.
    Unix(std::os::unix::net::UnixListener),
}

impl Bound {
    /// Duplicates the descriptor. The socket listens until both are closed.
    ///
    /// # Errors
    /// The process has no free descriptor.
    pub fn try_clone(&self) -> io::Result<Bound> {
        Ok(match self {
            Bound::Tcp(l) => Bound::Tcp(l.try_clone()?),
            Bound::Unix(l) => Bound::Unix(l.try_clone()?),
        })
    }

    /// The address that it listens on, with the actual port if 0 was asked for.
    ///
    /// # Errors
    /// The system does not return the address.
    pub fn address(&self) -> io::Result<Address> {
        Ok(match self {
            Bound::Tcp(l) => Address::Tcp(l.local_addr()?),
            Bound::Unix(l) => Address::Unix(l.local_addr()?.as_pathname().unwrap_or(Path::new("")).into()),
        })
    }
}

/// Listens on an address.
///
/// # Errors
/// The address is in use, not an address of this machine, or not permitted.
pub fn bind(address: &Address) -> io::Result<Bound> {
    match address {
        Address::Tcp(addr) => bind_tcp(*addr),
        Address::Unix(path) => bind_unix(path),
    }
}

fn bind_tcp(addr: SocketAddr) -> io::Result<Bound> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(Bound::Tcp(socket.into()))
}

/// Listens on a socket file. A file without a listening process is replaced; one with a listening process is an
/// error, like a port in use.
fn bind_unix(path: &Path) -> io::Result<Bound> {
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    if let Err(e) = socket.bind(&address) {
        let is_socket = || std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
        if e.kind() != io::ErrorKind::AddrInUse || !is_socket() || !is_abandoned(&address)? {
            return Err(e);
        }
        std::fs::remove_file(path)?;
        socket.bind(&address)?;
    }
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(Bound::Unix(socket.into()))
}

/// Whether no process listens on the socket file. A process too busy to accept the probe still listens.
fn is_abandoned(address: &SockAddr) -> io::Result<bool> {
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    let refused = probe.connect_timeout(address, Duration::from_secs(1));
    Ok(refused.is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_socket_file_is_replaced_and_a_live_one_is_not() {
        let path = std::env::temp_dir().join(format!("rialto-listen-{}", std::process::id()));
        let address = Address::Unix(path.as_path().into());
        let first = bind(&address).unwrap();
        assert!(bind(&address).is_err(), "somebody listens");
        drop(first);
        assert!(bind(&address).is_ok(), "nobody does any more");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let path = std::env::temp_dir().join(format!("rialto-no-socket-{}", std::process::id()));
        std::fs::write(&path, "precious").unwrap();
        assert!(bind(&Address::Unix(path.as_path().into())).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        std::fs::remove_file(path).unwrap();
    }
}
