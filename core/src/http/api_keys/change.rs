use axum::{Json as Answer, extract::State};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{ApiKeyBody, no_such_key, not_active};
use crate::{
    app::App,
    domain::{
        ApiKeyId, SecurityEventName,
        api_key::{KeyStatus, Scope},
        api_key_settings::AskedApiKeyChange,
        formats::IpBlock,
    },
    http::{
        credentials::{ClaimedSession, may_have},
        key_changes,
        openapi::{ConflictKeyChange, ForbiddenKeyCreation, NotFound, RateLimited},
        person_limits::KeyChanges,
        problem::ApiError,
        request::{Json, Path, given},
    },
    store::{BatchError, Guard, api_keys},
};

/// Members left out stay as they are. A lower `rateLimit` counts what the window has admitted before.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = ApiKeyPatch)]
pub struct Body {
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, min_length = 1, max_length = 255)]
    name: Option<String>,
    /// Null removes it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 1000)]
    description: Option<Option<String>>,
    /// What it may do.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, value_type = Option<BTreeSet<Scope>>, min_items = 1)]
    scopes: Option<Vec<String>>,
    /// What is admitted in any window: a request costs 1, a verification its `cost`.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, minimum = 1, maximum = 100_000, example = 5000)]
    rate_limit: Option<u32>,
    /// Where it may be used from: IPv4 or IPv6 addresses, or CIDR blocks without host bits; empty: anywhere.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, value_type = Option<BTreeSet<IpBlock>>, max_items = 100)]
    allowed_ips: Option<Vec<String>>,
}

/// Changes a key.
///
/// From the answer on, every use is decided by what the key is changed to. Its window, expiry and environment stay: make or
/// rotate a key for that. A body without members changes nothing.
#[utoipa::path(
    patch,
    path = "/api/v1/api-keys/{id}",
    operation_id = "changeApiKey",
    tag = "API keys",
    security(("accessToken" = [])),
    params(("id" = ApiKeyId, Path)),
    request_body = Body,
    responses(
        (status = 200, description = "The key as it is now.", body = ApiKeyBody),
        (status = 403, response = ForbiddenKeyCreation),
        (status = 404, response = NotFound),
        (status = 409, response = ConflictKeyChange),
        (status = 429, response = RateLimited),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    caller: ClaimedSession,
    Path(id): Path<ApiKeyId>,
    Json(body): Json<Body>,
) -> Result<Answer<ApiKeyBody>, ApiError> {
    let Body { name, description, scopes, rate_limit, allowed_ips } = body;
    let change = AskedApiKeyChange { name, description, scopes, rate_limit, allowed_ips };
    let change = change.check().map_err(ApiError::mistakes)?;
    let members = change.members();

    let mut reads = caller.batch();
    let owner_id = reads.user_id();
    let hash = reads.push(api_keys::hash(&id, owner_id));
    let changes = KeyChanges::read(&app, &mut reads);
    let (session, mut answers) = reads.read(&app).await?;
    let hash = answers.take(hash)?.ok_or_else(no_such_key)?;
    may_have(&app, session.user.role, change.scopes.as_deref().unwrap_or_default())?;
    changes.refuse_if_full(caller.client(), &mut answers)?;
    // Name and description decide nothing at the gate.
    if change.scopes.is_some() || change.rate_limit.is_some() || change.allowed_ips.is_some() {
        key_changes::invalidate(&app, &[hash]).await?;
    }
    let now = app.now();
    let mut writes = caller.batch();
    if !members.is_empty() {
        KeyChanges::expect_room(&app, &mut writes);
        writes.push(api_keys::change(&id, owner_id, &change, now));
        let details = json!({ "apiKeyId": id, "members": members });
        writes.push(caller.event_if_changed(&app, SecurityEventName::ApiKeyChanged, details));
    }
    let key = writes.push(api_keys::of_user(&id, owner_id));
    let changes = KeyChanges::read(&app, &mut writes);
    let mut answers = match writes.run(&app).await {
        Err(BatchError::Guard(Guard::ApiKeyChanges)) => return Err(KeyChanges::refusal(&app, &caller).await),
        done => done?,
    };
    changes.report(caller.client(), &mut answers)?;
    let key = answers.take(key)?.ok_or_else(no_such_key)?;
    // The batch changed nothing of a key that it found inactive.
    if key.status(now) == KeyStatus::Active {
        Ok(Answer(ApiKeyBody::new(key, now)))
    } else {
        Err(not_active(&key, now))
    }
}
