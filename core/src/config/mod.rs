//! Configuration: read once, checked as a whole, with every mistake reported together.

mod log_settings;
mod mail;
mod reader;
mod risks;
mod unknown_variables;

use std::{fmt, sync::Arc};

pub use crate::domain::account::Publishing;
use crate::{
    domain::{JwtAlgorithm, Secret, account::Email, network::Network, origin, password_hash},
    ports::{Clock, Deadlines, Limit, MovableClock},
};
pub use log_settings::{LogFormat, LogSettings};
pub use mail::{MailProvider, MailWebhooks, OwnMail, SmtpEncryption, SmtpSettings};
use reader::{Reader, is_sender};
pub use risks::Risk;
pub use unknown_variables::{UnknownVariable, unknown_variables};

/// Kind of the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Development: working defaults for everything; mail is kept and shown at `/dev/mail` while no provider is named.
    Development,
    /// Production: nothing weak or missing is tolerated.
    Production,
}

/// Values that a host supplies where the configuration is silent.
#[derive(Clone, Debug)]
pub struct HostDefaults {
    /// Default of `ENVIRONMENT`.
    pub environment: Environment,
    /// Default of `BASE_URL` in development: the address at which this host listens.
    pub base_url: String,
    /// Most memory that one password hash may take on this host, in KiB.
    pub most_hash_memory_kib: u32,
    /// How the host sends mail by itself, besides what it asks of providers over HTTP.
    pub own_mail: OwnMail,
    /// Most statements that a tick may spend on packing results.
    pub most_packing_statements: usize,
}

impl HostDefaults {
    /// Value of `most_packing_statements` for a host whose database is on the same machine.
    pub const PACKING_STATEMENTS: usize = 400;
}

#[cfg(test)]
impl HostDefaults {
    /// Creates the defaults of a development host that listens at `base_url`, for unit tests.
    pub(crate) fn development(base_url: &str) -> Self {
        let base_url = base_url.to_owned();
        Self {
            environment: Environment::Development,
            base_url,
            most_hash_memory_kib: 65_536,
            own_mail: OwnMail::None,
            most_packing_statements: Self::PACKING_STATEMENTS,
        }
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

/// Every mistake of a configuration, each by the name of its variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} mistake(s):", self.0.len())?;
        self.0.iter().try_for_each(|mistake| write!(f, "\n  - {mistake}"))
    }
}

impl std::error::Error for ConfigError {}

/// Largest quota, in bytes: 2⁵³ − 1, the largest integer that every host counts exactly.
pub const MOST_STORAGE_QUOTA: i64 = 9_007_199_254_740_991;
const DEVELOPMENT_SECRET: &str = "development-only-secret, not for production use 0123456789";

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

        let jwt_secret = read.secret("JWT_SECRET", production).unwrap_or_else(|| {
            if production {
                read.mistake("JWT_SECRET is missing: give at least 32 random characters (openssl rand -base64 48)");
            }
            Secret::new(DEVELOPMENT_SECRET)
        });
        let jwt_secret_previous = read.secret("JWT_SECRET_PREVIOUS", production);
        let tick_secret = read.secret("TICK_SECRET", production);
        let metrics_token = read.secret("METRICS_TOKEN", production);
        read.distinct(&[
            ("JWT_SECRET", Some(&jwt_secret)),
            ("JWT_SECRET_PREVIOUS", jwt_secret_previous.as_ref()),
            ("TICK_SECRET", tick_secret.as_ref()),
            ("METRICS_TOKEN", metrics_token.as_ref()),
        ]);
        let jwt_algorithm = match read.get("JWT_ALGORITHM").as_deref() {
            None | Some("EdDSA") => JwtAlgorithm::EdDsa,
            Some("HS256") => JwtAlgorithm::Hs256,
            Some(_) => {
                read.mistake("JWT_ALGORITHM must be EdDSA or HS256");
                JwtAlgorithm::EdDsa
            }
        };
        let password_params = read.password_params(defaults.most_hash_memory_kib, production);
        let breached_passwords_url = read.url("BREACHED_PASSWORDS_URL", production);
        let github_secret_scanning_keys_url = read
            .url("GITHUB_SECRET_SCANNING_KEYS_URL", production)
            .unwrap_or_else(|| "https://api.github.com/meta/public_keys/secret_scanning".to_owned());
        let admin_emails = read.get("ADMIN_EMAILS").unwrap_or_default();
        let admin_emails = admin_emails.split(',').filter(|email| !email.trim().is_empty()).filter_map(|email| {
            let parsed = Email::parse(email).ok();
            if parsed.is_none() {
                read.mistake(format!("ADMIN_EMAILS holds {:?}, which is no address", email.trim()));
            }
            parsed
        });
        let admin_emails = admin_emails.collect();

        let base_url = read.public_url("BASE_URL", production).unwrap_or_else(|| {
            if production {
                read.mistake("BASE_URL is missing: the public https:// address of this API");
            }
            defaults.base_url
        });
        let app_url = read.public_url("APP_URL", production);

        let cors_origins = read.cors_origins().or_else(|| production.then(Vec::new));

        let mail_provider = mail::provider(&mut read, production, defaults.own_mail);
        let mail_webhooks = mail::webhooks(&mut read);
        let mail_from = match read.get("MAIL_FROM") {
            Some(mail_from) => {
                let local = !production && mail_from.contains("@localhost");
                if !local && !is_sender(&mail_from) {
                    read.mistake("MAIL_FROM must be an address, or Name <address>");
                }
                mail_from
            }
            None => {
                if production {
                    read.mistake("MAIL_FROM is missing: the sender of mails, such as AIBaaS <noreply@example.com>");
                }
                "AIBaaS <noreply@localhost>".to_owned()
            }
        };

        let publishing = read.publishing(environment);
        let dev_clock = match read.get("DEV_CLOCK").as_deref() {
            None => false,
            Some(_) if production => {
                read.mistake("DEV_CLOCK is for development; nobody may move the time in production");
                false
            }
            Some("on") => true,
            Some(_) => {
                read.mistake("DEV_CLOCK must be on, or not set");
                false
            }
        };
        let webhook_private_targets = match read.get("WEBHOOK_PRIVATE_TARGETS").as_deref() {
            None => false,
            Some(_) if production => {
                read.mistake(
                    "WEBHOOK_PRIVATE_TARGETS is for development: in production whoever has an account could call your network",
                );
                false
            }
            Some("allow") => true,
            Some(_) => {
                read.mistake("WEBHOOK_PRIVATE_TARGETS must be allow, or not set");
                false
            }
        };
        let trusted_proxies = read.get("TRUSTED_PROXIES").unwrap_or_default();
        let trusted_proxies = trusted_proxies.split(',').map(str::trim).filter(|block| !block.is_empty());
        let trusted_proxies =
            trusted_proxies.map(|block| Network::parse(block).ok_or(block)).collect::<Result<Vec<_>, _>>();
        let trusted_proxies = trusted_proxies.unwrap_or_else(|block| {
            read.mistake(format!("TRUSTED_PROXIES holds {block:?}, which is no address and no CIDR block"));
            Vec::new()
        });
        for block in trusted_proxies.iter().filter(|block| production && block.is_too_wide_for_proxies()) {
            read.mistake(format!(
                "TRUSTED_PROXIES holds {block}, from where anybody could claim any address: name your proxies alone, \
                 in blocks of /8 (IPv6: /16) or smaller"
            ));
        }
        let log = read.log_settings();
        let log_client_address = read.log_client_address();
        // Machines on which people develop may be slow and busy.
        let longest_deadline = if production { 60 } else { 600 };
        let deadlines = Deadlines::of_request(read.seconds("REQUEST_DEADLINE_SECONDS", 25, longest_deadline));
        let storage_quota_bytes = read.storage_quota();
        let pack_results_after_hours = read.pack_results_after_hours();
        let limit_register = read.limit("RATE_LIMIT_REGISTER", "register", (10, 600));
        let limit_login = read.limit("RATE_LIMIT_LOGIN", "login", (30, 300));
        let limit_resend = read.limit("RATE_LIMIT_RESEND", "resend", (5, 600));
        let limit_unknown_keys = read.limit("RATE_LIMIT_UNKNOWN_KEYS", "unknown-keys", (60, 600));

        let limit_reads = read.limit_or_off("RATE_LIMIT_READS", "reads", production.then_some((60_000, 60)));

        if !read.mistakes.is_empty() {
            return Err(ConfigError(read.mistakes));
        }
        Ok(Self {
            environment,
            environment_is_given,
            base_url,
            app_url,
            cors_origins,
            jwt_secret,
            jwt_secret_previous,
            jwt_algorithm,
            password_params,
            breached_passwords_url,
            github_secret_scanning_keys_url,
            admin_emails,
            mail_provider,
            mail_webhooks,
            mail_from,
            tick_secret,
            metrics_token,
            trusted_proxies,
            publishing,
            log,
            log_client_address,
            deadlines,
            dev_clock,
            webhook_private_targets,
            storage_quota_bytes,
            pack_results_after_hours,
            most_packing_statements: defaults.most_packing_statements,
            limit_register,
            limit_login,
            limit_resend,
            limit_unknown_keys,
            limit_reads,
        })
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

#[cfg(test)]
mod tests {
    use super::{reader::is_weak, *};

    fn load(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Config::load(&lookup, HostDefaults::development("http://127.0.0.1:8787"))
    }

    #[test]
    fn reads_are_limited_in_production_unless_it_says_otherwise() {
        let limit = |config: Config| config.limit_reads.map(|limit| (limit.limit, limit.window_seconds));
        let given = |value| load(&[("RATE_LIMIT_READS", value)]).map(limit);
        assert_eq!(load(&[]).map(limit).unwrap(), None);
        assert_eq!(given("off").unwrap(), None);
        assert_eq!(given("30/60").unwrap(), Some((30, 60)));
        let mistake = ["RATE_LIMIT_READS must be requests/seconds, such as 600/60, or off"];
        assert_eq!(given("none").unwrap_err().0, mistake);
        assert_eq!(given("0/60").unwrap_err().0, mistake);
    }

    #[test]
    fn results_are_packed_only_where_it_says_so() {
        let given = |value| load(&[("PACK_RESULTS_AFTER_HOURS", value)]).map(|config| config.pack_results_after_hours);
        assert_eq!(load(&[]).unwrap().pack_results_after_hours, None);
        assert_eq!((given("0").unwrap(), given("24").unwrap(), given("").unwrap()), (Some(0), Some(24), None));
        for wrong in ["-1", "1.5", "off", "87601"] {
            let mistake = "PACK_RESULTS_AFTER_HOURS must be a whole number of hours from 0 to 87600";
            assert_eq!(given(wrong).unwrap_err().0, [mistake], "{wrong}");
        }
    }

    #[test]
    fn development_needs_nothing() {
        let config = load(&[]).unwrap();
        assert!(config.keeps_mail());
        assert!(config.is_for_this_machine_only(), "nobody asked for it");
        assert!(!load(&[("ENVIRONMENT", "development")]).unwrap().is_for_this_machine_only());
        let deadline = |seconds| load(&[("ENVIRONMENT", "development"), ("REQUEST_DEADLINE_SECONDS", seconds)]);
        assert_eq!(deadline("600").unwrap().deadlines, Deadlines::of_request(600));
        assert!(deadline("601").is_err());
        let cheap = load(&[("PASSWORD_ARGON2ID", "m=1024,t=1,p=1")]).unwrap().password_params;
        assert_eq!((cheap.memory_kib, cheap.passes), (1024, 1), "tests of an application may hash cheaply");
    }

    #[test]
    fn pages_of_this_machine_may_call_in_development_unless_others_are_listed() {
        let (ours, listed) = ("http://localhost:5174", "https://app.example.com");
        let allowed = |variables: &[(&str, &str)]| {
            let config = load(variables).unwrap();
            [ours, listed].map(|origin| config.allows_origin(origin.as_bytes()))
        };
        assert_eq!(allowed(&[]), [true, false]);
        assert_eq!(allowed(&[("CORS_ORIGINS", " ")]), [true, false]);
        assert_eq!(allowed(&[("CORS_ORIGINS", "https://app.example.com")]), [false, true]);
        let production = [
            ("ENVIRONMENT", "production"),
            ("JWT_SECRET", "gI8v2mN4qT6wY1zA3bC5dE7fH9jK0lPx"),
            ("BASE_URL", "https://api.example.com"),
            ("RESEND_API_KEY", "re_123"),
            ("MAIL_FROM", "noreply@example.com"),
        ];
        assert_eq!(allowed(&production), [false, false]);
    }

    #[test]
    fn who_may_publish_is_read_alone_as_with_the_rest() {
        let cases: [(&[(&str, &str)], Publishing); 4] = [
            (&[], Publishing::Open),
            (&[("ENVIRONMENT", "production")], Publishing::Roles),
            (&[("ENVIRONMENT", "production"), ("PUBLISHING", "open")], Publishing::Open),
            (&[("PUBLISHING", "roles")], Publishing::Roles),
        ];
        for (given, expected) in cases {
            let lookup = |name: &str| given.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(Publishing::load(&lookup, Environment::Development), Ok(expected), "{given:?}");
        }
        let wrong = Publishing::load(&|name| Some(name.to_owned()), Environment::Development).unwrap_err().0;
        assert_eq!(wrong, ["ENVIRONMENT must be development or production", "PUBLISHING must be open or roles"]);
    }

    #[test]
    fn the_clock_moves_only_where_that_was_asked_for() {
        struct FixedClock;

        impl Clock for FixedClock {
            fn now(&self) -> crate::ports::Timestamp {
                crate::ports::Timestamp(0)
            }
        }

        assert!(load(&[]).unwrap().clock(FixedClock).movable().is_none());
        assert!(load(&[("DEV_CLOCK", "on")]).unwrap().clock(FixedClock).movable().is_some());
        assert_eq!(load(&[("DEV_CLOCK", "yes")]).unwrap_err().0, ["DEV_CLOCK must be on, or not set"]);
    }

    #[test]
    fn webhooks_reach_into_networks_where_development_says_so() {
        let load = |value| load(&[("WEBHOOK_PRIVATE_TARGETS", value)]).map(|config| config.webhook_private_targets);
        assert_eq!(load(""), Ok(false));
        assert_eq!(load("allow"), Ok(true));
        assert_eq!(load("on").unwrap_err().0, ["WEBHOOK_PRIVATE_TARGETS must be allow, or not set"]);
    }

    #[test]
    fn production_lists_everything_missing_at_once() {
        let ConfigError(mistakes) = load(&[("ENVIRONMENT", "production")]).unwrap_err();
        let named = mistakes.iter().map(|mistake| mistake.split(' ').next().unwrap()).collect::<Vec<_>>();
        assert_eq!(named, ["JWT_SECRET", "BASE_URL", "RESEND_API_KEY", "MAIL_FROM"], "each once");
    }

    #[test]
    fn misspelt_variables_are_told_by_name() {
        for (name, meant) in [
            ("JWT_SECERT", Some("JWT_SECRET")),
            ("jwt_secret", Some("JWT_SECRET")),
            ("AIBAAS_LISTN", Some("AIBAAS_LISTEN")),
            ("ENVIROMENT", Some("ENVIRONMENT")),
            ("BASEURL", Some("BASE_URL")),
            ("APP_ULR", Some("APP_URL")),
            ("LOG_LEVELS", Some("LOG_LEVEL")),
            ("REQUEST_DEADLINE", None),
            ("STORAGE_QUOTA", None),
            ("MAX_CONNECTIONS_PER_IP", None),
            ("BACKUP_DRI", Some("BACKUP_DIR")),
            ("PUBLISHNG", Some("PUBLISHING")),
            ("TICK_SECRETS", Some("TICK_SECRET")),
            ("SMTP_PASSWORD_OF_NOBODY", None),
        ] {
            let of_host = ["AIBAAS_LISTEN", "BACKUP_DIR", "MAX_CONNECTIONS_PER_ADDRESS"];
            let told = unknown_variables([name.to_owned()], &of_host);
            let expected = UnknownVariable { name: name.to_owned(), meant: meant.map(str::to_owned) };
            assert_eq!(told, [expected]);
            assert!(told[0].to_string().starts_with(name));
        }
    }

    #[test]
    fn variables_of_others_are_left_alone() {
        let names = [
            "PATH",
            "JWT_SECRET",
            "APP_ENV",
            "LOG_FILE",
            "BASE_DIR",
            "DATABASE_URL",
            "MAIL",
            "CORS",
            "HOME",
            "NODE_ENV",
        ];
        let told = unknown_variables(names.map(str::to_owned), &[]);
        assert!(told.is_empty(), "{told:?}");
    }

    #[test]
    fn random_secrets_are_strong() {
        // Secrets as `openssl rand` writes them, in base64 and hex.
        assert!(!is_weak("Zr1p5b0mT1oQm7WmD3m0cK0mPZ0y0E3oX3S5q8yYv7g0n2v4k9cJ6u1w"));
        assert!(!is_weak("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"));
    }

    #[test]
    fn production_does_not_trust_everybody_to_tell_addresses() {
        for (block, is_refused) in [("0.0.0.0/0", true), ("10.0.0.0/8, ::/0", true), ("10.0.0.0/8, fc00::/7", false)] {
            let mistakes = load(&[("ENVIRONMENT", "production"), ("TRUSTED_PROXIES", block)]).unwrap_err().0;
            let named = mistakes.iter().filter(|mistake| mistake.starts_with("TRUSTED_PROXIES")).count();
            assert_eq!(named, usize::from(is_refused), "{mistakes:?}");
            assert!(load(&[("TRUSTED_PROXIES", block)]).is_ok());
        }
    }

    #[test]
    fn an_origin_that_no_browser_sends_is_named_with_what_to_write() {
        for (given, write) in [
            ("https://App.example.com", "https://app.example.com"),
            ("HTTPS://app.example.com", "https://app.example.com"),
            ("https://app.example.com:443", "https://app.example.com"),
            ("http://localhost:80", "http://localhost"),
            ("https://app.example.com/", "https://app.example.com"),
            ("https://app.example.com/start", "https://app.example.com"),
        ] {
            let mistake = format!("CORS_ORIGINS holds {given:?}, which no browser sends as its origin: write {write}");
            assert_eq!(load(&[("CORS_ORIGINS", given)]).unwrap_err().0, [mistake]);
            assert_eq!(load(&[("CORS_ORIGINS", write)]).unwrap().cors_origins.unwrap(), [write]);
        }
        for (name, given, write) in [
            ("BASE_URL", "https://API.example.com/V1/", "https://api.example.com/V1"),
            ("BASE_URL", "http://127.0.0.1:80", "http://127.0.0.1"),
            ("APP_URL", "https://app.example.com:443/start", "https://app.example.com/start"),
        ] {
            let [mistake] = load(&[(name, given)]).unwrap_err().0.try_into().unwrap();
            assert!(mistake.starts_with(name) && mistake.ends_with(&format!("write {write}")), "{mistake}");
            assert!(load(&[(name, write)]).is_ok());
        }
        assert_eq!(
            load(&[("APP_URL", "https://app.example.com/")]).unwrap().app_url.unwrap(),
            "https://app.example.com"
        );
    }

    #[test]
    fn production_refuses_what_is_weak() {
        let good = [
            ("ENVIRONMENT", "production"),
            ("JWT_SECRET", "gI8v2mN4qT6wY1zA3bC5dE7fH9jK0lPx"),
            ("BASE_URL", "https://api.example.com/"),
            ("RESEND_API_KEY", "re_123"),
            ("MAIL_FROM", "AIBaaS <noreply@example.com>"),
        ];
        assert_eq!(load(&good).unwrap().base_url, "https://api.example.com");
        assert_eq!(load(&good).unwrap().deadlines, Deadlines::of_request(25));
        assert_eq!(
            load(&good).unwrap().limit_reads.map(|limit| (limit.limit, limit.window_seconds)),
            Some((60_000, 60))
        );
        for (name, weak) in [
            ("JWT_SECRET", "short"),
            ("JWT_SECRET", DEVELOPMENT_SECRET),
            ("JWT_SECRET", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
            ("JWT_SECRET", "correct horse correct horse correct horse "),
            ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
            ("JWT_SECRET", "abcdefghijklmnopqrstuvwxyz0123456789"),
            ("JWT_SECRET_PREVIOUS", "gI8v2mN4qT6wY1zA3bC5dE7fH9jK0lPx"),
            ("TICK_SECRET", "gI8v2mN4qT6wY1zA3bC5dE7fH9jK0lPx"),
            ("BASE_URL", "http://api.example.com"),
            ("BASE_URL", "https://api.example.com/?a=b"),
            ("BASE_URL", "https://api.example.com/#top"),
            ("BASE_URL", "https://user@api.example.com"),
            ("APP_URL", "https://app.example.com?next=/"),
            ("APP_URL", "https://user:secret@app.example.com"),
            ("TICK_SECRET", "tick"),
            ("METRICS_TOKEN", "tick"),
            ("METRICS_TOKEN", "gI8v2mN4qT6wY1zA3bC5dE7fH9jK0lPx"),
            ("CORS_ORIGINS", "*"),
            ("BASE_URL", "https://API.example.com"),
            ("BASE_URL", "https://api.example.com:443/"),
            ("APP_URL", "HTTPS://app.example.com/start"),
            ("APP_URL", "https://*.example.com"),
            ("CORS_ORIGINS", "https://a.example/path"),
            ("CORS_ORIGINS", "https://*.example.com"),
            ("CORS_ORIGINS", "https://app.example.com, https://App.example.com"),
            ("RESEND_API_URL", "http://127.0.0.1:1"),
            ("SENDGRID_API_KEY", "SG.1"),
            ("RATE_LIMIT_LOGIN", "0/60"),
            ("PUBLISHING", "perhaps"),
            ("STORAGE_QUOTA_BYTES", "1 GB"),
            ("TRUSTED_PROXIES", "10.0.0.0/8, proxy"),
            ("MAIL_FROM", "AIBaaS <noreply@>"),
            ("JWT_ALGORITHM", "RS256"),
            ("PASSWORD_ARGON2ID", "m=19456,t=1,p=1"),
            ("PASSWORD_ARGON2ID", "m=1048576,t=2,p=1"),
            ("PASSWORD_ARGON2ID", "strong"),
            ("BREACHED_PASSWORDS_URL", "http://api.example.com"),
            ("ADMIN_EMAILS", "ada@example.com, nobody"),
            ("REQUEST_DEADLINE_SECONDS", "0"),
            ("REQUEST_DEADLINE_SECONDS", "61"),
            ("DEV_CLOCK", "on"),
            ("DEV_CLOCK", "off"),
            ("WEBHOOK_PRIVATE_TARGETS", "allow"),
        ] {
            let variables =
                good.iter().copied().filter(|(key, _)| *key != name).chain([(name, weak)]).collect::<Vec<_>>();
            assert_eq!(load(&variables).unwrap_err().0.len(), 1, "{name}={weak}");
        }
    }
}
