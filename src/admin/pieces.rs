//! Large pages. Each is made on a thread of its own, so that the admin thread can go on to respond to probes, and is
//! sent in pieces while it is made. The number of pages that are made at the same time is limited.
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

/// The size at which a piece is sent.
const PIECE: usize = 64 << 10;
/// How many pieces can wait for the client before the page's thread blocks.
const WAITING: usize = 2;
/// How long a page may take. After this it is cut off, so that slow clients cannot occupy all places.
const LIMIT: Duration = Duration::from_secs(30);
/// The `Retry-After` header of a 503, in seconds.
const RETRY_AFTER: &str = "1";

/// The places for pages that are made at the same time.
#[derive(Clone)]
pub(super) struct Places(Arc<Semaphore>);

/// Collects what is written into pieces, and sends these to the response.
pub(super) struct Pieces {
    piece: Vec<u8>,
    /// A piece, or `None` at the end of the page.
    to: mpsc::Sender<Option<Bytes>>,
    until: Instant,
    control: Handle,
}

/// The body of a response. It ends with an error if the page was not written to its end, so that the client does not
/// take a part for the whole.
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
        // only the client's connection can fail, and it gets an incomplete page then
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
