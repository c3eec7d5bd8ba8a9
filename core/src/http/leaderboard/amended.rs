//! Which kept answers must not be shown again: those that may tell what an administrator has hidden or renamed since. The
//! cache keeps until when that is, since it is read while the database is down; the database knows it for good.

use super::last_answer::KEPT_SECONDS;
use crate::{
    app::App,
    ports::{DatabaseError, KeyValueError, Timestamp, within},
    store::moderations,
};

/// Where the cache keeps it.
const AMENDED: &str = "last/amended";
/// How long the cache keeps it, in seconds: so much longer than any answer that a cache of a fixed size, which gives up
/// what expires first, never gives it up for one.
const AMENDED_SECONDS: u32 = 366 * 86_400;
const _: () = assert!(AMENDED_SECONDS > 2 * KEPT_SECONDS, "it outlives every answer that it forbids");

/// Why it is not known.
#[derive(Debug, thiserror::Error)]
pub enum AmendedError {
    /// The cache was not reached.
    #[error(transparent)]
    Cache(#[from] KeyValueError),
    /// The database was not reached.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Sees to it that nothing is shown again that was asked for before the end of this request, which hides or renames
/// something. It comes before what it is about, so that nobody who dies in between leaves the way open. Where the cache
/// does not take it the request goes on, and [`remind_cache`] makes up for it.
pub async fn forget_answers_from_before(app: &App) {
    if let Err(error) = put(app, until(app, app.now())).await {
        tracing::warn!(%error, "the cache may show what is hidden or renamed until the next tick");
    }
}

/// Tells the cache of the last moderation, where it was not told, or has forgotten it.
pub async fn remind_cache(app: &App) {
    if let Err(error) = known_to_database(app).await {
        tracing::warn!(%error, "the cache may show what is hidden or renamed until the next tick");
    }
}

/// Reads until when answers may tell what is hidden or renamed by now. Where the cache has no such time, no answer is known
/// to be good.
pub async fn amended_until(app: &App) -> Result<Option<Timestamp>, KeyValueError> {
    let value = app.ports().key_value.get(AMENDED).await?;
    let until = value.and_then(|value| std::str::from_utf8(&value).ok()?.parse().ok());
    Ok(until.map(Timestamp))
}

/// The same by the database, of which the cache is told.
pub async fn known_to_database(app: &App) -> Result<Timestamp, AmendedError> {
    // Before the cache is read: what is moderated meanwhile puts a later time, which has to stay.
    let last = moderations::last().run(app.database()).await?;
    let last = last.map_or(Timestamp(0), |at| until(app, at));
    match amended_until(app).await? {
        Some(known) if known >= last => Ok(known),
        _ => {
            put(app, last).await?;
            Ok(last)
        }
    }
}

/// When a request ends at the latest that hides or renames something at this time.
fn until(app: &App, at: Timestamp) -> Timestamp {
    at.plus_ms(i64::from(app.deadlines().request))
}

/// Puts it even where the cache was late a moment ago, and is left alone by all others.
async fn put(app: &App, until: Timestamp) -> Result<(), KeyValueError> {
    let (value, ms) = (until.0.to_string(), app.deadlines().amend);
    let put = app.unguarded_cache().put(AMENDED, value.as_bytes(), AMENDED_SECONDS);
    let late = || Err(KeyValueError(format!("no answer within {ms} ms")));
    within(app.ports().timer.as_ref(), ms, put).await.unwrap_or_else(late)
}
