//! Webhooks: the events that they report, the addresses that may be called, and when deliveries are tried again.

use serde::{Deserialize, Deserializer};

use super::{
    Secret, ValidationError, ValidationErrorCode,
    account::is_domain,
    network::{is_public, names_this_machine},
    wire_names::wire_names,
};

wire_names! {
    /// What a webhook tells of. `log.changed` is of the public log of changes, everything else of what is the owner's.
    WebhookEvent as "WebhookEvent" {
        /// A run was published.
        RunPublished = "run.published",
        /// A run was withdrawn.
        RunWithdrawn = "run.withdrawn",
        /// An administrator rejected a run.
        RunRejected = "run.rejected",
        /// An administrator hid, showed again or renamed a model.
        ModelModerated = "model.moderated",
        /// An administrator hid, showed again or renamed a benchmark.
        BenchmarkModerated = "benchmark.moderated",
        /// An API key expires in 30, 7 or 1 days.
        ApiKeyExpiring = "api_key.expiring",
        /// An API key reached its limit.
        ApiKeyLimitReached = "api_key.limit_reached",
        /// An API key was revoked.
        ApiKeyRevoked = "api_key.revoked",
        /// The public log has new lines.
        LogChanged = "log.changed",
        /// The owner asked for a test.
        Test = "webhook.test",
    }
}

impl<'de> Deserialize<'de> for WebhookEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| serde::de::Error::custom("no event of ours"))
    }
}

wire_names! {
    /// Whether a webhook is called.
    WebhookStatus as "WebhookStatus" {
        /// The webhook is called.
        Enabled = "enabled",
        /// The webhook is not called.
        Disabled = "disabled",
    }
}

impl<'de> Deserialize<'de> for WebhookStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| serde::de::Error::custom("enabled or disabled"))
    }
}

wire_names! {
    /// Why a webhook is not called any more. `owner`: its owner said so. `failing`: for five days nothing was taken.
    /// `gone`: it answered 410.
    WebhookDisabledReason as "WebhookDisabling" {
        /// The owner disabled the webhook.
        Owner = "owner",
        /// For five days no delivery was accepted.
        Failing = "failing",
        /// The receiver answered 410.
        Gone = "gone",
    }
}

wire_names! {
    /// What has become of a delivery. `waiting`: it is yet to be sent, or to be sent again.
    WebhookDeliveryStatus as "WebhookDeliveryStatus" {
        /// The delivery is yet to be sent, or to be sent again.
        Waiting = "waiting",
        /// The receiver accepted the delivery.
        Delivered = "delivered",
        /// The delivery was given up.
        Failed = "failed",
    }
}

wire_names! {
    /// Why an attempt failed. `status`: the answer was none of 2xx. `redirect`: it was of 3xx, which is not followed.
    /// `no_answer`: none came in time, or there was no connection. `address_refused`: the address may not be called any
    /// more. `secret_unreadable`: the deployment's secret was replaced; rotate the webhook's.
    WebhookFailure as "WebhookFailure" {
        /// The answer was not 2xx.
        Status = "status",
        /// The answer was 3xx, which is not followed.
        Redirect = "redirect",
        /// No answer came in time, or there was no connection.
        NoAnswer = "no_answer",
        /// The address may not be called any more.
        AddressRefused = "address_refused",
        /// The webhook's secret cannot be read, so that there is nothing to sign with.
        SecretUnreadable = "secret_unreadable",
    }
}

/// Delays between a failed attempt and the next one, in milliseconds: the schedule of Standard Webhooks.
const RETRY_DELAYS_MS: [i64; 9] =
    [5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000, 86_400_000];

/// Returns the delay until the next attempt after so many failed ones, in milliseconds; `None` where the delivery is
/// given up.
#[must_use]
pub fn retry_delay_ms(attempts: i64) -> Option<i64> {
    let failed = usize::try_from(attempts.checked_sub(1)?).ok()?;
    RETRY_DELAYS_MS.get(failed).copied()
}

/// The address that a webhook's requests go to. It is secret, since whoever knows it may write there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookUrl(Secret);

/// Longest address, in bytes.
pub const LONGEST_URL: usize = 2048;
/// Top-level domains that nobody has on the internet, or that a cloud uses for names inside of it.
const INSIDE: [&str; 12] = [
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "corp",
    "home",
    "lan",
    "arpa",
    "onion",
    "test",
    "invalid",
];

/// Rules about which addresses may be called.
#[derive(Clone, Copy, Debug)]
pub struct WebhookTargets<'a> {
    /// Whether `http` and addresses inside of networks may be called, in development only.
    pub private: bool,
    /// This API's own address, which webhooks may not call but in development.
    pub base_url: &'a str,
}

impl WebhookTargets<'_> {
    /// Parses an address that may be called: `https`, at a name of the DNS or a public address, without credentials or
    /// fragment. A name may still resolve to an address inside of a network; whoever connects must check that.
    ///
    /// # Errors
    /// [`ValidationError`] `invalid_url` or `forbidden_address`.
    pub fn parse(self, text: &str) -> Result<WebhookUrl, ValidationError> {
        let host = host(text, self.private).ok_or_else(|| {
            ValidationError::new(
                ValidationErrorCode::InvalidUrl,
                "give an https:// address of at most 2048 characters, without credentials or fragment",
            )
        })?;
        let is_ours = self::host(self.base_url, true).is_some_and(|ours| ours.eq_ignore_ascii_case(host));
        if !self.private && (is_ours || !may_be_called(host)) {
            return Err(ValidationError::new(
                ValidationErrorCode::ForbiddenAddress,
                "give an address on the internet: no machine of a private network, and not this service",
            ));
        }
        Ok(WebhookUrl(Secret::new(text)))
    }
}

impl WebhookUrl {
    /// Wraps an address that was checked before it was stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(Secret::new(text))
    }

    /// Returns the address.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Returns the host of the address.
    #[must_use]
    pub fn host(&self) -> &str {
        host(self.0.expose(), true).unwrap_or_default()
    }
}

/// Returns the host of a URL that every parser reads the same: printable ASCII, no backslash, no credentials, no
/// fragment. `None` for any other; `http` says whether that scheme is allowed.
fn host(text: &str, http: bool) -> Option<&str> {
    let is_plain = |byte: u8| matches!(byte, b'!'..=b'~') && !matches!(byte, b'\\' | b'#');
    if text.len() > LONGEST_URL || !text.bytes().all(is_plain) {
        return None;
    }
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://").filter(|_| http))?;
    text.parse::<http::Uri>().ok()?;
    let authority = rest.split(['/', '?']).next()?;
    let (host, port) = match authority.rsplit_once(':') {
        // An IPv6 address has its colons in brackets.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_port =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'[' | b']' | b':');
    (!host.is_empty() && host.bytes().all(is_host) && port.is_none_or(is_port)).then_some(host)
}

/// Checks whether a host is a public address, or a name that may have one.
fn may_be_called(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return address.parse().is_ok_and(|address: std::net::Ipv6Addr| is_public(address.into()));
    }
    if let Ok(address) = host.parse::<std::net::Ipv4Addr>() {
        return is_public(address.into());
    }
    // A name whose last label is a number is an address in another spelling, and no name of the DNS.
    let last = host.rsplit('.').next().unwrap_or_default();
    is_domain(host) && !names_this_machine(host) && !INSIDE.iter().any(|name| name.eq_ignore_ascii_case(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: WebhookTargets<'_> = WebhookTargets { private: false, base_url: "https://api.example.com" };

    #[test]
    fn addresses_on_the_internet_may_be_called() {
        for url in [
            "https://example.org/hooks?token=x",
            "https://EXAMPLE.org:8443/",
            "https://hooks.example.org",
            "https://xn--bcher-kva.example.org/a%20b",
            "https://93.184.215.14/",
            "https://[2606:4700:4700::1111]:443/x",
        ] {
            assert_eq!(PUBLIC.parse(url).map(|url| url.expose().to_owned()).as_deref(), Ok(url));
        }
    }

    #[test]
    fn addresses_inside_of_networks_are_refused() {
        for url in [
            "https://localhost/",
            "https://LOCALHOST/",
            "https://a.localhost/",
            "https://printer.local/",
            "https://metadata.google.internal/computeMetadata/v1/",
            "https://1.0.0.127.in-addr.arpa/",
            "https://intranet/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://127.0.0.1./",
            "https://0.0.0.0/",
            "https://10.0.0.1/",
            "https://172.16.0.1/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://168.63.129.16/",
            "https://100.64.0.1/",
            "https://100.100.100.200/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
            "https://[::1]/",
            "https://[::]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[::127.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[64:ff9b:1::a00:1]/",
            "https://[2002:7f00:1::]/",
            "https://[2001:0:7f00:1::]/",
            "https://[fd00:ec2::254]/",
            "https://[fe80::1]/",
            "https://[ff02::1]/",
            "https://api.example.com/api/v1/auth/login",
            "https://API.example.com:8443/",
        ] {
            let refused = PUBLIC.parse(url).map_err(|error| error.code);
            assert_eq!(refused, Err(ValidationErrorCode::ForbiddenAddress), "{url}");
        }
    }

    #[test]
    fn what_parsers_may_read_in_two_ways_is_refused() {
        let long = format!("https://example.org/{}", "x".repeat(LONGEST_URL));
        for url in [
            "",
            "example.org",
            "//example.org/",
            "http://example.org/",
            "HTTPS://example.org/",
            "ftp://example.org/",
            "file:///etc/passwd",
            "https://",
            "https:///example.org",
            "https://user:password@example.org/",
            "https://example.org@127.0.0.1/",
            "https://127.0.0.1\\@example.org/",
            "https://example.org\\.evil.example/",
            "https://example.org/#fragment",
            "https://exa mple.org/",
            "https://example.org/\n",
            "https://127.0.0.1%2eexample.org/",
            "https://ⓛocalhost/",
            "https://example.org:0/",
            "https://example.org:65536/",
            "https://example.org:+80/",
            "https://example.org:/",
            "https://[fe80::1%25eth0]/",
            &long,
        ] {
            let refused = PUBLIC.parse(url).map_err(|error| error.code);
            assert_eq!(refused, Err(ValidationErrorCode::InvalidUrl), "{url}");
        }
    }

    #[test]
    fn development_may_call_its_own_machine() {
        let targets = WebhookTargets { private: true, ..PUBLIC };
        for url in ["http://127.0.0.1:8080/", "http://localhost:3000/a", "https://receiver/"] {
            assert!(targets.parse(url).is_ok(), "{url}");
        }
        assert!(targets.parse("http://a:b@127.0.0.1/").is_err());
    }

    #[test]
    fn delays_grow_and_end() {
        let delays = (1..).map_while(retry_delay_ms).collect::<Vec<_>>();
        assert_eq!(delays, RETRY_DELAYS_MS);
        assert!(delays.is_sorted());
        for attempts in [i64::MIN, -1, 0, 10, i64::MAX] {
            assert_eq!(retry_delay_ms(attempts), None, "{attempts}");
        }
    }

    #[test]
    fn an_address_never_prints() {
        let url = PUBLIC.parse("https://example.org/hooks/T0KEN").unwrap();
        assert!(!format!("{url:?}").contains("T0KEN"));
    }
}
