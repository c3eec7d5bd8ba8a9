//! Sliding logs in SQL, for hosts without a faster place to count.
//!
//! Each row carries the running total of its limit, so a decision reads the newest row and the oldest of the window:
//! two seeks, whatever the window holds.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;

use super::{
    Batch, BatchError,
    query::{Query, sql},
};
use crate::{
    domain::{LimitState, Timestamp},
    ports::{Admission, Database, DatabaseError, Limit, RateLimitError, RateLimiter, Row},
};

/// A limit, with the subject that it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct LimitOf<'a> {
    /// Subject that the limit belongs to.
    pub subject: &'a str,
    /// Name of the limit.
    pub name: &'a str,
    /// Cost admitted in a window.
    pub limit: u32,
    /// Length of the window, in milliseconds.
    pub window_ms: i64,
}

impl<'a> LimitOf<'a> {
    fn new(subject: &'a str, limit: &'a Limit) -> Self {
        let window_ms = i64::from(limit.window_seconds).saturating_mul(1000);
        Self { subject, name: &limit.name, limit: limit.limit, window_ms }
    }
}

/// Charges all limits of a subject, or none of them, and returns whether it did. At least one limit has to be given.
pub fn charge(subject: &str, limits: &[LimitOf<'_>], cost: u32, now: Timestamp) -> Query<bool> {
    let limits = limits.iter().map(|of| json!({ "name": of.name, "limit": of.limit, "window_ms": of.window_ms }));
    let limits = limits.collect::<serde_json::Value>().to_string();
    sql!("rate_limits/charge").bind(subject).bind(limits).bind(cost).bind(now).exists()
}

/// Reads the states of limits, in the order asked.
pub fn standing(limits: &[LimitOf<'_>], now: Timestamp) -> Query<Vec<LimitState>> {
    let asked = limits.iter().map(|of| json!([of.subject, of.name, of.window_ms])).collect::<serde_json::Value>();
    let bounds = limits.iter().map(|of| (of.limit, of.window_ms)).collect::<Vec<_>>();
    sql!("rate_limits/standing")
        .bind(asked.to_string())
        .bind(now)
        .read(move |rows| rows.into_iter().zip(bounds).map(|(row, bound)| read_state(&row, bound, now)).collect())
}

fn read_state(row: &Row, (limit, window_ms): (u32, i64), now: Timestamp) -> Result<LimitState, DatabaseError> {
    let used = u32::try_from(row.integer("used")?).unwrap_or(u32::MAX);
    let oldest = row.optional_integer("oldest")?;
    let reset_after_ms = oldest.map_or(0, |oldest| Timestamp(oldest).plus_ms(window_ms).ms_since(now));
    Ok(LimitState { remaining: limit.saturating_sub(used), reset_after_ms })
}

/// A [`RateLimiter`] that decides in one atomic batch.
pub struct SqlRateLimiter {
    database: Arc<dyn Database>,
}

impl SqlRateLimiter {
    /// Creates a limiter that counts in this database.
    #[must_use]
    pub fn new(database: Arc<dyn Database>) -> Self {
        Self { database }
    }

    async fn decide(
        &self,
        subject: &str,
        limits: &[LimitOf<'_>],
        cost: u32,
        now: Timestamp,
    ) -> Result<Admission, BatchError> {
        let mut batch = Batch::new();
        let allowed = batch.push(charge(subject, limits, cost, now));
        let states = batch.push(standing(limits, now));
        let mut answers = batch.run(&*self.database).await?;
        Ok(Admission { allowed: answers.take(allowed)?, states: answers.take(states)? })
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
        let limits = limits.iter().map(|limit| LimitOf::new(subject, limit)).collect::<Vec<_>>();
        self.decide(subject, &limits, cost, now).await.map_err(|error| RateLimitError(error.to_string()))
    }
}

/// Deletes at most `rows` rows that have left their window, and returns how many it deleted.
pub fn expire(now: Timestamp, rows: u32) -> Query<usize> {
    sql!("rate_limits/expire").essential().bind(now).bind(rows).count()
}
