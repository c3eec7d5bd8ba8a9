//! Limits of public reads: a request with a key of the scope `leaderboard:read` counts for the key, any other for its
//! network.
//!
//! Reads by network are counted in the instance's memory: a reader without a key waits for nothing.

use axum::{
    extract::Request,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{
    client::Client,
    credentials::{LeaderboardRead, RequiredScope as _, admitted, key_use, offered_key},
    limits,
    problem::ApiError,
    unknown_keys,
};
use crate::{
    app::App,
    domain::{
        api_key::ApiKey,
        key_use::{Decision, Denial, KeyUse},
        network::Network,
    },
};

/// Counts a read against the limit of its key, or of its network, and answers 429 where that is used up.
pub async fn limit_reads<F: Future<Output = Response>>(
    app: &App,
    request: Request,
    read: impl FnOnce(Request) -> F,
) -> Response {
    let (parts, body) = request.into_parts();
    let client = Client::of(&parts);
    match admit(app, &client, &parts.headers).await {
        Err(refusal) => refusal.into_response(),
        Ok(Reader::Anybody) => read(Request::from_parts(parts, body)).await,
        Ok(Reader::Key) => of_one_reader(read(Request::from_parts(parts, body)).await),
    }
}

/// Whose limit a read was counted against.
enum Reader {
    Anybody,
    Key,
}

async fn admit(app: &App, client: &Client, headers: &HeaderMap) -> Result<Reader, ApiError> {
    if let Some(key) = offered_key(headers)?
        && reads_with(app, client, &key).await?
    {
        return Ok(Reader::Key);
    }
    if let (Some(limit), Some(address)) = (&app.config().limit_reads, client.address) {
        let admission = app.read_counts().admit(Network::of_client(address), limit, app.now());
        // Shared caches keep the answer, so it tells of nobody's limit.
        if !admission.allowed {
            limits::report(client, limit, &admission)?;
        }
    }
    Ok(Reader::Anybody)
}

/// Returns whether the gate admitted the key; false where it lacks the scope, as then it reads like anybody.
async fn reads_with(app: &App, client: &Client, key: &ApiKey) -> Result<bool, ApiError> {
    let of = KeyUse { optional: true, ..key_use(app, key, LeaderboardRead::SCOPE, client) };
    let decision = unknown_keys::admit(app, client, &of).await?;
    if matches!(decision, Some(Decision::Denied(_, Denial::NotNeeded))) {
        return Ok(false);
    }
    admitted(client, decision, LeaderboardRead::SCOPE)?;
    Ok(true)
}

/// Makes the answer private to its reader: it tells of the key's limit, so shared caches must not keep it.
fn of_one_reader(mut answer: Response) -> Response {
    let kept = answer.headers().get(header::CACHE_CONTROL).and_then(|holds| holds.to_str().ok());
    let holds = match kept {
        Some(holds) => holds.strip_prefix("public").map(|rest| format!("private{rest}")),
        None if answer.status() == StatusCode::OK => Some("private, no-cache".to_owned()),
        None => None,
    };
    if let Some(holds) = holds.and_then(|holds| HeaderValue::try_from(holds).ok()) {
        answer.headers_mut().insert(header::CACHE_CONTROL, holds);
    }
    answer.headers_mut().append(header::VARY, HeaderValue::from_static("Authorization, X-API-Key"));
    answer
}
