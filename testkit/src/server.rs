//! A provider's end of a connection.
use crate::connection::{Connection, session};
use crate::{Reply, Request};
use rialto_core::CallError;
use rialto_core::buf::OutBuf;
use rialto_core::framed::Codec;
use rialto_core::session::{Event, RespondTo, Role};
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A request that has arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// The request, or the reason why it cannot be read.
    pub request: Result<Request, CallError>,
    /// Its bytes; empty if the session has skipped them.
    pub bytes: Vec<u8>,
}

/// Sends the response to one request. It may be kept, sent to another thread, and used late, twice or never.
pub struct Responder<C> {
    /// What the session has to know of the request.
    to: RespondTo,
    writer: Writer,
    codec: PhantomData<fn() -> C>,
}

/// Reads requests and passes each to `on`, until the connection ends or `on` fails.
///
/// # Errors
/// The connection has ended, which is the only normal end, or the peer sent invalid bytes.
pub fn serve<C: Codec>(
    stream: TcpStream,
    mut on: impl FnMut(Received, Responder<C>) -> io::Result<()>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let writer = Writer(Arc::new(Mutex::new(stream.try_clone()?)));
    let ends = Ends {
        reader: stream,
        writer: writer.clone(),
    };
    let mut connection = Connection::<C, _>::new(ends, Role::Server);
    loop {
        let (to, received) = connection.next(|event| match event {
            Event::Request { id, msg } => {
                let (to, request) = Request::decode(id, &msg);
                let bytes = msg.bytes.to_vec();
                Some((to, Received { request, bytes }))
            }
            Event::Refused {
                reply: Some(to),
                error,
            } => {
                let (request, bytes) = (Err(error), vec![]);
                Some((to, Received { request, bytes }))
            }
            _ => None,
        })?;
        let responder = Responder {
            to,
            writer: writer.clone(),
            codec: PhantomData,
        };
        on(received, responder)?;
    }
}

impl<C: Codec> Responder<C> {
    /// The id of the request.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.to.id
    }

    /// Sends the response.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn reply(&self, reply: &Reply) -> io::Result<()> {
        self.raw(&self.encoded(reply))
    }

    /// The bytes of the response.
    #[must_use]
    pub fn encoded(&self, reply: &Reply) -> Vec<u8> {
        let mut out = OutBuf::default();
        reply.encode(&mut session::<C>(Role::Server), self.to, &mut out);
        out.unsent().to_vec()
    }

    /// Sends any bytes.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn raw(&self, bytes: &[u8]) -> io::Result<()> {
        self.writer.lock().write_all(bytes)
    }

    /// Closes the connection.
    ///
    /// # Errors
    /// The connection has already ended.
    pub fn close(&self) -> io::Result<()> {
        self.writer.lock().shutdown(Shutdown::Both)
    }
}

impl<C> Clone for Responder<C> {
    fn clone(&self) -> Self {
        Responder {
            to: self.to,
            writer: self.writer.clone(),
            codec: PhantomData,
        }
    }
}

/// The writing end of a connection. Responses of several threads share it, and each is written as a whole.
#[derive(Clone)]
struct Writer(Arc<Mutex<TcpStream>>);

impl Writer {
    fn lock(&self) -> MutexGuard<'_, TcpStream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stream of the session, whose own messages go through the shared writing end, too.
struct Ends {
    reader: TcpStream,
    writer: Writer,
}

impl Read for Ends {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.reader.read(to)
    }
}

impl Write for Ends {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.lock().write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
