//! The sliding log in SQL, for hosts without a faster place to count.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;

use crate::ports::{
    Admission, Database, DatabaseError, Limit, LimitState, RateLimitError, RateLimiter, Statement, Timestamp,
};

/// Charges every limit of the JSON array `?2` (`name`, `limit`, `window_ms`) with `?3` at `?4`, or none.
pub const CHARGE: &str = "INSERT INTO rate_limit_events (subject, name, at, cost, expires_at) \
     SELECT ?1, l.value ->> 'name', ?4, ?3, ?4 + (l.value ->> 'window_ms') FROM json_each(?2) AS l \
     WHERE NOT EXISTS (SELECT 1 FROM json_each(?2) AS m WHERE ?3 + (SELECT coalesce(sum(e.cost), 0) FROM rate_limit_events AS e \
       WHERE e.subject = ?1 AND e.name = m.value ->> 'name' AND e.at > ?4 - (m.value ->> 'window_ms')) > (m.value ->> 'limit')) \
     RETURNING 1 AS charged";
/// Where each limit stands.
pub const STATES: &str = "SELECT coalesce(sum(e.cost), 0) AS used, min(e.at) AS oldest FROM json_each(?2) AS l \
     LEFT JOIN rate_limit_events AS e ON e.subject = ?1 AND e.name = l.value ->> 'name' AND e.at > ?3 - (l.value ->> 'window_ms') \
     GROUP BY l.key ORDER BY l.key";
/// Forgets what has left every window.
pub const EXPIRE: &str = "DELETE FROM rate_limit_events WHERE expires_at <= ?1";

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
            .map(|limit| json!({"name": limit.name, "limit": limit.limit, "window_ms": i64::from(limit.window_seconds).saturating_mul(1000)}))
            .collect::<serde_json::Value>()
            .to_string();
        let charge = Statement::new(CHARGE).bind(subject).bind(list.as_str()).bind(cost).bind(now);
        let states = Statement::new(STATES).bind(subject).bind(list).bind(now);
        let failed = |error: DatabaseError| RateLimitError(error.to_string());
        let mut answers = self.database.batch(vec![charge, states]).await.map_err(failed)?.into_iter();
        let allowed = answers.next().is_some_and(|rows| !rows.is_empty());
        let states = answers
            .next()
            .into_iter()
            .flatten()
            .zip(limits)
            .map(|(row, limit)| {
                let used = u32::try_from(row.integer("used")?).unwrap_or(u32::MAX);
                let window_ms = u64::from(limit.window_seconds).saturating_mul(1000);
                let reset_after_ms = row
                    .optional_integer("oldest")?
                    .map_or(0, |oldest| window_ms.saturating_sub(now.ms_since(Timestamp(oldest))));
                Ok(LimitState { remaining: limit.limit.saturating_sub(used), reset_after_ms })
            })
            .collect::<Result<Vec<_>, DatabaseError>>()
            .map_err(failed)?;
        Ok(Admission { allowed, states })
    }
}
