//! The sliding log in SQL, for hosts without a faster place to count.
//!
//! Each row carries the running total of its limit, so a decision reads the newest row and the oldest of the window: two
//! seeks, whatever the window holds.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;

use crate::ports::{
    Admission, Database, DatabaseError, Limit, LimitState, RateLimitError, RateLimiter, Row, Statement, Timestamp,
};

/// Charges all limits of a subject, or none of them.
pub const CHARGE: &str = include_str!("sql/rate_limits/charge.sql");
/// Where limits stand.
pub const STANDING: &str = include_str!("sql/rate_limits/standing.sql");
/// Forgets what has left its window.
pub const EXPIRE: &str = include_str!("sql/rate_limits/expire.sql");

/// Which limit of whom [`standing`] tells of.
#[derive(Clone, Copy, Debug)]
pub struct StandingOf<'a> {
    /// Whose it is.
    pub subject: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Length of its window.
    pub window_ms: i64,
}

impl<'a> StandingOf<'a> {
    fn limit(subject: &'a str, limit: &'a Limit) -> Self {
        Self { subject, name: &limit.name, window_ms: i64::from(limit.window_seconds).saturating_mul(1000) }
    }
}

/// The statement of [`STANDING`]; [`read_state`] reads its rows, which come in the order asked.
#[must_use]
pub fn standing<'a>(limits: impl IntoIterator<Item = StandingOf<'a>>, now: Timestamp) -> Statement {
    let limits = limits.into_iter().map(|of| json!([of.subject, of.name, of.window_ms]));
    Statement::new(STANDING).bind(limits.collect::<serde_json::Value>().to_string()).bind(now)
}

/// Reads a row of [`standing`].
///
/// # Errors
/// When a column is missing or unreadable.
pub fn read_state(row: &Row, of: StandingOf<'_>, limit: u32, now: Timestamp) -> Result<LimitState, DatabaseError> {
    let used = u32::try_from(row.integer("used")?).unwrap_or(u32::MAX);
    let oldest = row.optional_integer("oldest")?;
    let reset_after_ms = oldest.map_or(0, |oldest| Timestamp(oldest).plus_ms(of.window_ms).ms_since(now));
    Ok(LimitState { remaining: limit.saturating_sub(used), reset_after_ms })
}

/// A [`RateLimiter`] of one atomic batch.
pub struct SqlRateLimiter {
    database: Arc<dyn Database>,
}

impl SqlRateLimiter {
    /// Counts in this database.
    #[must_use]
    pub fn new(database: Arc<dyn Database>) -> Self {
        Self { database }
    }
}

#[async_trait]
impl RateLimiter for SqlRateLimiter {
    async fn admit(
        &self,
        subject: &str,
        limits: &[Limit],
        cost: u32,
        now: Timestamp,
    ) -> Result<Admission, RateLimitError> {
        let list = limits
            .iter()
            .map(|limit| json!({"name": limit.name, "limit": limit.limit, "window_ms": StandingOf::limit(subject, limit).window_ms}))
            .collect::<serde_json::Value>()
            .to_string();
        let charge = Statement::new(CHARGE).bind(subject).bind(list).bind(cost).bind(now);
        let failed = |error: DatabaseError| RateLimitError(error.to_string());
        let batch = vec![charge, standing(limits.iter().map(|limit| StandingOf::limit(subject, limit)), now)];
        let mut answers = self.database.batch(batch).await.map_err(failed)?.into_iter();
        let allowed = answers.next().is_some_and(|rows| !rows.is_empty());
        let states = answers
            .next()
            .into_iter()
            .flatten()
            .zip(limits)
            .map(|(row, limit)| read_state(&row, StandingOf::limit(subject, limit), limit.limit, now))
            .collect::<Result<Vec<_>, DatabaseError>>()
            .map_err(failed)?;
        Ok(Admission { allowed, states })
    }
}
