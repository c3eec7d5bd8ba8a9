//! Users who are logged in. An access token only claims a session; the database confirms it, in the same round trip
//! that reads or writes what the request is about.

use std::{
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde_json::Value;

use super::bearer;
use crate::{
    app::App,
    domain::{
        SecurityEventName, SessionId, Timestamp, TokenError, UserId, account::AccountStatus, api_key::looks_like_key,
    },
    http::{
        client::Client,
        problem::{ApiError, EXPIRED_TOKEN, INVALID_TOKEN, USER_TOKEN_REQUIRED},
        request_notes::CallerKind,
    },
    store::{
        Answers, Batch, BatchError, Query, admin,
        audit::NewEvent,
        idempotency,
        sessions::{self, Session},
        users::User,
    },
};

/// Extractor of the session that a genuine access token claims, which may have ended since the token was issued. Only
/// [`ClaimedSession::batch`] tells the user's id: what is read or written by that id is to go through the batch, which
/// confirms the session when it runs.
#[derive(Clone)]
pub struct ClaimedSession {
    user_id: UserId,
    id: SessionId,
    client: Client,
    /// Whether a browser's cookie claims the session. Nothing refreshes that, so its use is noted as it is read.
    in_browser: bool,
    /// Whether the database has said that the user is an administrator: for what a page shows, never for what it
    /// allows.
    administers: Arc<AtomicBool>,
}

/// Extractor of a [`ClaimedSession`] on the routes of administrators: the database confirms the role, too.
pub struct ClaimedAdmin(ClaimedSession);

/// Session that the database has confirmed, as it was at that moment.
pub struct UserSession<'a> {
    caller: &'a ClaimedSession,
    /// User of the session.
    pub user: User,
    /// When the user logged in.
    pub started_at: Timestamp,
}

impl FromRequestParts<App> for ClaimedSession {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let user_token_required = || ApiError::new(USER_TOKEN_REQUIRED, "log in, and send the access token");
        if parts.headers.contains_key("x-api-key") {
            return Err(user_token_required());
        }
        let token = bearer(&parts.headers)?;
        if looks_like_key(token) {
            return Err(user_token_required());
        }
        match app.keys().verify_access_token(token, &app.config().base_url, app.now()) {
            Ok(claims) => Ok(Self::of(claims.sub, claims.sid, Client::of(parts), false)),
            Err(TokenError::Expired) => Err(ApiError::new(EXPIRED_TOKEN, "get a new one with the refresh token")),
            Err(TokenError::Invalid) => Err(ApiError::new(INVALID_TOKEN, "this is no access token of ours")),
        }
    }
}

impl FromRequestParts<App> for ClaimedAdmin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        ClaimedSession::from_request_parts(parts, app).await.map(Self)
    }
}

impl ClaimedSession {
    /// Creates the claim of a browser's genuine cookie.
    pub(super) fn of_browser(user_id: UserId, id: SessionId, client: Client) -> Self {
        Self::of(user_id, id, client, true)
    }

    fn of(user_id: UserId, id: SessionId, client: Client, in_browser: bool) -> Self {
        client.note(CallerKind::Session);
        Self { user_id, id, client, in_browser, administers: Arc::default() }
    }

    /// Returns whether this request has read that the user is an administrator.
    pub fn is_administrators(&self) -> bool {
        self.administers.load(Ordering::Relaxed)
    }

    /// Returns the client that the user calls with.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the id of the session, which may have ended.
    pub fn session_id(&self) -> &SessionId {
        &self.id
    }

    /// Begins a batch that fails where the session has ended.
    pub fn batch(&self) -> SessionBatch<'_> {
        SessionBatch { caller: self, admins_only: false, batch: Batch::new() }
    }

    /// Confirms the session without reading anything else.
    ///
    /// # Errors
    /// As [`SessionBatch::read`].
    pub async fn confirm(&self, app: &App) -> Result<UserSession<'_>, ApiError> {
        self.batch().read(app).await.map(|(session, _)| session)
    }

    /// Creates a security event of the user's that they caused themselves.
    pub fn event(&self, app: &App, name: SecurityEventName, details: Value) -> Query<()> {
        self.client.event(app, name, details).of(&self.user_id, Some(&self.user_id))
    }

    /// Creates [`ClaimedSession::event`], inserted only if the statement before it in the batch changes a row.
    pub fn event_if_changed(&self, app: &App, name: SecurityEventName, details: Value) -> Query<()> {
        self.client.event(app, name, details).of_if_changed(&self.user_id, Some(&self.user_id))
    }

    /// Names the user as the holder of an idempotency key, whether or not the session lives.
    pub fn idempotency_caller(&self) -> String {
        idempotency::user(&self.user_id)
    }

    /// Names the session as the subject of a limit, whether or not it lives.
    pub fn session_subject(&self) -> String {
        format!("session:{}", self.id)
    }

    fn confirmed(&self, app: &App, found: Option<Session>) -> Result<UserSession<'_>, ApiError> {
        let is_claimed = |session: &Session| session.user.id == self.user_id && session.is_live(app.now());
        let Session { user, started_at, .. } = found.filter(is_claimed).ok_or_else(ApiError::session_revoked)?;
        self.administers.store(user.role.administers(), Ordering::Relaxed);
        match user.status {
            AccountStatus::Active => Ok(UserSession { caller: self, user, started_at }),
            AccountStatus::Suspended => Err(ApiError::account_suspended()),
        }
    }
}

/// Proof that the database confirmed a session in this request: calls may be counted against its user.
#[derive(Clone, Copy)]
pub struct ConfirmedSession<'a>(&'a ClaimedSession);

impl<'a> ConfirmedSession<'a> {
    /// Returns the proof where the session's user holds a claim of an idempotency key: the round trip that claims a key
    /// confirms the session, too.
    pub(in crate::http) fn by_claim_of(holder: &str, caller: &'a ClaimedSession) -> Option<Self> {
        (holder == caller.idempotency_caller()).then_some(Self(caller))
    }

    /// Returns the id of the session's user.
    pub fn user_id(self) -> &'a UserId {
        &self.0.user_id
    }

    /// Returns the client that the user calls with.
    pub fn client(self) -> &'a Client {
        &self.0.client
    }
}

impl<'a> UserSession<'a> {
    /// Returns the id of the session.
    pub fn id(&self) -> &SessionId {
        &self.caller.id
    }

    /// Returns the proof that the session was confirmed.
    pub fn confirmed(&self) -> ConfirmedSession<'a> {
        ConfirmedSession(self.caller)
    }
}

impl ClaimedAdmin {
    /// Creates the claim of somebody at a browser to be an administrator.
    pub fn in_browser(session: ClaimedSession) -> Self {
        Self(session)
    }

    /// Begins a batch that fails where the session has ended, or its user is no administrator.
    pub fn batch(&self) -> SessionBatch<'_> {
        SessionBatch { admins_only: true, ..self.0.batch() }
    }

    /// Confirms session and role without reading anything else.
    ///
    /// # Errors
    /// As [`SessionBatch::read`].
    pub async fn confirm(&self, app: &App) -> Result<UserSession<'_>, ApiError> {
        self.batch().read(app).await.map(|(session, _)| session)
    }

    /// Runs one query, in the round trip that confirms session and role.
    ///
    /// # Errors
    /// As [`SessionBatch::read`].
    pub async fn read<T: 'static>(&self, app: &App, query: Query<T>) -> Result<T, ApiError> {
        let mut batch = self.batch();
        let wanted = batch.push(query);
        let (_, mut answers) = batch.read(app).await?;
        Ok(answers.take(wanted)?)
    }

    /// Creates a security event that the administrator causes.
    pub fn event(&self, app: &App, name: SecurityEventName, details: Value) -> AdminEvent<'_> {
        AdminEvent { actor: &self.0.user_id, event: self.0.client.event(app, name, details) }
    }
}

/// Security event that an administrator causes, whose person is not named yet.
pub struct AdminEvent<'a> {
    actor: &'a UserId,
    event: NewEvent,
}

impl AdminEvent<'_> {
    /// Records the event of a user, or of the administrator themselves where there is none.
    pub fn of(self, user_id: Option<&UserId>) -> Query<()> {
        self.event.of(user_id.unwrap_or(self.actor), Some(self.actor))
    }

    /// Records the event like [`AdminEvent::of`], only if the statement before it in the batch changes a row.
    pub fn of_if_changed(self, user_id: Option<&UserId>) -> Query<()> {
        self.event.of_if_changed(user_id.unwrap_or(self.actor), Some(self.actor))
    }
}

/// Batch of a session that is only claimed. To run it is to confirm the session: there is no other way to run it.
#[must_use = "a batch does nothing until it is read or run"]
pub struct SessionBatch<'a> {
    caller: &'a ClaimedSession,
    admins_only: bool,
    batch: Batch,
}

impl<'a> SessionBatch<'a> {
    /// Returns the id of the session's user; the session may have ended.
    // It outlives the batch, since what is pushed is made of it while the batch is borrowed. It is for batches of the
    // caller all the same.
    pub fn user_id(&self) -> &'a UserId {
        &self.caller.user_id
    }

    /// Returns the caller who runs the batch.
    pub fn caller(&self) -> &'a ClaimedSession {
        self.caller
    }

    /// Returns the id of the session, which may have ended.
    pub fn session_id(&self) -> &'a SessionId {
        &self.caller.id
    }

    /// Runs a batch that only reads.
    ///
    /// # Errors
    /// `session_revoked`, `account_suspended` or, of an administrator's batch, `role_required`, whatever the reads
    /// found.
    pub async fn read(self, app: &App) -> Result<(UserSession<'a>, Answers), ApiError> {
        let Self { caller, admins_only, mut batch } = self;
        let session = batch.push(sessions::find(&caller.id));
        let mut answers = batch.run(app.database()).await?;
        let found = answers.take(session)?;
        let is_use_due = caller.in_browser && found.as_ref().is_some_and(|session| session.is_use_due(app.now()));
        let session = caller.confirmed(app, found)?;
        if is_use_due {
            note_use_later(app, caller.id.clone());
        }
        if admins_only && !session.user.role.administers() {
            return Err(ApiError::admins_only());
        }
        Ok((session, answers))
    }

    /// Runs a batch that writes, which is undone where the session has ended.
    ///
    /// # Errors
    /// [`Guard::SessionLive`](crate::store::Guard), [`Guard::AccountActive`](crate::store::Guard) or, of an
    /// administrator's batch, [`Guard::AdminRole`](crate::store::Guard); else as [`Batch::run`].
    pub async fn run(self, app: &App) -> Result<Answers, BatchError> {
        let Self { caller, admins_only, mut batch } = self;
        if admins_only {
            batch.guarded_by(admin::expect_admin(&caller.user_id));
        }
        batch.guarded_by(sessions::expect_live(&caller.id, &caller.user_id, app.now()));
        batch.run(app.database()).await
    }
}

impl Deref for SessionBatch<'_> {
    type Target = Batch;

    fn deref(&self) -> &Batch {
        &self.batch
    }
}

impl DerefMut for SessionBatch<'_> {
    fn deref_mut(&mut self) -> &mut Batch {
        &mut self.batch
    }
}

fn note_use_later(app: &App, id: SessionId) {
    let worker = app.clone();
    app.ports().background.spawn(Box::pin(async move {
        if let Err(error) = sessions::note_use(&id, worker.now()).run(worker.database()).await {
            tracing::warn!(%error, "the use of a session was not noted");
        }
    }));
}
