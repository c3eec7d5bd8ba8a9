//! Reads single variables and notes their mistakes.

use super::{Environment, Publishing};
use crate::{
    domain::{Secret, account::Email, origin, password_hash},
    ports::Limit,
};

/// Largest quota, in bytes: 2⁵³ − 1, the largest integer that every host counts exactly.
pub const MOST_STORAGE_QUOTA: i64 = 9_007_199_254_740_991;

/// Default of `STORAGE_QUOTA_BYTES`: 1 GiB, about a hundred of the largest runs.
const DEFAULT_STORAGE_QUOTA: i64 = 1 << 30;

/// Secret of a development server, which anybody can read here.
pub(super) const DEVELOPMENT_SECRET: &str = "development-only-secret, not for production use 0123456789";

/// Most hours that a variable may say: ten years.
const MOST_HOURS: u32 = 87_600;

/// Reads variables, and notes every mistake in them.
pub(super) struct Reader<'a> {
    pub(super) lookup: &'a dyn Fn(&str) -> Option<String>,
    pub(super) mistakes: Vec<String>,
}

impl Reader<'_> {
    /// Reads a variable without the space around it; an empty one counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    pub(super) fn mistake(&mut self, text: impl Into<String>) {
        self.mistakes.push(text.into());
    }

    pub(super) fn environment(&mut self, default: Environment) -> Environment {
        match self.get("ENVIRONMENT").as_deref() {
            None => default,
            Some("development") => Environment::Development,
            Some("production") => Environment::Production,
            Some(_) => {
                self.mistake("ENVIRONMENT must be development or production");
                Environment::Production
            }
        }
    }

    pub(super) fn publishing(&mut self, environment: Environment) -> Publishing {
        match self.get("PUBLISHING").as_deref() {
            None if environment == Environment::Production => Publishing::Roles,
            None | Some("open") => Publishing::Open,
            Some("roles") => Publishing::Roles,
            Some(_) => {
                self.mistake("PUBLISHING must be open or roles");
                Publishing::Roles
            }
        }
    }

    pub(super) fn url(&mut self, name: &str, secure: bool) -> Option<String> {
        let value = self.get(name)?;
        let uri = value.parse::<http::Uri>().ok().filter(|uri| uri.host().is_some_and(|host| !host.is_empty()));
        // Paths are appended to the URL, and it is shown to everybody.
        let extra = [
            ("a query", uri.as_ref().is_some_and(|uri| uri.query().is_some())),
            ("a fragment", value.contains('#')),
            ("a user name", uri.as_ref().and_then(http::Uri::authority).is_some_and(|of| of.as_str().contains('@'))),
        ];
        for (part, _) in extra.iter().filter(|(_, present)| *present) {
            self.mistake(format!("{name} must not have {part}"));
        }
        let scheme = uri.as_ref().and_then(http::Uri::scheme_str);
        match scheme {
            Some("https") => {}
            Some("http") if !secure => {}
            Some("http") => self.mistake(format!("{name} must be an https:// URL in production")),
            _ => self.mistake(format!("{name} must be an absolute URL, such as https://api.example.com")),
        }
        Some(value.trim_end_matches('/').to_owned())
    }

    /// Reads a URL by which clients and browsers know this deployment. It has to be written as browsers write it, since
    /// they compare it.
    pub(super) fn public_url(&mut self, name: &str, secure: bool) -> Option<String> {
        let before = self.mistakes.len();
        let value = self.url(name, secure)?;
        if self.mistakes.len() == before {
            match origin::as_browsers_send(&value) {
                None => self.mistake(format!("{name} must name a host, such as https://api.example.com")),
                Some(origin) => {
                    let path = value.parse::<http::Uri>().map(|uri| uri.path().to_owned()).unwrap_or_default();
                    let usual = format!("{origin}{}", path.trim_end_matches('/'));
                    if usual != value {
                        self.mistake(format!("{name} is {value:?}, which browsers write otherwise: write {usual}"));
                    }
                }
            }
        }
        Some(value)
    }

    pub(super) fn cors_origins(&mut self) -> Option<Vec<String>> {
        let origins = self.get("CORS_ORIGINS")?;
        let origins = origins.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        let origins = origins.map(str::to_owned).collect::<Vec<_>>();
        for given in &origins {
            match origin::as_browsers_send(given) {
                Some(sent) if sent == *given => {}
                Some(sent) => self.mistake(format!(
                    "CORS_ORIGINS holds {given:?}, which no browser sends as its origin: write {sent}"
                )),
                None => self.mistake(format!(
                    "CORS_ORIGINS holds {given:?}, which is no origin: scheme://host[:port], no path, no wildcard"
                )),
            }
        }
        Some(origins)
    }

    pub(super) fn limit(&mut self, name: &str, policy: &str, default: (u32, u32)) -> Limit {
        let given = self.get(name);
        let (limit, window_seconds) = match given.as_deref().map(requests_in_seconds) {
            None => default,
            Some(Some(parsed)) => parsed,
            Some(None) => {
                self.mistake(format!("{name} must be requests/seconds, such as 10/600"));
                default
            }
        };
        Limit { name: policy.to_owned(), limit, window_seconds }
    }

    pub(super) fn limit_or_off(&mut self, name: &str, policy: &str, default: Option<(u32, u32)>) -> Option<Limit> {
        let given = self.get(name);
        let limit = match given.as_deref() {
            None => default,
            Some("off") => None,
            Some(value) => {
                let parsed = requests_in_seconds(value);
                if parsed.is_none() {
                    self.mistake(format!("{name} must be requests/seconds, such as 600/60, or off"));
                }
                parsed
            }
        };
        limit.map(|(limit, window_seconds)| Limit { name: policy.to_owned(), limit, window_seconds })
    }

    pub(super) fn seconds(&mut self, name: &str, default: u32, most: u32) -> u32 {
        let Some(value) = self.get(name) else { return default };
        value.parse().ok().filter(|seconds| (1..=most).contains(seconds)).unwrap_or_else(|| {
            self.mistake(format!("{name} must be a number from 1 to {most}"));
            default
        })
    }

    pub(super) fn storage_quota(&mut self) -> i64 {
        let quota = self.get("STORAGE_QUOTA_BYTES").map(|value| value.parse().ok());
        quota
            .unwrap_or(Some(DEFAULT_STORAGE_QUOTA))
            .filter(|quota| (0..=MOST_STORAGE_QUOTA).contains(quota))
            .unwrap_or_else(|| {
                self.mistake("STORAGE_QUOTA_BYTES must be a whole number of bytes, such as 1073741824");
                DEFAULT_STORAGE_QUOTA
            })
    }

    pub(super) fn pack_results_after_hours(&mut self) -> Option<u32> {
        let value = self.get("PACK_RESULTS_AFTER_HOURS")?;
        let hours = value.parse().ok().filter(|hours| *hours <= MOST_HOURS);
        if hours.is_none() {
            self.mistake(format!("PACK_RESULTS_AFTER_HOURS must be a whole number of hours from 0 to {MOST_HOURS}"));
        }
        hours
    }

    pub(super) fn password_params(&mut self, most_memory_kib: u32, production: bool) -> password_hash::Params {
        let default = password_hash::Params::DEFAULT;
        let Some(text) = self.get("PASSWORD_ARGON2ID") else { return default };
        let Some(params) = password_hash::Params::parse(&text) else {
            self.mistake("PASSWORD_ARGON2ID must be m=KiB,t=passes,p=lanes, such as m=19456,t=2,p=1");
            return default;
        };
        if production && !params.is_strong_enough() {
            self.mistake(
                "PASSWORD_ARGON2ID is below the floor: at least m=19456,t=2, m=12288,t=3 or m=47104,t=1 (OWASP)",
            );
        }
        if params.memory_kib > most_memory_kib {
            self.mistake(format!("PASSWORD_ARGON2ID takes more memory than this host has for it: m={most_memory_kib}"));
        }
        params
    }

    pub(super) fn secret(&mut self, name: &str, production: bool) -> Option<Secret> {
        let value = self.get(name)?;
        if production && (is_weak(&value) || value == DEVELOPMENT_SECRET) {
            self.mistake(format!("{name} is too weak: give at least 32 random characters (openssl rand -base64 48)"));
        }
        Some(Secret::new(value))
    }

    /// Notes secrets that are equal: who learns one must not know the other.
    pub(super) fn distinct(&mut self, secrets: &[(&str, Option<&Secret>)]) {
        for (at, (name, secret)) in secrets.iter().enumerate() {
            let same = |(_, other): &&(&str, Option<&Secret>)| {
                secret.zip(*other).is_some_and(|(secret, other)| secret.expose() == other.expose())
            };
            if let Some((other, _)) = secrets.iter().take(at).find(same) {
                self.mistake(format!("{name} is the same as {other}: give each a secret of its own"));
            }
        }
    }
}

/// Checks whether the text is an address, or a name and an address.
pub(super) fn is_sender(text: &str) -> bool {
    let address = text.split_once('<').map_or(Some(text), |(_, rest)| rest.strip_suffix('>'));
    address.is_some_and(|address| Email::parse(address).is_ok()) && !text.contains(['\r', '\n'])
}

/// Checks whether a secret is short, has few different characters, repeats one text, or runs through characters in
/// order.
pub(super) fn is_weak(secret: &str) -> bool {
    let bytes = secret.as_bytes();
    let distinct = bytes.iter().collect::<std::collections::BTreeSet<_>>().len();
    let repeats = (1..=bytes.len() / 2).any(|period| bytes.iter().zip(bytes.iter().skip(period)).all(|(a, b)| a == b));
    let steps = bytes.iter().zip(bytes.iter().skip(1)).filter(|(a, b)| a.abs_diff(**b) <= 1).count();
    bytes.len() < 32 || distinct < 10 || repeats || steps > bytes.len() / 2
}

/// Parses `requests/seconds`.
fn requests_in_seconds(value: &str) -> Option<(u32, u32)> {
    let (limit, window) = value.split_once('/')?;
    let limit = limit.parse::<u32>().ok().filter(|limit| *limit > 0)?;
    let window = window.parse::<u32>().ok().filter(|window| (1..=604_800).contains(window))?;
    Some((limit, window))
}
