//! A scripted provider, which controls its responses, its connections and its bytes.
use super::watched::Watched;
use super::{PATIENCE, Reply, Request};
use rialto_core::framed::Codec;
use rialto_core::{CallError, ErrorKind};
use rialto_testkit::{Received, Responder};
use std::io::{self, Write};
use std::marker::PhantomData;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// A received request.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) request: Result<Request, CallError>,
    pub(crate) bytes: Vec<u8>,
    /// The index of the connection, counted from 0.
    pub(crate) connection: usize,
}

/// Sends the response to one request. It may be kept, sent to another thread, and used late, twice or never. The peer may
/// have closed, so it ignores failures.
pub(crate) struct Outgoing<C>(Responder<C>);

pub(crate) struct Upstream<C> {
    pub(crate) address: SocketAddr,
    seen: Arc<Watched<Seen>>,
    codec: PhantomData<fn() -> C>,
}

#[derive(Default)]
struct Seen {
    requests: Vec<Arrived>,
    /// `None` if the connection has ended.
    connections: Vec<Option<TcpStream>>,
    stopped: bool,
}

impl Arrived {
    pub(crate) fn request(&self) -> &Request {
        self.request.as_ref().unwrap()
    }
}

impl<C: Codec> Outgoing<C> {
    pub(crate) fn id(&self) -> u64 {
        self.0.id()
    }

    pub(crate) fn reply(&self, reply: &Reply) {
        let _ = self.0.reply(reply);
    }

    pub(crate) fn encoded(&self, reply: &Reply) -> Vec<u8> {
        self.0.encoded(reply)
    }

    pub(crate) fn raw(&self, bytes: &[u8]) {
        let _ = self.0.raw(bytes);
    }

    pub(crate) fn close(&self) {
        let _ = self.0.close();
    }
}

impl<C> Clone for Outgoing<C> {
    fn clone(&self) -> Self {
        Outgoing(self.0.clone())
    }
}

/// The requests of an upstream that keeps its responses, in their order.
pub(crate) struct Held<C>(Receiver<Outgoing<C>>);

impl<C> Held<C> {
    pub(crate) fn next(&self) -> Outgoing<C> {
        self.0.recv_timeout(PATIENCE).expect("a request at the provider")
    }

    pub(crate) fn next_within(&self, time: Duration) -> Result<Outgoing<C>, RecvTimeoutError> {
        self.0.recv_timeout(time)
    }
}

impl<C: Codec + 'static> Upstream<C> {
    /// Runs the script for each request, in the thread that reads its connection.
    pub(crate) fn start(script: impl Fn(&Arrived, &Outgoing<C>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, script) = (Arc::<Watched<Seen>>::default(), Arc::new(script));
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = shared.change(|seen| {
                    seen.connections.push(stream.try_clone().ok());
                    (!seen.stopped).then_some(seen.connections.len() - 1)
                });
                let Some(connection) = connection else { return };
                let (seen, script) = (Arc::clone(&shared), Arc::clone(&script));
                std::thread::spawn(move || {
                    // It ends when the peer closes, or sends invalid bytes.
                    let _ = serve::<C>(stream, connection, &seen, &*script);
                    seen.change(|seen| seen.connections[connection] = None);
                });
            }
        });
        Upstream {
            address,
            seen,
            codec: PhantomData,
        }
    }

    /// An upstream that greets, and returns its own name.
    pub(crate) fn greeting(name: &'static str) -> Self {
        Upstream::start(move |arrived, out| out.reply(&greeting(name, arrived.request())))
    }

    /// An upstream that never responds.
    pub(crate) fn silent() -> Self {
        Upstream::start(|_, _| {})
    }

    /// An upstream that keeps its responses until the test sends them. Only calls of `name` get a response at once, which is
    /// its own name.
    pub(crate) fn holding(name: &'static str) -> (Self, Held<C>) {
        let (hold, held) = channel();
        let up = Upstream::start(move |arrived, out| match arrived.request() {
            request if request.method == "name" => out.reply(&greeting(name, request)),
            _ => hold.send(out.clone()).unwrap(),
        });
        (up, Held(held))
    }

    /// The requests received so far.
    pub(crate) fn seen(&self) -> Vec<Arrived> {
        self.seen.read().requests.clone()
    }

    /// Waits until this number of requests was received.
    pub(crate) fn wait_seen(&self, count: usize) -> Vec<Arrived> {
        self.wait("requests", |seen| {
            (seen.requests.len() >= count).then(|| seen.requests.clone())
        })
    }

    /// Waits until this number of requests was received. It copies none of them, so they may be large.
    pub(crate) fn wait_count(&self, count: usize) {
        self.wait("requests", |seen| (seen.requests.len() >= count).then_some(()));
    }

    /// The number of connections so far, ended ones included.
    pub(crate) fn connections(&self) -> usize {
        self.seen.read().connections.len()
    }

    /// Waits until a connection has ended.
    pub(crate) fn wait_closed(&self, connection: usize) {
        self.wait("the end of a connection", |seen| {
            seen.connections.get(connection)?.is_none().then_some(())
        });
    }

    /// Sends bytes over all open connections.
    pub(crate) fn broadcast(&self, bytes: &[u8]) {
        for stream in self.seen.read().connections.iter_mut().flatten() {
            let _ = stream.write_all(bytes);
        }
    }

    fn wait<T>(&self, what: &str, find: impl Fn(&Seen) -> Option<T>) -> T {
        let vain = |seen: &Seen| format!("in vain for {what}; {} requests came", seen.requests.len());
        self.seen.wait(find, |_| false, vain)
    }
}

impl<C> Drop for Upstream<C> {
    /// Closes the listener and all connections.
    fn drop(&mut self) {
        let mut seen = self.seen.read();
        seen.stopped = true;
        for stream in seen.connections.iter().flatten() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(seen);
        let _ = TcpStream::connect(self.address);
    }
}

/// The response of a greeter with this name.
pub(crate) fn greeting(name: &str, request: &Request) -> Reply {
    let first = request.args.first().and_then(|a| a.as_str()).unwrap_or("nobody");
    match request.method.as_str() {
        "greet" => Reply::value(format!("Hello, {first}")),
        "name" => Reply::value(name),
        "throw" => Reply::thrown("com.acme.GreetingException", "no greeting today"),
        "attachment" => match request.attachment(first) {
            Some(value) => Reply::value(value),
            None => super::Answer::Null.into(),
        },
        other => Reply::failed(ErrorKind::NoService, format!("no method {other}")),
    }
}

fn serve<C: Codec>(
    stream: TcpStream,
    connection: usize,
    seen: &Watched<Seen>,
    script: &dyn Fn(&Arrived, &Outgoing<C>),
) -> io::Result<()> {
    rialto_testkit::serve(stream, |Received { request, bytes }, responder| {
        let arrived = Arrived {
            request,
            bytes,
            connection,
        };
        seen.change(|seen| seen.requests.push(arrived.clone()));
        script(&arrived, &Outgoing(responder));
        Ok(())
    })
}

/// Responds to everything on a connection until it ends; returns the methods that were called.
pub(crate) fn respond_to_all<C: Codec>(stream: TcpStream, name: &str) -> Vec<String> {
    let seen = Watched::default();
    let script = |arrived: &Arrived, out: &Outgoing<C>| out.reply(&greeting(name, arrived.request()));
    let _ = serve::<C>(stream, 0, &seen, &script);
    let seen = seen.read();
    seen.requests.iter().map(|a| a.request().method.clone()).collect()
}
