//! A timeout for idle connections, so that a client that stops reading cannot keep a page in memory.
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How long a connection may be idle before it is closed.
const SILENCE: Duration = Duration::from_secs(20);

/// A connection on which reads and writes fail once it has been idle for [`SILENCE`].
pub(super) struct Bounded<C> {
    connection: C,
    silence: Pin<Box<Sleep>>,
}

impl<C> Bounded<C> {
    pub(super) fn new(connection: C) -> Self {
        Bounded {
            connection,
            silence: Box::pin(sleep(SILENCE)),
        }
    }

    /// Restarts the timeout if a read or write did something, and fails if the timeout is over.
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

impl<C: AsyncRead + Unpin> AsyncRead for Bounded<C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.connection).poll_read(cx, to);
        self.judge(cx, read)
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Bounded<C> {
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::timeout;

    #[tokio::test(start_paused = true)]
    async fn a_connection_ends_when_nothing_moves_on_it() {
        let (ours, mut peer) = duplex(16);
        let mut connection = Bounded::new(ours);
        let almost = SILENCE - Duration::from_millis(1);
        let mut byte = [0];
        for _ in 0..3 {
            assert!(timeout(almost, connection.read_u8()).await.is_err());
            peer.write_u8(7).await.unwrap();
            connection.read_exact(&mut byte).await.unwrap();
        }
        let silent = connection.read_u8().await.unwrap_err();
        assert_eq!(silent.kind(), io::ErrorKind::TimedOut);

        let (ours, _peer) = duplex(16);
        let unread = Bounded::new(ours).write_all(&[0; 17]).await.unwrap_err();
        assert_eq!(unread.kind(), io::ErrorKind::TimedOut);
    }
}
