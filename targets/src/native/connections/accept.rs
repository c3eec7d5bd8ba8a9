//! Accepts connections.

use std::{sync::Arc, time::Duration};

use tokio::{net::TcpListener, time::MissedTickBehavior};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{connection, server::Server};

/// Pause after the system had no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Interval at which counts of refused and closed connections are logged, where there are any.
const REPORT: Duration = Duration::from_secs(1);

/// Accepts connections until told to stop. Returns the tasks of those that are still open.
pub async fn accept(listener: &TcpListener, server: Server, stop: &CancellationToken) -> TaskTracker {
    let (server, connections) = (Arc::new(server), TaskTracker::new());
    let mut report = tokio::time::interval(REPORT);
    report.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => match server.registry.admit(peer.ip(), server.timeouts) {
                    Ok(place) => {
                        let connection = connection::serve(stream, peer.ip(), place, Arc::clone(&server), stop.clone());
                        connections.spawn(connection);
                    }
                    Err(refusal) => {
                        if let Ok(permit) = Arc::clone(&server.refusals).try_acquire_owned() {
                            let answer = (server.refuse)(refusal);
                            tokio::spawn(async move {
                                connection::refuse(stream, answer).await;
                                drop(permit);
                            });
                        }
                    }
                },
                // The client is gone already, or the system is out of descriptors.
                Err(error) => {
                    if !is_the_clients(&error) {
                        server.registry.make_room();
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            },
            _ = report.tick() => server.registry.report(),
            () = stop.cancelled() => break,
        }
    }
    server.registry.report();
    connections.close();
    connections
}

/// Serves these routes, for the tests of what calls a server.
#[cfg(test)]
pub async fn serve_router(listener: TcpListener, router: axum::Router) {
    let limits = super::limits::ConnectionLimits { total: 100, per_network: 100 };
    let server = Server::over(router, Box::new(|_| axum::response::Response::default()), limits, Vec::new());
    accept(&listener, server, &CancellationToken::new()).await;
}

/// Checks whether only this one connection was lost, so that the listener works on.
fn is_the_clients(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use aibaas_core::ClientAddress;
    use axum::{Extension, Router, body::Bytes, http::StatusCode, response::IntoResponse as _, routing};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
        sync::Notify,
    };

    use super::{
        super::{activity::Timeouts, limits::ConnectionLimits},
        *,
    };

    fn server(router: Router) -> Server {
        let limits = ConnectionLimits { total: 100, per_network: 100 };
        let refuse = |refusal| (StatusCode::REQUEST_TIMEOUT, format!("{refusal:?}")).into_response();
        Server::over(router, Box::new(refuse), limits, Vec::new())
    }

    /// Creates a server for which a second is a millisecond.
    fn hasty(router: Router) -> Server {
        Server {
            sleep: Arc::new(|time| Box::pin(tokio::time::sleep(time.checked_div(1000).unwrap_or_default()))),
            timeouts: Timeouts {
                idle: Duration::from_millis(65),
                head: Duration::from_millis(15),
                write_window: Duration::from_millis(30),
            },
            ..server(router)
        }
    }

    /// Sends a request to the server, and returns what comes back until the server closes the connection.
    async fn exchange(server: Server, request: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let stop = CancellationToken::new();
        let accepting = tokio::spawn({
            let stop = stop.clone();
            async move { accept(&listener, server, &stop).await }
        });
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        stop.cancel();
        accepting.await.unwrap().wait().await;
        answer
    }

    async fn whole_body(body: Result<Bytes, axum::extract::rejection::BytesRejection>) -> String {
        body.map_or_else(|error| format!("failed: {error:?}"), |body| format!("{} bytes", body.len()))
    }

    #[tokio::test]
    async fn who_does_not_go_on_is_told_so() {
        let router = || Router::new().route("/", routing::post(whole_body));
        assert_eq!(exchange(hasty(router()), "").await, "", "nobody waits for an answer");
        let late = exchange(hasty(router()), "POST / HTTP/1.1\r\nHost: a\r\n").await;
        assert!(late.starts_with("HTTP/1.1 408 ") && late.ends_with("\r\nconnection: close\r\n\r\nLateHead"), "{late}");
        let late = exchange(hasty(router()), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf").await;
        assert!(late.contains("BodyStalled") && late.contains("\r\nconnection: close\r\n"), "{late}");
        let idle = exchange(hasty(router()), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody").await;
        assert!(idle.ends_with("\r\n\r\n4 bytes") && !idle.contains("connection: close"), "{idle}");
    }

    #[tokio::test]
    async fn who_never_reads_is_dropped() {
        let router = Router::new().route("/", routing::get(|| async { "x".repeat(64 << 20) }));
        let server = hasty(router);
        let registry = Arc::clone(&server.registry);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let stop = CancellationToken::new();
        let accepting = tokio::spawn({
            let stop = stop.clone();
            async move { accept(&listener, server, &stop).await }
        });
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        while registry.tally.late_readers.load(std::sync::atomic::Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
        accepting.await.unwrap().wait().await;
        let mut answer = Vec::new();
        assert!(stream.read_to_end(&mut answer).await.is_err(), "{} bytes came", answer.len());
    }

    #[tokio::test]
    async fn a_stop_answers_what_was_asked_and_waits_for_nothing_else() {
        let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let slow = {
            let (arrived, go_on) = (Arc::clone(&arrived), Arc::clone(&go_on));
            move || async move {
                arrived.notify_one();
                go_on.notified().await;
                "done"
            }
        };
        let router = Router::new()
            .route(
                "/",
                routing::get(|Extension(ClientAddress(ip)): Extension<ClientAddress>| async move { ip.to_string() }),
            )
            .route("/slow", routing::get(slow));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let server = {
            let stop = stop.clone();
            let server = server(router);
            tokio::spawn(async move { accept(&listener, server, &stop).await })
        };

        let idle = crate::native::http_client::builder().build().unwrap();
        assert_eq!(idle.get(&base).send().await.unwrap().text().await.unwrap(), "127.0.0.1");
        let asked = tokio::spawn(reqwest::Client::get(&idle, format!("{base}/slow")).send());
        arrived.notified().await;
        stop.cancel();
        let connections = server.await.unwrap();
        let drained = tokio::spawn(async move { connections.wait().await });
        assert!(idle.get(&base).send().await.is_err());
        assert!(!drained.is_finished());
        go_on.notify_one();
        assert_eq!(asked.await.unwrap().unwrap().text().await.unwrap(), "done");
        tokio::time::timeout(Duration::from_secs(5), drained).await.unwrap().unwrap();
    }
}
