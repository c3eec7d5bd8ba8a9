use axum::{
    Json as Answer,
    extract::{OriginalUri, State},
    response::Response,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use unicode_normalization::UnicodeNormalization as _;

use crate::{
    app::App,
    config::MOST_STORAGE_QUOTA,
    http::{
        credentials::Person,
        key_changes,
        page::NewestFirst,
        parameters,
        problem::{ApiError, OWN_ACCOUNT},
        request::{Json, Path, Query, Validator, given},
        users::UserBody,
    },
    mail::{self, Notice},
    ports::{Rows, Statement},
    store::{
        EXPECT_ONE_CHANGE, admin, mfa, sessions,
        storage::{self, Storage},
        users::{self, User},
    },
};

/// A person, as an administrator sees them.
#[derive(Serialize)]
pub struct AdminUserBody {
    #[serde(flatten)]
    user: UserBody,
    status: Status,
    storage: Storage,
}

impl AdminUserBody {
    fn of(app: &App, user: User) -> Self {
        Self {
            status: if user.suspended { Status::Suspended } else { Status::Active },
            storage: user.storage(app.config().storage_quota_bytes),
            user: user.into(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Active,
    Suspended,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    User,
    Publisher,
    Service,
    Admin,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Publisher => "publisher",
            Self::Service => "service",
            Self::Admin => "admin",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    #[serde(default, deserialize_with = "parameters::address")]
    q: Option<String>,
    status: Option<Status>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// People, newest first; `q` is the start of an address or of a name.
pub async fn list(
    State(app): State<App>,
    person: Person,
    OriginalUri(uri): OriginalUri,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let page = NewestFirst::new(uri, parameters.limit, parameters.cursor.as_deref())?;
    let prefix = parameters.q.map(|q| q.trim().nfc().collect::<String>()).filter(|q| !q.is_empty());
    let status = parameters.status.map(Status::as_str);
    let sql = match (&prefix, status) {
        (Some(_), _) => admin::SEARCH,
        (None, Some(_)) => admin::USERS_BY_STATUS,
        (None, None) => admin::USERS,
    };
    let mut statement = page.bind(Statement::new(sql));
    if prefix.is_some() || status.is_some() {
        statement = statement.bind(status);
    }
    if let Some(prefix) = prefix {
        for start in [prefix.to_lowercase(), prefix] {
            let end = format!("{start}{}", char::MAX);
            statement = statement.bind(start).bind(end);
        }
    }
    let answers = person.read_statements_as_admin(&app, vec![statement]).await?;
    let people = answers.into_iter().flatten().map(|row| User::from_row(&row)).collect::<Result<Vec<_>, _>>()?;
    Ok(page.answer(people, |user| (user.created_at.0, user.id.clone()), |user| AdminUserBody::of(&app, user)))
}

/// One person.
pub async fn one(
    State(app): State<App>,
    person: Person,
    Path(id): Path<String>,
) -> Result<Answer<AdminUserBody>, ApiError> {
    let answers = person.read_statements_as_admin(&app, vec![Statement::new(users::BY_ID).bind(id)]).await?;
    found(&app, answers)
}

fn found(app: &App, answers: Vec<Rows>) -> Result<Answer<AdminUserBody>, ApiError> {
    let row = answers.into_iter().next_back().and_then(Rows::into_first).ok_or_else(no_such_user)?;
    Ok(Answer(AdminUserBody::of(app, User::from_row(&row)?)))
}

fn no_such_user() -> ApiError {
    ApiError::not_found("user")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Change {
    status: Option<Status>,
    role: Option<Role>,
    /// `null` gives back the deployment's.
    #[serde(default, deserialize_with = "given")]
    storage_quota_bytes: Option<Option<i64>>,
}

/// Changes a person's status, role or storage quota. A suspended person's sessions, links and half
/// logins end; their keys are refused while it lasts.
pub async fn change(
    State(app): State<App>,
    person: Person,
    Path(id): Path<String>,
    Json(change): Json<Change>,
) -> Result<Answer<AdminUserBody>, ApiError> {
    if id == person.user_id {
        person.read_statements_as_admin(&app, Vec::new()).await?;
        return Err(ApiError::new(OWN_ACCOUNT, "another administrator has to do this"));
    }
    let mut validator = Validator::default();
    let quota = change.storage_quota_bytes;
    let possible = quota.flatten().is_none_or(|quota| (0..=MOST_STORAGE_QUOTA).contains(&quota));
    validator.require(possible, "/storageQuotaBytes", "give 0 to 9007199254740991, or null");
    validator.finish()?;
    // What a person may, their keys may: both change together.
    let answers = person.read_statements_as_admin(&app, vec![key_changes::live_keys(&app, &id)]).await?;
    let announced = key_changes::announce(&app, answers.into_iter().next()).await?;
    let (status, role, now) = (change.status.map(Status::as_str), change.role.map(Role::as_str), app.now());
    let event = |name, details| person.client.event(&app, name, details).of(&id, Some(&person.user_id));
    let mut batch = vec![
        Statement::new(admin::CHANGE).bind(id.as_str()).bind(status).bind(role).bind(now),
        Statement::new(EXPECT_ONE_CHANGE),
        key_changes::live_keys(&app, &id),
    ];
    if change.status == Some(Status::Suspended) {
        batch.extend([
            sessions::end_others(&id, None, "suspended", now).into_statement(),
            Statement::new(users::END_TOKENS).bind(id.as_str()).bind(now),
            Statement::new(mfa::FORGET_CHALLENGES).bind(id.as_str()),
        ]);
    }
    batch.extend(status.map(|status| event("status_changed", json!({ "status": status }))));
    if let Some(quota) = quota {
        batch.push(Statement::new(storage::SET_QUOTA).bind(id.as_str()).bind(quota));
        batch.push(event("storage_quota_changed", json!({ "storageQuotaBytes": quota })));
    }
    batch.extend(role.map(|role| event("role_changed", json!({ "role": role }))));
    batch.push(Statement::new(users::BY_ID).bind(id.as_str()));
    match person.write_statements_as_admin(&app, batch).await? {
        Err(error) if error.is_guard() => Err(no_such_user()),
        answers => {
            let answers = answers?;
            key_changes::announce_others(&app, answers.get(2).cloned(), &announced).await?;
            found(&app, answers)
        }
    }
}

/// Ends every session of a person.
pub async fn end_sessions(
    State(app): State<App>,
    person: Person,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let event = person.client.event(&app, "sessions_ended_by_administrator", json!({}));
    let batch = vec![
        sessions::end_others(&id, None, "ended_by_administrator", app.now()).into_statement(),
        event.of_if_changed(&id, Some(&person.user_id)),
        Statement::new(users::BY_ID).bind(id.as_str()),
    ];
    drop(found(&app, person.write_statements_as_admin(&app, batch).await??)?);
    Ok(StatusCode::NO_CONTENT)
}

/// Removes the second factor of a person who has lost it. They are told, in case it was not they who asked.
pub async fn remove_second_factor(
    State(app): State<App>,
    person: Person,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let event = person.client.event(&app, "mfa_disabled", json!({ "method": "administrator" }));
    let batch = vec![
        Statement::new(mfa::FORGET_RECOVERY_CODES).bind(id.as_str()),
        Statement::new(mfa::FORGET_CHALLENGES).bind(id.as_str()),
        Statement::new(mfa::REMOVE).bind(id.as_str()),
        // The event and the mail each tell by what they insert whether the next is due.
        event.of_if_changed(&id, Some(&person.user_id)),
        mail::notice(&app, Notice::MfaDisabled)?.to_person_if_changed(&id),
        Statement::new(mfa::SET_ENABLED).bind(id.as_str()).bind(app.now()),
        Statement::new(users::BY_ID).bind(id.as_str()),
    ];
    drop(found(&app, person.write_statements_as_admin(&app, batch).await??)?);
    mail::deliver_in_background(&app);
    Ok(StatusCode::NO_CONTENT)
}
