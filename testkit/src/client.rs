//! An application that calls.
use crate::connection::Connection;
use crate::{Reply, Request};
use rialto_core::framed::Codec;
use rialto_core::session::{Event, Response, Role};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection of an application. Ids of calls count from 1.
pub struct Client<C, S = TcpStream> {
    connection: Connection<C, S>,
    next_id: u32,
}

impl<C: Codec> Client<C> {
    /// Connects to an address. Reads fail after `patience`.
    ///
    /// # Errors
    /// The address cannot be reached.
    pub fn connect(to: SocketAddr, patience: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        Ok(Client::over(stream))
    }
}

impl<C: Codec, S: Read + Write> Client<C, S> {
    /// Uses a stream that is connected already.
    pub fn over(stream: S) -> Self {
        Client {
            connection: Connection::new(stream, Role::Client),
            next_id: 1,
        }
    }

    /// The stream, for bytes that no session would send.
    pub fn stream(&mut self) -> &mut S {
        &mut self.connection.stream
    }

    /// Encodes a request without sending it. Returns its id and its bytes.
    ///
    /// # Errors
    /// The request cannot be encoded in the protocol.
    pub fn encode(&mut self, request: &Request) -> io::Result<(u32, Vec<u8>)> {
        let id = self.next_id;
        self.next_id += 1;
        let mut bytes = vec![];
        request
            .encode(self.connection.session.codec_mut(), id.into(), &mut bytes)
            .map_err(io::Error::other)?;
        Ok((id, bytes))
    }

    /// Sends a request and returns its id.
    ///
    /// # Errors
    /// The request cannot be encoded in the protocol, or the connection has ended.
    pub fn send(&mut self, request: &Request) -> io::Result<u32> {
        let (id, bytes) = self.encode(request)?;
        self.stream().write_all(&bytes)?;
        Ok(id)
    }

    /// Waits for the next response to any request. Returns the id of the request and the reply.
    ///
    /// # Errors
    /// The connection has ended, a read took too long, or the peer sent invalid bytes.
    pub fn receive(&mut self) -> io::Result<(u32, Reply)> {
        self.next(|event| {
            let Event::Response { call, response } = event else {
                return None;
            };
            match response {
                Response::Message(msg) => Some((call.bits(), Reply::decode(&msg))),
                Response::Error(e) => Some((call.bits(), e.into())),
                _ => None,
            }
        })
    }

    /// Sends a request and waits for its response, dropping responses to other requests. Returns `None` for a one-way
    /// call.
    ///
    /// # Errors
    /// Those of [`Client::send`] and [`Client::receive`].
    pub fn call(&mut self, request: &Request) -> io::Result<Option<Reply>> {
        let id = self.send(request)?;
        if request.one_way {
            return Ok(None);
        }
        loop {
            let (got, reply) = self.receive()?;
            if got == id {
                return Ok(Some(reply));
            }
        }
    }

    /// Passes events of the session to `on` until it returns a value.
    ///
    /// # Errors
    /// Those of [`Client::receive`].
    pub fn next<T>(&mut self, on: impl FnMut(Event<'_>) -> Option<T>) -> io::Result<T> {
        self.connection.next(on)
    }
}
