//! Checks whether the servers that the configuration names can be reached.

use aibaas_core::{
    Config, Environment,
    domain::Timestamp,
    ports::{Clock as _, HttpClient as _, HttpError},
};

use super::{
    super::{
        http_client::{ReqwestClient, get},
        system_clock::SystemClock,
    },
    finding::Finding,
    mail,
};

/// Inaccuracy of a server's `Date`, in milliseconds: it may be this much later than the request, and earlier than the
/// answer.
const SECOND_MS: i64 = 1000;

/// Clock of another server, compared with ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerClock {
    /// Name of the server.
    pub host: String,
    /// Milliseconds by which our clock is at least ahead (behind where negative).
    pub ahead_ms: i64,
}

/// Result of asking one server.
pub struct ProbeResult {
    pub finding: Finding,
    pub date: Option<ServerClock>,
}

impl From<Finding> for ProbeResult {
    fn from(finding: Finding) -> Self {
        Self { finding, date: None }
    }
}

/// Results of asking all servers.
#[derive(Default)]
pub struct ProbeResults {
    pub findings: Vec<Finding>,
    pub dates: Vec<ServerClock>,
}

/// Asks all servers at once.
pub async fn check(config: &Config) -> ProbeResults {
    let (mail, pwned, github) = tokio::join!(mail::check(config), breached_passwords(config), secret_scanning(config));
    let mut results = ProbeResults::default();
    for result in [Some(mail), pwned, github].into_iter().flatten() {
        results.findings.push(result.finding);
        results.dates.extend(result.date);
    }
    results
}

async fn breached_passwords(config: &Config) -> Option<ProbeResult> {
    const ABOUT: &str = "breached passwords";
    let url = config.breached_passwords_url.as_ref()?;
    // This prefix is of no password in particular.
    let answer = probe(&format!("{url}/00000")).await;
    let advice = format!(
        "check BREACHED_PASSWORDS_URL and outbound HTTPS to {}; until then no password is refused",
        answer.host
    );
    Some(answer.into_finding(ABOUT, advice))
}

/// Asks for GitHub's keys. They are fetched when GitHub reports a key, so in development only where the URL is
/// configured.
async fn secret_scanning(config: &Config) -> Option<ProbeResult> {
    const ABOUT: &str = "GitHub's keys";
    let url = &config.github_secret_scanning_keys_url;
    if config.environment == Environment::Development && url.starts_with("https://api.github.com/") {
        return None;
    }
    let answer = probe(url).await;
    let advice = format!("allow outbound HTTPS to {}; until then reports of leaked keys are answered 503", answer.host);
    Some(answer.into_finding(ABOUT, advice))
}

/// Answer of a server, or why there is none.
pub struct ProbeAnswer {
    pub host: String,
    pub status: Result<u16, String>,
    pub date: Option<ServerClock>,
}

impl ProbeAnswer {
    fn into_finding(self, about: &'static str, advice: String) -> ProbeResult {
        let host = &self.host;
        let finding = match self.status {
            Ok(200) => Finding::ok(about, format!("{host} answers")),
            Ok(status) => Finding::warning(about, format!("{host} answers {status}"), advice),
            Err(why) => Finding::warning(about, format!("{host} cannot be reached: {why}"), advice),
        };
        ProbeResult { finding, date: self.date }
    }
}

/// Sends a request without credentials.
pub async fn probe(url: &str) -> ProbeAnswer {
    // Path and user are left out, since they may be secrets.
    let host = url.parse::<http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
    let before = SystemClock.now();
    let answer = async { ReqwestClient::new()?.send(get(url.to_owned())).await }.await;
    let after = SystemClock.now();
    match answer {
        Ok(answer) => {
            let header =
                |name: &str| answer.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
            // A cache may have kept the date, too.
            let is_kept = header("age").is_some_and(|age| age.trim() != "0");
            let date = header("date").filter(|_| !is_kept).and_then(|date| ahead_ms(date, before, after));
            let date = date.map(|ahead_ms| ServerClock { host: host.clone(), ahead_ms });
            ProbeAnswer { host, status: Ok(answer.status), date }
        }
        Err(HttpError(why)) => ProbeAnswer { host, status: Err(why), date: None },
    }
}

/// Returns by how many milliseconds our clock is at least ahead of the `Date` of an answer that came between two
/// moments.
fn ahead_ms(date: &str, before: Timestamp, after: Timestamp) -> Option<i64> {
    let date = jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_millisecond();
    let (early, late) = (before.0.saturating_sub(date.saturating_add(SECOND_MS)), date.saturating_sub(after.0));
    Some(if early > 0 { early } else { late.max(0).saturating_neg() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_has_whole_seconds_and_an_answer_takes_its_time() {
        let date = "Sat, 28 Nov 2026 07:00:00 GMT";
        let at = |time: &str| Timestamp(time.parse::<jiff::Timestamp>().unwrap().as_millisecond());
        for (before, after, expected) in [
            ("2026-11-28T07:00:00.200Z", "2026-11-28T07:00:00.900Z", 0),
            ("2026-11-28T06:59:55Z", "2026-11-28T07:00:04Z", 0),
            ("2026-11-28T07:01:01Z", "2026-11-28T07:01:02Z", 60_000),
            ("2026-11-28T06:58:00Z", "2026-11-28T06:59:00Z", -60_000),
        ] {
            assert_eq!(ahead_ms(date, at(before), at(after)), Some(expected), "{before}");
        }
        assert_eq!(ahead_ms("yesterday", Timestamp(0), Timestamp(0)), None);
    }
}
