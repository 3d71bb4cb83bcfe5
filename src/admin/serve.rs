//! The server of the admin interface. It limits what slow clients can occupy, so that others still get responses.
//!
//! It runs on its own thread because the control thread is busy for seconds when it compiles a large configuration,
//! and an orchestrator kills a process whose probe takes that long.
use super::bounded::Bounded;
use axum::Router;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// How many connections can be open. A further one replaces the connection whose last request is the oldest.
const MAX_CONNECTIONS: usize = 64;
/// The time to receive the head of a request. A connection without a request is closed after the same time.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest head of a request, in bytes.
const HEAD_MAX: usize = 32 << 10;
/// How many threads make large pages.
const PAGE_THREADS: usize = 8;

/// A running server. Dropping it stops the server.
pub struct Server {
    _stop: oneshot::Sender<()>,
    /// The file of a Unix socket, which is removed with the server.
    file: Option<PathBuf>,
}

/// The open connections, so that one can be closed when there are too many.
#[derive(Default)]
struct Connections {
    /// How many connects and requests there were.
    count: Arc<AtomicU64>,
    open: Vec<OpenConnection>,
}

struct OpenConnection {
    /// When its last request arrived, or when it connected if there was none; in milliseconds since the server
    /// started.
    seen: Arc<AtomicU64>,
    task: AbortHandle,
}

impl Server {
    /// Serves connections of a listener. `listener` makes the listener, because that must happen inside the runtime
    /// of the server's thread.
    pub(super) fn start<L: Listener>(
        listener: impl FnOnce() -> io::Result<L> + Send + 'static,
        app: Router,
    ) -> io::Result<Server> {
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(PAGE_THREADS)
            .build()?;
        let listener = {
            let _guard = runtime.enter();
            listener()?
        };
        std::thread::Builder::new().name("admin".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, app) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        })?;
        Ok(Server {
            _stop: stop,
            file: None,
        })
    }

    /// Makes the server remove this file at its end.
    pub(super) fn with_file(mut self, path: PathBuf) -> Self {
        self.file = Some(path);
        self
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(path) = &self.file {
            // it may already have been removed
            let _ = std::fs::remove_file(path);
        }
    }
}

async fn serve<L: Listener>(mut listener: L, app: Router) {
    let mut connections = Connections::default();
    loop {
        let (connection, _) = listener.accept().await;
        connections.make_room();
        connections.serve(Bounded::new(connection), app.clone());
    }
}

impl Connections {
    /// If the limit of connections is reached, closes the one whose last request is the oldest. A probe sends its
    /// request at once, so this hits clients that send a byte now and then.
    fn make_room(&mut self) {
        self.open.retain(|c| !c.task.is_finished());
        if self.open.len() < MAX_CONNECTIONS {
            return;
        }
        let slowest = (self.open.iter().enumerate()).min_by_key(|(_, c)| c.seen.load(Ordering::Relaxed));
        if let Some((at, _)) = slowest {
            self.open.swap_remove(at).task.abort();
        }
    }

    fn serve<C>(&mut self, connection: C, app: Router)
    where
        C: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let count = Arc::clone(&self.count);
        let next = move || count.fetch_add(1, Ordering::Relaxed);
        let seen = Arc::new(AtomicU64::new(next()));
        let asked = Arc::clone(&seen);
        let app = TowerToHyperService::new(app);
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            asked.store(next(), Ordering::Relaxed);
            app.call(request)
        });
        let task = tokio::spawn(async move {
            // a client that closes its connection early is not worth a line in the log
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_buf_size(HEAD_MAX)
                .serve_connection(TokioIo::new(connection), service)
                .await;
        });
        self.open.push(OpenConnection {
            seen,
            task: task.abort_handle(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    fn connect(connections: &mut Connections) -> DuplexStream {
        let (ours, theirs) = duplex(4096);
        connections.make_room();
        connections.serve(ours, Router::new().route("/", get(|| async { "here" })));
        theirs
    }

    const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    async fn answer(peer: &mut DuplexStream) -> String {
        peer.write_all(ASK).await.unwrap();
        let mut text = vec![0; 4096];
        let n = peer.read(&mut text).await.unwrap();
        String::from_utf8_lossy(&text[..n]).into_owned()
    }

    #[tokio::test]
    async fn one_connection_too_many_replaces_the_slowest() {
        let mut connections = Connections::default();
        let mut asked = connect(&mut connections);
        let mut slow = connect(&mut connections);
        assert!(answer(&mut asked).await.ends_with("here"));
        let mut others: Vec<_> = (2..MAX_CONNECTIONS).map(|_| connect(&mut connections)).collect();
        let mut late = connect(&mut connections);
        assert_eq!(slow.read(&mut [0; 16]).await.unwrap(), 0, "it asked for nothing");
        for peer in [&mut late, &mut asked, &mut others[0]] {
            assert!(answer(peer).await.ends_with("here"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_comes_byte_by_byte_has_an_end() {
        let mut connections = Connections::default();
        let mut slow = connect(&mut connections);
        let began = tokio::time::Instant::now();
        // the clock is paused, so these seconds take no time
        let mut pace = tokio::time::interval(Duration::from_secs(2));
        for byte in ASK.iter().cycle().filter(|b| **b != b'\n') {
            pace.tick().await;
            if slow.write_all(&[*byte]).await.is_err() {
                break;
            }
        }
        assert!(began.elapsed() < 2 * HEAD_TIMEOUT, "{:?}", began.elapsed());
    }
}
