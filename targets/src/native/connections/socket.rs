//! A client's socket: it reports its activity, and closes without destroying what the client has not read yet.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};

use super::activity::Activity;

/// Longest time for which a closing connection reads what its client is still sending.
const LINGER: Duration = Duration::from_secs(10);
/// Longest pause of the client during that time.
const LINGER_QUIET: Duration = Duration::from_secs(2);

pub struct Socket {
    stream: TcpStream,
    activity: Arc<Activity>,
    closing: Option<Closing>,
}

/// State after our side is closed and before the client's is.
struct Closing {
    lingers: bool,
    whole: Pin<Box<Sleep>>,
    quiet: Pin<Box<Sleep>>,
}

impl Socket {
    pub fn new(stream: TcpStream, activity: Arc<Activity>) -> Self {
        // Without this option answers only come later.
        let _ = stream.set_nodelay(true);
        Self { stream, activity, closing: None }
    }

    /// Closes the socket at once, discarding what its client has not read.
    pub fn abort(self) {
        // Otherwise the system would go on offering it to the client for minutes.
        let _ = self.stream.set_zero_linger();
    }

    fn noted(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(bytes)) => self.activity.wrote(*bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.activity.is_blocked(),
        }
        written
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.activity.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.noted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.closing.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        }
        let activity = &this.activity;
        let closing = this.closing.get_or_insert_with(|| Closing {
            lingers: activity.close(),
            whole: Box::pin(sleep(LINGER)),
            quiet: Box::pin(sleep(LINGER_QUIET)),
        });
        let mut thrown_away = [0; 8192];
        while closing.lingers {
            let mut buffer = ReadBuf::new(&mut thrown_away);
            match Pin::new(&mut this.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    // The timer is not polled while a client never pauses.
                    if Instant::now() >= closing.whole.deadline() {
                        break;
                    }
                    if let Some(until) = Instant::now().checked_add(LINGER_QUIET) {
                        closing.quiet.as_mut().reset(until);
                    }
                }
                Poll::Ready(_) => break,
                Poll::Pending => {
                    if closing.whole.as_mut().poll(context).is_pending()
                        && closing.quiet.as_mut().poll(context).is_pending()
                    {
                        return Poll::Pending;
                    }
                    break;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}
