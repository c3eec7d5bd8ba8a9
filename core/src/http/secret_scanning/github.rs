use std::collections::{HashMap, HashSet};

use axum::{
    Json as Answer,
    extract::{Request, State},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use data_encoding::HEXLOWER;
use http::{HeaderMap, Uri};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::public_keys;
use crate::{
    app::App,
    domain::{
        SecurityEventName,
        api_key::{ApiKey, KeyHash},
    },
    http::{
        client::Client,
        key_changes,
        openapi::{ForbiddenSignature, UploadTooLarge},
        problem::{ApiError, INVALID_SIGNATURE},
        request::{UPLOAD_LIMIT, parse_json, read_body, require_json},
    },
    mail::{self, EmailTemplate},
    store::{
        Batch,
        secret_scanning::{self, KnownKey, Leak},
        webhooks::{self as store, EndingKey},
    },
    webhooks,
};

const IDENTIFIER: &str = "github-public-key-identifier";
const SIGNATURE: &str = "github-public-key-signature";
/// Longest identifier and signature that are read; GitHub's have 64 and 96 characters.
const LONGEST_HEADER: usize = 200;
/// Longest address of the place where a key was found that is kept, in characters.
const LONGEST_URL: usize = 2000;
const LONGEST_SOURCE: usize = 100;
/// Most keys of one statement. Each takes up to 10 kB of a parameter, of which D1 takes 2 MB.
const KEYS_AT_ONCE: usize = 100;

/// Something that looks like an API key. Members that are not described here may be there too.
#[derive(Deserialize, ToSchema)]
#[schema(as = LeakReport)]
struct Match {
    /// What was found.
    #[schema(example = "some_token")]
    token: String,
    /// What GitHub calls it.
    #[schema(example = "aibaas_api_key")]
    r#type: String,
    /// Where it was found.
    #[schema(example = "https://github.com/octocat/Hello-World/blob/main/config.txt")]
    url: Option<String>,
    /// What kind of place that is, such as `content`.
    #[schema(example = "content")]
    source: Option<String>,
}

/// Whether a match was an API key of ours.
#[derive(Serialize, ToSchema)]
#[schema(as = LeakFeedback)]
pub struct Feedback {
    /// SHA-256 of the token, in hexadecimal: an answer holds no key.
    #[schema(pattern = "^[0-9a-f]{64}$", example = "9a45520a1213f15016d2d768b5fb3d904492a44ee274b44d4de8803e00fb536a")]
    token_hash: String,
    /// As it was reported.
    #[schema(example = "aibaas_api_key")]
    token_type: String,
    label: Label,
}

/// `true_positive` for what is, or was, an API key.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LeakLabel)]
enum Label {
    TruePositive,
    FalsePositive,
}

/// Takes a report of API keys that were found in public.
///
/// For GitHub, in the format of its [secret scanning partner
/// program](https://docs.github.com/en/code-security/secret-scanning/secret-scanning-partnership-program/secret-scanning-partner-program).
/// Active keys in a report are revoked and their owners told by mail, all of them or none; from the answer on every use
/// of them is refused. A report that comes again changes nothing. 503 where GitHub's keys cannot be fetched: send it
/// again.
#[utoipa::path(
    post,
    path = "/api/v1/secret-scanning/github",
    operation_id = "reportLeakedApiKeys",
    tag = "API keys",
    params(
        (
            "Github-Public-Key-Identifier" = String,
            Header,
            description = "Which of GitHub's published keys signed the body.",
            max_length = 200,
            example = "bcb53661c06b4728e59d897fb6165d5c9cda0fd9cdf9d09ead458168deb7518c"
        ),
        (
            "Github-Public-Key-Signature" = String,
            Header,
            description = "ECDSA (P-256, SHA-256) over the bytes of the body: DER, in base64.",
            max_length = 200,
            example = "MEQCIQDaMKqrGnE27S0kgMrEK0eYBmyG0LeZismAEz/BgZyt7AIfXt9fErtRS4XaeSt/AO1RtBY66YcAdjxji410VQV4xg=="
        ),
    ),
    request_body(content = Vec<Match>, description = "At most 1 MiB."),
    responses(
        (status = 200, description = "What each was, in the order of the report.", body = Vec<Feedback>),
        (status = 403, response = ForbiddenSignature),
        (status = 413, response = UploadTooLarge),
    ),
)]
pub async fn handler(State(app): State<App>, request: Request) -> Result<Answer<Vec<Feedback>>, ApiError> {
    let (parts, body) = request.into_parts();
    require_json(&parts.headers)?;
    let body = read_body(&parts.headers, body, UPLOAD_LIMIT).await?;
    verify(&app, &parts.headers, &body).await?;
    let matches = parse_json::<Vec<Match>>(&body)?;

    let mut places = HashMap::new();
    for one in &matches {
        if let Some(key) = ApiKey::parse(&one.token) {
            places.entry(key.hash()).or_insert(one);
        }
    }
    let known = if places.is_empty() {
        Vec::new()
    } else {
        secret_scanning::find(places.keys(), app.now()).run(app.database()).await?
    };
    let active = || known.iter().filter(|key| key.is_active);
    let leaks = active().filter_map(|key| places.get(&key.hash).map(|place| leak(&app, key, place)));
    let leaks = leaks.collect::<Result<Vec<_>, _>>()?;
    if !leaks.is_empty() {
        key_changes::invalidate(&app, &active().map(|key| key.hash).collect::<Vec<_>>()).await?;
        let now = app.now();
        let ending = |key| EndingKey { id: app.new_id().into(), key_id: key, reason: "leaked" };
        let ending = active().map(|key| ending(key.id.as_str())).collect::<Vec<_>>();
        let told = ending.chunks(KEYS_AT_ONCE).flat_map(|some| store::queue_of_keys(some, now));
        let revoked = leaks.chunks(KEYS_AT_ONCE).flat_map(|some| secret_scanning::revoke(some, now));
        told.chain(revoked).collect::<Batch>().run(app.database()).await?;
        mail::deliver_in_background(&app);
        webhooks::deliver_in_background(&app);
    }
    let ours = known.iter().map(|key| key.hash).collect::<HashSet<_>>();
    Ok(Answer(matches.into_iter().map(|one| feedback(one, &ours)).collect()))
}

/// Checks that GitHub sent the report.
///
/// # Errors
/// `invalid_signature` unless the body is signed with a key of GitHub's.
async fn verify(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<(), ApiError> {
    let refused = |detail: &str| ApiError::new(INVALID_SIGNATURE, detail);
    let header =
        |name: &str| headers.get(name)?.to_str().ok().filter(|value| (1..=LONGEST_HEADER).contains(&value.len()));
    let identifier = header(IDENTIFIER).ok_or_else(|| refused("Github-Public-Key-Identifier names no key"))?;
    let signature = header(SIGNATURE).and_then(|value| STANDARD.decode(value).ok());
    let signature = signature.ok_or_else(|| refused("Github-Public-Key-Signature is no signature in base64"))?;
    let key = public_keys::find(app, identifier).await?;
    let key = key.ok_or_else(|| refused("GitHub has no key of this identifier"))?;
    if key.verify(body, &signature) { Ok(()) } else { Err(refused("the signature is not of this body")) }
}

/// Composes the security event and the mail about a leaked key.
fn leak(app: &App, key: &KnownKey, place: &Match) -> Result<Leak, ApiError> {
    let url = place.url.as_deref().filter(|url| is_shown(url, LONGEST_URL) && is_web_address(url));
    let source = place.source.as_deref().filter(|source| !source.is_empty() && is_shown(source, LONGEST_SOURCE));
    let template = EmailTemplate::ApiKeyLeaked {
        name: key.name.clone(),
        key_prefix: key.key_prefix.clone(),
        url: url.map(str::to_owned),
        at: app.now().to_string(),
    };
    Ok(Leak {
        hash: key.hash,
        // Without address and program: GitHub's would look like a stranger's.
        event: Client::nobody().event(
            app,
            SecurityEventName::ApiKeyLeaked,
            json!({ "apiKeyId": key.id, "url": url, "source": source }),
        ),
        mail: mail::queue(app, &template)?,
    })
}

fn feedback(one: Match, ours: &HashSet<KeyHash>) -> Feedback {
    let hash = Sha256::digest(&one.token);
    let is_ours = KeyHash::from_bytes(&hash).is_some_and(|hash| ours.contains(&hash));
    let label = if is_ours { Label::TruePositive } else { Label::FalsePositive };
    Feedback { token_hash: HEXLOWER.encode(&hash), token_type: one.r#type, label }
}

fn is_web_address(text: &str) -> bool {
    let uri = text.parse::<Uri>().ok();
    uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some())
}

/// Checks whether a text of the report may be kept and mailed: it is not too long, and holds no key.
fn is_shown(text: &str, most: usize) -> bool {
    let holds_key = || text.match_indices("aib_").any(|(at, _)| text.get(at..).is_some_and(starts_with_key));
    text.chars().count() <= most && !text.contains(char::is_control) && !holds_key()
}

fn starts_with_key(text: &str) -> bool {
    let key = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').next();
    key.is_some_and(|key| ApiKey::parse(key).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_are_kept() {
        for url in ["https://github.com/a/b/blob/c/d.txt#L3", "http://example.com/", "https://a.example/%20?q=1"] {
            assert!(is_shown(url, LONGEST_URL) && is_web_address(url), "{url}");
        }
        let long = format!("https://a.example/{}", "x".repeat(LONGEST_URL));
        for url in ["", "some_url", "/a", "javascript:alert(1)", "ftp://a.example/", "https://", "https://a b/", &long]
        {
            assert!(!(is_shown(url, LONGEST_URL) && is_web_address(url)), "{url}");
        }
    }

    #[test]
    fn no_key_is_kept() {
        let key = ApiKey::generate("live", &[1; 64]).unwrap();
        let key = key.secret().expose();
        for text in [key.to_owned(), format!("https://a.example/?key={key}&b"), format!("aib_aib_{key}")] {
            assert!(!is_shown(&text, LONGEST_URL), "{text}");
        }
        assert!(is_shown("https://a.example/aib_live_/aib_", LONGEST_URL));
    }
}
