//! The service behind every proxy: one epoll thread that serves Bolt and Dubbo2 calls, which it distinguishes
//! by the first byte of the connection. It makes one read and one write per turn and connection, as an
//! efficient server does.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};

use crate::flags::Flags;
use crate::net::{Leftover, Outbox, Poller, Ready, Slots, accept, listen_on};
use crate::process::{announce, complain};
use crate::wire::Protocol;

const LISTENER: u64 = u64::MAX;

/// Runs `backend --listen ADDRESS`; prints the address it got to standard output.
pub fn main(mut flags: Flags) -> anyhow::Result<()> {
    let address: SocketAddr = flags.required("--listen")?;
    flags.finish()?;
    let mut backend = Backend::new(listen_on(address, false)?)?;
    announce(backend.listener.local_addr()?)?;
    loop {
        backend.turn()?;
    }
}

/// The server and its connections.
#[derive(Debug)]
pub struct Backend {
    listener: TcpListener,
    poller: Poller,
    connections: Slots<Connection>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    protocol: Option<Protocol>,
    leftover: Leftover,
    out: Outbox,
}

impl Backend {
    /// A server for the connections that `listener` accepts.
    pub fn new(listener: TcpListener) -> io::Result<Self> {
        let poller = Poller::new()?;
        poller.add(&listener, LISTENER)?;
        Ok(Self {
            listener,
            poller,
            connections: Slots::default(),
            buffer: Vec::new(),
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
            } else if let Some(connection) = self.connections.get_mut(ready.token)
                && !connection.serve(ready, &mut self.buffer)
            {
                self.connections.remove(ready.token);
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Some(stream) = accept(&self.listener)? {
            let connection = Connection {
                stream,
                protocol: None,
                leftover: Leftover::default(),
                out: Outbox::default(),
            };
            let token = self.connections.insert(connection);
            if let Some(connection) = self.connections.get_mut(token) {
                self.poller.add(&connection.stream, token)?;
            }
        }
        Ok(())
    }
}

impl Connection {
    /// Responds to what arrived. Returns `false` when the connection has ended.
    fn serve(&mut self, ready: Ready, buffer: &mut Vec<u8>) -> bool {
        let Self {
            stream,
            protocol,
            leftover,
            out,
        } = self;
        let mut open = true;
        if ready.readable {
            let outcome = leftover.read_from(stream, ready.ended, buffer, |bytes| {
                respond_to_all(protocol, bytes, out)
            });
            open = outcome.unwrap_or_else(|error| {
                complain(format_args!("backend: {error}"));
                false
            });
        }
        // Responses to requests before the end of the stream are still sent.
        out.flush(stream).is_ok() && open
    }
}

fn respond_to_all(protocol: &mut Option<Protocol>, bytes: &[u8], out: &mut Outbox) -> io::Result<usize> {
    let invalid = |error| io::Error::new(ErrorKind::InvalidData, error);
    let protocol = match *protocol {
        Some(protocol) => protocol,
        None => *protocol.insert(Protocol::detect(bytes[0]).map_err(invalid)?),
    };
    let mut done = 0;
    while let Some(frame) = protocol.frame(&bytes[done..]).map_err(invalid)? {
        let bytes = &bytes[done..done + frame.len];
        if frame.request
            && let Err(error) = protocol.respond(bytes, out.buffer())
        {
            complain(format_args!("backend: cannot read a {protocol} request: {error}"));
        }
        done += frame.len;
    }
    Ok(done)
}
