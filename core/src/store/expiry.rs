//! Deletion of what has expired, for the tick.

use super::{
    query::{Batch, Handle, Sql, sql},
    rate_limits, users,
};
use crate::domain::Timestamp;

/// Adds to a batch what deletes expired rows, at most as many as the last argument says; the answer is how many were
/// deleted.
pub type Expiry = fn(&mut Batch, Timestamp, u32) -> Handle<usize>;

/// All kinds of rows that expire.
pub const EXPIRIES: [Expiry; 16] = [
    |batch, now, rows| batch.push(rate_limits::expire(now, rows)),
    |batch, now, rows| expire(batch, sql!("sessions/expire"), now, rows),
    |batch, now, rows| expire(batch, sql!("links/expire"), now, rows),
    |batch, now, rows| expire(batch, sql!("outbox/expire"), now, rows),
    |batch, now, rows| expire(batch, sql!("webhooks/expire"), now, rows),
    |batch, now, rows| expire(batch, sql!("webhooks/expire_secrets"), now, rows),
    |batch, now, rows| expire(batch, sql!("login_throttle/expire"), now, rows),
    |batch, now, rows| expire(batch, sql!("login_throttle/expire_networks"), now, rows),
    |batch, now, rows| expire(batch, sql!("login_throttle/expire_in_flight"), now, rows),
    |batch, now, rows| expire(batch, sql!("email_undos/expire"), now, rows),
    |batch, now, rows| expire(batch, sql!("undeliverable/expire"), now, rows),
    |batch, now, rows| {
        batch.push(users::wipe_given_up(now, rows));
        batch.push(users::expire_given_up(now, rows))
    },
    |batch, now, rows| expire(batch, sql!("audit/expire"), now, rows),
    |batch, now, rows| expire(batch, sql!("mfa/expire_challenges"), now, rows),
    |batch, now, rows| expire(batch, sql!("key_uses/expire"), now, rows),
    |batch, now, rows| expire(batch, sql!("idempotency/expire"), now, rows),
];

fn expire(batch: &mut Batch, sql: Sql, now: Timestamp, rows: u32) -> Handle<usize> {
    batch.push(sql.essential().bind(now).bind(rows).count())
}
