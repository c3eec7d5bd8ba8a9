//! The Spin component: one instance serves many requests, also concurrently, and lives for about a second after the
//! last.

mod adapters;
mod database;
mod http_client;
mod key_value;
mod migrated;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use aibaas_core::{
    App, ClientAddress, Config, ConfigError, Environment, HostDefaults, LogSettings, OwnMail, SqlKeyGate,
    SqlRateLimiter,
    ports::{BoxFuture, Database, InlineHasher, Ports, Timer, guarded_database},
    watch_body,
};
use axum::{
    Router,
    body::{Body, HttpBody as _},
};
use http::{HeaderMap, Request, Response, StatusCode, header};
use spin_sdk::{http_service, variables};
use tower::ServiceExt as _;

use self::{
    adapters::{MonotonicTimer, OsEntropy, SpawnedBackground, SystemClock},
    database::SpinDatabase,
    http_client::SpinHttpClient,
    key_value::SpinKeyValue,
    migrated::MigratedDatabase,
};
use crate::{
    spawned::attended,
    stderr_log,
    turns::{Purpose, TurnHasher, Turns},
};

/// Address at which `spin up` listens; as localhost, since browsers send its pages their cookie.
const BASE_URL: &str = "http://localhost:3000";

/// Header in which Spin names the peer.
const CLIENT_ADDRESS: &str = "spin-client-addr";

/// Most bytes that are read of a body that nobody wants. Spin closes the connection after a body that is not read
/// whole, cannot be made to announce that, and resets it. So more is read here than on hosts that can announce it.
const MOST_DRAINED: u64 = 8 * 1024 * 1024;
/// Time limit for reading such a body.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

#[http_service]
async fn handle(request: spin_sdk::http::Request) -> Response<Body> {
    attended(answer(request)).await
}

async fn answer(request: spin_sdk::http::Request) -> Response<Body> {
    let served = match router().await {
        Ok(served) => served,
        Err(reason) => return with_length(unavailable(reason)),
    };
    let (mut parts, body) = request.into_parts();
    let address = take_client_address(&mut parts.headers);
    if served.is_for_this_machine_only && address.is_some_and(|address| !address.is_loopback()) {
        return with_length(unavailable(
            "the variable environment is not set: set it to production, or to development to serve other machines with \
             the public development secret",
        ));
    }
    if let Some(address) = address {
        parts.extensions.insert(ClientAddress(address));
    }
    let sleep = Arc::new(|time| -> BoxFuture { Box::pin(spin_sdk::time::sleep(time)) });
    let (body, unread) = watch_body(&parts.headers, Box::pin(body), sleep);
    match served.router.clone().oneshot(Request::from_parts(parts, body)).await {
        Ok(response) => {
            unread.drain(MOST_DRAINED, DRAIN_TIMEOUT).await;
            with_length(response)
        }
        Err(never) => match never {},
    }
}

/// Adds the length of the body where it is known; Spin would send chunks.
fn with_length(mut response: Response<Body>) -> Response<Body> {
    let bodiless = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let Some(length) = response.body().size_hint().exact().filter(|_| !bodiless) {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(length.into());
    }
    response
}

/// What an instance serves.
struct Application {
    router: Router,
    is_for_this_machine_only: bool,
}

/// Returns this instance's router. The first request prepares it, and others wait meanwhile.
async fn router() -> Result<&'static Application, &'static str> {
    static ROUTER: OnceLock<Result<Application, ConfigError>> = OnceLock::new();
    static PREPARING: OnceLock<Turns> = OnceLock::new();
    let misconfigured = "the deployment's configuration is incomplete; its log says where";

    if ROUTER.get().is_none() {
        let _turn = PREPARING.get_or_init(Turns::default).take(Purpose::Computing).await;
        if ROUTER.get().is_none() {
            let prepared = match prepare().await {
                Ok(served) => Ok(served),
                Err(StartError::Misconfigured(error)) => {
                    tracing::error!(%error, "the configuration is wrong");
                    Err(error)
                }
                Err(StartError::Unreachable(error)) => {
                    // The wanted log level is not known yet, and may be by the next request.
                    tracing::dispatcher::with_default(&stderr_log::to_stderr(LogSettings::default()), || {
                        tracing::error!(error, "the configuration cannot be reached");
                    });
                    return Err("the configuration cannot be reached");
                }
            };
            _ = ROUTER.set(prepared);
        }
    }
    let prepared = ROUTER.get().ok_or("the application is not prepared")?;
    prepared.as_ref().map_err(|_| misconfigured)
}

/// Reason why no router was made.
enum StartError {
    /// The configuration is wrong: no retry corrects it.
    Misconfigured(ConfigError),
    /// A variable cannot be read, and may be by the next request.
    Unreachable(String),
}

/// Makes the router of the configured application.
async fn prepare() -> Result<Application, StartError> {
    let config = load_config().await.inspect_err(|error| {
        if let StartError::Misconfigured(_) = error {
            stderr_log::install(LogSettings::default());
        }
    })?;
    stderr_log::install(config.log);
    let turns = Turns::default();
    let database = SpinDatabase::new(turns.clone(), Duration::from_millis(config.deadlines.write.into()));
    let database: Arc<dyn Database> = Arc::new(MigratedDatabase::new(database));
    let timer: Arc<dyn Timer> = Arc::new(MonotonicTimer);
    let shared = guarded_database(Arc::clone(&database), Arc::clone(&timer), Arc::new(OsEntropy), config.deadlines);
    let clock = config.clock(SystemClock);
    let ports = Ports {
        rate_limiter: Arc::new(SqlRateLimiter::new(Arc::clone(&shared))),
        key_gate: Arc::new(SqlKeyGate::new(shared)),
        database,
        key_value: Arc::new(SpinKeyValue(Arc::clone(&clock))),
        password_hasher: Arc::new(TurnHasher { turns, hasher: InlineHasher::default() }),
        http_client: Arc::new(SpinHttpClient),
        mail_transport: None,
        clock,
        timer,
        entropy: Arc::new(OsEntropy),
        background: Arc::new(SpawnedBackground),
    };
    let is_for_this_machine_only = config.is_for_this_machine_only();
    Ok(Application { router: aibaas_core::router(&App::new(ports, config)), is_for_this_machine_only })
}

/// Loads the configuration. Spin hands out variables only asynchronously, and the application reads them synchronously,
/// so loading is repeated until it asks for no variable that has not been fetched.
async fn load_config() -> Result<Config, StartError> {
    let mut values: BTreeMap<String, Option<String>> = BTreeMap::new();
    loop {
        let missing = RefCell::new(BTreeSet::new());
        let lookup = |name: &str| match values.get(name) {
            Some(value) => value.clone(),
            None => {
                missing.borrow_mut().insert(name.to_owned());
                None
            }
        };
        let config = Config::load(
            &lookup,
            HostDefaults {
                environment: Environment::Development,
                base_url: BASE_URL.to_owned(),
                most_hash_memory_kib: 262_144,
                own_mail: OwnMail::None,
                most_packing_statements: HostDefaults::PACKING_STATEMENTS,
            },
        );
        let missing = missing.into_inner();
        if missing.is_empty() {
            return config.map_err(StartError::Misconfigured);
        }
        for name in missing {
            let value = match variables::get(name.to_ascii_lowercase()).await {
                Ok(value) => Some(value),
                Err(variables::Error::Undefined(_)) => None,
                Err(error) => {
                    // An unreadable variable is not an absent one: a production deployment must not start in
                    // development.
                    return Err(StartError::Unreachable(format!("variable {name}: {error}")));
                }
            };
            values.insert(name, value);
        }
    }
}

/// Removes the header, and returns the address in it. Spin appends the peer to what the client sent, so only the last
/// value is trusted.
fn take_client_address(headers: &mut HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all(CLIENT_ADDRESS).iter().next_back().cloned();
    headers.remove(CLIENT_ADDRESS);
    let text = last.as_ref()?.to_str().ok()?;
    let address = text.parse::<SocketAddr>().map(|address| address.ip()).or_else(|_| text.parse()).ok()?;
    Some(address.to_canonical())
}

/// Creates the 503 answer for when there is no application to answer.
fn unavailable(reason: &str) -> Response<Body> {
    let problem = serde_json::json!({
        "type": "about:blank",
        "title": "The service is unavailable for the moment",
        "status": 503,
        "code": "service_unavailable",
        "detail": reason,
    });
    let mut response = Response::new(Body::from(problem.to_string()));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("5"));
    response
}
