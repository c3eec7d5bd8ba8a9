//! What a schedule forgets.

use super::{
    query::{Batch, Handle, Sql, sql},
    rate_limits, users,
};
use crate::ports::Timestamp;

/// Adds to a batch what forgets at most so many rows that have expired by now; the answer tells how many those were.
pub type Expiry = fn(&mut Batch, Timestamp, u32) -> Handle<usize>;

/// Everything that expires, each kind whole in one batch.
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
