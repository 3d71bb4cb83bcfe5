//! The yardstick: a TCP relay that knows no protocol. It reads, writes, and has one upstream connection for
//! each downstream one. The cost of a proxy is given as a multiple of the relay's cost in the same round.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use crate::flags::Flags;
use crate::net::{Outbox, Poller, READ_BUFFER, ReadOutcome, Ready, Slots, accept, connect, listen_on, read};
use crate::process::announce;

const LISTENER: u64 = u64::MAX;
/// While the other side has this many bytes unsent, a side is not read.
const MAX_UNSENT: usize = 1 << 20;

/// Runs `relay --listen ADDRESS --upstream ADDRESS [--threads N]`; prints the address it got to standard
/// output.
pub fn main(mut flags: Flags) -> anyhow::Result<()> {
    let address: SocketAddr = flags.required("--listen")?;
    let upstream = flags.required("--upstream")?;
    let threads = flags.value("--threads")?.unwrap_or(1);
    flags.finish()?;
    let first = listen_on(address, threads > 1)?;
    let address = first.local_addr()?;
    let mut relays = vec![Relay::new(first, upstream)?];
    for _ in 1..threads {
        relays.push(Relay::new(listen_on(address, true)?, upstream)?);
    }
    announce(address)?;
    let run = |mut relay: Relay| -> io::Result<()> {
        loop {
            relay.turn()?;
        }
    };
    let workers: Vec<_> = relays
        .into_iter()
        .map(|relay| thread::spawn(move || run(relay)))
        .collect();
    for worker in workers {
        worker
            .join()
            .map_err(|_| anyhow::anyhow!("a relay thread panicked"))??;
    }
    Ok(())
}

/// One thread's share of the relay.
#[derive(Debug)]
pub struct Relay {
    listener: TcpListener,
    upstream: SocketAddr,
    poller: Poller,
    sides: Slots<Side>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Side {
    stream: TcpStream,
    peer: u64,
    out: Outbox,
    /// Whether the side was left unread because the other one had too much unsent.
    paused: bool,
}

impl Relay {
    /// Joins each connection that `listener` accepts to a new one to `upstream`.
    pub fn new(listener: TcpListener, upstream: SocketAddr) -> io::Result<Self> {
        let poller = Poller::new()?;
        poller.add(&listener, LISTENER)?;
        Ok(Self {
            listener,
            upstream,
            poller,
            sides: Slots::default(),
            buffer: vec![0; READ_BUFFER],
        })
    }

    /// Waits for events and handles them.
    pub fn turn(&mut self) -> io::Result<()> {
        self.poller.wait(None)?;
        for index in 0..self.poller.len() {
            let Some(ready) = self.poller.get(index) else {
                break;
            };
            if ready.token == LISTENER {
                self.accept()?;
            } else if self.serve(ready).is_err() {
                self.close(ready.token);
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Some(downstream) = accept(&self.listener)? {
            let upstream = connect(self.upstream)?;
            let side = |stream, peer| Side {
                stream,
                peer,
                out: Outbox::default(),
                paused: false,
            };
            let first = self.sides.insert(side(downstream, 0));
            let second = self.sides.insert(side(upstream, first));
            for (token, peer) in [(first, second), (second, first)] {
                if let Some(side) = self.sides.get_mut(token) {
                    side.peer = peer;
                    self.poller.add(&side.stream, token)?;
                }
            }
        }
        Ok(())
    }

    fn serve(&mut self, ready: Ready) -> io::Result<()> {
        let Some(side) = self.sides.get_mut(ready.token) else {
            return Ok(());
        };
        let peer = side.peer;
        if ready.writable && !side.out.is_empty() {
            side.out.flush(&side.stream)?;
            let drained = side.out.len() < MAX_UNSENT;
            if drained && self.sides.get_mut(peer).is_some_and(|peer| peer.paused) {
                self.pump(peer, ready.token, true)?;
            }
        }
        if ready.readable {
            self.pump(ready.token, peer, ready.ended)
        } else {
            Ok(())
        }
    }

    /// Moves bytes from one side to the other until the first is drained or the second is full. With `ended`,
    /// a short read is followed by another one, because what was left while paused may cause no further
    /// report.
    fn pump(&mut self, from: u64, to: u64, ended: bool) -> io::Result<()> {
        loop {
            let full = self
                .sides
                .get_mut(to)
                .is_none_or(|side| side.out.len() >= MAX_UNSENT);
            let Some(source) = self.sides.get_mut(from) else {
                return Ok(());
            };
            source.paused = full;
            if full {
                return Ok(());
            }
            let (len, more) = match read(&source.stream, &mut self.buffer, ended)? {
                ReadOutcome::Closed => return Err(ErrorKind::UnexpectedEof.into()),
                ReadOutcome::More(len) => (len, true),
                ReadOutcome::Drained(len) => (len, false),
            };
            if let Some(sink) = self.sides.get_mut(to)
                && len > 0
            {
                sink.send(&self.buffer[..len])?;
            }
            if !more {
                return Ok(());
            }
        }
    }

    fn close(&mut self, token: u64) {
        if let Some(side) = self.sides.remove(token) {
            self.sides.remove(side.peer);
        }
    }
}

impl Side {
    /// Writes directly from the read buffer and keeps only what the socket refuses.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut sent = 0;
        if self.out.is_empty() {
            sent = match io::Write::write(&mut &self.stream, bytes) {
                Ok(sent) => sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                Err(error) => return Err(error),
            };
        }
        self.out.buffer().extend_from_slice(&bytes[sent..]);
        Ok(())
    }
}
