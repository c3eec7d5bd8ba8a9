//! The rules for what an API key is created with, and for what can be changed of it.

use std::fmt;

use serde::Deserialize;
use utoipa::ToSchema;

use super::{ValidationError, ValidationErrorCode, api_key::Scope, formats::IpBlock, network::Network, values};
use crate::domain::Timestamp;

/// Highest rate limit: the limiter remembers each admission of a window.
const MOST_RATE_LIMIT: u32 = 100_000;
const MOST_WINDOW_SECONDS: u32 = 86_400;
const MOST_ALLOWED_IPS: usize = 100;
const MOST_DAYS: u32 = 3650;

/// What a key is asked to be.
///
/// At most one of `expiresAt` and `expiresInDays`; without either the key does not expire.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = ApiKeyCreate)]
pub struct AskedApiKey {
    /// What its owner calls it.
    #[schema(min_length = 1, max_length = 255, example = "nightly benchmarks")]
    pub name: String,
    /// What it is for.
    #[schema(max_length = 1000)]
    pub description: Option<String>,
    /// What it may do.
    #[schema(value_type = BTreeSet<Scope>, min_items = 1)]
    pub scopes: Vec<String>,
    /// What is admitted in any window: a request costs 1, a verification its `cost`.
    #[serde(default = "default_limit")]
    #[schema(minimum = 1, maximum = 100_000, default = 1000)]
    pub rate_limit: u32,
    /// Length of the sliding window in seconds. It cannot be changed later.
    #[serde(default = "default_window")]
    #[schema(minimum = 1, maximum = 86_400, default = 3600)]
    pub rate_limit_window_seconds: u32,
    /// A time to come, RFC 3339 with any offset; kept to the millisecond.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// The same, in days from now.
    #[schema(minimum = 1, maximum = 3650, example = 90)]
    pub expires_in_days: Option<u32>,
    /// Where it may be used from: IPv4 or IPv6 addresses, or CIDR blocks without host bits; empty: anywhere.
    #[serde(default)]
    #[schema(value_type = BTreeSet<IpBlock>, max_items = 100)]
    pub allowed_ips: Vec<String>,
    /// Shows in the key: `aib_live_…` or `aib_test_…`.
    #[serde(default)]
    #[schema(default = "live")]
    pub environment: KeyEnvironment,
}

/// What a key is for; it shows in the key itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyEnvironment {
    /// The real thing.
    #[default]
    Live,
    /// Trials.
    Test,
}

impl KeyEnvironment {
    /// Returns the name of the environment, as it stands in a key.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

fn default_limit() -> u32 {
    1000
}

fn default_window() -> u32 {
    3600
}

/// The checked settings of a new key.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Name that the owner gives the key.
    pub name: String,
    /// Text about what the key is for.
    pub description: Option<String>,
    /// Scopes of the key.
    pub scopes: Vec<Scope>,
    /// Most that is admitted in any window: a request costs 1, a verification its own cost.
    pub rate_limit: u32,
    /// Length of the sliding window, in seconds.
    pub rate_limit_window_seconds: u32,
    /// CIDR blocks that the key may be used from; empty: from anywhere.
    pub allowed_ips: Vec<String>,
    /// Environment that shows in the key.
    pub environment: KeyEnvironment,
    /// Time when the key expires; `None`: never.
    pub expires_at: Option<Timestamp>,
}

impl AskedApiKey {
    /// Creates a request for a key with these scopes, and defaults for everything else.
    #[must_use]
    pub fn new(name: impl Into<String>, scopes: Vec<String>) -> Self {
        Self {
            name: name.into(),
            description: None,
            scopes,
            rate_limit: default_limit(),
            rate_limit_window_seconds: default_window(),
            expires_at: None,
            expires_in_days: None,
            allowed_ips: Vec::new(),
            environment: KeyEnvironment::default(),
        }
    }

    /// Checks the request and returns the settings of a key that is created at `now`.
    ///
    /// # Errors
    /// A [`MemberError`] for each value that breaks a rule.
    pub fn check(self, now: Timestamp) -> Result<NewApiKey, Vec<MemberError>> {
        let mut mistakes = SettingsValidator::default();
        let name = mistakes.name(&self.name);
        let description = mistakes.description(self.description.as_deref());
        let scopes = mistakes.scopes(&self.scopes);
        mistakes.rate_limit(self.rate_limit);
        let window = 1..=MOST_WINDOW_SECONDS;
        mistakes.require(window.contains(&self.rate_limit_window_seconds), "rateLimitWindowSeconds", "give 1 to 86400");
        let allowed_ips = mistakes.allowed_ips(&self.allowed_ips);
        let expires_at = mistakes.expiry(self.expires_at.as_deref(), self.expires_in_days, now);
        mistakes.finish()?;
        Ok(NewApiKey {
            name,
            description,
            scopes,
            rate_limit: self.rate_limit,
            rate_limit_window_seconds: self.rate_limit_window_seconds,
            allowed_ips,
            environment: self.environment,
            expires_at,
        })
    }
}

/// A requested change of a key; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct AskedApiKeyChange {
    /// New name of the key.
    pub name: Option<String>,
    /// New text about what the key is for; `Some(None)` removes it.
    pub description: Option<Option<String>>,
    /// New scopes: names of at least one [`Scope`].
    pub scopes: Option<Vec<String>>,
    /// New rate limit: the most that is admitted in any window.
    pub rate_limit: Option<u32>,
    /// New addresses and CIDR blocks that the key may be used from.
    pub allowed_ips: Option<Vec<String>>,
}

impl AskedApiKeyChange {
    /// Checks the change by the rules of a new key.
    ///
    /// # Errors
    /// A [`MemberError`] for each value that breaks a rule.
    pub fn check(self) -> Result<ApiKeyChange, Vec<MemberError>> {
        let mut mistakes = SettingsValidator::default();
        let name = self.name.map(|name| mistakes.name(&name));
        let description = self.description.map(|text| mistakes.description(text.as_deref()));
        let scopes = self.scopes.map(|scopes| mistakes.scopes(&scopes));
        if let Some(limit) = self.rate_limit {
            mistakes.rate_limit(limit);
        }
        let allowed_ips = self.allowed_ips.map(|blocks| mistakes.allowed_ips(&blocks));
        mistakes.finish()?;
        Ok(ApiKeyChange { name, description, scopes, rate_limit: self.rate_limit, allowed_ips })
    }
}

/// A checked change of a key; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ApiKeyChange {
    /// New name of the key.
    pub name: Option<String>,
    /// New text about what the key is for; `Some(None)` removes it.
    pub description: Option<Option<String>>,
    /// New scopes of the key.
    pub scopes: Option<Vec<Scope>>,
    /// New rate limit: the most that is admitted in any window.
    pub rate_limit: Option<u32>,
    /// New CIDR blocks that the key may be used from, each in its only spelling.
    pub allowed_ips: Option<Vec<String>>,
}

impl ApiKeyChange {
    /// Returns the names on the wire of the members that are changed.
    #[must_use]
    pub fn members(&self) -> Vec<&'static str> {
        let given = [
            ("name", self.name.is_some()),
            ("description", self.description.is_some()),
            ("scopes", self.scopes.is_some()),
            ("rateLimit", self.rate_limit.is_some()),
            ("allowedIps", self.allowed_ips.is_some()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(member, _)| member).collect()
    }
}

/// A value of a request that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberError {
    /// Name of the member on the wire.
    pub member: &'static str,
    /// Index of the wrong item, where the member is a list and not all of it is wrong.
    pub index: Option<usize>,
    /// Code and detail of the broken rule.
    pub refusal: ValidationError,
}

impl MemberError {
    /// Returns the JSON pointer to the value (RFC 6901), such as `/scopes/1`.
    #[must_use]
    pub fn pointer(&self) -> String {
        self.index.map_or_else(|| format!("/{}", self.member), |index| format!("/{}/{index}", self.member))
    }
}

/// Writes the error as in `scopes[1]: name each scope once`.
impl fmt::Display for MemberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "{}[{index}]: {}", self.member, self.refusal.detail),
            None => write!(f, "{}: {}", self.member, self.refusal.detail),
        }
    }
}

#[derive(Default)]
struct SettingsValidator(Vec<MemberError>);

impl SettingsValidator {
    fn check<T>(&mut self, member: &'static str, index: Option<usize>, value: Result<T, ValidationError>) -> Option<T> {
        value.map_err(|refusal| self.0.push(MemberError { member, index, refusal })).ok()
    }

    fn require(&mut self, holds: bool, member: &'static str, detail: &str) {
        self.check(
            member,
            None,
            if holds { Ok(()) } else { Err(ValidationError::new(ValidationErrorCode::InvalidValue, detail)) },
        );
    }

    fn require_item(&mut self, holds: bool, member: &'static str, index: usize, detail: &str) {
        self.check(
            member,
            Some(index),
            if holds { Ok(()) } else { Err(ValidationError::new(ValidationErrorCode::InvalidValue, detail)) },
        );
    }

    fn name(&mut self, text: &str) -> String {
        self.check("name", None, values::name(text, 255)).unwrap_or_default()
    }

    fn description(&mut self, text: Option<&str>) -> Option<String> {
        self.check("description", None, values::text(text?, 0, 1000)).filter(|text| !text.is_empty())
    }

    fn scopes(&mut self, names: &[String]) -> Vec<Scope> {
        self.require(!names.is_empty(), "scopes", "give at least one scope");
        let mut scopes = Vec::new();
        for (index, name) in names.iter().enumerate() {
            scopes.extend(self.check("scopes", Some(index), Scope::named(name)));
            let repeated = names.iter().take(index).any(|earlier| earlier == name);
            self.require_item(!repeated, "scopes", index, "name each scope once");
        }
        scopes
    }

    fn rate_limit(&mut self, limit: u32) {
        self.require((1..=MOST_RATE_LIMIT).contains(&limit), "rateLimit", "give 1 to 100000");
    }

    fn allowed_ips(&mut self, blocks: &[String]) -> Vec<String> {
        self.require(blocks.len() <= MOST_ALLOWED_IPS, "allowedIps", "give at most 100");
        let mut spelled: Vec<String> = Vec::new();
        for (index, block) in blocks.iter().enumerate() {
            if let Some(block) = self.check("allowedIps", Some(index), allowed_ip(block)) {
                self.require_item(!spelled.contains(&block), "allowedIps", index, "name each block once");
                spelled.push(block);
            }
        }
        spelled
    }

    fn expiry(&mut self, at: Option<&str>, in_days: Option<u32>, now: Timestamp) -> Option<Timestamp> {
        match (at, in_days) {
            (Some(_), Some(_)) => {
                self.require(false, "expiresInDays", "give expiresAt or expiresInDays, not both");
                None
            }
            (Some(text), None) => {
                let time = self.check("expiresAt", None, values::timestamp(text))?;
                self.require(time > now, "expiresAt", "give a time to come");
                Some(time)
            }
            (None, Some(days)) => {
                self.require((1..=MOST_DAYS).contains(&days), "expiresInDays", "give 1 to 3650");
                Some(now.plus_seconds(i64::from(days).saturating_mul(86_400)))
            }
            (None, None) => None,
        }
    }

    fn finish(self) -> Result<(), Vec<MemberError>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

/// Parses a CIDR block or an address and returns its only spelling: `10.1.2.3` becomes `10.1.2.3/32`, host bits are
/// refused.
fn allowed_ip(text: &str) -> Result<String, ValidationError> {
    let block = Network::parse(text).map(|block| block.to_string());
    block.ok_or_else(|| {
        ValidationError::new(ValidationErrorCode::InvalidCidr, "give an address or a CIDR block, such as 192.0.2.0/24")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_told() {
        let asked = AskedApiKey {
            rate_limit: 0,
            rate_limit_window_seconds: 86_401,
            expires_at: Some("2020-01-01T00:00:00Z".to_owned()),
            allowed_ips: vec!["10.0.0.1".to_owned(), "10.0.0.1/8".to_owned(), "10.0.0.1/32".to_owned()],
            ..AskedApiKey::new(" ", vec!["keys:verify".to_owned(), "all".to_owned(), "keys:verify".to_owned()])
        };
        let mistakes = asked.check(Timestamp(1_795_395_723_004)).unwrap_err();
        let told =
            mistakes.iter().map(|mistake| (mistake.pointer(), mistake.refusal.code.as_str())).collect::<Vec<_>>();
        let expected = [
            ("/name", "invalid_length"),
            ("/scopes/1", "invalid_value"),
            ("/scopes/2", "invalid_value"),
            ("/rateLimit", "invalid_value"),
            ("/rateLimitWindowSeconds", "invalid_value"),
            ("/allowedIps/1", "invalid_cidr"),
            ("/allowedIps/2", "invalid_value"),
            ("/expiresAt", "invalid_value"),
        ];
        assert_eq!(told, expected.map(|(pointer, code)| (pointer.to_owned(), code)));
        assert_eq!(mistakes[2].to_string(), "scopes[2]: name each scope once");
    }

    #[test]
    fn a_change_keeps_the_rules_of_a_new_key() {
        let change = AskedApiKeyChange {
            description: Some(Some("  ".to_owned())),
            allowed_ips: Some(vec!["::ffff:10.1.2.3".to_owned()]),
            ..AskedApiKeyChange::default()
        };
        let change = change.check().unwrap();
        assert_eq!(change.members(), ["description", "allowedIps"]);
        assert_eq!((change.description, change.allowed_ips), (Some(None), Some(vec!["10.1.2.3/32".to_owned()])));
        let (scopes, rate_limit) = (Some(Vec::new()), Some(100_001));
        let change = AskedApiKeyChange { scopes, rate_limit, ..AskedApiKeyChange::default() };
        assert_eq!(change.check().unwrap_err().len(), 2);
    }
}
