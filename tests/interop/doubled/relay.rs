//! A TCP relay in front of a provider that sends each of its responses twice.
use super::doubles::{Counts, Doubles, Shared};
use super::frames::Framing;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a connection waits for responses before it looks whether doubles are due.
const LOOK: Duration = Duration::from_millis(20);
const PIECE: usize = 64 << 10;

/// A relay, which runs until the process ends.
pub(crate) struct Relay {
    /// Its port on 127.0.0.1.
    pub(crate) port: u16,
    pub(crate) counts: Arc<Counts>,
    faults: Arc<Mutex<Vec<String>>>,
}

impl Relay {
    /// Starts a relay to the provider with this port.
    ///
    /// # Errors
    /// There is no free port.
    pub(crate) fn start(provider: u16, framing: Framing, shared: &Arc<Shared>) -> io::Result<Relay> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let (counts, faults) = (Arc::<Counts>::default(), Arc::<Mutex<Vec<String>>>::default());
        let relay = Relay {
            port,
            counts: counts.clone(),
            faults: faults.clone(),
        };
        let shared = shared.clone();
        std::thread::spawn(move || {
            for downstream in listener.incoming() {
                let doubles = Doubles::new(shared.clone(), counts.clone());
                let faults = faults.clone();
                std::thread::spawn(move || {
                    let end = downstream
                        .map_err(anyhow::Error::from)
                        .and_then(|downstream| connect(&downstream, provider, framing, doubles));
                    if let Err(fault) = end {
                        let mut faults = faults.lock().unwrap_or_else(PoisonError::into_inner);
                        faults.push(format!("the relay to port {provider}: {fault:#}"));
                    }
                });
            }
        });
        Ok(relay)
    }

    /// What went wrong.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Relays a connection until one of its sides ends.
fn connect(downstream: &TcpStream, provider: u16, framing: Framing, doubles: Doubles) -> anyhow::Result<()> {
    let upstream = TcpStream::connect(("127.0.0.1", provider))?;
    downstream.set_nodelay(true)?;
    upstream.set_nodelay(true)?;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let end = io::copy(&mut &*downstream, &mut &upstream);
            // Either may be closed already, and the reason of the end is of no interest: the callers tell what it did.
            let _ = (
                end,
                upstream.shutdown(Shutdown::Both),
                downstream.shutdown(Shutdown::Both),
            );
        });
        let end = responses(&upstream, downstream, framing, doubles);
        let _ = (
            upstream.shutdown(Shutdown::Both),
            downstream.shutdown(Shutdown::Both),
        );
        end
    })
}

/// Relays what a provider sends.
fn responses(
    mut upstream: &TcpStream,
    mut downstream: &TcpStream,
    framing: Framing,
    mut doubles: Doubles,
) -> anyhow::Result<()> {
    upstream.set_read_timeout(Some(LOOK))?;
    let (mut input, mut out, mut piece) = (vec![], vec![], vec![0; PIECE]);
    loop {
        match upstream.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(n) => input.extend_from_slice(&piece[..n]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => return Ok(()),
        }
        let (now, mut used) = (Instant::now(), 0);
        while let Some(frame) = framing.first(&input[used..])? {
            let bytes = &input[used..used + frame.length];
            used += frame.length;
            match frame.is_response {
                true => doubles.take(bytes, now, &mut out),
                false => out.extend_from_slice(bytes),
            }
        }
        input.drain(..used);
        doubles.look(now, &mut out);
        if downstream.write_all(&out).is_err() {
            return Ok(());
        }
        out.clear();
    }
}
