use axum::{
    Json as Answer,
    extract::{OriginalUri, State},
    response::Response,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use unicode_normalization::UnicodeNormalization as _;
use utoipa::ToSchema;

use crate::{
    app::App,
    config::MOST_STORAGE_QUOTA,
    domain::{
        SecurityEventName, UserId,
        account::{AccountStatus, Role},
    },
    http::{
        credentials::ClaimedAdmin,
        key_changes,
        openapi::{ConflictOwnAccount, NotFound},
        page::{NewestFirst, Page, PageQuery},
        parameters,
        problem::{ApiError, OWN_ACCOUNT},
        request::{Json, Path, Query, Validator, given},
        user_body::UserBody,
    },
    mail::{self, Notice},
    store::{
        BatchError, Guard, PageBefore,
        admin::{self as store, UserFilter},
        api_keys, links, mfa, sessions,
        storage::{self, Storage},
        undeliverable,
        users::{self, User},
    },
};

/// A person, as an administrator sees them.
#[derive(Serialize, ToSchema)]
#[schema(as = AdminUser)]
pub struct AdminUserBody {
    #[serde(flatten)]
    user: UserBody,
    status: AccountStatus,
    storage: Storage,
}

impl AdminUserBody {
    fn of(app: &App, user: User) -> Self {
        Self { status: user.status, storage: user.storage(app.config().storage_quota_bytes), user: user.into() }
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// How the address or the name begins, without regard to case.
    #[serde(default, deserialize_with = "parameters::address")]
    #[param(min_length = 1, max_length = 254)]
    q: Option<String>,
    /// Only people with this status.
    status: Option<AccountStatus>,
    #[param(ignore)]
    limit: Option<u32>,
    #[param(ignore)]
    cursor: Option<String>,
}

/// Lists people, newest first.
///
/// Everybody with an account. `q` and `status` choose among them.
#[utoipa::path(
    get,
    path = "/api/v1/admin/users",
    operation_id = "listUsers",
    tag = "Administration",
    security(("accessToken" = [])),
    params(Parameters, PageQuery),
    responses((status = 200, description = "A page.", body = Page<'_, AdminUserBody>)),
)]
pub async fn list(
    State(app): State<App>,
    admin: ClaimedAdmin,
    OriginalUri(uri): OriginalUri,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let page = NewestFirst::new(uri, parameters.limit, parameters.cursor.as_deref())?;
    let q = parameters.q.unwrap_or_default();
    let people = find_people(&app, &admin, &q, parameters.status, &page.rows()).await?;
    Ok(page.answer(people, |user| (user.created_at.0, user.id.clone().into()), |user| AdminUserBody::of(&app, user)))
}

/// Finds people whose address or name begins with `q`, and who have the status if one is given, newest first.
///
/// # Errors
/// As [`SessionBatch::read`](crate::http::credentials::SessionBatch::read).
pub async fn find_people(
    app: &App,
    admin: &ClaimedAdmin,
    q: &str,
    status: Option<AccountStatus>,
    page: &PageBefore,
) -> Result<Vec<User>, ApiError> {
    let prefix = Some(q.trim().nfc().collect::<String>()).filter(|q| !q.is_empty());
    admin.read(app, store::list_users(&UserFilter { prefix, status }, page)).await
}

/// Shows a person.
///
/// With the role, the status and what they store.
#[utoipa::path(
    get,
    path = "/api/v1/admin/users/{id}",
    operation_id = "getUser",
    tag = "Administration",
    security(("accessToken" = [])),
    params(("id" = UserId, Path)),
    responses(
        (status = 200, description = "The person.", body = AdminUserBody),
        (status = 404, response = NotFound),
    ),
)]
pub async fn one(
    State(app): State<App>,
    admin: ClaimedAdmin,
    Path(id): Path<UserId>,
) -> Result<Answer<AdminUserBody>, ApiError> {
    let user = admin.read(&app, users::find(&id)).await?.ok_or_else(no_such_user)?;
    Ok(Answer(AdminUserBody::of(&app, user)))
}

/// Returns the error for an id that no account has.
pub fn no_such_user() -> ApiError {
    ApiError::not_found("user")
}

/// Members left out stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = AdminUserPatch)]
pub struct Change {
    /// Suspending ends every session.
    status: Option<AccountStatus>,
    role: Option<Role>,
    /// How much they may store of benchmarks, runs and results; null gives them the deployment's quota.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>, minimum = 0, example = 1_000_000_000)]
    storage_quota_bytes: Option<Option<i64>>,
}

/// Changes a person's status, role or storage quota.
///
/// The sessions, links and half logins of a person who is suspended end, and their keys are refused while it lasts. The
/// next request of the person sees every change.
#[utoipa::path(
    patch,
    path = "/api/v1/admin/users/{id}",
    operation_id = "updateUser",
    tag = "Administration",
    security(("accessToken" = [])),
    params(("id" = UserId, Path)),
    request_body = Change,
    responses(
        (status = 200, description = "The person as they are now.", body = AdminUserBody),
        (status = 404, response = NotFound),
        (status = 409, response = ConflictOwnAccount),
    ),
)]
pub async fn change(
    State(app): State<App>,
    admin: ClaimedAdmin,
    Path(id): Path<UserId>,
    Json(change): Json<Change>,
) -> Result<Answer<AdminUserBody>, ApiError> {
    if id == *admin.batch().user_id() {
        admin.confirm(&app).await?;
        return Err(ApiError::new(OWN_ACCOUNT, "another administrator has to do this"));
    }
    let mut validator = Validator::default();
    let quota = change.storage_quota_bytes;
    let possible = quota.flatten().is_none_or(|quota| (0..=MOST_STORAGE_QUOTA).contains(&quota));
    validator.require(possible, "/storageQuotaBytes", "give 0 to 9007199254740991, or null");
    validator.finish()?;
    // A person's rights limit those of their keys: both change together.
    let mut batch = admin.batch();
    let keys = batch.push(api_keys::live_hashes(&id, app.now()));
    let (_, mut answers) = batch.read(&app).await?;
    let invalidated = answers.take(keys)?;
    key_changes::invalidate(&app, &invalidated).await?;

    let now = app.now();
    let event = |name, details| admin.event(&app, name, details).of(Some(&id));
    let mut batch = admin.batch();
    batch.expect(Guard::UserExists, store::change_user(&id, change.status, change.role, now));
    let keys = batch.push(api_keys::live_hashes(&id, now));
    if change.status == Some(AccountStatus::Suspended) {
        batch.push(sessions::end_others(&id, None, "suspended", now));
        batch.push(links::end_of_user(&id, now));
        batch.push(mfa::forget_challenges(&id));
    }
    if let Some(status) = change.status {
        batch.push(event(SecurityEventName::StatusChanged, json!({ "status": status })));
    }
    if let Some(quota) = quota {
        batch.push(storage::set_quota(&id, quota));
        batch.push(event(SecurityEventName::StorageQuotaChanged, json!({ "storageQuotaBytes": quota })));
    }
    if let Some(role) = change.role {
        batch.push(event(SecurityEventName::RoleChanged, json!({ "role": role })));
    }
    let user = batch.push(users::find(&id));
    let mut answers = match batch.run(&app).await {
        Err(BatchError::Guard(Guard::UserExists)) => return Err(no_such_user()),
        answers => answers?,
    };
    key_changes::invalidate_others(&app, answers.take(keys)?, &invalidated).await?;
    let user = answers.take(user)?.ok_or_else(no_such_user)?;
    Ok(Answer(AdminUserBody::of(&app, user)))
}

/// Ends every session of a person.
///
/// Their access tokens stop working with the next request. API keys go on.
#[utoipa::path(
    delete,
    path = "/api/v1/admin/users/{id}/sessions",
    operation_id = "endSessionsOfUser",
    tag = "Administration",
    security(("accessToken" = [])),
    params(("id" = UserId, Path)),
    responses((status = 204, description = "None is left."), (status = 404, response = NotFound)),
)]
pub async fn end_sessions(
    State(app): State<App>,
    admin: ClaimedAdmin,
    Path(id): Path<UserId>,
) -> Result<StatusCode, ApiError> {
    let event = admin.event(&app, SecurityEventName::SessionsEndedByAdministrator, json!({}));
    let mut batch = admin.batch();
    batch.push(sessions::end_others(&id, None, "ended_by_administrator", app.now()));
    batch.push(event.of_if_changed(Some(&id)));
    let user = batch.push(users::find(&id));
    let user = batch.run(&app).await?.take(user)?;
    user.map(|_| StatusCode::NO_CONTENT).ok_or_else(no_such_user)
}

/// Removes the second factor of a person who has lost it.
///
/// They are told, in case it was not they who asked.
#[utoipa::path(
    delete,
    path = "/api/v1/admin/users/{id}/mfa",
    operation_id = "removeSecondFactorOfUser",
    tag = "Administration",
    security(("accessToken" = [])),
    params(("id" = UserId, Path)),
    responses(
        (status = 204, description = "There is none any more; the person is told by mail."),
        (status = 404, response = NotFound),
    ),
)]
pub async fn remove_second_factor(
    State(app): State<App>,
    admin: ClaimedAdmin,
    Path(id): Path<UserId>,
) -> Result<StatusCode, ApiError> {
    let event = admin.event(&app, SecurityEventName::MfaDisabled, json!({ "method": "administrator" }));
    let mut batch = admin.batch();
    batch.push(mfa::forget_recovery_codes(&id));
    batch.push(mfa::forget_challenges(&id));
    batch.push(mfa::remove(&id));
    // The event is inserted only if the factor was removed, and the mail only if the event was.
    batch.push(event.of_if_changed(Some(&id)));
    batch.push(mail::notice(&app, Notice::MfaDisabled)?.to_person_if_changed(&id));
    batch.push(mfa::set_enabled(&id, app.now()));
    let user = batch.push(users::find(&id));
    batch.run(&app).await?.take(user)?.ok_or_else(no_such_user)?;
    mail::deliver_in_background(&app);
    Ok(StatusCode::NO_CONTENT)
}

/// Lets mail be sent to a person's address again.
///
/// Where the address is undeliverable: for somebody whom mail reaches again, and who can ask for no mail that proves it. Take
/// the address off the mail provider's own list too.
#[utoipa::path(
    delete,
    path = "/api/v1/admin/users/{id}/undeliverable",
    operation_id = "liftUndeliverable",
    tag = "Administration",
    security(("accessToken" = [])),
    params(("id" = UserId, Path)),
    responses((status = 204, description = "Mail is sent to it."), (status = 404, response = NotFound)),
)]
pub async fn lift_undeliverable(
    State(app): State<App>,
    admin: ClaimedAdmin,
    Path(id): Path<UserId>,
) -> Result<StatusCode, ApiError> {
    let event = admin.event(&app, SecurityEventName::AddressDeliverable, json!({}));
    let mut batch = admin.batch();
    batch.push(undeliverable::lift(&id, app.now()));
    batch.push(event.of_if_changed(Some(&id)));
    let user = batch.push(users::find(&id));
    let user = batch.run(&app).await?.take(user)?;
    user.map(|_| StatusCode::NO_CONTENT).ok_or_else(no_such_user)
}
