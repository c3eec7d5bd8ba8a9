//! A request's body on its way from the host: it fails when the client stalls, and the part that the application leaves
//! unread comes back to the host, which has to clear it away before the connection's next request.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{BoxError, body::Body};
use bytes::Bytes;
use futures_util::future::{Either, select};
use http::HeaderMap;
use http_body_util::BodyExt as _;

use crate::ports::BoxFuture;

/// Longest time that a body may take for its next [`LEAST_BYTES`].
const WINDOW: Duration = Duration::from_secs(15);
/// Fewest bytes of a body that must arrive within each [`WINDOW`], unless it ends: 550 bytes a second.
const LEAST_BYTES: usize = 8 * 1024;

/// The host's timer: returns a future that waits for the duration.
pub type Sleep = Arc<dyn Fn(Duration) -> BoxFuture + Send + Sync>;

/// Error of a body that the client stopped sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body stopped arriving")]
pub struct BodyStalled;

impl BodyStalled {
    /// Checks whether a stalled body caused this error.
    #[must_use]
    pub fn caused(error: &(dyn std::error::Error + 'static)) -> bool {
        error.is::<Self>() || error.source().is_some_and(Self::caused)
    }
}

/// Returns a body for the application that is bounded in time, and a handle for the host to what is left of it then.
pub fn watch_body<B>(headers: &HeaderMap, body: B, sleep: Sleep) -> (Body, UnreadBody<B>)
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    let returned = Arc::new(Mutex::new(None));
    if body.is_end_stream() {
        return (Body::empty(), UnreadBody { returned, is_empty: true, waits_for_continue: false, sleep });
    }
    let waits_for_continue = headers.get(http::header::EXPECT).is_some();
    let rest = Rest { body, is_touched: false, is_ended: false, is_stalled: false };
    let watched = WatchedBody {
        rest: Some(rest),
        received: 0,
        timer: None,
        sleep: Arc::clone(&sleep),
        returned: Arc::clone(&returned),
    };
    (Body::new(watched), UnreadBody { returned, is_empty: false, waits_for_continue, sleep })
}

struct Rest<B> {
    body: B,
    is_touched: bool,
    is_ended: bool,
    is_stalled: bool,
}

struct WatchedBody<B> {
    rest: Option<Rest<B>>,
    /// Bytes that arrived within the current window.
    received: usize,
    /// Timer of the current window, set while the client is waited for.
    timer: Option<BoxFuture>,
    sleep: Sleep,
    returned: Arc<Mutex<Option<Rest<B>>>>,
}

// No field is structurally pinned.
impl<B> Unpin for WatchedBody<B> {}

impl<B> http_body::Body for WatchedBody<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let Some(rest) = this.rest.as_mut() else { return Poll::Ready(None) };
        rest.is_touched = true;
        match Pin::new(&mut rest.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                this.received = this.received.saturating_add(frame.data_ref().map_or(0, Bytes::len));
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(ended) => {
                rest.is_ended = ended.is_none();
                Poll::Ready(ended.map(|failed| failed.map_err(Into::into)))
            }
            Poll::Pending => loop {
                ready!(this.timer.get_or_insert_with(|| (this.sleep)(WINDOW)).as_mut().poll(context));
                this.timer = None;
                if std::mem::take(&mut this.received) < LEAST_BYTES {
                    rest.is_stalled = true;
                    return Poll::Ready(Some(Err(BodyStalled.into())));
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.as_ref().is_none_or(|rest| rest.is_ended || rest.body.is_end_stream())
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.rest.as_ref().map_or_else(http_body::SizeHint::default, |rest| rest.body.size_hint())
    }
}

impl<B> Drop for WatchedBody<B> {
    fn drop(&mut self) {
        *self.returned.lock().unwrap_or_else(PoisonError::into_inner) = self.rest.take();
    }
}

/// Handle to what the application left unread of a body.
pub struct UnreadBody<B> {
    returned: Arc<Mutex<Option<Rest<B>>>>,
    is_empty: bool,
    waits_for_continue: bool,
    sleep: Sleep,
}

impl<B> UnreadBody<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
{
    /// Discards the rest of the body, at most `most_bytes` and for at most `within`; returns whether the body is out of
    /// the connection's way. Call it when the application has answered.
    ///
    /// A client that waits for `100 Continue` is not told to go on.
    pub async fn drain(self, most_bytes: u64, within: Duration) -> bool {
        if self.is_empty {
            return true;
        }
        let rest = self.returned.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Nothing has come back if the answer itself still reads the body.
        let Some(rest) = rest else { return false };
        if rest.is_ended || rest.body.is_end_stream() {
            return true;
        }
        let is_too_much = rest.body.size_hint().lower() > most_bytes;
        if rest.is_stalled || is_too_much || (self.waits_for_continue && !rest.is_touched) {
            return false;
        }
        let reading = Box::pin(discard(rest.body, most_bytes));
        match select(reading, (self.sleep)(within)).await {
            Either::Left((is_ended, _)) => is_ended,
            Either::Right(((), _)) => false,
        }
    }
}

/// Reads the body to its end, keeping nothing; returns whether it ended within `most_bytes`.
async fn discard<B: http_body::Body<Data = Bytes> + Unpin>(mut body: B, most_bytes: u64) -> bool {
    let mut left = most_bytes;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        let length = frame.data_ref().map_or(0, Bytes::len);
        let Some(rest) = u64::try_from(length).ok().and_then(|length| left.checked_sub(length)) else { return false };
        left = rest;
    }
    true
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use futures_util::FutureExt as _;

    use super::*;

    /// Body that gives chunks of these lengths, where 0 is a pause, and then ends or waits for ever.
    struct Chunks {
        chunks: VecDeque<usize>,
        then_ends: bool,
    }

    impl http_body::Body for Chunks {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            match self.chunks.pop_front() {
                Some(0) => Poll::Pending,
                Some(length) => Poll::Ready(Some(Ok(http_body::Frame::data(vec![0; length].into())))),
                None if self.then_ends => Poll::Ready(None),
                None => Poll::Pending,
            }
        }
    }

    fn body(chunks: &[usize], then_ends: bool) -> Chunks {
        Chunks { chunks: chunks.iter().copied().collect(), then_ends }
    }

    /// Returns a timer that runs out at once for the first `times` waits, and then never.
    fn running_out(times: usize) -> Sleep {
        let left = AtomicUsize::new(times);
        Arc::new(move |_| {
            let runs_out = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
            if runs_out { Box::pin(std::future::ready(())) } else { Box::pin(std::future::pending()) }
        })
    }

    fn patient() -> Sleep {
        running_out(0)
    }

    async fn read(body: Body) -> Result<usize, bool> {
        let read = body.collect().await.map(|whole| whole.to_bytes().len());
        read.map_err(|error| BodyStalled::caused(&error))
    }

    #[test]
    fn a_body_has_to_go_on_arriving() {
        let none = HeaderMap::new();
        let reads = |chunks: &[usize], then_ends, windows| {
            let (body, _unread) = watch_body(&none, body(chunks, then_ends), running_out(windows));
            read(body).now_or_never()
        };
        assert_eq!(reads(&[100, 200], true, 1), Some(Ok(300)));
        assert_eq!(reads(&[], false, 1), Some(Err(true)), "nothing came within a window");
        assert_eq!(reads(&[8191], false, 1), Some(Err(true)), "too little came within a window");
        assert_eq!(reads(&[8192], false, 1), None, "enough came, and the next window is not over");
        assert_eq!(reads(&[8192], false, 2), Some(Err(true)), "each window has to bring something");
    }

    #[test]
    fn what_is_left_is_drained_within_bounds() {
        let expecting = HeaderMap::from_iter([(http::header::EXPECT, http::HeaderValue::from_static("100-continue"))]);
        let drains = |headers: &HeaderMap, chunks: &[usize], then_ends, sleep| {
            let (unread_by_all, unread) = watch_body(headers, body(chunks, then_ends), sleep);
            drop(unread_by_all);
            unread.drain(1000, Duration::from_secs(1)).now_or_never()
        };
        let none = HeaderMap::new();
        assert_eq!(drains(&none, &[400, 600], true, patient()), Some(true));
        assert_eq!(drains(&none, &[400, 601], true, patient()), Some(false));
        assert_eq!(drains(&none, &[400], false, patient()), None, "it waits for the rest");
        assert_eq!(drains(&none, &[400], false, running_out(2)), Some(false), "and not for ever");
        assert_eq!(drains(&expecting, &[400], true, patient()), Some(false), "whoever waits is not told to send");
    }

    #[test]
    fn what_was_read_whole_leaves_nothing() {
        let (read_by_all, unread) = watch_body(&HeaderMap::new(), body(&[400], true), patient());
        assert_eq!(read(read_by_all).now_or_never(), Some(Ok(400)));
        assert_eq!(unread.drain(0, Duration::ZERO).now_or_never(), Some(true));
        let (stalled, unread) = watch_body(&HeaderMap::new(), body(&[400, 0], false), running_out(2));
        assert_eq!(read(stalled).now_or_never(), Some(Err(true)));
        assert_eq!(unread.drain(1000, Duration::ZERO).now_or_never(), Some(false), "who stalled is not waited for");
    }
}
