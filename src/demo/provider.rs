//! A provider on plain threads: one for each connection, and one for each call. It uses nothing of the proxy but the
//! codecs.
use rialto_core::ErrorKind;
use rialto_core::framed::Codec;
use rialto_testkit::{Received, Reply, Request, Responder, serve};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How many calls run at the same time. Further ones get an overload error.
const CALLS_MAX: usize = 256;

/// The service of a provider.
pub(super) trait Service: Send + Sync + 'static {
    /// Runs a call. The reply to a one-way call is dropped.
    fn serve(&self, request: &Request) -> Reply;
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
            // it ends when the peer closes, which is no error
            let run = move || _ = serve::<C>(stream, |received, to| run(received, to, &service, &calls));
            if let Err(e) = thread::Builder::new().name("provider-conn".into()).spawn(run) {
                tracing::error!("the demo's provider has no thread for a connection: {e}");
            }
        }
    })?;
    Ok(address)
}

/// Runs a call in its own thread.
fn run<C: 'static + Codec>(
    received: Received,
    responder: Responder<C>,
    service: &Arc<dyn Service>,
    calls: &Arc<AtomicUsize>,
) -> io::Result<()> {
    let request = match received.request {
        Ok(request) => request,
        Err(e) => return responder.reply(&e.into()),
    };
    if request.one_way {
        // on this thread, because the next call may ask for its effect
        service.serve(&request);
        return Ok(());
    }
    let Some(slot) = Slot::take(calls) else {
        return responder.reply(&Reply::failed(ErrorKind::Overload, "the demo's provider is busy"));
    };
    let service = Arc::clone(service);
    thread::Builder::new()
        .name("provider-call".into())
        .spawn(move || {
            let _slot = slot;
            // the connection may have ended
            let _ = responder.reply(&service.serve(&request));
        })?;
    Ok(())
}

/// One of the calls that run at the same time.
struct Slot(Arc<AtomicUsize>);

impl Slot {
    fn take(calls: &Arc<AtomicUsize>) -> Option<Slot> {
        let slot = Slot(Arc::clone(calls));
        (calls.fetch_add(1, Ordering::Relaxed) < CALLS_MAX).then_some(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
