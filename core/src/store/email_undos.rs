//! Changes of address that can still be undone. While one can, the former address is reserved for its account.

use super::{
    links::NewLink,
    query::{Query, sql},
};
use crate::domain::Timestamp;

/// How long a change can be undone, in seconds. A second factor that was set up less than this long before the change,
/// or after it, may be the thief's, too.
const SECONDS: i64 = 72 * 3600;
const MS: i64 = SECONDS * 1000;

/// Adds a link of 72 hours for the present address of the person of `link_hash`, whose account is about to move.
pub fn add(link_hash: &[u8], undo_hash: Vec<u8>, now: Timestamp) -> Query<()> {
    sql!("email_undos/add").bind(link_hash).bind(undo_hash).bind(now).bind(now.plus_seconds(SECONDS)).execute()
}

/// Guards that the new address of the link is not reserved for somebody else: [`Guard::AddressFree`](super::Guard).
pub fn expect_free(link_hash: &[u8], now: Timestamp) -> Query<()> {
    sql!("email_undos/expect_free").bind(link_hash).bind(now).execute()
}

/// Uses a link that undoes a change, once.
pub fn use_once(hash: &[u8], now: Timestamp) -> Query<()> {
    sql!("email_undos/use_once").bind(hash).bind(now).execute()
}

/// Ends the other links of the person whose link is given.
pub fn end_links(hash: &[u8], now: Timestamp) -> Query<()> {
    sql!("email_undos/end_links").bind(hash).bind(now).execute()
}

/// Ends the links that undo later changes than the given link does.
pub fn end_later(hash: &[u8], now: Timestamp) -> Query<()> {
    sql!("email_undos/end_later").bind(hash).bind(now).execute()
}

/// Adds a link to reset the password of the person whose link is given.
pub fn add_reset(hash: &[u8], link: &NewLink) -> Query<()> {
    link.bind(sql!("email_undos/add_reset").bind(hash)).execute()
}

/// Removes an authenticator that may be the thief's.
pub fn forget_factor(hash: &[u8]) -> Query<()> {
    sql!("email_undos/forget_factor").bind(hash).bind(MS).execute()
}

/// Removes recovery codes that may be the thief's; has to follow [`forget_factor`].
pub fn forget_recovery_codes(hash: &[u8]) -> Query<()> {
    sql!("email_undos/forget_recovery_codes").bind(hash).bind(MS).execute()
}

/// Deletes the logins that wait for the person's second factor.
pub fn forget_challenges(hash: &[u8]) -> Query<()> {
    sql!("email_undos/forget_challenges").bind(hash).execute()
}

/// Moves the account back to its former address, without a password. The batch fails with
/// [`users::is_email_taken`](super::users::is_email_taken) where another account has the address by now.
pub fn restore(hash: &[u8], now: Timestamp) -> Query<()> {
    sql!("email_undos/restore").bind(hash).bind(now).execute()
}
