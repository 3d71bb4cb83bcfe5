//! A listener for pages that nobody has to see at once: whoever opens connections to it and says nothing must not use
//! up the descriptors that calls come in by.
use axum::serve::Listener;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Connections at a time; others wait to be accepted.
const CONNECTIONS: usize = 64;
/// A connection on which nothing moves for so long is closed.
const SILENCE: Duration = Duration::from_secs(20);

/// A listener with a bounded number of connections, each of them bounded in time.
pub(super) struct Bounded<L> {
    listener: L,
    places: Arc<Semaphore>,
}

/// A connection that ends when nothing moves on it.
pub(super) struct Bound<C> {
    connection: C,
    silence: Pin<Box<Sleep>>,
    /// Given back with the connection.
    _place: Option<OwnedSemaphorePermit>,
}

impl<L> Bounded<L> {
    pub(super) fn new(listener: L) -> Self {
        Bounded {
            listener,
            places: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }
}

impl<L: Listener> Listener for Bounded<L> {
    type Io = Bound<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        // an error would mean that there are no places at all any more, which nobody decides
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (connection, from) = self.listener.accept().await;
        let bound = Bound {
            connection,
            silence: Box::pin(sleep(SILENCE)),
            _place: place,
        };
        (bound, from)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl<C> Bound<C> {
    /// What came of trying to move bytes: an error if none moved for too long.
    fn judge<T>(&mut self, cx: &mut Context<'_>, moved: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if moved.is_ready() {
            self.silence.as_mut().reset(Instant::now() + SILENCE);
            return moved;
        }
        match self.silence.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<C: AsyncRead + Unpin> AsyncRead for Bound<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.connection).poll_read(cx, to);
        self.judge(cx, read)
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Bound<C> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.connection).poll_write(cx, bytes);
        self.judge(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.connection).poll_write_vectored(cx, pieces);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::timeout;

    /// Accepts at once, as many as are wanted.
    #[derive(Default)]
    struct Eager {
        peers: Vec<DuplexStream>,
    }

    impl Listener for Eager {
        type Io = DuplexStream;
        type Addr = ();

        async fn accept(&mut self) -> (DuplexStream, ()) {
            let (ours, theirs) = duplex(16);
            self.peers.push(theirs);
            (ours, ())
        }

        fn local_addr(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_so_many_connections_and_then_none_until_one_ends() {
        let mut listener = Bounded::new(Eager::default());
        let mut open = vec![];
        for _ in 0..CONNECTIONS {
            open.push(listener.accept().await.0);
        }
        assert!(timeout(SILENCE, listener.accept()).await.is_err());
        open.pop();
        assert!(timeout(SILENCE, listener.accept()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_ends_when_nothing_moves_on_it() {
        let mut listener = Bounded::new(Eager::default());
        let mut connection = listener.accept().await.0;
        let mut peer = listener.listener.peers.pop().unwrap();
        let almost = SILENCE - Duration::from_millis(1);
        let mut byte = [0];
        for _ in 0..3 {
            assert!(timeout(almost, connection.read_u8()).await.is_err());
            peer.write_u8(7).await.unwrap();
            connection.read_exact(&mut byte).await.unwrap();
        }
        let silent = connection.read_u8().await.unwrap_err();
        assert_eq!(silent.kind(), io::ErrorKind::TimedOut);

        let mut connection = listener.accept().await.0;
        let unread = connection.write_all(&[0; 17]).await.unwrap_err();
        assert_eq!(unread.kind(), io::ErrorKind::TimedOut);
    }
}
