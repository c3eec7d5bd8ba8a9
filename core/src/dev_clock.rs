//! Movement of a development host's clock. It is kept in the cache, which each instance of a host reads before it does
//! anything else: instances come and go, and share no memory.

use crate::{
    app::App,
    ports::{KeyValueError, Movement},
};

const KEY: &str = "dev_clock";
/// How long the cache keeps the movement, in seconds of the clock that is moved.
const KEPT_SECONDS: u32 = 40 * 366 * 86_400;

/// Keeps a movement, for every instance to follow.
///
/// # Errors
/// [`KeyValueError`] when the cache cannot be written.
pub async fn keep(app: &App, movement: Movement) -> Result<(), KeyValueError> {
    let kept = serde_json::to_vec(&movement).map_err(|error| KeyValueError(error.to_string()))?;
    app.unguarded_cache().put(KEY, &kept, KEPT_SECONDS).await
}

/// Sets the clock to the movement that the cache holds, if it holds one.
///
/// # Errors
/// [`KeyValueError`] when the cache cannot be read.
pub async fn catch_up(app: &App) -> Result<(), KeyValueError> {
    let Some(clock) = app.clock().movable() else { return Ok(()) };
    let kept = app.unguarded_cache().get(KEY).await?;
    if let Some(movement) = kept.and_then(|kept| serde_json::from_slice(&kept).ok()) {
        clock.follow(movement);
    }
    Ok(())
}
