//! The time up to which cached answers must not be shown any more, because they may show what an administrator has
//! hidden or renamed since. It is cached too, since it is read while the database is down; the database is the
//! authority.

use crate::{
    app::App,
    domain::Timestamp,
    ports::{DatabaseError, KeyValueError, within},
    store::moderations,
};

/// How long a last good answer is cached, in seconds.
pub const LAST_ANSWER_SECONDS: u32 = 7 * 86_400;
/// Cache key of that time.
const AMENDED: &str = "last/amended";
/// Life of that time in the cache, in seconds: so much longer than that of any answer that a cache of a fixed size,
/// which evicts what expires first, never evicts it for one.
const AMENDED_SECONDS: u32 = 366 * 86_400;
const _: () = assert!(AMENDED_SECONDS > 2 * LAST_ANSWER_SECONDS, "it outlives every answer that it forbids");

/// Reason why that time is not known.
#[derive(Debug, thiserror::Error)]
pub enum AmendedError {
    /// The cache was not reached.
    #[error(transparent)]
    Cache(#[from] KeyValueError),
    /// The database was not reached.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Prevents answers to requests from before the end of this one from being shown during an outage, because this request
/// hides or renames something. Call it before the change, so that a crash in between leaves nothing to be shown. Where
/// the cache is down the request goes on, and [`remind_cache`] makes up for it.
pub async fn forget_answers_from_before(app: &App) {
    if let Err(error) = put(app, until(app, app.now())).await {
        tracing::warn!(%error, "the cache may show what is hidden or renamed until the next tick");
    }
}

/// Writes the time of the last moderation to the cache, where the cache missed or lost it.
pub async fn remind_cache(app: &App) {
    if let Err(error) = known_to_database(app).await {
        tracing::warn!(%error, "the cache may show what is hidden or renamed until the next tick");
    }
}

/// Reads the time up to which answers may show what is hidden or renamed by now. Returns `None` where the cache has no
/// such time: then no answer is known to be good.
pub async fn amended_until(app: &App) -> Result<Option<Timestamp>, KeyValueError> {
    let value = app.ports().key_value.get(AMENDED).await?;
    let until = value.and_then(|value| std::str::from_utf8(&value).ok()?.parse().ok());
    Ok(until.map(Timestamp))
}

/// Reads that time from the database, and writes it to the cache where the cache has an earlier one or none.
pub async fn known_to_database(app: &App) -> Result<Timestamp, AmendedError> {
    let mut known = amended_until(app).await?;
    // What is moderated meanwhile puts a later time, which this may overwrite: then it is written once more.
    loop {
        let last = moderations::last().run(app.database()).await?;
        let last = last.map_or(Timestamp(0), |at| until(app, at));
        if let Some(known) = known.filter(|known| *known >= last) {
            return Ok(known);
        }
        put(app, last).await?;
        known = Some(last);
    }
}

/// Returns the latest end of a request that hides or renames something at this time.
fn until(app: &App, at: Timestamp) -> Timestamp {
    at.plus_ms(i64::from(app.deadlines().request))
}

/// Puts the time into the cache, even in the seconds after a late call, in which the guarded cache is not asked.
async fn put(app: &App, until: Timestamp) -> Result<(), KeyValueError> {
    let (value, ms) = (until.0.to_string(), app.deadlines().amend);
    let put = app.unguarded_cache().put(AMENDED, value.as_bytes(), AMENDED_SECONDS);
    let late = || Err(KeyValueError(format!("no answer within {ms} ms")));
    within(app.ports().timer.as_ref(), ms, put).await.unwrap_or_else(late)
}
