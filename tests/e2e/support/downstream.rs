//! A test client of either protocol, a downstream of the proxy.
use super::{Answer, Json, PATIENCE, Reply, Request};
use rialto_core::framed::Codec;
use rialto_core::session::Event;
use rialto_testkit::Client;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

pub(crate) struct Downstream<C, S = TcpStream>(Client<C, S>);

impl<C: Codec> Downstream<C> {
    pub(crate) fn connect(to: SocketAddr) -> Self {
        Downstream(Client::connect(to, PATIENCE).unwrap())
    }
}

impl<C: Codec, S: Read + Write> Downstream<C, S> {
    pub(crate) fn over(stream: S) -> Self {
        Downstream(Client::over(stream))
    }

    /// Makes a call and waits for its response.
    pub(crate) fn call(&mut self, request: &Request) -> Reply {
        let id = self.send(request);
        self.response_to(id)
    }

    /// Makes a call that must succeed with a value.
    pub(crate) fn value(&mut self, request: &Request) -> Json {
        match self.call(request).answer {
            Ok(Answer::Value(value)) => value,
            other => panic!("not a value: {other:?}"),
        }
    }

    /// Makes a call that must fail.
    pub(crate) fn error(&mut self, request: &Request) -> rialto_core::CallError {
        match self.call(request).answer {
            Err(e) => e,
            other => panic!("not an error: {other:?}"),
        }
    }

    /// Sends a request and returns its id.
    pub(crate) fn send(&mut self, request: &Request) -> u32 {
        self.0.send(request).unwrap()
    }

    /// The request as [`Downstream::send`] would send it.
    pub(crate) fn frame(&mut self, request: &Request) -> (u32, Vec<u8>) {
        self.0.encode(request).unwrap()
    }

    /// Waits for the next response, to any call.
    pub(crate) fn receive(&mut self) -> (u32, Reply) {
        self.0.receive().unwrap()
    }

    /// Waits for the next response; `None` if the connection ended before it.
    pub(crate) fn receive_until_closed(&mut self) -> Option<(u32, Reply)> {
        self.0.receive().ok()
    }

    /// Sends a request unless the connection has ended.
    pub(crate) fn try_send(&mut self, request: &Request) -> bool {
        self.0.send(request).is_ok()
    }

    /// Waits for the response to a call; no other may come before it.
    pub(crate) fn response_to(&mut self, id: u32) -> Reply {
        let (got, reply) = self.receive();
        assert_eq!(got, id, "the response to another call");
        reply
    }

    /// Waits until the proxy sends its drain event.
    pub(crate) fn wait_for_drain(&mut self) {
        self.0
            .next(|event| matches!(event, Event::Drain(_)).then_some(()))
            .unwrap();
    }

    /// Waits for the end of the connection. Before it may come only what the session handles itself, such as
    /// heartbeats.
    pub(crate) fn wait_for_close(&mut self) -> io::ErrorKind {
        match self.0.receive() {
            Ok((id, reply)) => panic!("instead of the end came a response to {id}: {reply:?}"),
            Err(e) => e.kind(),
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.0.stream().write_all(bytes).unwrap();
    }

    pub(crate) fn stream(&mut self) -> &mut S {
        self.0.stream()
    }
}
