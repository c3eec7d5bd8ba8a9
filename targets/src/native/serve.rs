//! The server, from the command line to the last drained request.

use std::{
    fs::File,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use aibaas_core::{
    App, Config, ConfigError, Environment, HostDefaults, LogSettings, MailProvider, OwnMail, UnknownVariable, migrate,
    ports::{Clock, MailTransport, Ports},
    unknown_variables,
};
use clap::Args;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokio::{net::TcpListener, task::JoinHandle, time::MissedTickBehavior};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    background::TrackedTasks,
    connections::{ConnectionLimits, Server, accept, raise_descriptor_limit},
    data_directory::{self, DataDirectory},
    database::{Durability, SqliteDatabase},
    error::CliError,
    http_client::ReqwestClient,
    key_gate::MemoryKeyGate,
    key_value::SqliteKeyValue,
    log::Log,
    metrics::Metrics,
    nightly::Nightly,
    output::print_line,
    password_hasher::ThreadPoolHasher,
    rate_limiter::MemoryRateLimiter,
    scrape::Scrape,
    smtp::SmtpTransport,
    system_clock::{SystemClock, SystemEntropy, SystemTimer},
    traces::{TraceSettings, Traces},
    variables::{self, variable},
};

/// Longest wait of a shutdown for requests, and for mail that is being sent, which a provider has ten seconds to
/// accept.
const DRAIN: Duration = Duration::from_secs(15);
/// Time limit for sending the remaining spans to the collector.
const LAST_SPANS: Duration = Duration::from_secs(3);
/// Default address to listen on.
pub const LISTEN: &str = "127.0.0.1:8787";
/// Interval of the tick.
const TICK: Duration = Duration::from_secs(15);

/// Variables that the command line itself reads, over all commands, and AIBAAS_API_KEY, which is the client's.
const OWN_VARIABLES: [&str; 10] = [
    "AIBAAS_API_KEY",
    "AIBAAS_DATA_DIR",
    "AIBAAS_LISTEN",
    "BACKUP_AT",
    "BACKUP_DIR",
    "BACKUP_KEEP",
    "MAX_CONNECTIONS",
    "MAX_CONNECTIONS_PER_ADDRESS",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
];

/// Where the server listens and keeps its data.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, env = "AIBAAS_LISTEN", value_name = "ADDRESS:PORT", default_value = LISTEN)]
    pub listen: SocketAddr,
    #[command(flatten)]
    pub data: DataDirectory,
}

/// Serves until SIGTERM or SIGINT, then drains.
///
/// # Errors
/// [`CliError`] when the configuration is wrong or the server cannot start.
pub async fn serve(options: Options) -> Result<ExitCode, CliError> {
    // A mistake in the log's settings is reported with all others.
    let log = Log::start(LogSettings::load(&variable).unwrap_or_default());
    // Installed first, so that a signal during the start is not lost.
    let stop = stop_signals()?;
    let descriptors = raise_descriptor_limit();
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|error| CliError::failed(format!("cannot listen on {}: {error}", options.listen)))?;
    let address = listener.local_addr().map_err(|error| CliError::failed(error.to_string()))?;
    let url = format!("http://{}", reachable(address));
    // First: what is missing may only be misspelt.
    for variable in unknown() {
        tracing::warn!("{variable}");
    }
    let Configured { config, limits, nightly, traces } =
        configure(defaults(url), descriptors).map_err(|error| CliError::misconfigured(error.to_string()))?;
    require_environment(options.listen, &config)?;
    let (keeps_mail, proxies) = (config.keeps_mail(), config.trusted_proxies.clone());
    let base_url = config.base_url.clone();
    let mail_transport = mail_transport(&config)?;

    let host = Host::start(&options.data.directory, config.clock(SystemClock)).await?;
    migrate(&*host.database)
        .await
        .map_err(|error| CliError::failed(format!("cannot migrate the database: {error}")))?;
    // The export of spans outlives the requests: it ends when it is told that there are no more.
    let spans_end = CancellationToken::new();
    let exporting = traces.map(|settings| Traces::start(&settings, host.metrics.spans.clone(), spans_end.clone()));
    let (traces, exporting) = exporting.transpose()?.unzip();
    let ports = host.ports(mail_transport);
    let ports = match &traces {
        Some(traces) => traces.wrap(ports),
        None => ports,
    };
    let app = App::new(ports, config);
    let backups = nightly.as_ref().map(|nightly| nightly.directory().to_owned());
    let file = data_directory::database_file(&options.data.directory);
    let tasks = host.spawn_tasks(&app, nightly, file, &stop);

    print_line(&format!("open {base_url}"));
    print_line(&format!("listening on {address}, for {} connections, {} an address", limits.total, limits.per_network));
    print_line(&format!("data in {}", options.data.directory.display()));
    if keeps_mail {
        print_line(&format!("development: mail is not sent but shown at {base_url}/dev/mail"));
    }
    let server = Server::new(app.clone(), limits, proxies, host.scrape(&log, &options.data.directory, backups), traces);
    let connections = accept(&listener, server, &stop).await;
    drop(listener);
    app.stop_sending();
    host.stop(connections, tasks).await;
    spans_end.cancel();
    if let Some(exporting) = exporting
        && tokio::time::timeout(LAST_SPANS, exporting).await.is_err()
    {
        tracing::warn!("the collector did not take the last spans in time");
    }
    Ok(ExitCode::SUCCESS)
}

/// Lists the variables that look like this product's and are unknown.
pub fn unknown() -> Vec<UnknownVariable> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let own = OWN_VARIABLES.into_iter().chain(variables::of_files()).collect::<Vec<_>>();
    unknown_variables(names, &own)
}

/// Returns this host's defaults, for where the configuration is silent.
pub fn defaults(base_url: String) -> HostDefaults {
    HostDefaults {
        environment: Environment::Development,
        base_url,
        most_hash_memory_kib: 1_048_576,
        own_mail: OwnMail::Smtp,
        most_packing_statements: HostDefaults::PACKING_STATEMENTS,
    }
}

/// Configuration of the application and of this host.
pub struct Configured {
    pub config: Config,
    pub limits: ConnectionLimits,
    /// Daily backups, where configured.
    pub nightly: Option<Nightly>,
    /// Export of traces, where configured.
    pub traces: Option<TraceSettings>,
}

/// Reads the variables of the application and of this host.
///
/// # Errors
/// [`ConfigError`] with every mistake at once.
pub fn configure(defaults: HostDefaults, descriptors: Option<u64>) -> Result<Configured, ConfigError> {
    let mut mistakes = variables::mistakes();
    let limits = ConnectionLimits::load(&variable, descriptors, &mut mistakes);
    let nightly = Nightly::load(&variable, &mut mistakes);
    let traces = TraceSettings::load(&variable, &mut mistakes);
    match Config::load(&variable, defaults) {
        Ok(config) if mistakes.is_empty() => Ok(Configured { config, limits, nightly, traces }),
        loaded => {
            mistakes.splice(..0, loaded.err().map(|error| error.0).unwrap_or_default());
            Err(ConfigError(mistakes))
        }
    }
}

/// Creates the SMTP transport, where mail is sent by SMTP.
fn mail_transport(config: &Config) -> Result<Option<Arc<dyn MailTransport>>, CliError> {
    let MailProvider::Smtp(settings) = &config.mail_provider else { return Ok(None) };
    let transport = SmtpTransport::new(settings, &config.mail_from).map_err(CliError::misconfigured)?;
    Ok(Some(Arc::new(transport)))
}

/// Refuses to serve other machines where `ENVIRONMENT` is not set.
///
/// # Errors
/// [`CliError`] that says what to do.
pub fn require_environment(listen: SocketAddr, config: &Config) -> Result<(), CliError> {
    if !config.is_for_this_machine_only() || listen.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    Err(CliError::misconfigured(format!(
        "ENVIRONMENT is not set, and other machines reach {listen}. Set ENVIRONMENT=production; or set \
         ENVIRONMENT=development to let everybody there in with the public development secret and read all mail at \
         /dev/mail; or listen on 127.0.0.1"
    )))
}

/// Returns the host and port at which this machine reaches a server that listens on the address. Uses the name
/// localhost, from which front ends are served too: for browsers 127.0.0.1 is another site, whose cookie a page of
/// localhost neither gets nor sends.
pub fn reachable(address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED | Ipv4Addr::LOCALHOST) | IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
            format!("localhost:{}", address.port())
        }
        _ => address.to_string(),
    }
}

/// Returns a token that the first SIGTERM or SIGINT cancels; the second signal ends the process without waiting.
fn stop_signals() -> Result<CancellationToken, CliError> {
    let stop = CancellationToken::new();
    let mut signals = signals().map_err(|error| CliError::failed(error.to_string()))?;
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

/// The ports that this host provides, by their own types.
#[derive(Clone)]
struct Host {
    database: Arc<SqliteDatabase>,
    cache: Arc<SqliteKeyValue>,
    rate_limiter: Arc<MemoryRateLimiter>,
    key_gate: Arc<MemoryKeyGate>,
    password_hasher: Arc<ThreadPoolHasher>,
    http_client: Arc<ReqwestClient>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    tasks: TrackedTasks,
    /// Lock of the data directory, held until the process ends.
    _lock: Arc<File>,
}

impl Host {
    async fn start(directory: &Path, clock: Arc<dyn Clock>) -> Result<Self, CliError> {
        let failed = |error: &dyn std::fmt::Display| CliError::failed(error.to_string());
        let lock = data_directory::lock(directory)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        data_directory::check(directory)?;
        let file = data_directory::database_file(directory);
        let metrics = Arc::<Metrics>::default();
        let (readers, writing, hashing) = (cores.clamp(2, 16), metrics.writing.clone(), metrics.hashing.clone());
        let database = SqliteDatabase::open_measured(&file, Durability::Full, readers, writing);
        let database = Arc::new(database.map_err(|error| failed(&error))?);
        let key_gate = MemoryKeyGate::open(&file, cores, database.clone()).map_err(|error| failed(&error))?;
        let disk_full = metrics.writing.disk_full.clone();
        let cache = SqliteKeyValue::create(&data_directory::cache_file(directory), clock.clone(), disk_full)
            .await
            .map_err(|error| failed(&error))?;
        Ok(Self {
            database,
            cache: Arc::new(cache),
            rate_limiter: Arc::default(),
            key_gate: Arc::new(key_gate),
            password_hasher: Arc::new(ThreadPoolHasher::start(cores, hashing).map_err(|error| failed(&error))?),
            http_client: Arc::new(ReqwestClient::new().map_err(|error| failed(&error))?),
            clock,
            metrics,
            tasks: TrackedTasks::default(),
            _lock: Arc::new(lock),
        })
    }

    fn ports(&self, mail_transport: Option<Arc<dyn MailTransport>>) -> Ports {
        Ports {
            database: self.database.clone(),
            key_value: self.cache.clone(),
            rate_limiter: self.rate_limiter.clone(),
            key_gate: self.key_gate.clone(),
            password_hasher: self.password_hasher.clone(),
            http_client: self.http_client.clone(),
            mail_transport,
            clock: self.clock.clone(),
            timer: Arc::new(SystemTimer),
            entropy: Arc::new(SystemEntropy),
            background: Arc::new(self.tasks.clone()),
        }
    }

    fn scrape(&self, log: &Log, directory: &Path, backups: Option<PathBuf>) -> Scrape {
        Scrape {
            metrics: self.metrics.clone(),
            database: self.database.clone(),
            file: data_directory::database_file(directory),
            backups,
            lines_dropped: log.dropped(),
            clock: self.clock.clone(),
        }
    }

    /// Spawns what runs beside the requests until it is told to stop: the tick, saving counts of use, and backups.
    fn spawn_tasks(
        &self,
        app: &App,
        nightly: Option<Nightly>,
        database: PathBuf,
        stop: &CancellationToken,
    ) -> [JoinHandle<()>; 3] {
        let ticking = tokio::spawn(self.clone().tick(app.clone(), stop.clone()));
        let saving = tokio::spawn({
            let (host, stop) = (self.clone(), stop.clone());
            async move { host.key_gate.save_in_time(&*host.clock, stop).await }
        });
        let backing_up = tokio::spawn({
            let (clock, stop) = (self.clock.clone(), stop.clone());
            async move {
                if let Some(nightly) = nightly {
                    nightly.run(database, clock, stop).await;
                }
            }
        });
        [ticking, saving, backing_up]
    }

    /// Runs ticks, at once and then at intervals, until told to stop.
    async fn tick(self, app: App, stop: CancellationToken) {
        let mut due = tokio::time::interval(TICK);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = due.tick() => {}
                () = stop.cancelled() => return,
            }
            aibaas_core::tick(&app).await;
            self.rate_limiter.sweep(self.clock.now());
            self.key_gate.sweep(self.clock.now());
            if let Err(error) = self.cache.purge().await {
                tracing::warn!(%error, "the cache was not purged");
            }
        }
    }

    async fn stop(self, connections: TaskTracker, ending: [JoinHandle<()>; 3]) {
        tracing::info!(
            connections = connections.len(),
            seconds = DRAIN.as_secs(),
            "stopping: connections and the mail that is being sent have so long; queued mail waits for the next start"
        );
        let drained = tokio::time::timeout(DRAIN, async {
            connections.wait().await;
            for task in ending {
                let _ = task.await;
            }
            self.tasks.drain().await;
        });
        if drained.await.is_err() {
            tracing::warn!(connections = connections.len(), "stopped with connections or other work unfinished");
        }
        self.key_gate.close(self.clock.now()).await;
        let closed = tokio::task::spawn_blocking(move || {
            self.database.close();
            self.cache.close();
        });
        let _ = closed.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_machines_are_not_served_by_mistake() {
        let refused = |listen: &str, environment: Option<&str>| {
            let lookup = |name: &str| environment.filter(|_| name == "ENVIRONMENT").map(str::to_owned);
            let config = Config::load(&lookup, defaults("http://127.0.0.1".to_owned())).unwrap();
            require_environment(listen.parse().unwrap(), &config).is_err()
        };
        for listen in ["0.0.0.0:80", "[::]:80", "192.0.2.1:80", "[2001:db8::1]:80"] {
            assert!(refused(listen, None) && refused(listen, Some(" ")), "{listen}");
            assert!(!refused(listen, Some("development")), "{listen}");
        }
        for listen in ["127.0.0.1:80", "127.1.2.3:0", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
            assert!(!refused(listen, None), "{listen}");
        }
    }

    #[test]
    fn this_machine_is_localhost() {
        for (listen, expected) in [
            ("127.0.0.1:8787", "localhost:8787"),
            ("0.0.0.0:80", "localhost:80"),
            ("[::]:80", "localhost:80"),
            ("[::1]:80", "[::1]:80"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()), expected);
        }
    }
}
