//! A connection in either role: a blocking stream and the session that reads from it.
use rialto_core::buf::OutBuf;
use rialto_core::framed::{Codec, Framed};
use rialto_core::session::{Event, Role, Session, Settings, Step};
use std::io::{self, Read, Write};

/// The largest message that a peer sends and accepts. It is above the limits of Rialto, so that tests can reach these.
const MAX_MESSAGE: usize = 64 << 20;

pub(crate) struct Connection<C, S> {
    pub(crate) stream: S,
    pub(crate) session: Framed<C>,
    input: Vec<u8>,
    out: OutBuf,
}

/// A session that can send messages of up to [`MAX_MESSAGE`].
pub(crate) fn session<C: Codec>(role: Role) -> Framed<C> {
    let settings = Settings {
        max_message: MAX_MESSAGE,
        max_sent: Some(MAX_MESSAGE),
        ..Settings::default()
    };
    Framed::new(role, &settings)
}

impl<C: Codec, S: Read + Write> Connection<C, S> {
    pub(crate) fn new(stream: S, role: Role) -> Self {
        Connection {
            stream,
            session: session(role),
            input: vec![],
            out: OutBuf::default(),
        }
    }

    /// Passes events to `on` until it returns a value. Sends what the session itself has to send, such as responses to
    /// heartbeats.
    pub(crate) fn next<T>(&mut self, mut on: impl FnMut(Event<'_>) -> Option<T>) -> io::Result<T> {
        let mut scratch = vec![];
        loop {
            let (used, more, found) = {
                let step = self.session.next(&self.input, &mut scratch, &mut self.out);
                let Step { used, event } =
                    step.map_err(|f| io::Error::new(io::ErrorKind::InvalidData, f.0))?;
                match event {
                    Event::More(_) => (used, true, None),
                    event => (used, false, on(event)),
                }
            };
            self.input.drain(..used);
            self.stream.write_all(self.out.unsent())?;
            self.out.advance(self.out.len());
            if let Some(found) = found {
                return Ok(found);
            }
            if more {
                self.fill()?;
            }
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut bytes = [0; 16 << 10];
        match self.stream.read(&mut bytes) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                self.input.extend_from_slice(&bytes[..n]);
                Ok(())
            }
            // a read with a timeout fails like this when the process is stopped and continued; it is tried again
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(e) => Err(e),
        }
    }
}
