//! Who calls: a person with an access token, or a program with an API key.

use std::{marker::PhantomData, sync::Arc};

use axum::extract::FromRequestParts;
use http::{HeaderMap, header, request::Parts};

use super::{
    client::Client,
    limits,
    problem::{
        ACCOUNT_SUSPENDED, API_KEY_EXPIRED, API_KEY_REQUIRED, API_KEY_REVOKED, ApiError, EXPIRED_TOKEN,
        INSUFFICIENT_SCOPE, INVALID_API_KEY, INVALID_TOKEN, IP_NOT_ALLOWED, MISSING_CREDENTIALS, Problem,
        ROLE_REQUIRED, SESSION_REVOKED, USER_TOKEN_REQUIRED,
    },
    unknown_keys,
};
use crate::{
    app::App,
    config::Publishing,
    domain::{
        TokenError,
        api_key::{ApiKey, WRITING_SCOPES, looks_like_key},
        key_use::{Decision, Denial, KeyGrant, KeyUse},
    },
    ports::{Admission, Limit},
    store::{
        Answers, Batch, BatchError, Guard, Query, admin,
        sessions::{self, Session},
        users::User,
    },
};

/// A person whose access token is genuine. Whether their session still lives, each call's own round trip tells:
/// every read goes through [`Person::read`], every write through [`Person::write`].
pub struct Person {
    /// Their id.
    pub user_id: String,
    /// The session of the token.
    pub session_id: String,
    /// What they call with.
    pub client: Client,
}

/// The credential of a request.
fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    let missing = || ApiError::new(MISSING_CREDENTIALS, "send Authorization: Bearer …");
    let value = headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    Ok(token.trim())
}

impl FromRequestParts<App> for Person {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        if parts.headers.contains_key("x-api-key") {
            return Err(ApiError::new(USER_TOKEN_REQUIRED, "log in, and send the access token"));
        }
        let token = bearer(&parts.headers)?;
        if looks_like_key(token) {
            return Err(ApiError::new(USER_TOKEN_REQUIRED, "log in, and send the access token"));
        }
        match app.keys().verify_access_token(token, &app.config().base_url, app.now()) {
            Ok(claims) => Ok(Self { user_id: claims.sub, session_id: claims.sid, client: Client::of(parts) }),
            Err(TokenError::Expired) => Err(ApiError::new(EXPIRED_TOKEN, "get a new one with the refresh token")),
            Err(TokenError::Invalid) => Err(ApiError::new(INVALID_TOKEN, "this is no access token of ours")),
        }
    }
}

impl Person {
    /// Runs reads in one round trip with the check of the session, and returns the caller's account with their answers.
    ///
    /// # Errors
    /// `session_revoked` or `account_suspended`, whatever the reads found.
    pub async fn read(&self, app: &App, mut batch: Batch) -> Result<(User, Answers), ApiError> {
        let session = batch.push(sessions::find(&self.session_id));
        let mut answers = batch.run(app.database()).await?;
        let user = self.live(app, answers.take(session)?)?;
        Ok((user, answers))
    }

    /// Runs a batch that is undone when the session has ended.
    ///
    /// # Errors
    /// [`Guard::SessionLive`](crate::store::Guard) or [`Guard::AccountActive`](crate::store::Guard); else as
    /// [`Batch::run`].
    pub async fn write(&self, app: &App, mut batch: Batch) -> Result<Answers, BatchError> {
        batch.guarded_by(sessions::expect_live(&self.session_id, &self.user_id, app.now()));
        batch.run(app.database()).await
    }

    /// [`Person::read`] for administrators.
    ///
    /// # Errors
    /// `role_required`; else as [`Person::read`].
    pub async fn read_as_admin(&self, app: &App, batch: Batch) -> Result<Answers, ApiError> {
        let (user, answers) = self.read(app, batch).await?;
        if user.role == "admin" { Ok(answers) } else { Err(admins_only()) }
    }

    /// [`Person::write`] for administrators.
    ///
    /// # Errors
    /// [`Guard::AdminRole`](crate::store::Guard); else as [`Person::write`].
    pub async fn write_as_admin(&self, app: &App, mut batch: Batch) -> Result<Answers, BatchError> {
        batch.guarded_by(admin::expect_admin(&self.user_id));
        self.write(app, batch).await
    }

    /// A security event of theirs, by themselves.
    pub fn event(&self, app: &App, name: &'static str, details: serde_json::Value) -> Query<()> {
        self.client.event(app, name, details).of(&self.user_id, Some(&self.user_id))
    }

    fn live(&self, app: &App, session: Option<Session>) -> Result<User, ApiError> {
        match session.filter(|session| session.user.id == self.user_id && session.is_live(app.now())) {
            None => Err(session_revoked()),
            Some(session) if session.user.suspended => Err(suspended()),
            Some(session) => Ok(session.user),
        }
    }
}

/// The caller's session has ended.
pub fn session_revoked() -> ApiError {
    ApiError::new(SESSION_REVOKED, "log in again")
}

/// The account is suspended.
pub fn suspended() -> ApiError {
    ApiError::new(ACCOUNT_SUSPENDED, "ask the operators why")
}

/// The caller is no administrator.
pub fn admins_only() -> ApiError {
    ApiError::new(ROLE_REQUIRED, "this needs the role admin")
}

/// A scope that a route needs.
pub trait Scope {
    /// Its name.
    const NAME: &'static str;
}

macro_rules! scopes {
    ($($(#[$doc:meta])+ $scope:ident => $name:literal;)+) => {$(
        $(#[$doc])+
        pub struct $scope;

        impl Scope for $scope {
            const NAME: &'static str = $name;
        }
    )+};
}
scopes! {
    /// What anybody may read, counted against the key's limit.
    LeaderboardRead => "leaderboard:read";
    /// Runs and their results.
    ResultsWrite => "results:write";
    /// Models and benchmarks.
    ModelsWrite => "models:write";
    /// What services ask about the keys that they are shown.
    KeysVerify => "keys:verify";
}

/// A program with a living API key that has scope `S`, and was charged to the key's limit.
pub struct Program<S> {
    key: Arc<KeyGrant>,
    scope: PhantomData<S>,
}

impl<S: Scope> FromRequestParts<App> for Program<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let client = Client::of(parts);
        let of = key_use(app, &presented_key(app, &parts.headers)?, S::NAME, &client);
        let decision = unknown_keys::admit(app, &client, &of).await?;
        Ok(Self { key: admitted(&client, decision, S::NAME)?, scope: PhantomData })
    }
}

impl<S> Program<S> {
    /// The key's owner, who owns what the key publishes.
    #[must_use]
    pub fn owner_id(&self) -> &str {
        &self.key.user_id
    }
}

/// The API key of a request, whose form and checksum are right; whether it is known is not looked at.
///
/// # Errors
/// `missing_credentials`, `invalid_api_key`, or `api_key_required` where the credential is a person's.
pub fn presented_key(app: &App, headers: &HeaderMap) -> Result<ApiKey, ApiError> {
    let text = match headers.get("x-api-key") {
        Some(value) => value.to_str().map_err(|_| invalid_key())?,
        None => bearer(headers)?,
    };
    if looks_like_key(text) {
        return ApiKey::parse(text).ok_or_else(invalid_key);
    }
    let is_token = app.keys().verify_access_token(text, &app.config().base_url, app.now()).is_ok();
    Err(if is_token { ApiError::new(API_KEY_REQUIRED, "create an API key, and send it") } else { invalid_key() })
}

/// The API key of a request that needs none. Any other credential is left alone.
///
/// # Errors
/// `invalid_api_key` where its form or checksum is wrong.
pub fn offered_key(headers: &HeaderMap) -> Result<Option<ApiKey>, ApiError> {
    let text = match headers.get("x-api-key") {
        Some(value) => value.to_str().map_err(|_| invalid_key())?,
        None => match bearer(headers) {
            Ok(token) if looks_like_key(token) => token,
            _ => return Ok(None),
        },
    };
    ApiKey::parse(text).map(Some).ok_or_else(invalid_key)
}

/// One request of the client with its own key.
#[must_use]
pub fn key_use(app: &App, key: &ApiKey, scope: &'static str, client: &Client) -> KeyUse {
    KeyUse {
        hash: key.hash(),
        scopes: vec![scope.into()],
        address: client.address,
        cost: 1,
        publishes: needs_publisher(app, scope),
        optional: false,
        verifier: None,
    }
}

/// What the key of a request grants, where it was let in. Tells in the answer's headers where its limit stands.
///
/// # Errors
/// Why it was not let in.
pub fn admitted(client: &Client, decision: Option<Decision>, scope: &'static str) -> Result<Arc<KeyGrant>, ApiError> {
    let (grant, state, allowed) = match decision.ok_or_else(|| ApiError::internal("the gate did not decide"))? {
        Decision::Unknown => return Err(invalid_key()),
        Decision::Denied(_, denial) => return Err(denied(denial, scope)),
        Decision::Limited(grant, state) => (grant, state, false),
        Decision::Allowed(grant, state) => (grant, state, true),
    };
    let limit =
        Limit { name: "key".to_owned(), limit: grant.rate_limit, window_seconds: grant.rate_limit_window_seconds };
    limits::tell(client, &limit, &Admission { allowed, states: vec![state] })?;
    Ok(grant)
}

fn denied(denial: Denial, scope: &'static str) -> ApiError {
    match denial {
        // Nobody else is told of a key by what uses it.
        Denial::NotYours => invalid_key(),
        Denial::Revoked => ApiError::new(API_KEY_REVOKED, "create another key"),
        Denial::Expired => ApiError::new(API_KEY_EXPIRED, "create another key"),
        Denial::OwnerSuspended => suspended(),
        Denial::Address => ApiError::new(IP_NOT_ALLOWED, "the key's allowedIps do not hold this address"),
        Denial::Scope | Denial::NotNeeded => {
            let problem = Problem::new(INSUFFICIENT_SCOPE, format!("the key lacks the scope {scope}"));
            problem.member("requiredScope", scope.into()).into()
        }
        Denial::Role => publishers_only(scope),
    }
}

/// Nobody has the key, or not any more.
pub fn invalid_key() -> ApiError {
    ApiError::new(INVALID_API_KEY, "this is no API key of ours")
}

/// What a program's batch failed with, once the handler has looked at its own guards. That its owner's account went while
/// the request ran, and with it what the request had claimed, is no fault of ours.
#[must_use]
pub fn program_failed(error: BatchError) -> ApiError {
    match error {
        BatchError::Database(error) if error.is_dangling() => invalid_key(),
        BatchError::Guard(Guard::IdempotencyClaim) => invalid_key(),
        error => error.into(),
    }
}

/// Whether the scope can be used only by keys of people who may publish.
#[must_use]
pub fn needs_publisher(app: &App, scope: &str) -> bool {
    app.config().publishing == Publishing::Roles && WRITING_SCOPES.contains(&scope)
}

/// Whether a person of this role may have a key with the scope.
///
/// # Errors
/// `role_required`.
pub fn may_publish(app: &App, role: &str, scope: &str) -> Result<(), ApiError> {
    if needs_publisher(app, scope) && !["publisher", "admin"].contains(&role) {
        return Err(publishers_only(scope));
    }
    Ok(())
}

fn publishers_only(scope: &str) -> ApiError {
    ApiError::new(ROLE_REQUIRED, format!("the scope {scope} needs the role publisher or admin"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::DatabaseError;

    #[test]
    fn a_program_whose_owner_is_gone_has_no_key_any_more() {
        let dangling = DatabaseError::from_sqlite_message("D1_ERROR: FOREIGN KEY constraint failed: SQLITE_CONSTRAINT");
        for gone in [BatchError::from(dangling), BatchError::Guard(Guard::IdempotencyClaim)] {
            assert!(
                matches!(program_failed(gone), ApiError::Problem(problem) if problem.is(INVALID_API_KEY)),
                "it is no fault of ours"
            );
        }
        let other = DatabaseError::from_sqlite_message("UNIQUE constraint failed: runs.id");
        assert!(matches!(program_failed(other.into()), ApiError::Fault(_)));
    }
}
