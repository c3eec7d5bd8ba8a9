//! What a configuration may hold, and which mistakes are told.

use super::{
    reader::{DEVELOPMENT_SECRET, is_weak},
    *,
};
use crate::ports::{Clock, Deadlines};

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
        fn now(&self) -> crate::domain::Timestamp {
            crate::domain::Timestamp(0)
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
    let names =
        ["PATH", "JWT_SECRET", "APP_ENV", "LOG_FILE", "BASE_DIR", "DATABASE_URL", "MAIL", "CORS", "HOME", "NODE_ENV"];
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
    assert_eq!(load(&[("APP_URL", "https://app.example.com/")]).unwrap().app_url.unwrap(), "https://app.example.com");
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
    assert_eq!(load(&good).unwrap().limit_reads.map(|limit| (limit.limit, limit.window_seconds)), Some((60_000, 60)));
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
        let variables = good.iter().copied().filter(|(key, _)| *key != name).chain([(name, weak)]).collect::<Vec<_>>();
        assert_eq!(load(&variables).unwrap_err().0.len(), 1, "{name}={weak}");
    }
}
