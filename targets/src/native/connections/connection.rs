//! Serving of one connection, from its first request to its last.

use std::{
    convert::Infallible,
    future::poll_fn,
    net::IpAddr,
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
    time::Duration,
};

use aibaas_core::{ClientAddress, HostRefusal, RequestRecord, watch_body};
use axum::body::{Body, Bytes, HttpBody};
use http::{HeaderValue, Request, Response, header};
use hyper::{
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::{
    activity::{Activity, Timeout},
    registry::Place,
    server::Server,
    socket::Socket,
};

/// Time limit of a request from its head to the head of its answer, including the upload of its body.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Most bytes of a request's head.
const HEAD_BYTES: usize = 64 * 1024;
/// Most bytes that are read of a body that nobody wants, so that the connection can be used again.
const MOST_DRAINED: u64 = 1024 * 1024;
/// Time limit for reading such a body.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Time limit for a refused client to send its request, and for reading the refusal.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

enum End {
    Closed,
    Evicted,
    TimedOut(Timeout),
}

/// Serves a connection until it ends: by its client, by a time-out, to make room for another one, or, once told to
/// stop, after the request that it has.
pub async fn serve(stream: TcpStream, peer: IpAddr, place: Place, server: Arc<Server>, stop: CancellationToken) {
    let activity = Arc::clone(&place.activity);
    let address = ClientAddress(peer.to_canonical());
    let service = {
        let (server, activity) = (Arc::clone(&server), Arc::clone(&activity));
        service_fn(move |request| answer(Arc::clone(&server), Arc::clone(&activity), address, request))
    };
    let socket = TokioIo::new(Socket::new(stream, Arc::clone(&activity)));
    let mut connection =
        http1::Builder::new().header_read_timeout(None).max_buf_size(HEAD_BYTES).serve_connection(socket, service);

    let end = {
        let (mut evicted, mut stopped) = (pin!(place.evicted.cancelled()), pin!(stop.cancelled()));
        let mut timer = pin!(sleep_until(Instant::now()));
        let mut is_stopping = false;
        poll_fn(|context| {
            if evicted.as_mut().poll(context).is_ready() {
                return Poll::Ready(End::Evicted);
            }
            if !is_stopping && stopped.as_mut().poll(context).is_ready() {
                is_stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            loop {
                // Why a connection ends early is the client's affair.
                if Pin::new(&mut connection).poll(context).is_ready() {
                    return Poll::Ready(End::Closed);
                }
                let Some(deadline) = activity.deadline() else { return Poll::Pending };
                if timer.deadline() != deadline {
                    timer.as_mut().reset(deadline);
                }
                ready!(timer.as_mut().poll(context));
                if let Some(late) = activity.expire() {
                    return Poll::Ready(End::TimedOut(late));
                }
            }
        })
        .await
    };
    let socket = connection.into_parts().io.into_inner();
    match end {
        End::Closed | End::TimedOut(Timeout::Request) => {}
        End::Evicted => socket.abort(),
        End::TimedOut(Timeout::Head) => {
            place.tally().late_heads.fetch_add(1, Ordering::Relaxed);
            let _ = timeout(REFUSAL_TIMEOUT, send(socket, (server.refuse)(HostRefusal::LateHead))).await;
        }
        End::TimedOut(Timeout::Reading) => {
            place.tally().late_readers.fetch_add(1, Ordering::Relaxed);
            socket.abort();
        }
    }
}

/// Sends a refusal to a client whose connection is not taken, once it has sent a request.
pub async fn refuse(mut stream: TcpStream, answer: Response<Body>) {
    let mut request = [0; 4096];
    let refused = async {
        let asked = stream.read(&mut request).await;
        if asked.is_ok_and(|bytes| bytes > 0) {
            send(stream, answer).await;
        }
    };
    let _ = timeout(REFUSAL_TIMEOUT, refused).await;
}

/// Writes an answer to a request that was never read, and closes.
async fn send(mut socket: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin, answer: Response<Body>) {
    let (parts, body) = answer.into_parts();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else { return };
    let mut head = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
    for (name, value) in &parts.headers {
        head.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    head.extend_from_slice(format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len()).as_bytes());
    head.extend_from_slice(&body);
    if socket.write_all(&head).await.is_ok() && socket.shutdown().await.is_ok() {
        let mut thrown_away = [0; 4096];
        while socket.read(&mut thrown_away).await.is_ok_and(|bytes| bytes > 0) {}
    }
}

async fn answer(
    server: Arc<Server>,
    activity: Arc<Activity>,
    address: ClientAddress,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    let (busy, began) = (Busy::begin(Arc::clone(&activity)), Instant::now());
    let (parts, body) = request.into_parts();
    let body = RequestBody { body, activity: Arc::clone(&activity) };
    let (body, unread) = watch_body(&parts.headers, body, Arc::clone(&server.sleep));
    let mut request = Request::from_parts(parts, body);
    request.extensions_mut().insert(address);
    let span = server.traces.as_ref().map(|traces| traces.begin_request(&mut request));
    let mut response = match timeout(REQUEST_TIMEOUT, server.router.clone().oneshot(request)).await {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_) => (server.refuse)(HostRefusal::LateAnswer),
    };
    let record = response.extensions().get::<RequestRecord>();
    server.metrics.observe(record, response.status(), began.elapsed());
    if let Some(span) = span {
        span.end(record, response.status());
    }
    if !unread.drain(MOST_DRAINED, DRAIN_TIMEOUT).await {
        activity.will_linger();
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| AnswerBody { body, _busy: busy }))
}

/// Marks the connection as busy with a request, until it is dropped.
struct Busy(Arc<Activity>);

impl Busy {
    fn begin(activity: Arc<Activity>) -> Self {
        activity.begin_request();
        Self(activity)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.end_request();
    }
}

/// Body of a request; it reports when it waits for the client.
struct RequestBody {
    body: Incoming,
    activity: Arc<Activity>,
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.activity.waits_for_body(frame.is_pending());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        HttpBody::size_hint(&self.body)
    }
}

/// Body of an answer, which hyper drops when it is written.
struct AnswerBody {
    body: Body,
    _busy: Busy,
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
