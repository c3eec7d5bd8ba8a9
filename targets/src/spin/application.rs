//! The application of an instance: configured and connected to its ports by the first request.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    io::stderr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use aibaas_core::{
    App, Config, ConfigError, Environment, HostDefaults, LogSettings, OwnMail, SqlKeyGate, SqlRateLimiter,
    ports::{Database, InlineHasher, Ports, Timer, guarded_database},
};
use axum::Router;
use spin_sdk::variables;

use super::{
    adapters::{MonotonicTimer, OsEntropy, SpawnedBackground, SystemClock},
    database::SpinDatabase,
    http_client::SpinHttpClient,
    key_value::SpinKeyValue,
    migrated::MigratedDatabase,
};
use crate::{
    stderr_log,
    turns::{Purpose, TurnHasher, Turns},
};

/// Address at which `spin up` listens; as localhost, since browsers send its pages their cookie.
const BASE_URL: &str = "http://localhost:3000";

/// What an instance serves.
pub(super) struct Application {
    pub(super) router: Router,
    pub(super) is_for_this_machine_only: bool,
}

/// Returns what this instance serves. The first request prepares it, and others wait meanwhile.
pub(super) async fn application() -> Result<&'static Application, &'static str> {
    static APPLICATION: OnceLock<Result<Application, ConfigError>> = OnceLock::new();
    static PREPARING: OnceLock<Turns> = OnceLock::new();
    let misconfigured = "the deployment's configuration is incomplete; its log says where";

    if APPLICATION.get().is_none() {
        let _turn = PREPARING.get_or_init(Turns::default).take(Purpose::Computing).await;
        if APPLICATION.get().is_none() {
            let prepared = match prepare().await {
                Ok(application) => Ok(application),
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
            _ = APPLICATION.set(prepared);
        }
    }
    let prepared = APPLICATION.get().ok_or("the application is not prepared")?;
    prepared.as_ref().map_err(|_| misconfigured)
}

/// Reason why there is no application.
enum StartError {
    /// The configuration is wrong: no retry corrects it.
    Misconfigured(ConfigError),
    /// A variable cannot be read, and may be by the next request.
    Unreachable(String),
}

/// Makes the configured application.
async fn prepare() -> Result<Application, StartError> {
    let config = load_config().await.inspect_err(|error| {
        if let StartError::Misconfigured(_) = error {
            stderr_log::install(LogSettings::default(), stderr);
        }
    })?;
    stderr_log::install(config.log, stderr);
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
