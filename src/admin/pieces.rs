//! Pages that can be large. They are made on a thread of their own, not on the one that answers probes, and sent in pieces
//! while they grow. Only a few are made at a time.
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;

/// Length of a piece.
const PIECE: usize = 64 << 10;
/// Pieces that may wait for the client.
const WAITING: usize = 2;
/// A page that is not sent by then is cut off, so that slow clients cannot keep all places.
const LIMIT: Duration = Duration::from_secs(30);
/// Seconds after which a client that got 503 may try again.
const RETRY_AFTER: &str = "1";

/// How many such pages may be made at a time.
#[derive(Clone)]
pub(super) struct Places(Arc<Semaphore>);

/// What a page is written to.
pub(super) struct Pieces {
    piece: Vec<u8>,
    /// `None` ends the page.
    to: mpsc::Sender<Option<Bytes>>,
    until: Instant,
    control: Handle,
}

/// The body of the response. It fails if the page was not written to its end, so that a part is not taken for the whole.
struct Sent {
    pieces: mpsc::Receiver<Option<Bytes>>,
}

impl Places {
    pub(super) fn new(pages: usize) -> Self {
        Places(Arc::new(Semaphore::new(pages)))
    }

    /// Responds with what `write` writes, or with 503 if all places are taken.
    pub(super) fn page(
        &self,
        content_type: &'static str,
        write: impl FnOnce(&mut Pieces) -> io::Result<()> + Send + 'static,
    ) -> Response {
        match Arc::clone(&self.0).try_acquire_owned() {
            Ok(place) => ([(header::CONTENT_TYPE, content_type)], body(place, write)).into_response(),
            Err(_) => {
                let text = "too many such pages are being made at the moment\n";
                let again = [(header::RETRY_AFTER, RETRY_AFTER)];
                (StatusCode::SERVICE_UNAVAILABLE, again, text).into_response()
            }
        }
    }
}

fn body(
    place: OwnedSemaphorePermit,
    write: impl FnOnce(&mut Pieces) -> io::Result<()> + Send + 'static,
) -> Body {
    let (to, pieces) = mpsc::channel(WAITING);
    let mut page = Pieces {
        piece: Vec::with_capacity(PIECE),
        to,
        until: Instant::now() + LIMIT,
        control: Handle::current(),
    };
    tokio::task::spawn_blocking(move || {
        // what fails is the client's connection, which ends with the page
        let _ = write(&mut page).and_then(|()| page.end());
        drop(place);
    });
    Body::from_stream(Sent { pieces })
}

impl Pieces {
    fn send(&mut self, piece: Option<Bytes>) -> io::Result<()> {
        let sent = tokio::time::timeout_at(self.until, self.to.send(piece));
        match self.control.block_on(sent) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    fn end(&mut self) -> io::Result<()> {
        self.send_piece()?;
        self.send(None)
    }

    fn send_piece(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.send(Some(piece.into()))
    }
}

impl io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.piece.len() + bytes.len() > PIECE && !self.piece.is_empty() {
            self.send_piece()?;
        }
        self.piece.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Write for Pieces {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        io::Write::write_all(self, s.as_bytes()).map_err(|_| fmt::Error)
    }
}

impl Stream for Sent {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(match ready!(self.pieces.poll_recv(cx)) {
            Some(Some(piece)) => Some(Ok(piece)),
            Some(None) => None,
            None => Some(Err(io::ErrorKind::UnexpectedEof.into())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[tokio::test]
    async fn only_so_many_pages_are_made_at_a_time() {
        let places = Places::new(1);
        let endless = |page: &mut Pieces| loop {
            page.write_all(&[b'x'; 1024])?;
        };
        let first = places.page("text/plain", endless);
        assert_eq!(first.status(), StatusCode::OK);
        let second = places.page("text/plain", endless);
        assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(second.headers().contains_key(header::RETRY_AFTER));
        drop(first);
        while places.page("text/plain", |_| Ok(())).status() != StatusCode::OK {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_page_that_breaks_off_is_no_whole_page() {
        let whole = Places::new(1).page("text/plain", |page| page.write_all(&[b'x'; 3 * PIECE + 1]));
        let bytes = axum::body::to_bytes(whole.into_body(), usize::MAX).await.unwrap();
        assert_eq!(bytes.len(), 3 * PIECE + 1);
        let cut = Places::new(1).page("text/plain", |page| {
            page.write_all(b"x")?;
            Err(io::ErrorKind::Other.into())
        });
        assert!(axum::body::to_bytes(cut.into_body(), usize::MAX).await.is_err());
    }
}
