//! A provider on plain threads: one that reads each connection, one for each call. Real wire bytes, no proxy code
//! but the codecs.
use super::wire::{Reply, Request, Wire};
use rialto_core::ErrorKind;
use rialto_core::buf::OutBuf;
use rialto_core::framed::{Codec, Framed};
use rialto_core::session::{Event, RespondTo, Role, Settings};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Calls that are served at once; further ones are answered as overload.
const CALLS_MAX: usize = 256;

/// What a provider serves.
pub(super) trait Service: Send + Sync + 'static {
    /// Answers a call; the answer to a one-way call is dropped.
    fn serve(&self, request: &Request) -> Reply;
}

impl<F: Fn(&Request) -> Reply + Send + Sync + 'static> Service for F {
    fn serve(&self, request: &Request) -> Reply {
        self(request)
    }
}

/// Serves on a free loopback port until the process ends.
///
/// # Errors
/// The system has no port or no thread left.
pub(super) fn start<C: Codec + 'static>(service: Arc<dyn Service>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let calls = Arc::new(AtomicUsize::new(0));
    thread::Builder::new().name("provider".into()).spawn(move || {
        for stream in listener.incoming().flatten() {
            let (service, calls) = (Arc::clone(&service), Arc::clone(&calls));
            let run = move || _ = serve::<C>(stream, &service, &calls);
            if let Err(e) = thread::Builder::new().name("provider-conn".into()).spawn(run) {
                tracing::error!("the demo's provider has no thread for a connection: {e}");
            }
        }
    })?;
    Ok(address)
}

/// Until the peer closes, which is the one way in which a connection ends.
fn serve<C: Codec + 'static>(
    stream: TcpStream,
    service: &Arc<dyn Service>,
    calls: &Arc<AtomicUsize>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let writer = Arc::new(Mutex::new(stream.try_clone()?));
    let mut wire = Wire::<C, _>::new(
        Shared {
            reader: stream,
            writer: Arc::clone(&writer),
        },
        Role::Server,
    );
    loop {
        let (to, request) = wire.next(|event| match event {
            Event::Request { id, msg } => Some(Request::decode(id, &msg)),
            Event::Refused {
                reply: Some(to),
                error,
            } => Some((to, Err(error))),
            _ => None,
        })?;
        let reply_with = Answerer {
            to,
            writer: Arc::clone(&writer),
        };
        let request = match request {
            Ok(request) => request,
            Err(e) => {
                reply_with.send::<C>(&e.into())?;
                continue;
            }
        };
        if request.one_way {
            // nobody waits, and what follows may ask what came of it
            service.serve(&request);
            continue;
        }
        let Some(turn) = Turn::take(calls) else {
            reply_with.send::<C>(&Reply::failed(ErrorKind::Overload, "the demo's provider is busy"))?;
            continue;
        };
        let service = Arc::clone(service);
        thread::Builder::new()
            .name("provider-call".into())
            .spawn(move || {
                let _turn = turn;
                // the downstream may be gone
                let _ = reply_with.send::<C>(&service.serve(&request));
            })?;
    }
}

/// One of the calls that are served at once.
struct Turn(Arc<AtomicUsize>);

impl Turn {
    fn take(calls: &Arc<AtomicUsize>) -> Option<Turn> {
        let turn = Turn(Arc::clone(calls));
        (calls.fetch_add(1, Ordering::Relaxed) < CALLS_MAX).then_some(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Sends the answer to one call. Frames of several calls do not mix: each is written under the lock.
struct Answerer {
    to: RespondTo,
    writer: Arc<Mutex<TcpStream>>,
}

impl Answerer {
    fn send<C: Codec>(&self, reply: &Reply) -> io::Result<()> {
        let (mut session, mut out) = (
            Framed::<C>::new(Role::Server, &Settings::default()),
            OutBuf::default(),
        );
        reply.encode(&mut session, self.to, &mut out);
        locked(&self.writer).write_all(out.unsent())
    }
}

/// A connection whose writing end is shared with the calls that came over it.
struct Shared {
    reader: TcpStream,
    writer: Arc<Mutex<TcpStream>>,
}

impl io::Read for Shared {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.reader.read(to)
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        locked(&self.writer).write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn locked(writer: &Mutex<TcpStream>) -> std::sync::MutexGuard<'_, TcpStream> {
    writer.lock().unwrap_or_else(PoisonError::into_inner)
}
