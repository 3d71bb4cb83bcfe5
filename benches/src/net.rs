//! Sockets and readiness for all parts of the benchmark: edge-triggered epoll, non-blocking TCP on loopback.

use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

/// The size of a read buffer in bytes.
pub const READ_BUFFER: usize = 64 << 10;
const BACKLOG: i32 = 4096;
const EVENTS_PER_WAIT: usize = 256;

/// Listens on `address` without blocking; `share` lets several threads listen on one port.
pub fn listen_on(address: SocketAddr, share: bool) -> io::Result<TcpListener> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_socket_reuseport(&socket, share)?;
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

/// Connects, then makes the socket non-blocking and unbatched.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    prepare(&stream)?;
    Ok(stream)
}

/// Accepts the next waiting connection and prepares it; `None` if there is none. A connection that was closed
/// meanwhile is skipped.
pub fn accept(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    loop {
        match listener.accept() {
            Ok((stream, _)) => return prepare(&stream).map(|()| Some(stream)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Makes a socket non-blocking, without Nagle's algorithm.
pub fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)
}

/// A loopback address with an unused port, for programs that cannot report the port they chose.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}

/// One readiness report.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// The token given to [`Poller::add`].
    pub token: u64,
    /// Bytes, an end of stream, or an error can be read.
    pub readable: bool,
    /// The send buffer has room.
    pub writable: bool,
    /// The peer has finished sending. No further report will come, so read up to the end of the stream now.
    pub ended: bool,
}

impl From<&epoll::Event> for Ready {
    #[inline]
    fn from(event: &epoll::Event) -> Self {
        let (flags, data) = (event.flags, event.data);
        let broken = flags.intersects(epoll::EventFlags::ERR | epoll::EventFlags::HUP);
        let ended = broken || flags.contains(epoll::EventFlags::RDHUP);
        Self {
            token: data.u64(),
            readable: ended || flags.contains(epoll::EventFlags::IN),
            writable: broken || flags.contains(epoll::EventFlags::OUT),
            ended,
        }
    }
}

/// An edge-triggered epoll instance.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
    ready: Vec<Ready>,
}

impl Poller {
    /// A new instance that watches nothing.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self {
            epoll,
            ready: Vec::with_capacity(EVENTS_PER_WAIT),
        })
    }

    /// Watches `source` for both directions, under `token`, until it is closed.
    pub fn add(&self, source: impl AsFd, token: u64) -> io::Result<()> {
        let flags =
            epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        Ok(epoll::add(
            &self.epoll,
            source,
            epoll::EventData::new_u64(token),
            flags,
        )?)
    }

    /// Waits for readiness, at most `timeout` (nanosecond resolution); a signal counts as nothing ready.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.ready.clear();
        let timeout = timeout.map(timespec);
        let mut events = [const { MaybeUninit::uninit() }; EVENTS_PER_WAIT];
        if let Some((events, _)) = ignore_signal(epoll::wait(&self.epoll, &mut events, timeout.as_ref()))? {
            self.ready.extend(events.iter().map(Ready::from));
        }
        Ok(())
    }

    /// The number of reports of the last wait.
    pub fn len(&self) -> usize {
        self.ready.len()
    }

    /// Whether the last wait reported nothing.
    pub fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// The report at `index`.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Ready> {
        self.ready.get(index).copied()
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: duration.as_secs() as i64,
        tv_nsec: duration.subsec_nanos().into(),
    }
}

fn ignore_signal<T>(outcome: rustix::io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(rustix::io::Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Bytes waiting to be sent.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
}

impl Outbox {
    /// The buffer to which bytes are appended.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The number of bytes not sent yet.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Whether everything was sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends as much as the socket accepts.
    pub fn flush(&mut self, mut stream: &TcpStream) -> io::Result<()> {
        while self.sent < self.bytes.len() {
            match stream.write(&self.bytes[self.sent..]) {
                Ok(sent) => self.sent += sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.bytes.clear();
        self.sent = 0;
        Ok(())
    }
}

/// The result of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadOutcome {
    /// This many bytes arrived, and the socket may contain more.
    More(usize),
    /// This many bytes arrived, and the socket is drained.
    Drained(usize),
    /// The peer closed.
    Closed,
}

/// Reads once into `buffer`. A short read means that the socket is drained, unless the stream has `ended`.
pub fn read(mut stream: &TcpStream, buffer: &mut [u8], ended: bool) -> io::Result<ReadOutcome> {
    loop {
        return match stream.read(buffer) {
            Ok(0) => Ok(ReadOutcome::Closed),
            Ok(len) if ended || len == buffer.len() => Ok(ReadOutcome::More(len)),
            Ok(len) => Ok(ReadOutcome::Drained(len)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(ReadOutcome::Drained(0)),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
    }
}

/// The incomplete frame that ended the last read of a connection.
#[derive(Debug, Default)]
pub struct Leftover(Vec<u8>);

impl Leftover {
    /// Reads everything available through the shared `buffer`, and passes it to `consume`, which returns how
    /// many bytes it used. `ended` is [`Ready::ended`]. Returns `false` once the peer closed.
    pub fn read_from<E: From<io::Error>>(
        &mut self,
        stream: &TcpStream,
        ended: bool,
        buffer: &mut Vec<u8>,
        mut consume: impl FnMut(&[u8]) -> Result<usize, E>,
    ) -> Result<bool, E> {
        loop {
            let held = self.0.len();
            if buffer.len() < held + READ_BUFFER {
                buffer.resize(held + READ_BUFFER, 0);
            }
            buffer[..held].copy_from_slice(&self.0);
            let (len, more) = match read(stream, &mut buffer[held..], ended)? {
                ReadOutcome::Closed => return Ok(false),
                ReadOutcome::More(len) => (len, true),
                ReadOutcome::Drained(len) => (len, false),
            };
            if len > 0 {
                let bytes = &buffer[..held + len];
                let done = consume(bytes)?;
                self.0.clear();
                self.0.extend_from_slice(&bytes[done..]);
            }
            if !more {
                return Ok(true);
            }
        }
    }
}

/// Values with tokens that are never reused, so a stale event finds nothing.
#[derive(Debug)]
pub struct Slots<T> {
    entries: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slots<T> {
    /// Stores `value` and returns its token.
    pub fn insert(&mut self, value: T) -> u64 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.entries.push((0, None));
            (self.entries.len() - 1) as u32
        });
        let entry = &mut self.entries[index as usize];
        entry.1 = Some(value);
        u64::from(entry.0) << 32 | u64::from(index)
    }

    /// The value of `token`, if it is still there.
    #[inline]
    pub fn get_mut(&mut self, token: u64) -> Option<&mut T> {
        let (generation, value) = self.entries.get_mut(token as u32 as usize)?;
        if u64::from(*generation) == token >> 32 {
            value.as_mut()
        } else {
            None
        }
    }

    /// Removes and returns the value of `token`.
    pub fn remove(&mut self, token: u64) -> Option<T> {
        self.get_mut(token)?;
        let (generation, value) = &mut self.entries[token as u32 as usize];
        *generation = generation.wrapping_add(1);
        self.free.push(token as u32);
        value.take()
    }
}
