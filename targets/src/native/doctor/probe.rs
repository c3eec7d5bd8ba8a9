//! Requests to one server, which tell whether it can be reached and how its clock differs.

use aibaas_core::{
    domain::Timestamp,
    ports::{Clock as _, HttpClient as _, HttpError},
};

use super::{
    super::{
        http_client::{ReqwestClient, get},
        system_clock::SystemClock,
    },
    finding::Finding,
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

/// Answer of a server, or why there is none.
pub struct ProbeAnswer {
    pub host: String,
    pub status: Result<u16, String>,
    pub date: Option<ServerClock>,
}

impl ProbeAnswer {
    /// Returns what is found where the server must answer 200.
    pub fn into_finding(self, about: &'static str, advice: String) -> ProbeResult {
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
