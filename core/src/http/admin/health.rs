use axum::{Json as Answer, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    domain::Timestamp,
    http::{credentials::ClaimedAdmin, problem::ApiError},
    store::{migrations, outbox},
};

/// How the host is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostHealth {
    /// Whether `/ready` answers 200.
    pub ready: bool,
    /// Whether what the database is kept in is still there.
    pub database_in_place: bool,
    /// Which release this is.
    #[schema(max_length = 50, example = "0.1.0")]
    pub version: &'static str,
    /// The newest migration that ran.
    #[schema(max_length = 100, example = "0021_webhooks.sql")]
    pub schema: Option<String>,
    /// The migrations that this release has and that have not run.
    pub pending_migrations: Vec<&'static str>,
    /// The host's time.
    pub now: Timestamp,
    pub outbox: OutboxHealth,
}

/// How many mails are not sent.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutboxHealth {
    /// How many wait; 10,000 where there are more.
    #[schema(minimum = 0, maximum = 10000)]
    pub waiting: i64,
    /// When the oldest of these was asked for.
    pub oldest_waiting_at: Option<Timestamp>,
    /// How many were given up within the last 30 days; 10,000 where there are more.
    #[schema(minimum = 0, maximum = 10000)]
    pub failed: i64,
}

/// Tells how the host is.
///
/// What `/ready` tells, with the schema, and how far the mail is behind. Where the database does not answer there is no
/// answer (503): nobody can be known as an administrator then.
#[utoipa::path(
    get,
    path = "/api/v1/admin/health",
    operation_id = "getHostHealth",
    tag = "Administration",
    security(("accessToken" = [])),
    responses((status = 200, description = "How it is.", body = HostHealth)),
)]
pub async fn handler(State(app): State<App>, admin: ClaimedAdmin) -> Result<Answer<HostHealth>, ApiError> {
    read(&app, &admin).await.map(Answer)
}

/// Reads the state of the host.
///
/// # Errors
/// As [`SessionBatch::read`](crate::http::credentials::SessionBatch::read).
pub async fn read(app: &App, admin: &ClaimedAdmin) -> Result<HostHealth, ApiError> {
    let mut batch = admin.batch();
    let applied = batch.push(migrations::applied());
    let unsent = batch.push(outbox::state(outbox::MOST_COUNTED));
    let (_, mut answers) = batch.read(app).await?;
    let (applied, unsent) = (answers.take(applied)?, answers.take(unsent)?);
    let pending_migrations =
        migrations::SchemaState::of(&applied).pending.iter().map(|migration| migration.name).collect::<Vec<_>>();
    let database_in_place = app.database().check().await.is_ok();
    Ok(HostHealth {
        ready: database_in_place && pending_migrations.is_empty(),
        database_in_place,
        version: env!("CARGO_PKG_VERSION"),
        schema: applied.into_iter().next_back(),
        pending_migrations,
        now: app.now(),
        outbox: OutboxHealth { waiting: unsent.waiting, oldest_waiting_at: unsent.oldest, failed: unsent.given_up },
    })
}
