//! The checked configuration, and how it is read.

use std::sync::Arc;

use super::{
    ConfigError, Environment, HostDefaults, LogSettings, MailProvider, MailWebhooks, Publishing, mail, reader::Reader,
};
use crate::{
    domain::{JwtAlgorithm, Secret, account::Email, network::Network, origin, password_hash},
    ports::{Clock, Deadlines, Limit, MovableClock},
};

/// The checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// `ENVIRONMENT`: development or production.
    pub environment: Environment,
    /// Whether `ENVIRONMENT` is set, rather than left to the host's default.
    pub environment_is_given: bool,
    /// `BASE_URL`: the API's own public address, without a trailing slash.
    pub base_url: String,
    /// `APP_URL`: the front end that mail links lead to; the API's own pages where absent.
    pub app_url: Option<String>,
    /// `CORS_ORIGINS`: exact origins. `None` where it is absent in development: every origin of this machine is
    /// allowed.
    pub cors_origins: Option<Vec<String>>,
    /// `JWT_SECRET`: every key is derived from it.
    pub jwt_secret: Secret,
    /// `JWT_SECRET_PREVIOUS`: the secret before a rotation, which still verifies.
    pub jwt_secret_previous: Option<Secret>,
    /// `JWT_ALGORITHM`: how access tokens are signed.
    pub jwt_algorithm: JwtAlgorithm,
    /// `PASSWORD_ARGON2ID`: the cost of a new password hash.
    pub password_params: password_hash::Params,
    /// `BREACHED_PASSWORDS_URL`: a k-anonymity range API, such as <https://api.pwnedpasswords.com/range>, asked about
    /// each new password.
    pub breached_passwords_url: Option<String>,
    /// `GITHUB_SECRET_SCANNING_KEYS_URL`: where GitHub publishes the keys that sign its reports of leaked API keys.
    pub github_secret_scanning_keys_url: String,
    /// `ADMIN_EMAILS`: addresses whose accounts become administrators at their next login, whatever role they were
    /// given meanwhile.
    pub admin_emails: Vec<Email>,
    /// Provider that sends mail.
    pub mail_provider: MailProvider,
    /// Keys that check the mail providers' webhooks.
    pub mail_webhooks: MailWebhooks,
    /// `MAIL_FROM`: the sender of all mail.
    pub mail_from: String,
    /// `TICK_SECRET`: authenticates `POST /internal/tick`, which does not exist without it.
    pub tick_secret: Option<Secret>,
    /// `METRICS_TOKEN`: the token that may read `/metrics`, on a host that measures.
    pub metrics_token: Option<Secret>,
    /// `TRUSTED_PROXIES`: networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// `PUBLISHING`: who may publish results.
    pub publishing: Publishing,
    /// `LOG_LEVEL` and `LOG_FORMAT`: what is logged, and in which form.
    pub log: LogSettings,
    /// `LOG_CLIENT_ADDRESS`: whether the log line of a request holds its client's address.
    pub log_client_address: bool,
    /// `REQUEST_DEADLINE_SECONDS`, and the deadlines that follow from it.
    pub deadlines: Deadlines,
    /// `DEV_CLOCK`: whether `/dev/clock` moves the time (development only).
    pub dev_clock: bool,
    /// `WEBHOOK_PRIVATE_TARGETS`: whether webhooks may be called over `http` and at private addresses (development
    /// only).
    pub webhook_private_targets: bool,
    /// `STORAGE_QUOTA_BYTES`: how many bytes an account may store unless an administrator sets another quota.
    pub storage_quota_bytes: i64,
    /// `PACK_RESULTS_AFTER_HOURS`: hours after its publication at which a run's results are packed; never where absent.
    pub pack_results_after_hours: Option<u32>,
    /// Most statements that a tick may spend on packing results on this host.
    pub most_packing_statements: usize,
    /// `RATE_LIMIT_REGISTER`: registrations by client address.
    pub limit_register: Limit,
    /// `RATE_LIMIT_LOGIN`: logins by client address.
    pub limit_login: Limit,
    /// `RATE_LIMIT_RESEND`: requests for mail by client address.
    pub limit_resend: Limit,
    /// `RATE_LIMIT_UNKNOWN_KEYS`: well-formed API keys that do not exist, by client address.
    pub limit_unknown_keys: Limit,
    /// `RATE_LIMIT_READS`: public reads without a key of scope `leaderboard:read`, by client address and instance.
    pub limit_reads: Option<Limit>,
}

impl Config {
    /// Reads and checks every variable.
    ///
    /// # Errors
    /// [`ConfigError`] with every mistake at once.
    pub fn load(lookup: &dyn Fn(&str) -> Option<String>, defaults: HostDefaults) -> Result<Self, ConfigError> {
        let mut read = Reader { lookup, mistakes: Vec::new() };
        let environment_is_given = read.get("ENVIRONMENT").is_some();
        let environment = read.environment(defaults.environment);
        let production = environment == Environment::Production;

        let jwt_secret = read.jwt_secret(production);
        let jwt_secret_previous = read.secret("JWT_SECRET_PREVIOUS", production);
        let tick_secret = read.secret("TICK_SECRET", production);
        let metrics_token = read.secret("METRICS_TOKEN", production);
        read.distinct(&[
            ("JWT_SECRET", Some(&jwt_secret)),
            ("JWT_SECRET_PREVIOUS", jwt_secret_previous.as_ref()),
            ("TICK_SECRET", tick_secret.as_ref()),
            ("METRICS_TOKEN", metrics_token.as_ref()),
        ]);

        // Fields are read, and their mistakes listed, in this order.
        let config = Self {
            environment,
            environment_is_given,
            jwt_secret,
            jwt_secret_previous,
            tick_secret,
            metrics_token,
            jwt_algorithm: read.jwt_algorithm(),
            password_params: read.password_params(defaults.most_hash_memory_kib, production),
            breached_passwords_url: read.url("BREACHED_PASSWORDS_URL", production),
            github_secret_scanning_keys_url: read.github_secret_scanning_keys_url(production),
            admin_emails: read.admin_emails(),
            base_url: read.base_url(production, defaults.base_url),
            app_url: read.public_url("APP_URL", production),
            cors_origins: read.cors_origins().or_else(|| production.then(Vec::new)),
            mail_provider: mail::provider(&mut read, production, defaults.own_mail),
            mail_webhooks: mail::webhooks(&mut read),
            mail_from: read.mail_from(production),
            publishing: read.publishing(environment),
            dev_clock: read.dev_clock(production),
            webhook_private_targets: read.webhook_private_targets(production),
            trusted_proxies: read.trusted_proxies(production),
            log: read.log_settings(),
            log_client_address: read.log_client_address(),
            deadlines: read.deadlines(production),
            storage_quota_bytes: read.storage_quota(),
            pack_results_after_hours: read.pack_results_after_hours(),
            most_packing_statements: defaults.most_packing_statements,
            limit_register: read.limit("RATE_LIMIT_REGISTER", "register", (10, 600)),
            limit_login: read.limit("RATE_LIMIT_LOGIN", "login", (30, 300)),
            limit_resend: read.limit("RATE_LIMIT_RESEND", "resend", (5, 600)),
            limit_unknown_keys: read.limit("RATE_LIMIT_UNKNOWN_KEYS", "unknown-keys", (60, 600)),
            limit_reads: read.limit_or_off("RATE_LIMIT_READS", "reads", production.then_some((60_000, 60))),
        };
        if read.mistakes.is_empty() { Ok(config) } else { Err(ConfigError(read.mistakes)) }
    }

    /// Checks whether pages of the origin may call with credentials, and in cookie mode.
    #[must_use]
    pub fn allows_origin(&self, origin: &[u8]) -> bool {
        match &self.cors_origins {
            Some(listed) => listed.iter().any(|allowed| allowed.as_bytes() == origin),
            None => std::str::from_utf8(origin).is_ok_and(origin::is_of_this_machine),
        }
    }

    /// Returns the clock to use: the host's, made movable where `DEV_CLOCK` is set.
    pub fn clock(&self, host: impl Clock + 'static) -> Arc<dyn Clock> {
        if self.dev_clock { Arc::new(MovableClock::new(host)) } else { Arc::new(host) }
    }

    /// Checks whether the server must not serve other machines, since it is in development by mere default. Its secret
    /// is public then, and everybody reads all mail.
    #[must_use]
    pub fn is_for_this_machine_only(&self) -> bool {
        self.environment == Environment::Development && !self.environment_is_given
    }

    /// Checks whether `/dev/mail` exists: in development, while no provider sends mail.
    #[must_use]
    pub fn keeps_mail(&self) -> bool {
        self.environment == Environment::Development && matches!(self.mail_provider, MailProvider::Kept)
    }
}

impl Publishing {
    /// Reads `PUBLISHING` alone, as [`Config::load`] does: for commands that create keys beside the server.
    ///
    /// # Errors
    /// [`ConfigError`] where `PUBLISHING` or `ENVIRONMENT` is wrong.
    pub fn load(lookup: &dyn Fn(&str) -> Option<String>, default: Environment) -> Result<Self, ConfigError> {
        let mut read = Reader { lookup, mistakes: Vec::new() };
        let environment = read.environment(default);
        let publishing = read.publishing(environment);
        if read.mistakes.is_empty() { Ok(publishing) } else { Err(ConfigError(read.mistakes)) }
    }
}
