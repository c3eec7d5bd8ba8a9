//! The server: from the command line to the last drained request.

use std::{
    fs::{File, TryLockError},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use aibaas_core::{
    App, ClientAddress, Config, Environment, HostDefaults, migrate,
    ports::{Clock, Ports},
    unknown_variables,
};
use axum::{Router, body::Body};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::{
    background::TrackedTasks,
    cli::{Failure, ServeOptions, say},
    data_directory,
    database::{Durability, SqliteDatabase},
    http_client::ReqwestClient,
    key_gate::MemoryKeyGate,
    key_value::SqliteKeyValue,
    logger,
    machine::{SystemClock, SystemEntropy, SystemTimer},
    password_hasher::ThreadPoolHasher,
    rate_limiter::MemoryRateLimiter,
};

/// How long a client may take over the head of a request, and how long a connection may stay idle: longer than the
/// minute for which proxies keep one, so that they do not send a request into a connection that just closes.
const HEAD_TIMEOUT: Duration = Duration::from_secs(65);
/// How long a request may take from its head to the head of its answer, the upload of its body included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Space for the head of a request.
const HEAD_BYTES: usize = 64 * 1024;
/// How long a shutdown waits for requests and mail.
const DRAIN: Duration = Duration::from_secs(10);
/// How often what is due is done.
const TICK: Duration = Duration::from_secs(15);
/// How long to wait when the system has no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the command line reads from the environment, for all commands.
const OWN_VARIABLES: [&str; 3] = ["AIBAAS_API_KEY", "AIBAAS_DATA_DIR", "AIBAAS_LISTEN"];

/// Serves until SIGTERM or SIGINT, then drains.
///
/// # Errors
/// [`Failure`] when the configuration is wrong or the server cannot start.
pub async fn serve(options: ServeOptions) -> Result<ExitCode, Failure> {
    logger::install();
    // Before all else, so that a signal during the start is not lost.
    let stop = stop_signals()?;
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|error| Failure::failed(format!("cannot listen on {}: {error}", options.listen)))?;
    let address = listener.local_addr().map_err(|error| Failure::failed(error.to_string()))?;
    let url = format!("http://{}", reachable(address));
    let defaults =
        HostDefaults { environment: Environment::Development, base_url: url.clone(), most_hash_memory_kib: 1_048_576 };
    let config = Config::load(&variable, defaults).map_err(|error| Failure::misconfigured(error.to_string()))?;
    for name in unknown_variables(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()), &OWN_VARIABLES) {
        log::warn!("{name} is no variable of this release; is it misspelt?");
    }
    let keeps_mail = config.keeps_mail();

    let host = Host::start(&options.data.directory, config.clock(SystemClock)).await?;
    migrate(&*host.database).await.map_err(|error| Failure::failed(format!("cannot migrate the database: {error}")))?;
    let app = App::new(host.ports(), config);
    let ticking = tokio::spawn(host.clone().tick(app.clone(), stop.clone()));
    let saving = tokio::spawn({
        let (host, stop) = (host.clone(), stop.clone());
        async move { host.key_gate.save_in_time(&*host.clock, stop).await }
    });

    say(&format!("listening on {url}"));
    say(&format!("data in {}", options.data.directory.display()));
    if keeps_mail {
        say(&format!("development: mail is not sent but shown at {url}/dev/mail"));
    }
    let connections = accept(&listener, &app.router(), &stop).await;
    drop(listener);
    host.stop(connections, [ticking, saving]).await;
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::disallowed_methods, reason = "this is the host that reads the configuration")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Where this machine reaches a server that listens there.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Cancelled by the first SIGTERM or SIGINT; the second ends the process without waiting for anything.
fn stop_signals() -> Result<CancellationToken, Failure> {
    let stop = CancellationToken::new();
    let mut signals = signals().map_err(|error| Failure::failed(error.to_string()))?;
    let stopped = stop.clone();
    tokio::spawn(async move {
        signals.next().await;
        stopped.cancel();
        signals.next().await;
        std::process::exit(130);
    });
    Ok(stop)
}

#[cfg(unix)]
fn signals() -> std::io::Result<BoxStream<'static, ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let both = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let signals = stream::unfold(both, |(mut terminate, mut interrupt)| async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Some(((), (terminate, interrupt)))
    });
    Ok(signals.boxed())
}

#[cfg(not(unix))]
fn signals() -> std::io::Result<BoxStream<'static, ()>> {
    let signals = stream::unfold((), |()| async { tokio::signal::ctrl_c().await.ok().map(|()| ((), ())) });
    Ok(signals.boxed())
}

/// Takes the data directory for this process: two limiters or two writers would each keep half a promise.
fn lock_directory(directory: &Path) -> Result<File, Failure> {
    data_directory::create(directory)?;
    let failed = |error: std::io::Error| Failure::failed(format!("cannot use {}: {error}", directory.display()));
    let lock = File::options().create(true).truncate(false).write(true).open(directory.join("lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            Err(Failure::failed(format!("another aibaas already serves from {}", directory.display())))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// What this host lends the application, by its own types.
#[derive(Clone)]
struct Host {
    database: Arc<SqliteDatabase>,
    cache: Arc<SqliteKeyValue>,
    rate_limiter: Arc<MemoryRateLimiter>,
    key_gate: Arc<MemoryKeyGate>,
    password_hasher: Arc<ThreadPoolHasher>,
    http_client: Arc<ReqwestClient>,
    clock: Arc<dyn Clock>,
    tasks: TrackedTasks,
    /// Held until the process ends.
    _lock: Arc<File>,
}

impl Host {
    async fn start(directory: &Path, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::failed(error.to_string());
        let lock = lock_directory(directory)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        data_directory::check(directory)?;
        let file = data_directory::database_file(directory);
        let database =
            SqliteDatabase::open(&file, Durability::Full, cores.clamp(2, 16)).map_err(|error| failed(&error))?;
        let database = Arc::new(database);
        let key_gate = MemoryKeyGate::open(&file, cores, database.clone()).map_err(|error| failed(&error))?;
        let cache = SqliteKeyValue::create(&data_directory::cache_file(directory), clock.clone())
            .await
            .map_err(|error| failed(&error))?;
        Ok(Self {
            database,
            cache: Arc::new(cache),
            rate_limiter: Arc::default(),
            key_gate: Arc::new(key_gate),
            password_hasher: Arc::new(ThreadPoolHasher::start(cores).map_err(|error| failed(&error))?),
            http_client: Arc::new(ReqwestClient::new().map_err(|error| failed(&error))?),
            clock,
            tasks: TrackedTasks::default(),
            _lock: Arc::new(lock),
        })
    }

    fn ports(&self) -> Ports {
        Ports {
            database: self.database.clone(),
            key_value: self.cache.clone(),
            rate_limiter: self.rate_limiter.clone(),
            key_gate: self.key_gate.clone(),
            password_hasher: self.password_hasher.clone(),
            http_client: self.http_client.clone(),
            mail_transport: None,
            clock: self.clock.clone(),
            timer: Arc::new(SystemTimer),
            entropy: Arc::new(SystemEntropy),
            background: Arc::new(self.tasks.clone()),
        }
    }

    /// Does what is due, at once and then on schedule, until told to stop.
    async fn tick(self, app: App, stop: CancellationToken) {
        let mut due = tokio::time::interval(TICK);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = due.tick() => {}
                () = stop.cancelled() => return,
            }
            app.tick().await;
            self.rate_limiter.sweep(self.clock.now());
            self.key_gate.sweep(self.clock.now());
            if let Err(error) = self.cache.purge().await {
                log::warn!("{error}");
            }
        }
    }

    async fn stop(self, connections: GracefulShutdown, ending: [JoinHandle<()>; 2]) {
        let drained = tokio::time::timeout(DRAIN, async {
            connections.shutdown().await;
            for task in ending {
                let _ = task.await;
            }
            // Answered requests may have left mail to send.
            self.tasks.drain().await;
        });
        if drained.await.is_err() {
            log::warn!("stopped with work unfinished; mail that was not sent goes out after the next start");
        }
        self.key_gate.close(self.clock.now()).await;
        let closed = tokio::task::spawn_blocking(move || {
            self.database.close();
            self.cache.close();
        });
        let _ = closed.await;
    }
}

/// Serves connections until told to stop; what is then still open is to be drained.
pub async fn accept(listener: &TcpListener, router: &Router, stop: &CancellationToken) -> GracefulShutdown {
    let connections = GracefulShutdown::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let connection = connections.watch(connection(stream, peer, router.clone()));
                    // What ends a connection early is the client's affair.
                    tokio::spawn(async move { drop(connection.await) });
                }
                // The client is gone already, or the system is out of descriptors.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            () = stop.cancelled() => return connections,
        }
    }
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + Send {
    // Without it answers only come later.
    let _ = stream.set_nodelay(true);
    let address = ClientAddress(peer.ip().to_canonical());
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(address);
        let answer = tokio::time::timeout(REQUEST_TIMEOUT, router.clone().oneshot(request));
        async move {
            match answer.await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(never)) => match never {},
                // An error closes the connection: who takes a minute to upload a body gets no answer.
                Err(elapsed) => Err(elapsed),
            }
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
}

#[cfg(test)]
mod tests {
    use axum::{Extension, routing};
    use tokio::sync::Notify;

    use super::*;

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
            tokio::spawn(async move { accept(&listener, &router, &stop).await })
        };

        let idle = super::super::http_client::builder().build().unwrap();
        assert_eq!(idle.get(&base).send().await.unwrap().text().await.unwrap(), "127.0.0.1");
        let asked = tokio::spawn(reqwest::Client::get(&idle, format!("{base}/slow")).send());
        arrived.notified().await;
        stop.cancel();
        let connections = server.await.unwrap();
        let drained = tokio::spawn(connections.shutdown());
        assert!(idle.get(&base).send().await.is_err());
        assert!(!drained.is_finished());
        go_on.notify_one();
        assert_eq!(asked.await.unwrap().unwrap().text().await.unwrap(), "done");
        tokio::time::timeout(Duration::from_secs(5), drained).await.unwrap().unwrap();
    }

    #[test]
    fn a_data_directory_has_one_owner() {
        let directory = std::env::temp_dir().join(format!("aibaas-lock-{}", std::process::id()));
        let first = lock_directory(&directory).unwrap();
        assert!(lock_directory(&directory).is_err());
        drop(first);
        assert!(lock_directory(&directory).is_ok());
        let _ = std::fs::remove_dir_all(&directory);
    }
}
