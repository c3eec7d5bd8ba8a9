//! Who calls: a person with an access token, or a program with an API key.

use std::net::IpAddr;

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
};
use crate::{
    app::App,
    config::Publishing,
    domain::{
        TokenError,
        api_key::{ApiKey, WRITING_SCOPES, looks_like_key},
        network::Network,
    },
    ports::{DatabaseError, Limit, Rows, Statement},
    store::{
        admin,
        api_keys::{self, ApiKeyRecord},
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
    /// Runs reads in one round trip with the check of the session.
    ///
    /// # Errors
    /// `session_revoked` or `account_suspended`, whatever the reads found.
    pub async fn read(&self, app: &App, reads: Vec<Statement>) -> Result<(User, Vec<Rows>), ApiError> {
        let statements = std::iter::once(sessions::by_id(&self.session_id)).chain(reads).collect();
        let mut answers = app.database().batch(statements).await?.into_iter();
        let session = answers.next().map(Session::from_rows).transpose()?.flatten();
        Ok((self.live(app, session)?, answers.collect()))
    }

    /// Runs writes as one batch that fails whole when the session has ended.
    ///
    /// # Errors
    /// `session_revoked` or `account_suspended`; else what the batch itself met.
    pub async fn write(&self, app: &App, writes: Vec<Statement>) -> Result<Result<Vec<Rows>, DatabaseError>, ApiError> {
        let guard = Statement::new(sessions::EXPECT_LIVE)
            .bind(self.session_id.as_str())
            .bind(self.user_id.as_str())
            .bind(app.now());
        let statements = std::iter::once(guard).chain(writes).collect();
        match app.database().batch(statements).await {
            Ok(answers) => Ok(Ok(answers.into_iter().skip(1).collect())),
            Err(error) if error.is_guard() => {
                self.read(app, Vec::new()).await?;
                Ok(Err(error))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// A security event of theirs, by themselves.
    #[must_use]
    pub fn event(&self, app: &App, name: &'static str, details: serde_json::Value) -> Statement {
        self.client.event(app, name, details).of(&self.user_id, Some(&self.user_id))
    }

    /// [`Person::read`] for administrators.
    ///
    /// # Errors
    /// `role_required`; else as [`Person::read`].
    pub async fn read_as_admin(&self, app: &App, reads: Vec<Statement>) -> Result<Vec<Rows>, ApiError> {
        let (user, answers) = self.read(app, reads).await?;
        if user.role == "admin" { Ok(answers) } else { Err(admins_only()) }
    }

    /// [`Person::write`] for administrators.
    ///
    /// # Errors
    /// `role_required`; else as [`Person::write`].
    pub async fn write_as_admin(
        &self,
        app: &App,
        writes: Vec<Statement>,
    ) -> Result<Result<Vec<Rows>, DatabaseError>, ApiError> {
        let guard = Statement::new(admin::EXPECT_ADMIN).bind(self.user_id.as_str());
        let statements = std::iter::once(guard).chain(writes).collect();
        match self.write(app, statements).await? {
            Ok(answers) => Ok(Ok(answers.into_iter().skip(1).collect())),
            Err(error) if error.is_guard() => {
                self.read_as_admin(app, Vec::new()).await?;
                Ok(Err(error))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    fn live(&self, app: &App, session: Option<Session>) -> Result<User, ApiError> {
        match session.filter(|session| session.user.id == self.user_id && session.is_live(app.now())) {
            None => Err(ApiError::new(SESSION_REVOKED, "log in again")),
            Some(session) if session.user.suspended => Err(suspended()),
            Some(session) => Ok(session.user),
        }
    }
}

/// The account is suspended.
pub fn suspended() -> ApiError {
    ApiError::new(ACCOUNT_SUSPENDED, "ask the operators why")
}

fn admins_only() -> ApiError {
    ApiError::new(ROLE_REQUIRED, "this needs the role admin")
}

/// A program with a living API key, already charged to the key's limit.
pub struct Program {
    /// The key.
    pub key: ApiKeyRecord,
    owner_role: String,
}

impl FromRequestParts<App> for Program {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let text = match parts.headers.get("x-api-key") {
            Some(value) => value.to_str().map_err(|_| invalid_key())?,
            None => bearer(&parts.headers)?,
        };
        if !looks_like_key(text) {
            let is_token = app.keys().verify_access_token(text, &app.config().base_url, app.now()).is_ok();
            return Err(if is_token {
                ApiError::new(API_KEY_REQUIRED, "create an API key, and send it")
            } else {
                invalid_key()
            });
        }
        let key = ApiKey::parse(text).ok_or_else(invalid_key)?;
        let found = app.database().query(Statement::new(api_keys::BY_HASH).bind(key.hash())).await?;
        let row = found.into_first().ok_or_else(invalid_key)?;
        let (owner_role, owner_status) = (row.text("owner_role")?, row.text("owner_status")?);
        let key = ApiKeyRecord::from_row(&row)?;
        let now = app.now();
        match key.status(now) {
            "revoked" => return Err(ApiError::new(API_KEY_REVOKED, "create another key")),
            "expired" => return Err(ApiError::new(API_KEY_EXPIRED, "create another key")),
            _ if owner_status != "active" => return Err(suspended()),
            _ => {}
        }
        let client = Client::of(parts);
        if !key.may_come_from(client.address) {
            return Err(ApiError::new(IP_NOT_ALLOWED, "the key's allowedIps do not hold this address"));
        }
        let limit =
            Limit { name: "key".to_owned(), limit: key.rate_limit, window_seconds: key.rate_limit_window_seconds };
        limits::admit(app, &client, &format!("key:{}", key.id), limit).await?;
        if key.last_used_at.is_none_or(|last| now.ms_since(last) >= 60_000) {
            note_use(app, &key.id);
        }
        Ok(Self { key, owner_role })
    }
}

/// `lastUsedAt`, off the request's path.
fn note_use(app: &App, key_id: &str) {
    let touch = Statement::new(api_keys::TOUCH).bind(key_id).bind(app.now());
    let worker = app.clone();
    app.ports().background.spawn(Box::pin(async move {
        if let Err(error) = worker.database().query(touch).await {
            log::warn!("lastUsedAt: {error}");
        }
    }));
}

fn invalid_key() -> ApiError {
    ApiError::new(INVALID_API_KEY, "this is no API key of ours")
}

impl ApiKeyRecord {
    fn may_come_from(&self, address: Option<IpAddr>) -> bool {
        let holds =
            |block: &String| Network::parse(block).zip(address).is_some_and(|(block, address)| block.contains(address));
        self.allowed_ips.is_empty() || self.allowed_ips.iter().any(holds)
    }
}

impl Program {
    /// Goes on only with the scope, and for the scopes that publish only while the owner may publish.
    ///
    /// # Errors
    /// `insufficient_scope` or `role_required`.
    pub fn require(&self, app: &App, scope: &'static str) -> Result<(), ApiError> {
        if !self.key.scopes.iter().any(|held| held == scope) {
            let problem = Problem::new(INSUFFICIENT_SCOPE, format!("the key lacks the scope {scope}"));
            return Err(problem.member("requiredScope", scope.into()).into());
        }
        may_publish(app, &self.owner_role, scope)
    }

    /// The key's owner, who owns what the key publishes.
    #[must_use]
    pub fn owner_id(&self) -> &str {
        &self.key.user_id
    }
}

/// Whether a person of this role may use the scope, or have a key with it.
///
/// # Errors
/// `role_required`.
pub fn may_publish(app: &App, role: &str, scope: &str) -> Result<(), ApiError> {
    let needs_role = app.config().publishing == Publishing::Roles && WRITING_SCOPES.contains(&scope);
    if needs_role && !["publisher", "admin"].contains(&role) {
        return Err(ApiError::new(ROLE_REQUIRED, format!("the scope {scope} needs the role publisher or admin")));
    }
    Ok(())
}
