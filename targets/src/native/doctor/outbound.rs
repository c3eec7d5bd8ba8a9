//! Checks whether the servers that the configuration names can be reached.

use aibaas_core::{Config, Environment};

use super::{
    finding::Finding,
    mail,
    probe::{ProbeResult, ServerClock, probe},
};

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
